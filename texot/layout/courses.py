"""A first layout of regular textures by courses: rows of bricks or motifs, boards side by side.

The exemplar is cut into bands along lines where bands join well at any shift (joints, plain stripes). A
sequence of bands, all used equally often, fills the result. Every band is continued by a sequence of its own
columns, so that no two rows are the same, and is shifted to fit the band before. Neighbours are joined along
the cut of least error through their overlap, as in a quilt (Efros & Freeman 2001). All bands are chosen at
once (`texot.layout.sequences`), so that rows are straight and complete, and meet around the torus.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texot.images.autocorrelation import PATTERN
from texot.images.masks import filled
from texot.images.pyramid import Periodic
from texot.layout.cuts import least_cut
from texot.layout.sequences import Array, Segment, even_sequence

_CONTEXT = 1 / 16  # of the shorter side: pixels compared on either side of a cut
_OVERLAP = 1 / 32  # of the shorter side: pixels of overlap through which the cut runs
_SHIFTED = 0.25  # noise in the cost of shifting a band, relative to the median: if rows form no pattern
_MIN_SEGMENT = 1 / 10  # of a side: the shortest segment
_ALONG = 2  # maximal ratio of a piece's length to the band's width
_SUITING = 0.25  # fraction of the best shifts over which the cost of a join is averaged
_ALIKE, _EDGES = 3, 0.6  # number of similar bands whose pieces may be used, and their maximal edge difference
_BARRIER = 10.0  # price of the line between two adjacent bands: no piece crosses it
_LAGS = 64  # shifts at which lines are compared
_MAX_LINES = 512
_ATTEMPTS, _MAX_WORK = 4, 32  # number of layouts; their total pixels in units of the exemplar's

Image = npt.NDArray[np.float32]


def courses(
    exemplar: Tensor,
    size: tuple[int, int],
    longest: float,
    *,
    known: Tensor,
    regular: float = 0,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> list[Tensor]:
    """Candidate layouts of an exemplar's bands: rows or columns, whichever are cheaper to join.

    Args:
        exemplar: (C, h, w).
        size: (H, W) of the result.
        longest: maximal width of a band, as a fraction of the exemplar; its pieces may be twice as long.
        known: (h, w) bool; unknown pixels are avoided.
        regular: the exemplar's `regularity`: below .7 no two bands are adjacent that are adjacent in it.
        periodic: axes (y, x) along which the result wraps around.
        generator: CPU generator of random numbers.

    Returns:
        Up to four (C, H, W); none if the exemplar or result is too small for bands, or the exemplar has too
        many lines.
    """
    if max(exemplar.shape[1:]) > _MAX_LINES:
        return []
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    best: tuple[_Weave, list[Segment], float] | None = None
    for axis in (0, 1):
        weave = _Weave.of(exemplar.cpu(), known.cpu(), size, axis, longest, regular, periodic)
        found = None if weave is None else weave.bands(rng)
        if weave is not None and found is not None and (best is None or found[1] < best[2]):
            best = weave, *found
    if best is None:
        return []
    weave, bands, _ = best
    attempts = []
    most = _MAX_WORK * exemplar[0].numel() // (size[0] * size[1])
    for attempt in range(max(1, min(_ATTEMPTS, most))):
        found = (bands, 0.0) if attempt == 0 else weave.bands(rng)
        layout = None if found is None else weave.laid(found[0], rng)
        if layout is not None:
            attempts.append(layout)
    return attempts


@dataclass(frozen=True)
class _Weave:
    """Data shared by all attempts along one axis, transposed if needed so that bands are rows.

    Attributes:
        source: (C, h, w).
        unknown: (h, w), 1 at pixels that should not be used.
        size: (H, W) of the result.
        periodic: its axes that wrap around.
        turned: whether the axes are exchanged.
        overlap, context: pixels on either side of a cut that overlap, and that are compared.
        lengths: minimal and maximal number of rows of a band.
        along: minimal and maximal number of columns of a piece of a band.
        continued: whether bands adjacent in the source may be adjacent in the result.
        difference: (h + 1, h + 1) difference of the rows around two cuts, relative to the median.
        jump: (h + 1, h + 1) cost of joining bands: the same, infinite where a join is forbidden.
    """

    source: Image
    unknown: Image
    size: tuple[int, int]
    periodic: Periodic
    turned: bool
    overlap: int
    context: int
    lengths: tuple[int, int]
    along: tuple[int, int]
    continued: bool
    difference: Array
    jump: Array

    @classmethod
    def of(
        cls,
        exemplar: Tensor,
        known: Tensor,
        size: tuple[int, int],
        axis: int,
        longest: float,
        regular: float,
        periodic: Periodic,
    ) -> _Weave | None:
        """See `courses`; None if there is no room."""
        if axis:
            exemplar, known, size = exemplar.mT, known.mT, (size[1], size[0])
            periodic = periodic[1], periodic[0]
        source = filled(exemplar, known).numpy().astype(np.float32)
        overlap, context = (max(2, round(part * min(source.shape[1:]))) for part in (_OVERLAP, _CONTEXT))
        lengths, along = (
            (max(3, round(_MIN_SEGMENT * n)), max(6, round(min(1.0, most) * n)))
            for n, most in zip(source.shape[1:], (longest, _ALONG * longest), strict=True)
        )
        room = min(source.shape[1] - lengths[0], source.shape[2] - along[0])
        if room < 2 * overlap or size[0] < 2 * lengths[0] or size[1] < 2 * along[0]:
            return None
        difference = _row_joins(source, known.numpy().astype(np.float32), overlap, context)
        difference /= max(float(np.median(difference[np.isfinite(difference)])), 1e-12)
        jump = difference.copy()
        continued = regular >= PATTERN
        if not continued:
            jump[_apart(len(jump)) < lengths[0]] = np.inf
        unknown = (~known).numpy().astype(np.float32)
        return cls(
            source=source,
            unknown=unknown,
            size=size,
            periodic=periodic,
            turned=axis == 1,
            overlap=overlap,
            context=context,
            lengths=lengths,
            along=along,
            continued=continued,
            difference=difference,
            jump=jump,
        )

    def bands(self, rng: np.random.Generator) -> tuple[list[Segment], float] | None:
        """Bands of the source that fill the result, and their cost."""
        unused = np.zeros(len(self.unknown))
        return even_sequence(
            self.jump,
            self.size[0],
            self.lengths,
            unknown=self.unknown.mean(1).astype(np.float64),
            used=unused,
            ring=self.periodic[0],
            rng=rng,
        )

    def laid(self, bands: list[Segment], rng: np.random.Generator) -> Tensor | None:
        """(C, H, W), each band continued along itself; None if one cannot be."""
        used = np.zeros(self.unknown.shape)
        strips: list[Image] = []
        for band in bands:
            strip = self._strip(band, used, rng)
            if strip is None:
                return None
            strips.append(self._moved(strip, strips, rng, last=len(strips) + 1 == len(bands)))
        image = self._joined(strips, [b.length for b in bands], self.size[0], 0)
        result = torch.from_numpy(np.ascontiguousarray(image))
        return result.mT.contiguous() if self.turned else result

    def _strip(self, band: Segment, used: Array, rng: np.random.Generator) -> Image | None:
        """A band with its overlaps, as long as the result, or half a source longer on an open axis."""
        bands = [band, *self._alike(band)]
        pieces = self._pieces(bands, used, rng)
        if pieces is None and len(bands) > 1:  # every sequence would cross bands within a piece
            pieces = self._pieces(bands := [band], used, rng)
        if pieces is None:
            return None
        found = []
        for which, start, length in pieces:
            used[bands[which].start : bands[which].end, start : start + length] += 1
            rows = slice(bands[which].start - self.overlap, bands[which].end + self.overlap)
            found.append(self.source[:, rows, start - self.overlap : start + length + self.overlap])
        return self._joined(found, [length for _, _, length in pieces], self._strip_length, 1)

    def _pieces(
        self, bands: list[Segment], used: Array, rng: np.random.Generator
    ) -> list[tuple[int, int, int]] | None:
        """Pieces of bands that continue each other: (band, first column, columns) of each."""
        parts = [self.source[:, b.start - self.overlap : b.end + self.overlap] for b in bands]
        unknown, before = ([of[b.start : b.end].mean(0) for b in bands] for of in (self.unknown, used))
        run = even_sequence(
            self._column_joins(parts),
            self._strip_length,
            self.along,
            unknown=_beside(unknown, _BARRIER),
            used=_beside(before, 0),
            ring=self.periodic[1],
            rng=rng,
        )
        if run is None:
            return None
        width = parts[0].shape[2]
        pieces = [(*divmod(piece.start, width + 1), piece.length) for piece in run[0]]
        return pieces if all(start + length <= width for _, start, length in pieces) else None

    @property
    def _strip_length(self) -> int:
        """Columns of a strip."""
        return self.size[1] + (0 if self.periodic[1] else self._slack)

    def _alike(self, band: Segment) -> list[Segment]:
        """Other bands of the same width with similar edges, whose pieces may be used too."""
        step = self.lengths[0]
        starts = np.arange(self.overlap, len(self.unknown) + 1 - self.overlap - band.length)
        cost = np.maximum(
            self.difference[starts, band.start], self.difference[starts + band.length, band.end]
        )
        cost[np.abs(starts - band.start) < step] = np.inf
        found: list[Segment] = []
        while len(found) < _ALIKE and len(cost) and cost.min() <= _EDGES:
            start = int(starts[cost.argmin()])
            found.append(Segment(start, start + band.length))
            cost[np.abs(starts - start) < step] = np.inf
        return found

    def _column_joins(self, parts: list[Image]) -> Array:
        """Cost of joining columns of adjacent bands, separated by a barrier column."""
        width = parts[0].shape[2]
        cuts = width + 1
        joins = np.full((len(parts) * cuts, len(parts) * cuts), np.inf)
        flat = [part.reshape(-1, width) for part in parts]
        square = [(part**2).sum(0) for part in flat]
        count = _around_cuts(np.ones((width, width), np.float32), self.context).clip(1e-6)
        for i, j in itertools.product(range(len(parts)), repeat=2):
            distance = (square[i][:, None] + square[j] - 2 * flat[i].T @ flat[j]).clip(0)
            block = _framed(_around_cuts(distance, self.context) / count, self.overlap)
            if i == j:
                block[_apart(cuts) < self.along[0]] = np.inf
            joins[i * cuts : (i + 1) * cuts, j * cuts : (j + 1) * cuts] = block
        return joins

    @property
    def _slack(self) -> int:
        """Additional columns of strips if the result does not wrap around."""
        return len(self.unknown[0]) // 2

    def _moved(self, strip: Image, before: list[Image], rng: np.random.Generator, *, last: bool) -> Image:
        """A strip cut to the result's width at the shift that fits its neighbours best."""
        width, both = self.size[1], 2 * self.overlap
        joins = [(before[-1][:, -both:], strip[:, :both])] if before else []
        if before and last and self.periodic[0]:
            joins.append((before[0][:, :both], strip[:, -both:]))
        if self.periodic[1]:
            shifts = [np.roll(np.arange(width), k) for k in range(width if joins else 1)]
        else:
            shifts = [np.arange(width) + k for k in range(self._slack + 1 if joins else 1)]
        weight = _triangle(self.overlap)[None, :, None].astype(np.float32)
        errors = np.array(
            [float(sum((weight * (a - b[:, :, x]) ** 2).sum() for a, b in joins)) for x in shifts]
        )
        if not self.continued:
            errors += _SHIFTED * np.median(errors) * rng.random(len(errors))
        return strip[:, :, shifts[int(errors.argmin())]]

    def _joined(self, parts: list[Image], lengths: list[int], total: int, axis: int) -> Image:
        """Parts in sequence along an axis, each with an overlap on either side, joined by cuts."""
        closed, ring = axis == 0 and self.periodic[1], self.periodic[axis]
        parts = [p if axis == 0 else p.transpose(0, 2, 1) for p in parts]
        both = 2 * self.overlap
        out = np.zeros((parts[0].shape[0], total + both, parts[0].shape[2]), np.float32)
        at = 0
        for part, length in zip(parts, lengths, strict=True):
            new = part.copy()
            if at:
                new[:, :both] = _cut(out[:, at : at + both], part[:, :both], closed)
            out[:, at : at + length + both] = new
            at += length
        if ring:
            out[:, :both] = _cut(out[:, total:], out[:, :both], closed)
            out = out[:, :total]
        else:
            out = out[:, self.overlap : self.overlap + total]
        return out if axis == 0 else out.transpose(0, 2, 1)


def _cut(old: Image, new: Image, closed: bool) -> Image:
    """Two images (C, k, n) joined along a cut, the old one on top."""
    path = least_cut(np.ascontiguousarray(((old - new) ** 2).sum(0).T), closed=closed)
    return np.where(np.arange(old.shape[1])[:, None] < path, old, new)


def _row_joins(source: Image, known: Image, overlap: int, context: int) -> Array:
    """Cost of joining rows at two cuts, averaged over the best shifts, (h + 1, h + 1)."""
    width = known.shape[1]
    values = source * known
    square = (values**2).sum(0)
    most = width // 2
    found = []
    for lag in np.unique(np.linspace(-most, most, _LAGS).round().astype(int)):
        a, b = (slice(lag, None), slice(0, width - lag)) if lag >= 0 else (slice(0, lag), slice(-lag, None))
        cross = sum(plane[:, a] @ plane[:, b].T for plane in values)
        total = square[:, a] @ known[:, b].T + known[:, a] @ square[:, b].T - 2 * cross
        count = known[:, a] @ known[:, b].T
        found.append(_around_cuts(total.clip(0), context) / _around_cuts(count, context).clip(1e-6))
    return _framed(np.quantile(np.stack(found), _SUITING, axis=0), overlap)


def _beside(parts: list[Array], between: float) -> Array:
    """Values of the columns of adjacent bands, separated by a barrier column."""
    found = [parts[0]]
    for part in parts[1:]:
        found += [np.array([between]), part]
    return np.concatenate(found).astype(np.float64)


def _triangle(overlap: int) -> Array:
    """Weights of the lines around a cut, (2 overlap,): largest next to it."""
    line = np.arange(2 * overlap)
    return np.minimum(line + 1, 2 * overlap - line) / (overlap * (overlap + 1))


def _around_cuts(lines: Image, context: int) -> Array:
    """Weighted sums of pairwise values (n, n) over the lines around pairs of cuts, (n + 1, n + 1)."""
    n = len(lines) + 1
    wide = np.pad(lines.astype(np.float64), context)
    found = np.zeros((n, n))
    for k, weight in enumerate(_triangle(context)):
        found += weight * wide[k : k + n, k : k + n]
    return found


def _framed(joins: Array, margin: int) -> Array:
    """Costs of joins (n, n), infinite nearer to a border than a margin."""
    found = np.full_like(joins, np.inf)
    inside = slice(margin, len(joins) - margin)
    found[inside, inside] = joins[inside, inside]
    return found


def _apart(n: int) -> npt.NDArray[np.int64]:
    """Number of lines from one cut to another, (n, n)."""
    cut = np.arange(n)
    apart: npt.NDArray[np.int64] = np.abs(cut[:, None] - cut)
    return apart
