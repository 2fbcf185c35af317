"""Menus and their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QMessageBox

from texot import __version__
from texot.desktop.opening import holds_picture

if TYPE_CHECKING:
    from texot.desktop.window import Window


class Menus:
    """The actions that change with what is shown."""

    def __init__(self, window: Window) -> None:
        self._window = window
        view, bar, masks = window.view, window.menuBar(), window.masks
        file = bar.addMenu("&File")
        self._add(file, "&Open...", "Ctrl+O", window.opening.ask_open)
        self._recent = file.addMenu("Open &recent")
        self.save = self._add(file, "&Save...", "Ctrl+S", window.saving.ask_save)
        file.addSeparator()
        self._add(file, "&Quit", "Ctrl+Q", lambda: window.close())
        edit = bar.addMenu("E&dit")
        paint = masks.when_painting
        self.undo = self._add(edit, "&Undo stroke", "Ctrl+Z", paint(masks.tab.undo.click))
        self.redo = self._add(edit, "&Redo stroke", "Ctrl+Shift+Z", paint(masks.tab.redo.click))
        self.redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        self.invert = self._add(edit, "&Invert mask", "Ctrl+I", paint(masks.tab.invert.click))
        edit.aboutToShow.connect(self._show_changes)
        edit.aboutToHide.connect(self._allow_changes)
        edit.addSeparator()
        self.copy = self._add(edit, "Copy pi&cture", "Ctrl+C", window.saving.copy_image)
        self.command = self._add(edit, "Copy as co&mmand", "Ctrl+Shift+C", window.saving.copy_command)
        self._add(edit, "&Paste", "Ctrl+V", self._paste)
        make = bar.addMenu("&Make")
        self._add(make, "&Make", "Ctrl+Return", lambda: window.make())
        self._add(make, "&Draft", "Ctrl+D", view.draft.click)
        self._add(make, "&Again, another seed", "F5", window.again)
        self.final = self._add(make, "Make it &final", "Ctrl+M", view.final.click)
        self.stop = self._add(make, "&Stop", "Esc", window.stop)
        look = bar.addMenu("&View")
        self._add(look, "&Split", "Ctrl+T", view.split.click)
        self._add(look, "&Repeat 3x3", "Ctrl+R", view.repeated.click)
        self._add(look, "&Fit", "Ctrl+0", view.canvas.fit)
        self._add(look, "&Actual size", "Ctrl+1", view.canvas.actual_size)
        self._add(look, "Zoom &in", "Ctrl++", view.canvas.zoom_in)
        self._add(look, "Zoom &out", "Ctrl+-", view.canvas.zoom_out)
        look.addSeparator()
        for number, tab in enumerate(window.tabs):
            show = partial(view.tabs.setCurrentIndex, number)
            self._add(look, f"{tab.title} (&{number + 1})", f"Alt+{number + 1}", show)
        self._add(bar.addMenu("&Help"), "&About texot", "", self._about)
        self.show_recent(window.opening.recent())

    def _show_changes(self) -> None:
        """In the menu, what would do nothing is grey; its keys ask by themselves."""
        masks = self._window.masks
        painting = self._window.tab is masks.tab and masks.tab.painting is not None
        for action, control in (
            (self.undo, masks.tab.undo),
            (self.redo, masks.tab.redo),
            (self.invert, masks.tab.invert),
        ):
            action.setEnabled(painting and control.isEnabled())
        self.copy.setEnabled(not self._window.view.canvas.after.isNull())

    def _allow_changes(self) -> None:
        for action in (self.undo, self.redo, self.invert, self.copy):
            action.setEnabled(True)

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
        """Text into the line that is written in, else an image."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit) and not holds_picture(QApplication.clipboard().mimeData()):
            focus.paste()
        else:
            self._window.opening.paste()

    def _about(self) -> None:
        text = f"texot {__version__}: new texture from one image, by optimal transport of patches."
        QMessageBox.about(self._window, "texot", text)


def add_menus(window: Window) -> Menus:
    """Give a window its menus."""
    return Menus(window)
