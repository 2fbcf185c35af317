"""A label picture that the user paints: every colour is the name of a texture."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from texot.desktop.views.painting import Painting

_OPACITY = 0.5


class LabelPicture(Painting):
    """A painted label picture: RGB, without smooth edges.

    Args:
        size: in pixels.
        colour: of all pixels at first.
        parent: its owner.

    Attributes:
        colour: that paints.
        file: that holds the picture as it is; empty since it was changed.
    """

    def __init__(self, size: QSize, colour: QColor, parent: QObject | None = None) -> None:
        image = QImage(size, QImage.Format.Format_RGB32)
        image.fill(colour)
        super().__init__(image, parent)
        self.colour, self.file = colour, ""

    def ink(self, erase: bool) -> QColor:
        """The colour that paints."""
        return self.colour

    def begin(self) -> None:
        """Begin a change: no file has it."""
        super().begin()
        self.file = ""

    def undo(self) -> None:
        """Revert the last change."""
        self.file = "" if self.can_undo else self.file
        super().undo()

    def redo(self) -> None:
        """Repeat the change that was reverted."""
        self.file = "" if self.can_redo else self.file
        super().redo()

    def load(self, image: QImage, file: str) -> None:
        """Show the picture of a file, resized without mixing colours; undo brings the former one back."""
        exact = Qt.TransformationMode.FastTransformation
        self.replace(image.scaled(self.size, Qt.AspectRatioMode.IgnoreAspectRatio, exact))
        self.file = file

    def colour_at(self, pixel: QPointF) -> QColor | None:
        """The colour of a pixel; None outside the picture."""
        x, y = int(pixel.x() // 1), int(pixel.y() // 1)
        return self.image.pixelColor(x, y) if self.image.valid(x, y) else None

    def layer(self, part: QRect) -> QImage:
        """The colours, half transparent."""
        layer = QImage(part.size(), QImage.Format.Format_ARGB32_Premultiplied)
        layer.fill(Qt.GlobalColor.transparent)
        painter = QPainter(layer)
        painter.setOpacity(_OPACITY)
        painter.drawImage(0, 0, self.image, part.x(), part.y(), part.width(), part.height())
        painter.end()
        return layer
