"""The finish of any window of a plane, in blocks.

The plane of every level is divided into square blocks. A block is computed with a margin of the level's
reach, or a third of a long one, and only its own patches are kept, so that blocks agree where they meet (with
30 steps and a reach of 186 px, a margin of 64 px changed no target, 48 px one in a thousand). A window is
made of blocks, so its pixels do not depend on where it was cut. Of coarser levels, the targets of some
hundred blocks are kept.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import pairwise
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.field.correspondence import Correspondence
from texot.files.exemplar import Exemplar
from texot.generator.finish import MAX_SIDE, Finish, refined
from texot.generator.network import PlaneNetwork
from texot.images.pyramid import wrap
from texot.solver.plan import Size

BLOCKS = (512, 512, 256, 128)
"""Largest sides of the blocks of each scale in pixels, finest first; those of coarser scales are as the last.

Small exemplars have smaller blocks, so that a small window of their plane takes less time.
"""
_OF_EXEMPLAR = 4  # largest side of a block, in sides of the exemplar, to a power of 2
_LEAST_MARGIN = 48  # pixels
_UNIT = 16  # pixels that sides of blocks, and margins, are multiples of
_SEED = 2**62 + 2  # of the sample on which potentials are measured
_KEPT = 256  # blocks of each level
WHOLE = 2**20
"""Pixels up to which a torus is finished as a whole."""
MOST_WHOLE = 2**22
"""Pixels up to which this is possible."""


log = logging.getLogger("texot")
T = TypeVar("T")
Corner = tuple[int, int]
"""(y, x) of a first pixel."""
Periods = tuple[int | None, int | None]
"""Periods of a texture along (y, x) in pixels; None: it does not repeat."""
Sample = Callable[[int, Corner, Size, Periods], Tensor]
"""The network's sample: (scale, corner, (height, width), periods at that scale) to (C, height, width)."""


class FinishedPlane:
    """A plane or torus that is finished in blocks.

    Args:
        finish: the measured finish.
        sample: the network's sample.
        n_scales: scales of the network.
        periods: of the texture, in pixels.

    Raises:
        InputError: a torus that neither its blocks cover nor is small enough to be finished as a whole.
    """

    def __init__(
        self, finish: Finish, sample: Sample, n_scales: int, periods: Periods = (None, None)
    ) -> None:
        self.finish, self.sample, self.n_scales, self.periods = finish, sample, n_scales, periods
        self._fields: list[_Cache[Tensor]] = [_Cache() for _ in finish.levels]
        self._torus: _Cache[Tensor] = _Cache()
        most = 1 << (min(finish.exemplar.shape[1:]) * _OF_EXEMPLAR).bit_length() - 1
        self._sides = [min(most, BLOCKS[min(k, len(BLOCKS) - 1)]) for k in range(len(finish.levels))]
        unit = max(level.stride << scale for scale, level in enumerate(finish.levels))
        height, width = periods
        area = None if height is None or width is None else height * width
        fits = all(n is None or n % unit == 0 for n in periods)
        self._whole = area is not None and area <= (WHOLE if fits else MOST_WHOLE)
        if not fits and not self._whole:
            raise InputError(
                f"sides along which a finished sample tiles are multiples of {unit} px, or it tiles along "
                f"both and has at most {MOST_WHOLE >> 20} megapixels: choose such a size, or finish none"
            )

    def parts(self, at: Corner, size: Size) -> Iterator[tuple[Corner, Size]]:
        """The parts of a window that lie in one block each, row by row.

        Args:
            at: (y, x) of its first pixel.
            size: (height, width).

        Yields:
            (top, left) in the window, and (height, width) of the part.
        """
        rows, columns = (self._cuts(*axis) for axis in zip(at, size, self.periods, strict=True))
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                yield (top, left), (bottom - top, right - left)

    def part(self, at: Corner, size: Size) -> Tensor:
        """The pixels (C, height, width) of a part, in [0, 1]."""
        y, x = (a if n is None else a % n for a, n in zip(at, self.periods, strict=True))
        if self._whole:
            return wrap(wrap(self._torus.get(0, self._all), 1, y, y + size[0]), 2, x, x + size[1])
        side = self._sides[0]
        corner = y // side * side, x // side * side
        image = self.finish.corrected(self._computed(0, corner)[1])
        top, left = y - corner[0], x - corner[1]
        return image[:, top : top + size[0], left : left + size[1]]

    def _cuts(self, first: int, length: int, period: int | None) -> list[int]:
        """Where blocks cut an axis of a window, with its ends."""
        if self._whole:
            return [*range(0, length, self._sides[0]), length]
        found, at = [0], first
        while found[-1] < length:
            place = at if period is None else at % period
            step = self._sides[0] - place % self._sides[0]
            step = step if period is None else min(step, period - place)
            at += step
            found.append(min(length, at - first))
        return found

    def _all(self) -> Tensor:
        height, width = self.periods
        assert height is not None
        assert width is not None
        return self.finish.torus(lambda scale, size: self._start(scale, (0, 0), size, size), (height, width))

    def _start(self, scale: int, corner: Corner, size: Size, periods: Periods) -> Tensor:
        return start_of(self.sample, self.n_scales, scale, corner, size, periods)

    def _periods(self, scale: int) -> Periods:
        height, width = (None if n is None else n >> scale for n in self.periods)
        return height, width

    def _targets(self, scale: int, corner: Corner) -> Tensor:
        return self._computed(scale, corner)[0].to("cpu", torch.int32)

    def _computed(self, scale: int, corner: Corner) -> tuple[Tensor, Tensor]:
        """The targets (rows, columns) and the pixels (C, h, w) of the block that begins at a corner."""
        level, periods, side = self.finish.levels[scale], self._periods(scale), self._sides[scale]
        size = [
            side if n is None else min(side, n - a) for a, n in zip(corner, periods, strict=True)
        ]  # less where a torus ends
        margin = _margin(level.reach)
        y, x = (a - margin for a in corner)
        grid = level.grid((size[0] + 2 * margin, size[1] + 2 * margin))
        first: Tensor | None = None
        if scale + 1 == len(self.finish.levels):
            image = self._start(scale, (y, x), grid.size, periods)
        else:
            first, image = refined(self._field(scale + 1, (y // 2, x // 2), grid.size), grid, level.source)
        found, image = level.run(grid, image, first, last=scale == 0)
        rows, columns = (slice(margin // level.stride, (margin + n - 1) // level.stride + 1) for n in size)
        own = image[:, margin : margin + size[0], margin : margin + size[1]]
        return found.view(grid.shape)[rows, columns], own

    def _field(self, scale: int, corner: Corner, size: Size) -> Correspondence:
        """The field of a scale under a window of `size` pixels of the next finer scale."""
        level, side = self.finish.levels[scale], self._sides[scale]
        places = [
            a + level.stride * torch.arange((n - 1) // (2 * level.stride) + 1)
            for a, n in zip(corner, size, strict=True)
        ]
        found = torch.empty(len(places[0]), len(places[1]), dtype=torch.int64)
        runs = [_runs(*axis, side) for axis in zip(places, self._periods(scale), strict=True)]
        for i, top, rows in runs[0]:
            for j, left, columns in runs[1]:
                block = self._fields[scale].get((top, left), partial(self._targets, scale, (top, left)))
                part = block[rows // level.stride][:, columns // level.stride]
                found[i : i + len(rows), j : j + len(columns)] = part
        height, width = ((n - 1) * level.stride + level.source.side for n in found.shape)
        grid = level.grid((height, width))
        return Correspondence(grid, level.source.shape, found.flatten().to(level.source.image.device))


def start_of(
    sample: Sample, n_scales: int, scale: int, corner: Corner, size: Size, periods: Periods
) -> Tensor:
    """The network's sample at a scale of the exemplar, which may be coarser than its coarsest one.

    Args:
        sample: of the network.
        n_scales: scales of the network.
        scale: of the exemplar.
        corner, size, periods: see `Sample`, at that scale.

    Returns:
        (C, *size), in [0, 1].
    """
    own = min(scale, n_scales - 1)
    factor = 1 << (scale - own)
    # pixel k of the network's coarse scales is nearly where k + 1 of means of 2x2 pixels is
    y, x = (factor * a - (own > 0) for a in corner)
    height, width = (factor * n for n in size)
    rows, columns = (None if n is None else factor * n for n in periods)
    image = sample(own, (y, x), (height, width), (rows, columns)).clamp(0, 1)
    return F.avg_pool2d(image[None], factor)[0] if factor > 1 else image


def _margin(reach: int) -> int:
    """Pixels around a block: all of a short reach, a third of a long one; a multiple of `_UNIT`."""
    return -(-min(reach, max(_LEAST_MARGIN, reach // 3)) // _UNIT) * _UNIT


def _runs(places: Tensor, period: int | None, side: int) -> list[tuple[int, int, Tensor]]:
    """Positions along an axis, by blocks: (index of the first one, the block's corner, positions in it)."""
    places = places if period is None else places % period
    corners = torch.div(places, side, rounding_mode="floor") * side
    found, first = [], 0
    for corner, count in zip(*torch.unique_consecutive(corners, return_counts=True), strict=True):
        last = first + int(count)
        found.append((first, int(corner), places[first:last] - corner))
        first = last
    return found


class _Cache(Generic[T]):
    """The last values of a function, each computed once, by the thread that asks first."""

    def __init__(self) -> None:
        self._lock, self._values = threading.Lock(), OrderedDict[Any, Future[T]]()

    def get(self, key: Any, compute: Callable[[], T]) -> T:
        with self._lock:
            future = self._values.get(key)
            mine = future is None
            if future is None:
                future = self._values[key] = Future()
                if len(self._values) > _KEPT:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
        if mine:
            try:
                future.set_result(compute())
            except BaseException as error:
                future.set_exception(error)
        return future.result()


@torch.no_grad()
def measured_finish(network: PlaneNetwork, exemplar: Exemplar) -> Finish:
    """The finish of a network's samples.

    Args:
        network: on the CPU.
        exemplar: of its texture; of a large one, `MAX_SIDE` pixels a side in its middle are kept.

    Raises:
        InputError: no patch fits the part that is kept.
    """
    top, left = (max(0, n - MAX_SIDE) // 2 for n in exemplar.pixels.shape[1:])
    rows, columns = slice(top, top + MAX_SIDE), slice(left, left + MAX_SIDE)
    pixels = exemplar.pixels[:, rows, columns].contiguous().clone()
    if top or left:
        log.info("of the exemplar, the middle %dx%d px finish samples", *reversed(pixels.shape[1:]))
    known = None if exemplar.mask is None else exemplar.mask[rows, columns].contiguous().clone()

    def sample(scale: int, at: Corner, size: Size, periods: Periods) -> Tensor:
        return network.sample(_SEED, at, size, scale=scale, periods=periods)

    def start(scale: int, size: Size) -> Tensor:
        return start_of(sample, network.architecture.n_scales, scale, (0, 0), size, size)

    return Finish.measured(
        pixels, known, start, corrected=exemplar.main is None, rows=bool(network.architecture.waves)
    )
