"""The window's dealings with a model: training, files, dragging over its plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from texot.desktop.commands import Job
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
        tab.ask_train.connect(self.train)
        tab.ask_load.connect(self.ask_load)
        tab.ask_save.connect(self.ask_save)
        tab.explore.toggled.connect(lambda _: window.tab_changed())
        window.view.canvas.dragged.connect(self._drag)

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

    def trained(self, job: Job, header: dict[str, Any], image: QImage) -> None:
        """A training ended."""
        self.tab.trained(job, header["file"], resumable=header["resumable"])
        self._window.view.canvas.show_after(image)
        ended = "stopped" if header["resumable"] else "trained"
        self._window.say(
            f"{ended} after step {header['step']} of {header['steps']}, {header['seconds']:.0f} s: "
            "Make gives samples of any size"
        )

    def ask_load(self) -> None:
        """Choose a model."""
        folder = str(self._window.settings.value("model folder", ""))
        path, _ = QFileDialog.getOpenFileName(self._window, "Load a model", folder, _FILES)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Use a file's model, once the worker has read it."""

        def loaded(header: dict[str, Any], image: QImage) -> None:
            self.tab.use(path, path)
            self._window.settings.setValue("model folder", str(Path(path).parent))
            width, height = header["exemplar_size"]
            self._window.say(f"{path}: learned from an exemplar of {width}x{height} px")

        self._window.ask("load", loaded, path=path)

    def ask_save(self) -> None:
        """Choose a file for the model."""
        folder = Path(str(self._window.settings.value("model folder", "")))
        name = f"{Path(self._window.image).stem or 'model'}.safetensors"
        path, _ = QFileDialog.getSaveFileName(self._window, "Save the model", str(folder / name), _FILES)
        if path:
            self.save(path if Path(path).suffix else path + ".safetensors")

    def save(self, path: str) -> None:
        """Write the model."""

        def saved(header: dict[str, Any], image: QImage) -> None:
            self.tab.use(self.tab.model, path)
            self._window.settings.setValue("model folder", str(Path(path).parent))
            self._window.say(f"wrote {path}")

        self._window.copy_file(self.tab.model, path, saved)

    def _drag(self, pixels: QPointF) -> None:
        """Look at another place of the plane: where the drag goes, one sample at a time."""
        self._moved += pixels
        x, y = round(self._moved.x()), round(self._moved.y())
        if (x or y) and not self._window.busy:
            self._moved -= QPointF(x, y)
            self.tab.at = self.tab.at[0] - x, self.tab.at[1] - y
            (job,) = self.tab.jobs(self._window.session)

            def seen(header: dict[str, Any], image: QImage) -> None:
                self._window.view.canvas.show_after(image)
                self._window.say(f"at {self.tab.at[0]}, {self.tab.at[1]}: Make keeps this place")
                self._drag(QPointF())

            self._window.ask("look", seen, inputs=job.inputs, options=job.options)
