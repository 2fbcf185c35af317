"""The window's dealings with the exemplars of an interpolation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QImage
from PySide6.QtWidgets import QFileDialog

from texot.desktop.controls import thumbnail
from texot.desktop.tabs.interpolate import InterpolateTab

if TYPE_CHECKING:
    from texot.desktop.window import Window

_SIDE = 24  # pixels of an exemplar in the list
_FILES = "Images (*);;All files (*)"


class Mixing:
    """Between the window and its interpolation."""

    def __init__(self, window: Window, tab: InterpolateTab) -> None:
        self._window, self._tab = window, tab
        tab.ask_add.connect(self.ask_add)
        tab.ask_map.connect(self.ask_map)

    def ask_add(self) -> None:
        """Choose exemplars."""
        folder = str(self._window.settings.value("folder", ""))
        paths, _ = QFileDialog.getOpenFileNames(self._window, "Add exemplars", folder, _FILES)
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Add an exemplar, once the worker has read it."""

        def read(header: dict[str, Any], image: QImage) -> None:
            self._tab.added(path)
            self.show(path, image)
            self._window.say(f"added {path}: {image.width()}x{image.height()} px")

        self._window.ask("open", read, path=path)

    def show(self, path: str, image: QImage) -> None:
        """A small picture beside the exemplar's name."""
        small = thumbnail(image, _SIDE, self._window.devicePixelRatioF())
        for item in self._tab.list.findItems(path, Qt.MatchFlag.MatchExactly):
            item.setIcon(QIcon(small))

    def ask_map(self) -> None:
        """Choose an image that says how much of each."""
        folder = str(self._window.settings.value("folder", ""))
        path, _ = QFileDialog.getOpenFileName(self._window, "Weights by an image", folder, _FILES)
        self._tab.use_map(path)
