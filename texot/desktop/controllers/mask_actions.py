"""The painted mask: its brush, its keys and its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from texot.desktop.controllers.file_dialogs import EXACT, FileDialogs
from texot.desktop.session import Session
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.tabs.remove import RemoveTab


class MaskActions:
    """Connects the form that has a mask with the canvas and with files.

    Args:
        session: reads and writes masks.
        dialogs: ask for files.
        tabs: one of them is in front.
        form: has the mask.
        canvas: on which it is painted.
        window: in which the keys work.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        tabs: FormTabs,
        form: RemoveTab,
        canvas: Canvas,
        window: QWidget,
    ) -> None:
        self._session, self._dialogs = session, dialogs
        self._tabs, self._form, self._canvas = tabs, form, canvas
        form.brush_changed.connect(self._set_brush)
        form.ask_load.connect(self.ask_load)
        form.ask_save.connect(self.ask_save)
        keys: list[tuple[str, Callable[[], object]]] = [
            ("E", form.erase.click),
            ("[", lambda: form.resize_brush(False)),
            ("]", lambda: form.resize_brush(True)),
        ]
        for key, action in keys:
            shortcut = QShortcut(QKeySequence(key), window)
            shortcut.activated.connect(lambda action=action: action() if self.paints() else None)

    def paints(self) -> bool:
        """Whether the mouse paints: the form is in front and has a mask."""
        return self._tabs.front is self._form and self._form.painting is not None

    def _set_brush(self, width: int, erases: bool) -> None:
        self._canvas.brush, self._canvas.erasing = width, erases
        self._canvas.update()

    def ask_load(self) -> None:
        """Ask for a mask and load it."""
        folder = str(Path(self._session.image.path).parent)
        path = self._dialogs.ask_open("Load a mask", folder)
        if path:
            self.load(path)

    def load(self, path: str) -> None:
        """Replace the painted mask by that of a file."""
        size = self._canvas.exemplar.size()

        def loaded(header: dict[str, Any], picture: QImage) -> None:
            self._form.show_mask(picture)
            self._session.files.set_name(self._form.write_mask(), path)
            self._session.say(f"loaded the mask {path}")

        self._session.read_mask(path, (size.width(), size.height()), loaded)

    def ask_save(self) -> None:
        """Ask for a file and write the mask."""
        photograph = Path(self._session.image.path)
        suggested = photograph.parent / f"{photograph.with_suffix('').name}-mask.png"
        path = self._dialogs.ask_save("Save the mask", suggested, EXACT)
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Write the mask."""
        file = self._form.write_mask()

        def saved(header: dict[str, Any], picture: QImage) -> None:
            self._session.files.set_name(file, path)
            self._session.say(f"wrote {path}")

        self._session.copy_file(file, path, saved)
