"""The window's dealings with what comes in: files by name, dropped, pasted, used before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QMimeData, QObject
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QWidget

from texot.desktop.tabs.interpolate import InterpolateTab

if TYPE_CHECKING:
    from texot.desktop.window import Window

_MOST_RECENT = 8


class Opening(QObject):
    """Between the window and images that it is to open."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window

    def watch(self, *boxes: QWidget) -> None:
        """Boxes to type into, which would take the key that pastes."""
        for box in boxes:
            box.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A picture is not for a box to type into: its key is left to the menu."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
            and holds_picture(QGuiApplication.clipboard().mimeData())
        ):
            event.ignore()
            return True
        return False

    def ask_open(self) -> None:
        """Choose an image."""
        folder = str(self._window.settings.value("folder", ""))
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Open an image", folder, "Images (*);;All files (*)"
        )
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open an image, once the worker has read it."""
        path = os.path.abspath(path)  # recent files are opened from other folders
        self._window.say(f"reading {path} ...")
        self._window.ask("open", self._opened, path=path)

    def _opened(self, header: dict[str, Any], image: QImage) -> None:
        path, window = header["path"], self._window
        window.opened(path, image)
        if not path.startswith(window.session):
            window.settings.setValue("folder", str(Path(path).parent))
            recent = [path, *(p for p in self.recent() if p != path)][:_MOST_RECENT]
            window.settings.setValue("recent", recent)
            window.menus.show_recent(recent)

    def recent(self) -> list[str]:
        """Files that were open, the latest first."""
        value = self._window.settings.value("recent", [])
        paths = value if isinstance(value, list) else [value]  # one that is alone comes back as a string
        return [path for path in paths if isinstance(path, str) and path]

    def paste(self) -> None:
        """Open what is in the clipboard: an image, or a file of one."""
        data = QGuiApplication.clipboard().mimeData()
        if not self.take(data):
            self._window.fail("the clipboard holds no image")

    def take(self, data: QMimeData) -> bool:
        """Open files or an image, if there are any.

        The first file is opened; the others are more exemplars to be between. A model is for the generator.
        """
        window = self._window
        files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        models = [path for path in files if path.lower().endswith(".safetensors")]
        images = [path for path in files if path not in models]
        if models:
            window.view.tabs.setCurrentIndex(window.tabs.index(window.models.tab))
            window.models.load(models[0])
        if images:
            self.open(images[0])
        if len(images) > 1 and window.tab is not window.models.tab:
            wanted = next(tab for tab in window.tabs if isinstance(tab, InterpolateTab))
            window.view.tabs.setCurrentIndex(window.tabs.index(wanted))
        for more in images[1:]:
            window.mixing.add(more)
        if not files and data.hasImage():
            path = window.new_file("pasted image")
            QImage(data.imageData()).save(path)
            self.open(path)
        return bool(files) or data.hasImage()


def holds_picture(data: QMimeData) -> bool:
    """Whether there are files or an image."""
    return data.hasImage() or any(url.isLocalFile() for url in data.urls())
