"""Straightening the open photograph: the dialog, its preview, and the result as the open image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QPointF, QTimer
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QWidget

from texot.desktop.results import Result
from texot.desktop.session import Session
from texot.desktop.settings import StraightenSettings
from texot.desktop.straightening import Part
from texot.desktop.views.straighten import PREVIEW, StraightenDialog

_REST_MS = 60  # a preview is asked for when the part has not changed for so long


class StraightenActions(QObject):
    """Connects the dialog with its model and the session.

    Args:
        session: has the photograph and makes the result.
        open: opens the file of a result.
        window: the parent of the dialog.

    Attributes:
        dialog: the one that is open, or None.
        part: that it shows.
    """

    def __init__(self, session: Session, open: Callable[[str], object], window: QWidget) -> None:
        super().__init__(window)
        self._session, self._open, self._window = session, open, window
        self.dialog: StraightenDialog | None = None
        self.part = Part((1, 1))
        self._asked, self._again = False, False  # a preview is under way; another part is wanted since
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._ask_preview)
        session.events.result_added.subscribe(self._result_added)

    def enable(self, *controls: QWidget | QAction) -> None:
        """Enable these controls while an image is open that can be straightened."""

        def update() -> None:
            image = self._session.image
            for control in controls:
                control.setEnabled(bool(image.path) and not image.maps)

        self._session.events.image_changed.subscribe(update)
        update()

    def ask(self) -> None:
        """Show the dialog for the open photograph."""
        image = self._session.image
        if not image.path or image.maps:
            self._session.fail("open an image first: materials cannot be straightened")
            return
        self.part = Part(image.size)
        self.dialog = dialog = StraightenDialog(self._window, image.picture)
        dialog.view.corner_moved.connect(self._move_corner)
        dialog.view.part_moved.connect(self._move)
        dialog.free_chosen.connect(lambda free: self._change(self.part.set_free, free))
        dialog.turned.connect(lambda angle: self._change(self.part.turn, angle))
        dialog.flatten_chosen.connect(self._set_flatten)
        dialog.ask_reset.connect(lambda: self._change(self.part.reset))
        dialog.finished.connect(self._finished)
        self._change(lambda: None)
        dialog.open()

    def _move_corner(self, number: int, place: QPointF) -> None:
        self._change(self.part.move_corner, number, (place.x(), place.y()))

    def _move(self, pixels: QPointF) -> None:
        self._change(self.part.move, pixels.x(), pixels.y())

    def _set_flatten(self, on: bool) -> None:
        self.part.flatten = on
        self._change(lambda: None)

    def _change(self, change: Callable[..., object], *arguments: Any) -> None:
        change(*arguments)
        if self.dialog is not None:
            self.dialog.show_part(self.part)
            self._rest.start()

    def _ask_preview(self) -> None:
        if self._asked:
            self._again = True
            return
        self._asked, self._again = True, False
        part, side = self.part, 2 * PREVIEW
        self._session.ask(
            "straightened",
            self._show_preview,
            self._preview_failed,
            path=self._session.image.path,
            quad=part.quad,
            flatten=part.flatten,
            side=side,
        )

    def _show_preview(self, header: dict[str, Any], picture: QImage) -> None:
        self._asked = False
        if self.dialog is not None:
            self.dialog.show_preview(picture)
        if self._again:
            self._ask_preview()

    def _preview_failed(self) -> None:
        self._asked = False

    def _finished(self, accepted: int) -> None:
        dialog, self.dialog = self.dialog, None
        self._rest.stop()
        self._again = False
        if dialog is not None:
            dialog.deleteLater()
        if accepted:
            part = self.part
            self._session.generate(
                StraightenSettings(self._session.image.path, tuple(part.quad), part.flatten)
            )

    def _result_added(self, result: Result, shown: bool) -> None:
        """Open what was straightened, unless something else was opened since."""
        if shown and result.request.task == "straighten":
            self._open(result.file)
