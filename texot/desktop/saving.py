"""The window's dealings with files of the user's: results are saved there, commands tell of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog

from texot.desktop.requests import JobRequest

if TYPE_CHECKING:
    from texot.desktop.window import Window

_IMAGES = "Images (*.png *.tif *.tiff *.jpg *.jpeg *.webp *.bmp)"
_MODELS = "Models (*.safetensors)"


class Saving:
    """Between the window and the user's folders.

    Attributes:
        names: files of the session -> the user's files that hold the same.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self.names: dict[str, str] = {}

    def name(self, file: str, path: str) -> None:
        """From now on, this file of the user's holds that of the session, and no other."""
        self.names = {f: p for f, p in self.names.items() if p != path}
        self.names[file] = path

    def ask_save(self) -> None:
        """Choose a file for the result as shown."""
        window = self._window
        if window.result is None:
            return
        folder = str(window.settings.value("save folder", window.settings.value("folder", "")))
        path, _ = QFileDialog.getSaveFileName(
            window, "Save the result", str(Path(folder) / self.suggested_name()), _IMAGES
        )
        if path:
            self.save(path if Path(path).suffix else path + ".png")

    def suggested_name(self) -> str:
        """A name for the result as shown."""
        window = self._window
        job = window.result.job if window.result else None
        stem = Path(window.image).stem or "texture"
        return f"{stem}-{job.arguments['seed']}.png" if job and "seed" in job.arguments else f"{stem}.png"

    def save(self, path: str) -> None:
        """Write the result as shown."""
        window, result = self._window, self._window.result
        if result is None:
            return

        def saved(header: dict[str, Any], image: QImage) -> None:
            result.saved = path
            window.settings.setValue("save folder", str(Path(path).parent))
            window.say(f"wrote {path}")

        window.ask("save", saved, file=result.file, path=path, sample=result.job.task == "sample")

    def copy_file(self, file: str, path: str, then: Callable[[dict[str, Any], QImage], object]) -> None:
        """Write a file of the session under a name of the user's, through the library."""
        self._window.ask("save", then, file=file, path=path)

    def copy_image(self) -> None:
        """The picture as shown, to the clipboard."""
        picture = self._window.view.canvas.after
        if not picture.isNull():
            QGuiApplication.clipboard().setImage(picture)
            self._window.say("copied the picture")

    def copy_command(self) -> None:
        """The command that makes the result as shown, to the clipboard."""
        result = self._window.result
        if result is None:
            return
        output = result.saved or self.suggested_name()
        if "stopped_at" not in result.settings:
            threads = result.settings.get("threads")
            self.with_files(
                result.job, lambda: self.copy(result.job.command_line(output, self.names, threads))
            )
        elif not result.saved.lower().endswith(".png"):
            self._window.fail("it was stopped: save it as a PNG first, from which texot makes it again")
        else:
            again = str(Path(output).with_name(f"{Path(output).stem}-replay.png"))
            self.with_files(result.job, lambda: self.copy(result.job.replay_line(output, again, self.names)))

    def with_files(self, job: JobRequest, then: Callable[[], object]) -> None:
        """Go on once everything that a job is made from is in files of the user's."""
        window = self._window
        inside = [path for path in job.paths() if path.startswith(window.session)]
        file = next((path for path in inside if path not in self.names), None)
        if file is None:
            then()
            return
        what, suffix = Path(file).stem.rpartition("-")[0], Path(file).suffix  # as the window named it
        folder = Path(str(window.settings.value("folder", "")))
        stem = Path(window.image).stem or "texture"
        name = f"{what if file == window.image else f'{stem}-{what}'}{suffix}"
        path, _ = QFileDialog.getSaveFileName(
            window,
            f"The command needs the {what} in a file",
            str(folder / name),
            _MODELS if suffix == ".safetensors" else _IMAGES,
        )
        if not path:
            window.say(f"nothing is copied: the command needs the {what} in a file")
            return
        path = path if Path(path).suffix else path + suffix

        def saved(header: dict[str, Any], image: QImage) -> None:
            self.name(file, path)
            self.with_files(job, then)

        self.copy_file(file, path, saved)

    def copy(self, line: str) -> None:
        """A command, to the clipboard."""
        QGuiApplication.clipboard().setText(line)
        self._window.say(f"copied: {line}")
