"""A photograph with the part that becomes the image: handles at its corners, and a grid to align."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QTransform,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from texot.desktop.views.reduced import Reduced

_HANDLE, _NEAR = 7.0, 16.0  # pixels: radius of a handle, distance in which a press takes it
_LINES = 8  # cells of the grid along each side
_MARGIN = 12


class QuadView(QWidget):
    """The photograph.

    Attributes:
        corner_moved: (number, place in the photograph): a corner is dragged there.
        part_moved: pixels of the photograph by which the whole part is dragged.
    """

    corner_moved = Signal(int, QPointF)
    part_moved = Signal(QPointF)

    def __init__(self, photograph: QImage) -> None:
        super().__init__()
        self._photograph, self._reduced = photograph, Reduced()
        self._corners: list[QPointF] = []
        self._held: int | None = None  # a corner; 4: the part
        self._marked = 0  # the corner that keys move
        self._last = QPointF()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName("Photograph with the corners of the part")
        self.setToolTip("Drag a corner, or the part; 1 to 4 choose a corner, arrows move it by a pixel")

    def sizeHint(self) -> QSize:
        """Most of a small screen."""
        return QSize(560, 440)

    def show_part(self, corners: Sequence[tuple[float, float]]) -> None:
        """Show the part with these corners, in pixels of the photograph."""
        self._corners = [QPointF(x, y) for x, y in corners]
        self.update()

    def _target(self) -> QRectF:
        """The rectangle of the photograph in the widget."""
        room = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        size = self._photograph.size()
        zoom = min(room.width() / size.width(), room.height() / size.height())
        width, height = size.width() * zoom, size.height() * zoom
        return QRectF(room.center().x() - width / 2, room.center().y() - height / 2, width, height)

    @property
    def _zoom(self) -> float:
        return self._target().width() / self._photograph.width()

    def to_photograph(self, place: QPointF) -> QPointF:
        """The pixel of the photograph at a place of the widget."""
        return (place - self._target().topLeft()) / self._zoom

    def from_photograph(self, pixel: QPointF) -> QPointF:
        """The place of a pixel in the widget."""
        return self._target().topLeft() + pixel * self._zoom

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the photograph, dark around the part, the grid and the handles."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base().color().darker(108))
        target = self._target()
        size = (target.size() * self.devicePixelRatioF()).toSize()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self._reduced.of(self._photograph, size))
        corners = QPolygonF([self.from_photograph(corner) for corner in self._corners])
        if corners.size() != 4:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        around = QPolygonF(target).subtracted(corners)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 140))
        painter.drawPolygon(around)
        self._draw_grid(painter, corners)
        for number in range(4):
            marked = number == self._marked and self.hasFocus()
            painter.setPen(QPen(QColor("white"), 2))
            painter.setBrush(self.palette().highlight() if not marked else QColor("#e8590c"))
            painter.drawEllipse(corners.at(number), _HANDLE, _HANDLE)

    def _draw_grid(self, painter: QPainter, corners: QPolygonF) -> None:
        """Lines that are straight and evenly spaced in the result: dark below bright, seen on any ground."""
        view = QTransform.squareToQuad(corners)
        assert isinstance(view, QTransform)
        for colour, width in ((QColor(0, 0, 0, 120), 3.0), (QColor(255, 255, 255, 200), 1.0)):
            painter.setPen(QPen(colour, width))
            for line in range(_LINES + 1):
                at = line / _LINES
                painter.drawLine(view.map(QPointF(at, 0)), view.map(QPointF(at, 1)))
                painter.drawLine(view.map(QPointF(0, at)), view.map(QPointF(1, at)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearest corner, or the part."""
        if event.button() != Qt.MouseButton.LeftButton or len(self._corners) != 4:
            return
        place = self._last = event.position()
        found = [self.from_photograph(corner) for corner in self._corners]
        away = [QPointF.dotProduct(place - corner, place - corner) ** 0.5 for corner in found]
        if min(away) <= _NEAR:
            self._held = self._marked = away.index(min(away))
        elif QPolygonF(found).containsPoint(place, Qt.FillRule.OddEvenFill):
            self._held = 4
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag what is held."""
        place = event.position()
        if self._held == 4:
            self.part_moved.emit((place - self._last) / self._zoom)
        elif self._held is not None:
            self.corner_moved.emit(self._held, self.to_photograph(place))
        self._last = place

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        self._held = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """1 to 4 mark a corner, arrows move it by a pixel."""
        steps = {
            Qt.Key.Key_Left: QPointF(-1, 0),
            Qt.Key.Key_Right: QPointF(1, 0),
            Qt.Key.Key_Up: QPointF(0, -1),
            Qt.Key.Key_Down: QPointF(0, 1),
        }
        key = Qt.Key(event.key())
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_4:
            self._marked = int(key) - int(Qt.Key.Key_1)
            self.update()
        elif key in steps and len(self._corners) == 4:
            self.corner_moved.emit(self._marked, self._corners[self._marked] + steps[key])
        else:
            super().keyPressEvent(event)
