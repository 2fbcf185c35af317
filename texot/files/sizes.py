"""Sizes as users write them: "512x384", "2x", 256."""

from __future__ import annotations

import math
import operator
import re
import reprlib
from collections.abc import Callable, Sequence

import numpy as np

from texot.errors import InputError, quoted
from texot.memory import memory_limit

MAX_PIXELS_OUT = 2**28
"""`parse_size` refuses more pixels than this (16384 x 16384)."""
MAX_EXEMPLAR, MIN_EXEMPLAR = 4096, 512
"""Side in pixels of the largest square that an exemplar keeps by default: with much memory, with little."""
_BYTES_A_PIXEL = 400  # of an exemplar, over all stages of a job; measured at 1024 to 3072 px a side
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_SIZE = re.compile(rf"\s*({_NUMBER})\s*[x×]\s*({_NUMBER})?\s*", re.IGNORECASE)
_SIZE_FORMS = "expected WxH in pixels (512x384) or a factor (2x, 1.5x)"


def parse_size(size: str | int | Sequence[int] | None, exemplar_size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a result.

    >>> parse_size("512x384", (128, 128)), parse_size("1.5x", (101, 64)), parse_size(256, (128, 64))
    ((512, 384), (152, 96), (256, 256))

    Args:
        size: "WxH" in pixels; "2x", "0.5x": a factor of the exemplar's size, rounded to the nearest pixel
            (halves up); an int for a square; a pair (width, height); None for the exemplar's own size.
        exemplar_size: (width, height) in pixels.

    Raises:
        InputError: none of these, less than one pixel, or more than 2**28 pixels.
    """
    if size is None:
        return exemplar_size
    try:
        shown = reprlib.repr(size)
    except ValueError:  # thousands of digits
        shown = "given"
    width, height = _size_in_pixels(size, exemplar_size, shown)
    if width < 1 or height < 1:
        raise InputError(f"size {shown} is {width:.15g}x{height:.15g} pixels: {_SIZE_FORMS}, at least 1x1")
    if width * height > MAX_PIXELS_OUT:
        raise InputError(
            f"size {shown} is too large: the image alone would take {_bytes(12.0 * width * height)} "
            f"of memory (at most {MAX_PIXELS_OUT // 10**6} million pixels, such as 16384x16384): ask for less"
        )
    return int(width), int(height)


def exemplar_side(exemplar_size: int | None, most: int | None = None) -> int:
    """The maximal size of an exemplar, as the side in pixels of a square of as many pixels.

    Args:
        exemplar_size: the requested side; None: `most`, halved until an exemplar of that size needs less than
            half of the memory, but at least 512.
        most: default side; None: 4096.

    Raises:
        InputError: not a whole number from 16 to 10**6.
    """
    if exemplar_size is not None:
        if isinstance(exemplar_size, bool) or not hasattr(exemplar_size, "__index__"):
            raise InputError(f"exemplar_size must be a whole number of pixels, not {quoted(exemplar_size)}")
        side = operator.index(exemplar_size)
        if not 16 <= side <= 10**6:
            raise InputError(f"exemplar_size must be a whole number from 16 to 1000000, not {quoted(side)}")
        return side
    side, have = min(MAX_EXEMPLAR, most or MAX_EXEMPLAR), memory_limit()
    while have is not None and side > MIN_EXEMPLAR and 2 * _BYTES_A_PIXEL * side**2 > have:
        side //= 2
    return side


def at_most(side: int) -> Callable[[tuple[int, int]], tuple[int, int]]:
    """A function that reduces a (width, height) to at most `side` * `side` pixels with the same aspect."""

    def fit(size: tuple[int, int]) -> tuple[int, int]:
        width, height = size
        if width * height <= side**2:
            return size
        factor = side / math.sqrt(width * height)
        width, height = math.floor(width * factor), math.floor(height * factor)
        return max(1, min(width, side**2)), max(1, min(height, side**2))

    return fit


def _size_in_pixels(
    size: str | int | Sequence[int], exemplar_size: tuple[int, int], shown: str
) -> tuple[float, float]:
    """Parse integers as floats: an absurd size must still be representable for the message."""
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is None:
            raise InputError(f"size {shown} not understood: {_SIZE_FORMS}")
        first, second = float(match[1]), match[2]
        if second is None:
            width, height = (side * first for side in exemplar_size)
            if math.isinf(first):
                return first, first
            return float(math.floor(width + 0.5)), float(math.floor(height + 0.5))
        width, height = first, float(second)
        if any(math.isfinite(side) and side != math.floor(side) for side in (width, height)):
            raise InputError(f"size {shown} is not in whole pixels: {_SIZE_FORMS}")
        return width, height
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    try:
        if any(isinstance(side, (bool, np.bool_)) for side in pair):
            raise TypeError("bool is not a size")
        width, height = (operator.index(side) for side in pair)
    except (TypeError, ValueError) as error:
        raise InputError(f"size {shown} not understood: expected whole numbers (width, height)") from error
    huge = 10**300  # near the limit of floats; such a size is refused anyway
    return float(max(-1, min(width, huge))), float(max(-1, min(height, huge)))


def _bytes(count: float) -> str:
    """A number of bytes in words: 11 TB."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} EB" if count < 1000 else "over 1000 EB"
