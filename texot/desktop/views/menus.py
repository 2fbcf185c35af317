"""Menus and their keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMenu, QMenuBar, QMessageBox

from texot._version import __version__
from texot.desktop.views.actions import Actions
from texot.desktop.views.clipboard import holds_picture
from texot.desktop.views.layout import Layout


class Menus:
    """The menus of the window.

    Args:
        bar: gets them.
        view: whose buttons some of them press.
        actions: of the others.
        mask_buttons: undo, redo and invert, of the form that has a mask.
        paints: whether that form is in front and has a mask.
        open: opens the image of a path.

    Attributes:
        save, save_all, command, final, straighten: enabled by the window.
        undo, redo, invert, copy: disabled while their menu is open, where they would do nothing.
    """

    def __init__(
        self,
        bar: QMenuBar,
        view: Layout,
        actions: Actions,
        mask_buttons: Sequence[QAbstractButton],
        paints: Callable[[], bool],
        open: Callable[[str], object],
    ) -> None:
        self._bar, self._view, self._open, self._paints = bar, view, open, paints
        self._mask_buttons = list(mask_buttons)
        self._paste_image = actions.paste
        self._add_file(actions)
        self._add_edit(actions)
        self._add_generate(actions)
        self._add_view()
        self._add(bar.addMenu("&Help"), "&About texot", "", self._about)

    def _add_file(self, actions: Actions) -> None:
        menu = self._bar.addMenu("&File")
        self._add(menu, "&Open...", "Ctrl+O", actions.open)
        self._add(menu, "Open &material...", "Ctrl+Shift+O", actions.open_material)
        self._add(menu, "&Batch: a folder of images...", "Ctrl+B", actions.batch)
        self._recent = menu.addMenu("Open &recent")
        self.save = self._add(menu, "&Save...", "Ctrl+S", actions.save)
        self.save_all = self._add(menu, "Save &all results...", "Ctrl+Shift+S", actions.save_all)
        menu.addSeparator()
        self._add(menu, "&Quit", "Ctrl+Q", actions.quit)

    def _add_edit(self, actions: Actions) -> None:
        menu = self._bar.addMenu("E&dit")
        undo, redo, invert = (partial(self._click_if_painting, button) for button in self._mask_buttons)
        self.undo = self._add(menu, "&Undo stroke", "Ctrl+Z", undo)
        self.redo = self._add(menu, "&Redo stroke", "Ctrl+Shift+Z", redo)
        self.redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
        self.invert = self._add(menu, "&Invert mask", "Ctrl+I", invert)
        menu.aboutToShow.connect(self._disable_edits)
        menu.aboutToHide.connect(self._enable_edits)
        menu.addSeparator()
        self.copy = self._add(menu, "Copy pi&cture", "Ctrl+C", actions.copy_image)
        self.command = self._add(menu, "Copy as co&mmand", "Ctrl+Shift+C", actions.copy_command)
        self._add(menu, "&Paste", "Ctrl+V", self._paste)
        menu.addSeparator()
        self.straighten = self._add(menu, "&Straighten photo...", "Ctrl+E", actions.straighten)

    def _add_generate(self, actions: Actions) -> None:
        menu = self._bar.addMenu("&Generate")
        self._add(menu, "&Generate", "Ctrl+Return", actions.generate)
        self._add(menu, "&Draft", "Ctrl+D", self._view.draft.click)
        self._add(menu, "&New seed", "F5", actions.new_seed)
        self.final = self._add(menu, "Render &final", "Ctrl+M", self._view.render_final.click)
        self._add(menu, "&Stop", "Esc", actions.stop)

    def _add_view(self) -> None:
        menu, view = self._bar.addMenu("&View"), self._view
        self._add(menu, "&Split", "Ctrl+T", view.split.click)
        self._add(menu, "&Repeat 3x3", "Ctrl+R", view.repeated.click)
        self._add(menu, "&Fit", "Ctrl+0", view.canvas.fit)
        self._add(menu, "&Actual size", "Ctrl+1", view.canvas.actual_size)
        self._add(menu, "Zoom &in", "Ctrl++", view.canvas.zoom_in)
        self._add(menu, "Zoom &out", "Ctrl+-", view.canvas.zoom_out)
        menu.addSeparator()
        for number, form in enumerate(view.tabs.forms):
            show = partial(view.tabs.show_form, form)
            self._add(menu, f"{form.title} (&{number + 1})", f"Alt+{number + 1}", show)

    def _click_if_painting(self, button: QAbstractButton) -> None:
        if self._paints():
            button.click()

    def _disable_edits(self) -> None:
        """Disable the actions that would do nothing, while the menu is open."""
        paints = self._paints()
        for action, button in zip((self.undo, self.redo, self.invert), self._mask_buttons, strict=True):
            action.setEnabled(paints and button.isEnabled())
        self.copy.setEnabled(not self._view.canvas.result.isNull())

    def _enable_edits(self) -> None:
        """Enable them again: a disabled action has no key, and its state may change before the key."""
        for action in (self.undo, self.redo, self.invert, self.copy):
            action.setEnabled(True)

    def show_recent(self, paths: Sequence[str]) -> None:
        """List the files that were open."""
        self._recent.clear()
        for path in paths:
            self._add(self._recent, path, "", partial(self._open, path))
        self._recent.setEnabled(bool(paths))

    def _add(self, menu: QMenu, text: str, key: str, action: Callable[[], object]) -> QAction:
        added = QAction(text, self._bar.window())
        if key:
            added.setShortcut(QKeySequence(key))
        added.triggered.connect(lambda: action())
        menu.addAction(added)
        return added

    def _paste(self) -> None:
        """Paste text into the field that has the focus, else open the image in the clipboard."""
        focus = QApplication.focusWidget()
        if isinstance(focus, QLineEdit) and not holds_picture(QApplication.clipboard().mimeData()):
            focus.paste()
        else:
            self._paste_image()

    def _about(self) -> None:
        text = f"texot {__version__}: new texture from one image, by optimal transport of patches."
        QMessageBox.about(self._bar.window(), "texot", text)
