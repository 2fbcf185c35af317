"""What the canvas draws over its pictures: labels, and the grip of the split."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF

GRIP_RADIUS = 13.0
_MARGIN, _PAD = 8.0, 5.0


def draw_label(painter: QPainter, text: str, room: QRectF, *, right: bool) -> None:
    """Write a text in the upper left, or upper right, corner of a room; nothing where it does not fit."""
    metrics = painter.fontMetrics()
    width, height = metrics.horizontalAdvance(text) + 2 * _PAD, metrics.height() + _PAD
    if not text or width + 2 * _MARGIN > room.width():
        return
    left = room.right() - width - _MARGIN if right else room.left() + _MARGIN
    box = QRectF(left, room.top() + _MARGIN, width, height)
    painter.setClipRect(room)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170))
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def draw_split(painter: QPainter, x: float, height: float, palette: QPalette) -> None:
    """Draw the line of the split at `x`, with a grip in its middle."""
    painter.setClipping(False)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(palette.highlight().color(), 2))
    painter.drawLine(QPointF(x, 0), QPointF(x, height))
    middle = QPointF(x, height / 2)
    painter.setBrush(palette.highlight())
    painter.setPen(QPen(palette.highlightedText().color(), 1.5))
    painter.drawEllipse(middle, GRIP_RADIUS, GRIP_RADIUS)
    painter.setBrush(palette.highlightedText())
    painter.setPen(Qt.PenStyle.NoPen)
    for side in (-1, 1):
        tip = [QPointF(side * 9, 0), QPointF(side * 4, -4), QPointF(side * 4, 4)]
        painter.drawPolygon(QPolygonF([middle + place for place in tip]))
