"""The loss curve of a training."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from texot.desktop.views.controls import write_hint


class Curve(QWidget):
    """Loss by step, on a logarithmic scale."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.steps = 1
        self.setFixedHeight(110)
        self.setAccessibleName("Loss curve")
        self.setToolTip("Loss of every step, on a logarithmic scale; it jumps where a finer scale begins")

    def clear(self) -> None:
        """Remove all points."""
        self.losses = []
        self.update()

    def add(self, loss: float, steps: int) -> None:
        """Append the loss of a step, of `steps` in all."""
        self.losses.append(math.log(max(loss, 1e-12)))
        self.steps = steps
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the curve."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base())
        if len(self.losses) < 2:
            painter.end()
            write_hint(self, "Loss while it trains")
            return
        low, high = min(self.losses), max(self.losses)
        room = self.rect().adjusted(4, 4, -4, -4)
        across = room.width() / max(self.steps - 1, len(self.losses) - 1)
        up = room.height() / max(high - low, 1e-9)
        places = [
            QPointF(room.left() + i * across, room.bottom() - (loss - low) * up)
            for i, loss in enumerate(self.losses)
        ]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().highlight().color(), 1.5))
        painter.drawPolyline(QPolygonF(places))
