"""Menus and their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QMessageBox

from texot import __version__

if TYPE_CHECKING:
    from texot.desktop.window import Window


class Menus:
    """The actions that change with what is shown."""

    def __init__(self, window: Window) -> None:
        self._window = window
        view, bar = window.view, window.menuBar()
        file = bar.addMenu("&File")
        self._add(file, "&Open...", "Ctrl+O", window.ask_open)
        self._recent = file.addMenu("Open &recent")
        self._add(file, "&Paste", "Ctrl+V", self._paste)
        self.save = self._add(file, "&Save...", "Ctrl+S", window.ask_save)
        self.command = self._add(file, "&Copy as command", "Ctrl+Shift+C", window.copy_command)
        file.addSeparator()
        self._add(file, "&Quit", "Ctrl+Q", lambda: window.close())
        make = bar.addMenu("&Make")
        self._add(make, "&Make", "Ctrl+Return", lambda: window.make())
        self._add(make, "&Draft", "Ctrl+D", lambda: window.make("draft"))
        self._add(make, "Make it &final", "Ctrl+M", view.final.click)
        self._add(make, "&Stop", "Esc", window.stop)
        look = bar.addMenu("&View")
        self._add(look, "&Split", "Ctrl+T", view.split.click)
        self._add(look, "&Repeat 3x3", "Ctrl+R", view.repeated.click)
        self._add(look, "&Fit", "Ctrl+0", view.canvas.fit)
        self._add(look, "&Actual size", "Ctrl+1", view.canvas.actual_size)
        self._add(look, "Zoom &in", "Ctrl++", view.canvas.zoom_in)
        self._add(look, "Zoom &out", "Ctrl+-", view.canvas.zoom_out)
        self._add(bar.addMenu("&Help"), "&About texot", "", self._about)
        self.show_recent(window.recent())

    def show_recent(self, paths: list[str]) -> None:
        """Files that were open."""
        self._recent.clear()
        for path in paths:
            self._add(self._recent, path, "", partial(self._window.open, path))
        self._recent.setEnabled(bool(paths))

    def _add(self, menu: QMenu, text: str, key: str, does: Callable[[], object]) -> QAction:
        action = QAction(text, self._window)
        if key:
            action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda: does())
        menu.addAction(action)
        return action

    def _paste(self) -> None:
        """Into the line that is written in, else an image."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit):
            focus.paste()
        else:
            self._window.paste()

    def _about(self) -> None:
        text = f"texot {__version__}: new texture from one image, by optimal transport of patches."
        QMessageBox.about(self._window, "texot", text)


def add_menus(window: Window) -> Menus:
    """Give a window its menus."""
    return Menus(window)
