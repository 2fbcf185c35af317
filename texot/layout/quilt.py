"""A first layout by quilting: pieces of the exemplar, none of which continues its neighbour.

Pieces are laid in raster order. Each minimises

    overlap error / variance + USE x (mean use of its pixels) + NEAR x (how much of it is nearby already)
    + NOISE x U[0, 1]

and is joined along the cut of least error through the overlap, after Efros & Freeman 2001, "Image
quilting for texture synthesis and transfer", who choose pieces by the overlap error alone. Pieces
with nearly the offset of a neighbour, which would continue its copy of the exemplar, are excluded: the layout
is new, while every piece of it is whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.autocorrelation import PATTERN
from texot.images.masks import filled
from texot.images.pyramid import Periodic
from texot.layout.cuts import least_cut

_USE, _NEAR, _NOISE = 1.0, 1.0, 0.1
_REACH = 3  # in pieces: positions used within it are avoided
_FORBIDDEN = 1e3
_REUSED = 0.5  # regularity from which pieces may be repeated
_ATTEMPTS, _MAX_PIECES = 4, 2000  # number of layouts, of which the best is kept; maximal pieces for that


@dataclass(frozen=True)
class _Axis:
    """Positions of pieces along one axis of the result."""

    starts: list[int]
    length: int
    wraps: bool

    def indices(self, start: int, piece: int) -> Tensor:
        """The pixels of a piece."""
        index = torch.arange(start, start + piece)
        return index % self.length if self.wraps else index

    def overlap(self, index: int, piece: int) -> int:
        """Pixels that a piece shares with the next one, or with the first on an axis that wraps around."""
        after = index + 1
        step = self.starts[after % len(self.starts)] + self.length * (after // len(self.starts))
        return max(0, self.starts[index] + piece - step)

    def place(self, index: int) -> int:
        """The index of the piece, modulo the grid on an axis that wraps around."""
        return index % len(self.starts) if self.wraps else index

    def gap(self, a: int, b: int) -> int:
        """Signed distance in pixels from piece a to piece b, the shortest on an axis that wraps around."""
        gap = self.starts[b] - self.starts[a]
        half = self.length // 2
        return (gap + half) % self.length - half if self.wraps else gap


def quilt(
    exemplar: Tensor,
    size: tuple[int, int],
    piece: int,
    *,
    known: Tensor | None = None,
    regular: float = 0,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> Tensor:
    """A new layout of an exemplar's pieces.

    Args:
        exemplar: (C, h, w).
        size: (H, W) of the result.
        piece: side of the pieces in pixels, at most that of exemplar and result.
        known: (h, w) bool, or None where every pixel is known; pieces avoid unknown pixels if possible.
        regular: the exemplar's `regularity`: from .5 pieces may be repeated nearby, from .7 they may also
            continue each other.
        periodic: axes (y, x) along which the result wraps around; it is rolled by a random amount along them.
        generator: CPU generator of random numbers.

    Returns:
        (C, H, W), made of the exemplar's pixels, on its device.
    """
    piece = min(piece, *exemplar.shape[1:], *size)
    sheet = _Sheet.of(exemplar, known, piece, size, periodic, regular)
    n_pieces = len(sheet.rows.starts) * len(sheet.columns.starts)
    attempts = [sheet.lay(generator) for _ in range(max(1, min(_ATTEMPTS, _MAX_PIECES // n_pieces)))]
    result = min(attempts, key=lambda attempt: attempt[1] + sheet.imbalance(attempt[0]))[0]
    for axis, wraps in zip((1, 2), periodic, strict=True):
        if wraps:
            shift = int(torch.randint(0, size[axis - 1], (), generator=generator))
            result = result.roll(shift, axis)
    return result.to(exemplar)


def requilt(
    image: Tensor,
    exemplar: Tensor,
    piece: int,
    *,
    inside: bool,
    known: Tensor | None = None,
    regular: float = 0,
    periodic: Periodic = (True, True),
    join: Periodic | None = None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """An image on the torus with some pieces replaced, joined to the others by cuts.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w), from which new pieces are cut; nearly the image itself. A new piece must not
            continue a kept one.
        piece: side of the pieces in pixels, at most that of exemplar and image.
        inside: which pieces are new. False: those across the edges where copies of the image meet, half a
            piece on either side. True: all others.
        known, regular, generator: see `quilt`.
        periodic: axes (y, x) along which copies of the image meet, at least one.
        join: the axes among them whose edges get new pieces; None: all.

    Returns:
        (C, H, W), and (H, W) bool, the new pixels.
    """
    piece = min(piece, *exemplar.shape[1:], *image.shape[1:])
    size = (image.shape[1], image.shape[2])
    sheet = _Sheet.of(exemplar, known, piece, size, periodic, regular)
    join = periodic if join is None else join
    half = [piece // 2 if joined else 0 for joined in join]
    turned = image.cpu().roll(half, (1, 2))  # the first row and column of pieces is centred at the seam
    across = {
        (i, j)
        for i in range(len(sheet.rows.starts))
        for j in range(len(sheet.columns.starts))
        if (join[0] and i == 0) or (join[1] and j == 0)
    }
    attempts = [sheet.lay(generator, _Kept(turned, across, inside, half)) for _ in range(_ATTEMPTS)]
    result = min(attempts, key=lambda attempt: attempt[1] + sheet.imbalance(attempt[0]))[0]
    new = (result != turned).any(0)
    back = [-n for n in half]
    return result.roll(back, (1, 2)).to(image), new.roll(back, (0, 1)).to(image.device)


@dataclass(frozen=True)
class _Kept:
    """Pieces that are kept.

    Attributes:
        image: (C, H, W), the present image.
        across: positions in the grid that are at the seam.
        inside: whether the others are replaced, or these.
        shift: offset (rows, columns) of the image's pixels from those of the exemplar.
    """

    image: Tensor
    across: set[tuple[int, int]]
    inside: bool
    shift: list[int]

    def __contains__(self, place: tuple[int, int]) -> bool:
        return (place in self.across) == self.inside


class _Pieces:
    """All square pieces of an image (C, h, w), compared by spectra: memory is that of the image."""

    def __init__(self, source: Tensor, side: int) -> None:
        self.size = source.shape[1], source.shape[2]
        self.positions = self.size[0] - side + 1, self.size[1] - side + 1
        self.middle = source.mean((1, 2), keepdim=True)  # rounding errors are least about the mean
        centred = source - self.middle
        self.spectra = torch.fft.rfft2(torch.cat([(centred**2).sum(0)[None], -2 * centred]))

    def errors(self, goal: Tensor, mask: Tensor) -> Tensor:
        """Mean squared difference of every piece from a goal, over the pixels of a mask.

        sum m (s - g)^2 = corr(m, s^2) - 2 corr(m g, s) + sum m g^2 for a mask m of zeros and ones.

        Args:
            goal: (C, p, p).
            mask: (p, p) of 0 and 1.

        Returns:
            (n,), summed over channels, in raster order of the pieces' first pixels.
        """
        goal = (goal - self.middle) * mask
        kernels = torch.fft.rfft2(torch.cat([mask[None], goal]), s=self.size)
        sums = torch.fft.irfft2((self.spectra * kernels.conj()).sum(0), s=self.size)
        error: Tensor = sums[: self.positions[0], : self.positions[1]].flatten() + (goal**2).sum()
        return error.clamp_min(0) / (float(mask.sum()) + 1e-6)


class _Sheet:
    """Data shared by all attempts at one result."""

    def __init__(
        self,
        source: Tensor,
        unknown: Tensor,
        piece: int,
        size: tuple[int, int],
        periodic: Periodic,
        regular: float,
    ) -> None:
        self.source, self.piece, self.size, self.regular = source, piece, size, regular
        self.pieces = _Pieces(source, piece)
        line = 1 - torch.arange(1 - piece, piece).abs().float() / piece
        self.shared = torch.outer(line, line)  # fraction of pixels that pieces at this distance share
        self.unknown = _FORBIDDEN * F.avg_pool2d(unknown[None, None], piece, stride=1).flatten()
        self.variance = float(source.var((1, 2), correction=0).sum().clamp_min(1e-8))
        overlap = max(1, piece // 4)
        self.rows, self.columns = (_axis(n, piece, overlap, w) for n, w in zip(size, periodic, strict=True))
        self.fair = max(1.0, size[0] * size[1] / (source.shape[1] * source.shape[2]))  # mean use at the end

    @classmethod
    def of(
        cls,
        exemplar: Tensor,
        known: Tensor | None,
        piece: int,
        size: tuple[int, int],
        periodic: Periodic,
        regular: float,
    ) -> _Sheet:
        """See `quilt` for the arguments."""
        source = exemplar.cpu() if known is None else filled(exemplar.cpu(), known.cpu())
        unknown = torch.zeros_like(source[0]) if known is None else (~known.cpu()).float()
        return cls(source, unknown, piece, size, periodic, regular)

    def lay(self, generator: torch.Generator, kept: _Kept | None = None) -> tuple[Tensor, float]:
        """One layout, and the mean overlap error of its new pieces."""
        piece = self.piece
        result = torch.zeros(self.source.shape[0], *self.size, dtype=torch.float32)
        filled = torch.zeros(self.size, dtype=torch.float32)
        use = torch.zeros(self.source.shape[1:], dtype=torch.float32)
        laid: dict[tuple[int, int], tuple[int, int]] = {}  # index in the grid -> position in the exemplar
        if kept is not None:
            for i, top in enumerate(self.rows.starts):
                for j, left in enumerate(self.columns.starts):
                    if (i, j) in kept:
                        y, x = self.rows.indices(top, piece), self.columns.indices(left, piece)
                        result[:, y[:, None], x], filled[y[:, None], x] = kept.image[:, y[:, None], x], 1
                        laid[i, j] = top - kept.shift[0], left - kept.shift[1]
        total, count = 0.0, 0
        for i, top in enumerate(self.rows.starts):
            y = self.rows.indices(top, piece)
            for j, left in enumerate(self.columns.starts):
                if (i, j) in laid:
                    continue
                x = self.columns.indices(left, piece)
                mask = filled[y[:, None], x]
                goal = result[:, y[:, None], x]
                error = self.pieces.errors(goal, mask) / self.variance
                cost = error + self.unknown
                cost = cost + _NOISE * torch.rand(len(cost), generator=generator, dtype=torch.float32)
                if self.regular < PATTERN:
                    cost = cost + self._nearby(laid, (i, j))
                if self.regular < _REUSED:
                    used = F.avg_pool2d(use[None, None], piece, stride=1).flatten()
                    cost = cost + _USE / self.fair * used
                best = int(cost.argmin())
                total += float(error[best])
                sy, sx = divmod(best, self.pieces.positions[1])
                use[sy : sy + piece, sx : sx + piece] += 1
                new = self.source[:, sy : sy + piece, sx : sx + piece]
                old = self._kept((mask * (goal - new) ** 2).sum(0), (i, j), laid)
                result[:, y[:, None], x] = torch.where(old, goal, new)
                filled[y[:, None], x] = 1
                laid[i, j] = sy, sx
                count += 1
        return result, total / max(1, count)

    def imbalance(self, result: Tensor) -> float:
        """Mean 1-D Wasserstein distance to the exemplar's values over channels, in their deviations."""
        ticks = torch.linspace(0, 1, 65, dtype=torch.float32)
        a, b = (
            torch.quantile(t.flatten(1)[:, :: max(1, t[0].numel() // 16384)], ticks, dim=1)
            for t in (result, self.source)
        )
        deviation = self.source.flatten(1).std(1, correction=0).clamp_min(1e-4)
        return float(((a - b).abs().mean(0) / deviation).mean())

    def _kept(self, error: Tensor, here: tuple[int, int], laid: Container[tuple[int, int]]) -> Tensor:
        """(p, p) bool: pixels of the old image, beyond the cuts of least error through the overlaps."""
        planes = error.numpy()
        kept = np.zeros(planes.shape, bool)
        turns: list[tuple[_Axis, Callable[..., Any]]] = [
            (self.rows, np.transpose),
            (self.columns, np.asarray),
        ]
        for a, (axis, turn) in enumerate(turns):
            for step, flip in ((-1, 1), (1, -1)):
                place = axis.place(here[a] + step)
                there = (place, here[1]) if a == 0 else (here[0], place)
                if there in laid:
                    width = axis.overlap(place if step < 0 else here[a], self.piece)
                    if width:
                        strip = turn(planes)[:, ::flip][:, :width]
                        turn(kept)[:, ::flip][:, :width] |= np.arange(width) < least_cut(strip)[:, None]
        return torch.from_numpy(kept)

    def _nearby(self, laid: dict[tuple[int, int], tuple[int, int]], here: tuple[int, int]) -> Tensor:
        """For every position in the exemplar: whether neighbouring pieces exclude it, and its cost."""
        axes = self.rows, self.columns
        around = range(-_REACH, _REACH + 1)
        steps: dict[tuple[int, int], int] = {}  # index in the grid -> distance in pieces
        for di in around:
            for dj in around:
                there = axes[0].place(here[0] + di), axes[1].place(here[1] + dj)
                steps[there] = min(steps.get(there, _REACH), max(abs(di), abs(dj)))
        plane = torch.zeros(self.pieces.positions, dtype=torch.float32)
        for there, away in steps.items():
            if there not in laid:
                continue
            place = laid[there]
            if away <= 1:
                own = (axis.gap(t, h) for axis, t, h in zip(axes, there, here, strict=True))
                centre, reach = [p + gap for p, gap in zip(place, own, strict=True)], self.piece // 4
                y, x = (slice(max(0, c - reach), max(0, c + reach + 1)) for c in centre)
                plane[y, x] += _FORBIDDEN
            if self.regular < _REUSED:  # by the fraction of shared pixels
                reach = self.piece - 1
                y, x = (slice(max(0, p - reach), p + reach + 1) for p in place)
                near = plane[y, x]
                top, left = y.start - place[0] + reach, x.start - place[1] + reach
                shared = self.shared[top : top + near.shape[0], left : left + near.shape[1]]
                near += _NEAR * shared * (1 - away / (_REACH + 1))
        return plane.flatten()


def _axis(length: int, piece: int, overlap: int, wraps: bool) -> _Axis:
    """Evenly spaced pieces that overlap by at least `overlap` pixels, and as little more as possible."""
    step = max(1, piece - overlap)
    if wraps:
        count = math.ceil(length / step)
        return _Axis([i * length // count for i in range(count)], length, True)
    room = length - piece
    count = math.ceil(room / step)
    return _Axis([i * room // max(1, count) for i in range(count + 1)], length, False)
