"""The window's dealings with the mask that is painted: keys, files, the brush."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog

from texot.desktop.tabs.fill import FillTab

if TYPE_CHECKING:
    from texot.desktop.window import Window


class Masks:
    """Between the window and the tab that has a mask."""

    def __init__(self, window: Window, tab: FillTab) -> None:
        self._window, self.tab = window, tab
        tab.brush_changed.connect(self._brush)
        tab.ask_load.connect(self.ask_load)
        tab.ask_save.connect(self.ask_save)
        for key, does in (
            ("E", tab.erase.click),
            ("[", lambda: tab.resize_brush(False)),
            ("]", lambda: tab.resize_brush(True)),
        ):
            QShortcut(QKeySequence(key), window).activated.connect(self.when_painting(does))

    def when_painting(self, does: Callable[[], object]) -> Callable[[], None]:
        """The same, but nothing where no mask is in front."""

        def act() -> None:
            if self._window.tab is self.tab and self.tab.painting is not None:
                does()

        return act

    def _brush(self, width: int, erases: bool) -> None:
        canvas = self._window.view.canvas
        canvas.brush, canvas.erasing = width, erases
        canvas.update()

    def ask_load(self) -> None:
        """Choose a mask."""
        folder = str(Path(self._window.image).parent)
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Load a mask", folder, "Images (*);;All files (*)"
        )
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Take a file's mask, as the library reads it."""
        size = self._window.view.canvas.before.size()

        def loaded(header: dict[str, Any], image: QImage) -> None:
            self.tab.loaded(image)
            self._window.saving.name(self.tab.keep_mask(self._window.session), path)
            self._window.say(f"loaded the mask {path}")

        self._window.ask("mask", loaded, path=path, size=[size.width(), size.height()])

    def ask_save(self) -> None:
        """Choose a file for the mask."""
        name = Path(self._window.image).with_suffix("").name + "-mask.png"
        path, _ = QFileDialog.getSaveFileName(
            self._window, "Save the mask", str(Path(self._window.image).parent / name), "PNG (*.png)"
        )
        if path:
            self.save(path if Path(path).suffix else path + ".png")

    def save(self, path: str) -> None:
        """Write the mask."""

        file = self.tab.keep_mask(self._window.session)

        def saved(header: dict[str, Any], image: QImage) -> None:
            self._window.saving.name(file, path)
            self._window.say(f"wrote {path}")

        self._window.saving.copy_file(file, path, saved)
