"""The maps of a material, and the light that follows the pointer."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QTimer
from PySide6.QtGui import QImage

from texot.desktop.looks import Light, Looks
from texot.desktop.session import Session
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.look_bar import LookBar

_REST_MS = 200  # the light rests when it has not moved for so long


class LookActions(QObject):
    """Shows the pictures of a material in the canvas.

    Create it after the window observes the session, so that the canvas has the new pictures when their looks
    come.

    Args:
        session: has the material and the selected result.
        canvas: shows them.
        bar: has the choice of a map.

    Attributes:
        looks: the pictures.
    """

    def __init__(self, session: Session, canvas: Canvas, bar: LookBar) -> None:
        super().__init__()
        self._session, self._canvas, self._bar = session, canvas, bar
        self.looks = Looks(session)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(lambda: self.looks.move_light(self.looks.light, rests=True))
        self.looks.changed.subscribe(self._show)
        bar.chosen.connect(self._choose)
        bar.light_changed.connect(self._move)
        canvas.pointed.connect(self._follow)

    def _choose(self, look: str) -> None:
        self.looks.choose(look)
        self._rest.start()

    def _follow(self, place: QPointF) -> None:
        self._move(Light.at(place.x(), place.y()))

    def _move(self, light: Light) -> None:
        if self.looks.is_lit:
            self._bar.show_light(light)
            self.looks.move_light(light)
            self._rest.start()

    def _show(self) -> None:
        looks, session = self.looks, self._session
        choices = looks.choices
        look = looks.look if looks.look in choices else next(iter(choices), "")
        self._bar.show_looks(choices, look)
        self._canvas.follows = looks.is_lit
        left = session.reference or session.image
        pictures = [looks.picture(shown) or QImage() for shown in (left, session.selected)]
        self._canvas.show_looks(*pictures)
