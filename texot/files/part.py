"""The part of a large exemplar that a job reads: as much as its result can use, where most is opaque.

A small result can use only few patches of a much larger exemplar. Cropping keeps the exemplar's scale, which
a reduction would change.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from texot.errors import InputError
from texot.files.sizes import exemplar_side, parse_size

MIN_PART, TIMES = 2048, 4
"""Minimal side of the part: in pixels, and in units of the result's longer side.

A result of 16x16 px from 2048x2048 px takes 7 s of processor time and 1.3 GB; from 4096x4096, 60 s and 5.4
GB.
"""
_GRID = 256  # maximal samples a side of the search for opaque pixels
_FACTOR = re.compile(r"[^x×]*[x×]\s*", re.IGNORECASE)


class Window(NamedTuple):
    """A part of an image: position of its first pixel, and size."""

    x: int
    y: int
    width: int
    height: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, upper, right and lower bounds, as in Pillow."""
        return self.x, self.y, self.x + self.width, self.y + self.height


def part_side(size: Any, exemplar_size: int | None = None) -> int | None:
    """Side in pixels of the largest part of an exemplar that a result can use; None: all of it.

    Args:
        size: of the result, as in `parse_size`; None and factors refer to the whole exemplar.
        exemplar_size: the requested size; an exemplar is then reduced, not cropped.
    """
    if exemplar_size is not None or size is None or (isinstance(size, str) and _FACTOR.fullmatch(size)):
        return None
    try:
        width, height = parse_size(size, (1, 1))
    except InputError:
        return None  # refused later
    return min(max(MIN_PART, TIMES * max(width, height)), exemplar_side(None))


def find_window(size: tuple[int, int], side: int | None, opaque: npt.NDArray[Any] | None = None) -> Window:
    """The part of an image that is used: its middle, or the most opaque part.

    Args:
        size: (width, height) of the image.
        side: maximal side of the part; None: all.
        opaque: (h, w) bool, samples on a grid over the image, or None if all is opaque.
    """
    width, height = size
    if side is None or max(size) <= side:
        return Window(0, 0, width, height)
    wide, high = min(width, side), min(height, side)
    x, y = (width - wide) // 2, (height - high) // 2
    if opaque is None or bool(opaque.all()):
        return Window(x, y, wide, high)
    rows, columns = opaque.shape
    lines, across = max(1, rows * high // height), max(1, columns * wide // width)
    sums = np.zeros((rows + 1, columns + 1), np.int64)
    sums[1:, 1:] = opaque.cumsum(0).cumsum(1)
    known = sums[lines:, across:] - sums[:-lines, across:] - sums[lines:, :-across] + sums[:-lines, :-across]
    away = np.abs(np.arange(known.shape[0]) - (known.shape[0] - 1) / 2)[:, None]
    away = away + np.abs(np.arange(known.shape[1]) - (known.shape[1] - 1) / 2)
    best = np.where(known == known.max(), away, np.inf)  # among equally good ones, the nearest to the middle
    row, column = np.unravel_index(int(best.argmin()), best.shape)
    x = min(round(int(column) * width / columns), width - wide) if width > wide else 0
    y = min(round(int(row) * height / rows), height - high) if height > high else 0
    return Window(x, y, wide, high)


def sample_steps(size: tuple[int, int]) -> tuple[int, int]:
    """Distances (x, y) in pixels of the samples of opacity."""
    return -(-size[0] // _GRID), -(-size[1] // _GRID)
