"""Pictures reduced by the mean of their pixels, as a canvas shows them at a small zoom."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

_KEPT = 4  # pictures


def in_size(image: QImage, size: tuple[int, int] | None) -> QImage:
    """A picture in (width, height) pixels; None, or zeros: as it is."""
    wanted = image.size() if size is None else QSize(*size)
    if wanted.isEmpty() or wanted == image.size():
        return image
    return image.scaled(
        wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


class Reduced:
    """Reduces pictures and keeps the last ones.

    A painter's own interpolation looks at 4 pixels only, which shows false patterns at a small zoom.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], QImage] = {}

    def of(self, image: QImage, size: QSize) -> QImage:
        """A picture in `size` pixels; unchanged if it is no larger than that along either axis."""
        if size.width() >= image.width() or size.height() >= image.height() or size.isEmpty():
            return image
        key = image.cacheKey(), size.width(), size.height()
        found = self._kept.pop(key, None)
        if found is None:
            keep, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            found = image.scaled(size, keep, smooth)
        self._kept[key] = found  # the last one used is last
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found
