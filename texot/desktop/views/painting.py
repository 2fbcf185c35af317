"""A picture of the size of a photograph that the user paints, with undo."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen

_MAX_UNDO, _UNDO_BYTES = 50, 256 << 20


class Painting(QObject):
    """A painted picture.

    Args:
        image: what is painted so far.
        parent: its owner.

    Attributes:
        changed: its pixels are others.
        image: the picture.
    """

    changed = Signal()
    room = 0
    """Pixels around a stroke in which the overlay changes."""

    def __init__(self, image: QImage, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.image = image
        self._undo: list[QImage] = []
        self._redo: list[QImage] = []
        self._overlay: QImage | None = None
        self._stale = QRect()  # part of the overlay that must be drawn again

    def ink(self, erase: bool) -> QColor:
        """The colour of a stroke, which erases or not."""
        raise NotImplementedError

    def layer(self, part: QRect) -> QImage:
        """What is shown over the photograph in a part."""
        raise NotImplementedError

    @property
    def size(self) -> QSize:
        """Size of the photograph."""
        return self.image.size()

    @property
    def can_undo(self) -> bool:
        """Whether `undo` does something."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether `redo` does something."""
        return bool(self._redo)

    def begin(self) -> None:
        """Begin a change, which undo reverts as a whole."""
        most = max(3, min(_MAX_UNDO, _UNDO_BYTES // max(1, self.image.sizeInBytes())))
        self._undo = [*self._undo, self.image.copy()][-most:]
        self._redo = []

    def end(self) -> None:
        """End a change."""
        self._touch()

    def stroke(self, begin: QPointF, end: QPointF, width: float, erase: bool) -> None:
        """Paint, or erase, a line with round ends; coordinates and width in pixels of the photograph."""
        painter = QPainter(self.image)
        colour = self.ink(erase)
        if width <= 1:
            painter.fillRect(int(end.x()), int(end.y()), 1, 1, colour)
        elif begin == end:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(end, width / 2, width / 2)
        else:
            cap, join = Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, cap, join))
            painter.drawLine(begin, end)
        painter.end()
        room = width / 2 + self.room
        self._stale |= QRectF(begin, end).normalized().adjusted(-room, -room, room, room).toAlignedRect()
        self.changed.emit()

    def fill(self, colour: QColor) -> None:
        """Paint all pixels."""
        self.begin()
        self.image.fill(colour)
        self._touch()

    def replace(self, image: QImage) -> None:
        """Replace the pixels by those of a picture of the same size."""
        self.begin()
        self.image = image.convertToFormat(self.image.format())
        self._touch()

    def undo(self) -> None:
        """Revert the last change."""
        if self._undo:
            self._redo.append(self.image)
            self.image = self._undo.pop()
            self._touch()

    def redo(self) -> None:
        """Repeat the change that was reverted."""
        if self._redo:
            self._undo.append(self.image)
            self.image = self._redo.pop()
            self._touch()

    def overlay(self) -> QImage:
        """The painting as a transparent layer, under which the photograph shows."""
        whole = self.image.rect()
        if self._overlay is None:
            self._overlay = QImage(self.size, QImage.Format.Format_ARGB32_Premultiplied)
            self._stale = whole
        part = self._stale & whole
        if not part.isEmpty():
            painter = QPainter(self._overlay)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(part.topLeft(), self.layer(part))
            painter.end()
        self._stale = QRect()
        return self._overlay

    def _touch(self) -> None:
        self._overlay = None
        self.changed.emit()
