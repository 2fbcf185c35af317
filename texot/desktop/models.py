"""The window's dealings with a model: training, files, dragging over its plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from texot.desktop.controls import span
from texot.desktop.history import Run
from texot.desktop.tabs.generator import GeneratorTab
from texot.errors import TexotError

if TYPE_CHECKING:
    from texot.desktop.window import Window

_FILES = "Models (*.safetensors)"


class Models:
    """Between the window and the tab of the generator."""

    def __init__(self, window: Window, tab: GeneratorTab) -> None:
        self._window, self.tab = window, tab
        self._moved = QPointF()  # since the last sample, in pixels
        self._again = False  # the settings changed while a sample was made
        self._threads: int | None = None  # that the last training took
        tab.ask_train.connect(self.train)
        tab.ask_load.connect(self.ask_load)
        tab.ask_save.connect(self.ask_save)
        tab.ask_command.connect(self.copy_command)
        tab.ask_look.connect(self.look)
        tab.explore.toggled.connect(lambda _: window.tab_changed())
        window.view.canvas.dragged.connect(self._drag)
        window.idle.connect(self._idle)

    @property
    def unsaved(self) -> bool:
        """Whether there is a model that no file of the user's holds."""
        return bool(self.tab.model) and not self.tab.saved

    def train(self, resume: bool) -> None:
        """Train, or go on."""
        try:
            job = self.tab.training(resume=resume)
        except TexotError as error:
            self._window.fail(str(error))
            return
        if not resume:
            self.tab.curve.clear()
        self._window.queue(job)

    def state(self, header: dict[str, Any]) -> None:
        """A step of a training."""
        if header["loss"] is not None:
            self.tab.curve.add(header["loss"], header["steps"])

    def trained(self, run: Run, header: dict[str, Any], image: QImage) -> None:
        """A training ended."""
        window = self._window
        self.tab.trained(run.job, header["file"], resumable=header["resumable"])
        self._threads = header["threads"]
        if run.shown:
            window.preview(image)
        ended = "stopped" if header["resumable"] else "trained"
        window.say(
            f"{ended} after step {header['step']} of {header['steps']}, {span(header['seconds'])}: "
            "Make gives samples of any size"
        )

    def copy_command(self) -> None:
        """The command that trains the same model, to the clipboard."""
        job = self.tab.training_job
        if job is not None:
            output = self.tab.saved or self._suggested_name()
            saving = self._window.saving
            saving.with_files(job, lambda: saving.copy(job.command_line(output, saving.names, self._threads)))

    def ask_load(self) -> None:
        """Choose a model."""
        folder = str(self._window.settings.value("model folder", ""))
        path, _ = QFileDialog.getOpenFileName(self._window, "Load a model", folder, _FILES)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Use a file's model, once the worker has read it."""

        def loaded(header: dict[str, Any], image: QImage) -> None:
            self.tab.use(path, path, header["n_exemplars"])
            self._window.settings.setValue("model folder", str(Path(path).parent))
            width, height = header["exemplar_size"]
            several = header["n_exemplars"] > 1
            learned = f"{header['n_exemplars']} exemplars, of at most" if several else "an exemplar of"
            self._window.say(f"{path}: learned from {learned} {width}x{height} px")

        self._window.ask("load", loaded, path=path)

    def ask_save(self) -> None:
        """Choose a file for the model."""
        folder = Path(str(self._window.settings.value("model folder", "")))
        path, _ = QFileDialog.getSaveFileName(
            self._window, "Save the model", str(folder / self._suggested_name()), _FILES
        )
        if path:
            self.save(path if Path(path).suffix else path + ".safetensors")

    def _suggested_name(self) -> str:
        return f"{Path(self._window.image).stem or 'model'}.safetensors"

    def save(self, path: str) -> None:
        """Write the model."""

        file = self.tab.model

        def saved(header: dict[str, Any], image: QImage) -> None:
            self._window.saving.name(file, path)
            self.tab.was_saved(file, path)
            self._window.settings.setValue("model folder", str(Path(path).parent))
            self._window.say(f"wrote {path}")

        self._window.saving.copy_file(file, path, saved)

    def _drag(self, pixels: QPointF) -> None:
        """Look at another place of the plane: where the drag goes, one sample at a time."""
        self._moved += pixels
        x, y = round(self._moved.x()), round(self._moved.y())
        if (x or y) and not self._window.busy:
            self._moved -= QPointF(x, y)
            self.tab.at = self.tab.at[0] - x, self.tab.at[1] - y
            self._look(QPointF(x, y))

    def look(self) -> None:
        """Show a sample by the settings as they are now, which nobody keeps."""
        self._again = self._window.busy
        if not self._again:
            self._look(QPointF())

    def _idle(self) -> None:
        if self._again:
            self.look()
        else:
            self._drag(QPointF())

    def _look(self, moved: QPointF) -> None:
        (job,) = self.tab.jobs(self._window.session)

        def seen(header: dict[str, Any], image: QImage) -> None:
            self._window.preview(image, moved)
            where = f"at {self.tab.at[0]}, {self.tab.at[1]}" if self.tab.explore.isChecked() else "a look"
            self._window.say(f"{where}: Make keeps it")
            self._drag(QPointF())

        self._window.ask("preview", seen, job=job.to_json())
