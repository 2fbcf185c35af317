"""A mask that the user paints; its white pixels are filled."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen

_MAX_UNDO, _UNDO_BYTES = 50, 256 << 20
_FEATHER = 4  # approximate width in pixels of the soft edge
_MARGIN = 4 * _FEATHER
_TINT = QColor(255, 40, 40, 150)


class Mask(QObject):
    """A painted mask with undo.

    Attributes:
        changed: its pixels are others.
        image: 8-bit grey, 255 where it is painted, else 0.
    """

    changed = Signal()

    def __init__(self, size: QSize, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.image = QImage(size, QImage.Format.Format_Grayscale8)
        self.image.fill(0)
        self._undo: list[QImage] = []
        self._redo: list[QImage] = []
        self._overlay: QImage | None = None
        self._stale = QRect()  # part of the overlay that must be drawn again

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

    def is_empty(self) -> bool:
        """Whether nothing is painted."""
        return not self.n_painted

    @property
    def n_painted(self) -> int:
        """Number of painted pixels."""
        return bytes(self.image.constBits()).count(255)

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
        colour = QColor(0, 0, 0) if erase else QColor(255, 255, 255)
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
        room = width / 2 + 2 * _FEATHER
        self._stale |= QRectF(begin, end).normalized().adjusted(-room, -room, room, room).toAlignedRect()
        self.changed.emit()

    def invert(self) -> None:
        """Swap painted and unpainted pixels."""
        self.begin()
        self.image.invertPixels()
        self._touch()

    def clear(self) -> None:
        """Unpaint all pixels."""
        self.begin()
        self.image.fill(0)
        self._touch()

    def replace(self, image: QImage) -> None:
        """Replace the pixels by those of a mask of the same size."""
        self.begin()
        self.image = image.convertToFormat(QImage.Format.Format_Grayscale8)
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
        """The mask as a transparent red layer with a soft edge, under which the photograph shows."""
        whole = self.image.rect()
        if self._overlay is None:
            self._overlay = QImage(self.size, QImage.Format.Format_ARGB32_Premultiplied)
            self._stale = whole
        part = self._stale & whole
        if not part.isEmpty():
            around = _on_grid(part.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN)) & whole
            painter = QPainter(self._overlay)
            painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
            painter.drawImage(
                part.topLeft(), _red_layer(self.image.copy(around)), part.translated(-around.topLeft())
            )
            painter.end()
        self._stale = QRect()
        return self._overlay

    def _touch(self) -> None:
        self._overlay = None
        self.changed.emit()


def _on_grid(rect: QRect) -> QRect:
    """The rectangle enlarged by up to 3 pixels a side, so that a part is blurred exactly as the whole is."""
    x, y = rect.left() // _FEATHER, rect.top() // _FEATHER
    right, bottom = rect.right() // _FEATHER + 1, rect.bottom() // _FEATHER + 1
    return QRect(x * _FEATHER, y * _FEATHER, (right - x) * _FEATHER, (bottom - y) * _FEATHER)


def _red_layer(mask: QImage) -> QImage:
    """The red layer of a mask."""
    alpha = _feathered(mask)
    alpha.reinterpretAsFormat(QImage.Format.Format_Alpha8)
    layer = QImage(mask.size(), QImage.Format.Format_ARGB32_Premultiplied)
    layer.fill(_TINT)
    painter = QPainter(layer)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationIn)
    painter.drawImage(0, 0, alpha)
    painter.end()
    return layer


def _feathered(mask: QImage) -> QImage:
    """The mean of the mask and the blurred mask: at least half of 255 where it is painted."""
    keep, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    small = (mask.size() / _FEATHER).expandedTo(QSize(1, 1))
    soft = mask.scaled(small, keep, smooth).scaled(mask.size(), keep, smooth)
    soft = soft.convertToFormat(QImage.Format.Format_Grayscale8)
    painter = QPainter(soft)
    painter.setOpacity(0.5)
    painter.drawImage(0, 0, mask)
    painter.end()
    return soft
