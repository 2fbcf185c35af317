"""The window's dealings with exemplars that one is between, and with maps."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon, QImage
from PySide6.QtWidgets import QFileDialog

from texot.desktop.controls import thumbnail
from texot.desktop.maps import MapChoice
from texot.desktop.tabs.generator import GeneratorTab
from texot.desktop.tabs.interpolate import InterpolateTab

if TYPE_CHECKING:
    from texot.desktop.window import Window

_SIDE = 24  # pixels of an exemplar in the list
_FILES = "Images (*);;All files (*)"


class Mixing:
    """Between the window and the tabs that take several exemplars."""

    def __init__(self, window: Window, tabs: list[InterpolateTab | GeneratorTab]) -> None:
        self._window, self._tabs = window, tabs
        for tab in tabs:
            tab.list.ask_add.connect(self.ask_add)
            tab.map.ask_file.connect(partial(self.ask_map, tab.map))

    def ask_add(self) -> None:
        """Choose exemplars."""
        folder = str(self._window.settings.value("folder", ""))
        paths, _ = QFileDialog.getOpenFileNames(self._window, "Add exemplars", folder, _FILES)
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Add an exemplar to the tab in front, once the worker has read it."""
        path = os.path.abspath(path)
        wanted = [tab for tab in self._tabs if tab is self._window.tab] or self._tabs[:1]

        def read(header: dict[str, Any], image: QImage) -> None:
            wanted[0].list.add(path)
            self.show(path, image)
            self._window.say(f"added {path}: {image.width()}x{image.height()} px")

        self._window.ask("open", read, path=path)

    def show(self, path: str, image: QImage) -> None:
        """A small picture beside the exemplar's name."""
        icon = QIcon(thumbnail(image, _SIDE, self._window.devicePixelRatioF()))
        for tab in self._tabs:
            for item in tab.list.findItems(path, Qt.MatchFlag.MatchExactly):
                item.setIcon(icon)

    def ask_map(self, choice: MapChoice) -> None:
        """Choose an image that says how much of each."""
        folder = str(self._window.settings.value("folder", ""))
        path, _ = QFileDialog.getOpenFileName(self._window, "Weights by an image", folder, _FILES)
        choice.use(path)
