"""A mask that the user paints; its white pixels are filled."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from texot.desktop.views.painting import Painting

_FEATHER = 4  # approximate width in pixels of the soft edge
_MARGIN = 4 * _FEATHER
_TINT = QColor(255, 40, 40, 150)


class Mask(Painting):
    """A painted mask: 8-bit grey, 255 where it is painted, else 0."""

    room = 2 * _FEATHER

    def __init__(self, size: QSize, parent: QObject | None = None) -> None:
        image = QImage(size, QImage.Format.Format_Grayscale8)
        image.fill(0)
        super().__init__(image, parent)

    def ink(self, erase: bool) -> QColor:
        """White, or black to erase."""
        return QColor(0, 0, 0) if erase else QColor(255, 255, 255)

    def is_empty(self) -> bool:
        """Whether nothing is painted."""
        return not self.n_painted

    @property
    def n_painted(self) -> int:
        """Number of painted pixels."""
        return bytes(self.image.constBits()).count(255)

    def invert(self) -> None:
        """Swap painted and unpainted pixels."""
        self.begin()
        self.image.invertPixels()
        self._touch()

    def clear(self) -> None:
        """Unpaint all pixels."""
        self.fill(QColor(0, 0, 0))

    def layer(self, part: QRect) -> QImage:
        """The mask in red with a soft edge."""
        around = _on_grid(part.adjusted(-_MARGIN, -_MARGIN, _MARGIN, _MARGIN)) & self.image.rect()
        return _red_layer(self.image.copy(around)).copy(part.translated(-around.topLeft()))


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
