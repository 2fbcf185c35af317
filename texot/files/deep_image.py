"""An image of more than 8 bits a channel, as its file stores it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from texot.errors import InputError
from texot.files.decode import MAX_PIXELS_IN
from texot.memory import memory_limit

SUFFIXES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".exr": "OpenEXR", ".hdr": "Radiance"}
"""Suffixes of such files, and their formats."""

Values = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class DeepImage:
    """An upright image with the values of its file.

    Attributes:
        values: (H, W, C) uint16, uint32, float16, float32 or another NumPy number type of 8 to 64 bits.
        kind: "PNG", "TIFF", "OpenEXR" or "Radiance".
        names: names of the channels.
        halves: for each channel of an OpenEXR file of mixed types, whether it has 16 bits; otherwise empty.
        alpha: index of the alpha channel, or None.
        premultiplied: whether colours are premultiplied by alpha.
        icc_profile: colour profile, or None.
        dpi: dots per inch (x, y), or None.
        chromaticities: OpenEXR's eight chromaticities, or None.
        compression: lossless compression of OpenEXR.
        exif: EXIF data for upright pixels, or None.
    """

    values: Values
    kind: str
    names: tuple[str, ...]
    halves: tuple[bool, ...] = ()
    alpha: int | None = None
    premultiplied: bool = False
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    chromaticities: tuple[float, ...] | None = None
    compression: str = "zip"
    exif: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.values.shape[1], self.values.shape[0]


def check_size(label: str, width: int, height: int, bytes_a_pixel: int) -> None:
    """Refuse an image of too many pixels, or too large for the memory, before it is decoded.

    Raises:
        InputError: it is too large.
    """
    if width * height > MAX_PIXELS_IN:
        raise InputError(
            f"{label} has {width}x{height} pixels, over the limit of {MAX_PIXELS_IN // 10**6} million: "
            "crop it or make it smaller first"
        )
    have, need = memory_limit(), 2 * bytes_a_pixel * width * height
    if have is not None and need > have:
        raise InputError(
            f"{label} has {width}x{height} pixels: reading it would take {need / 2**30:.1f} GiB of memory "
            f"and there are {have / 2**30:.1f}: crop it or make it smaller first"
        )


def upright(values: Values, orientation: int) -> Values:
    """Values (H, W, C) of a picture whose EXIF orientation was another than 1."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def plausible_dpi(value: Any, orientation: int) -> tuple[float, float] | None:
    """A resolution as recorded in a file, or None if it is not plausible."""
    try:
        x, y = (float(part) for part in value)
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(part) and 0 < part < 1e5 for part in (x, y)):
        return None
    return (y, x) if orientation >= 5 else (x, y)
