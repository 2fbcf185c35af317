"""The loss curve of a training."""

from __future__ import annotations

import math
from itertools import pairwise

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from texot.desktop.views.controls import write_hint


class Curve(QWidget):
    """Loss by step, each scale in a range of its own: losses of different scales do not compare."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self.begins: list[int] = []  # steps from which the next scale is trained
        self._scale: int | None = None
        self.steps = 1
        self.setFixedHeight(110)
        self.setAccessibleName("Loss curve")
        self.setToolTip(
            "Loss of every step, logarithmic; a finer scale begins at each line, with a range of its own"
        )

    def clear(self) -> None:
        """Remove all points."""
        self.losses, self.begins, self._scale = [], [], None
        self.update()

    def add(self, loss: float, steps: int, scale: int = 0) -> None:
        """Append the loss of a step at a scale, of `steps` in all."""
        if scale != self._scale:
            self.begins.append(len(self.losses))
            self._scale = scale
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
        room = self.rect().adjusted(4, 4, -4, -4)
        across = room.width() / max(self.steps - 1, len(self.losses) - 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for begin, end in pairwise([*self.begins, len(self.losses)]):
            part = self.losses[begin:end]
            low, high = min(part), max(part)
            up = room.height() / max(high - low, 1e-9)
            left = room.left() + begin * across
            places = [QPointF(left + i * across, room.bottom() - (v - low) * up) for i, v in enumerate(part)]
            if begin:
                painter.setPen(QPen(self.palette().mid().color(), 1))
                painter.drawLine(QPointF(left, room.top()), QPointF(left, room.bottom()))
            painter.setPen(QPen(self.palette().highlight().color(), 1.5))
            painter.drawPolyline(QPolygonF(places))
