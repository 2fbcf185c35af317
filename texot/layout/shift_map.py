"""Fill a hole with large connected pieces: all pixels choose an offset into the texture jointly.

A shift map (Pritch, Kav-Venaki & Peleg 2009, "Shift-map image editing") gives each pixel of a hole an offset
into the texture. Two neighbours with different offsets cost the difference of the two copies at both
pixels (Kwatra et al. 2003, "Graphcut textures"), so cuts are hardly visible, and stones stay whole. Candidate
offsets are those at which the texture repeats itself (He & Sun 2012, "Statistics of patch offsets for
image completion"), and those that fit the hole's surroundings. The energy is lowered by min-sum belief
propagation in sweeps over rows and columns (Tappen & Freeman 2003), then pixel by pixel.

The cost of cuts alone would prefer dark or smooth fills. So the problem is solved several times with offsets
prescribed at a few random pixels. The fill of the lowest score is kept: the distance of its patches to the
nearest of the texture (broken structure) plus their sliced distance (missing or too frequent content).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.masks import shrunk
from texot.images.pyramid import Periodic
from texot.layout.onion_fill import Pieces
from texot.layout.score import LayoutScore

_MAX_OFFSETS, _MIN_OFFSETS = 72, 40
_MAX_COSTS = 2**22  # maximal number of pairs of offsets, over all pixels
_REPEATS = 0.6  # fraction of the offsets that are repetitions of the texture
_APART = 0.08  # minimal repetition, as a fraction of the larger side
_QUERIES, _NEAREST = 1024, 3  # patches that vote for offsets, and votes of each patch
_RING, _RING_OFFSETS = 256, 2**14  # numbers of pixels around the hole and of offsets that are compared
_SEEN = 0.15  # fraction of those pixels that an offset must reach
_UNSEEN = 0.05  # cost of a pixel that is not reached, in units of the texture's variance
_CHOICE = 3  # minimal number of offsets of every pixel
_DRAWS = 64
_FAR = 0.02  # cost of a relative weight of 1/e, in units of the texture's variance
_FORBIDDEN = 1e3
_SWEEPS, _POLISH = 4, 4
_ATTEMPTS = 9  # the first one without prescribed offsets
_CORE = 1  # pixels around a prescribed pixel that are prescribed too


def shift_map(
    image: Tensor,
    hole: Tensor,
    source: Tensor,
    known: Tensor,
    piece: int,
    *,
    density: Tensor | None = None,
    periodic: Periodic = (False, False),
    source_periodic: Periodic = (False, False),
    generator: torch.Generator,
) -> tuple[Tensor, Tensor] | None:
    """The image with its hole filled by connected pieces of the source.

    Args:
        image: (C, H, W).
        hole: (H, W) bool, with true and false pixels.
        source: (C, h, w), of a few hundred pixels a side: all of it is compared.
        known: (h, w) bool, the pixels of it that may be copied.
        piece: distance in pixels of prescribed offsets.
        density: (h, w) weights in [0, 1], or None. Pixels of small weight cost more.
        periodic, source_periodic: axes (y, x) of the two that wrap around.
        generator: CPU generator of random numbers.

    Returns:
        (C, H, W) with unchanged known pixels, and (h, w), the number of pixels of the hole that come from
        each pixel of the source; on the devices of image and source. None if no 8x8 pixels are known, if the
        hole is too large for enough offsets, or if they do not reach all of it.
    """
    canvas, open_ = image.detach().cpu(), hole.cpu()
    part = _Part.of(canvas, open_, periodic)
    most = min(_MAX_OFFSETS, int((_MAX_COSTS / part.hole.numel()) ** 0.5))
    usable = known.cpu()
    values, shares = source.detach().cpu(), None if density is None else density.detach().cpu()
    score = LayoutScore.of(values, usable, shares, generator=generator) if most >= _MIN_OFFSETS else None
    if score is None:
        return None
    patches = score.patches
    texture = _Texture(values, usable, shares, source_periodic, patches.variance)
    offsets = _repeats(texture, patches, round(_REPEATS * most), generator)
    offsets += _suiting(part, texture, most - len(offsets), generator)
    costs = _Costs.of(part, texture, _covering(part, texture, offsets, most, generator))
    if costs is None:
        return None
    y, x = costs.places
    best, least = None, torch.inf
    for attempt in range(_ATTEMPTS):
        own = costs.own if attempt == 0 else _given(costs.own, part.hole, piece, generator)
        labels = costs.solve(own)
        rows, columns = (place.gather(0, labels[None])[0] for place in (y, x))
        result = canvas.clone()
        result[:, part.rows[:, None], part.columns] = torch.where(
            part.hole, texture.values[:, rows, columns], part.values
        )
        loss = score.loss(result, open_, periodic=periodic)
        if best is None or loss < least:
            best, least = (result, texture.counts(rows[part.hole], columns[part.hole])), loss
    assert best is not None
    return best[0].to(image), best[1].to(source)


@dataclass(frozen=True)
class _Texture:
    """The texture that is copied from.

    Attributes:
        values, known, density: (C, h, w), (h, w) bool and (h, w) or None, see `shift_map`.
        periodic: axes (y, x) that wrap around.
        variance: variance of the known pixels.
    """

    values: Tensor
    known: Tensor
    density: Tensor | None
    periodic: Periodic
    variance: float

    def places(self, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of pixels at rows and columns of the unwrapped plane; whether they may be copied."""
        allowed, found = torch.ones((), dtype=torch.bool), []
        for index, n, wraps in zip((y, x), self.known.shape, self.periodic, strict=True):
            allowed = allowed & ((index >= 0) & (index < n) | wraps)
            found.append(index % n if wraps else index.clamp(0, n - 1))
        allowed = allowed & self.known[found[0], found[1]]
        return found[0].expand(allowed.shape), found[1].expand(allowed.shape), allowed

    def counts(self, y: Tensor, x: Tensor) -> Tensor:
        """(h, w): how often each pixel occurs."""
        found = torch.zeros(self.known.shape, dtype=torch.float32)
        return found.index_put_((y, x), torch.ones(len(y), dtype=torch.float32), accumulate=True)


@dataclass(frozen=True)
class _Part:
    """The hole's bounding box in an image, with a margin of one known pixel.

    Attributes:
        top, left: its first row and column; it continues beyond the border on axes that wrap around.
        rows, columns: (h,) and (w,) indices in the image.
        hole, values: (h, w) bool and (C, h, w) in the box.
        rings: axes (y, x) along which the box wraps around.
    """

    top: int
    left: int
    rows: Tensor
    columns: Tensor
    hole: Tensor
    values: Tensor
    rings: tuple[bool, bool]

    @classmethod
    def of(cls, image: Tensor, hole: Tensor, periodic: Periodic) -> _Part:
        """See `shift_map`."""
        starts, lines, rings = [], [], []
        for axis, wraps in enumerate(periodic):
            there = hole.any(1 - axis)
            n = len(there)
            start = int(_after_longest_gap(there)) if wraps else 0
            inside = there.roll(-start).nonzero()[:, 0]
            first, last = start + int(inside[0]) - 1, start + int(inside[-1]) + 1
            if wraps and last - first + 1 >= n:
                first, last = start, start + n - 1
            elif not wraps:
                first, last = max(0, first), min(n - 1, last)
            starts.append(first)
            lines.append(torch.arange(first, last + 1) % n)
            rings.append(wraps and last - first + 1 == n)
        rows, columns = lines
        values = image[:, rows[:, None], columns]
        part = hole[rows[:, None], columns]
        return cls(starts[0], starts[1], rows, columns, part, values, (rings[0], rings[1]))

    @property
    def plane(self) -> tuple[Tensor, Tensor]:
        """Unwrapped rows (h, 1) and columns (1, w)."""
        h, w = self.hole.shape
        return torch.arange(self.top, self.top + h)[:, None], torch.arange(self.left, self.left + w)[None]


def _after_longest_gap(there: Tensor) -> int:
    """Index after the longest run of false in a circular (n,) bool."""
    true = there.nonzero()[:, 0]
    gaps = (true - true.roll(1)) % len(there)
    return int(true[gaps.argmax()])


def _repeats(texture: _Texture, patches: Pieces, n: int, generator: torch.Generator) -> list[tuple[int, int]]:
    """Up to n offsets (y, x) between most of a texture's patches and their nearest neighbours."""
    height, width = texture.known.shape
    apart = max(4, round(_APART * max(height, width)))
    queries = torch.randperm(len(patches.rows), generator=generator)[:_QUERIES].sort().values
    votes = torch.zeros(2 * height + 1, 2 * width + 1, dtype=torch.float32)
    for some in torch.split(queries, 256):
        distance = patches.squares.sum(1) - 2 * patches.values[some] @ patches.values.T
        dy, dx = (place[None] - place[some][:, None] for place in (patches.rows, patches.columns))
        distance[(dy.abs() < apart) & (dx.abs() < apart)] = torch.inf
        nearest = distance.topk(min(_NEAREST, distance.shape[1]), largest=False)
        y, x = (d.gather(1, nearest.indices)[nearest.values < torch.inf] for d in (dy, dx))
        for sign in (1, -1):
            place = height + sign * y, width + sign * x
            votes.index_put_(place, torch.ones(len(y), dtype=torch.float32), accumulate=True)
    kernel = votes.new_tensor([1.0, 2.0, 1.0]) / 4
    smooth = F.conv2d(votes[None, None], (kernel[:, None] * kernel)[None, None], padding=1)[0, 0]
    peak = (smooth == F.max_pool2d(smooth[None], 3, 1, 1)[0]) & (smooth > 0)
    y, x = peak.nonzero().T
    best = smooth[y, x].argsort(descending=True, stable=True)[:n]
    return [(int(a) - height, int(b) - width) for a, b in zip(y[best], x[best], strict=True)]


def _suiting(part: _Part, texture: _Texture, n: int, generator: torch.Generator) -> list[tuple[int, int]]:
    """Up to n non-adjacent offsets (y, x) whose copies match the surroundings of the hole best."""
    ring = (~part.hole & ~shrunk(~part.hole, 1)).nonzero()
    ring = ring[torch.randperm(len(ring), generator=generator)[:_RING].sort().values]
    wanted = part.values[:, ring[:, 0], ring[:, 1]]
    y, x = ring[:, 0] + part.top, ring[:, 1] + part.left
    first = torch.tensor([-part.top - part.hole.shape[0], -part.left - part.hole.shape[1]])
    n_rows, n_columns = (a + b for a, b in zip(part.hole.shape, texture.known.shape, strict=True))
    total = n_rows * n_columns
    if total > _RING_OFFSETS:
        draw = torch.randint(total, (_RING_OFFSETS,), generator=generator)
    else:
        draw = torch.arange(total)
    offsets, costs = first + torch.stack([draw // n_columns, draw % n_columns], 1), []
    offsets = offsets[(offsets != 0).any(1)]
    for some in torch.split(offsets, 2048):
        row, column, allowed = texture.places(y + some[:, :1], x + some[:, 1:])
        differ = ((texture.values[:, row, column] - wanted[:, None]) ** 2).sum(0) * allowed
        count = allowed.sum(1)
        mean = differ.sum(1) / count.clamp_min(1) + _UNSEEN * texture.variance * (1 - count / len(y))
        costs.append(torch.where(count >= _SEEN * len(y), mean, torch.inf))
    cost = torch.cat(costs)
    found: list[tuple[int, int]] = []
    while len(found) < n and bool(cost.min() < torch.inf):
        best = offsets[int(cost.argmin())]
        found.append((int(best[0]), int(best[1])))
        cost[((offsets - best).abs() <= 2).all(1)] = torch.inf
    return found


def _covering(
    part: _Part,
    texture: _Texture,
    offsets: list[tuple[int, int]],
    most: int,
    generator: torch.Generator,
) -> list[tuple[int, int]]:
    """The offsets, with the last ones replaced until every pixel of the hole has enough of them."""
    y, x = part.plane
    there = texture.known.nonzero()

    count = torch.zeros(part.hole.shape, dtype=torch.int64)
    for dy, dx in dict.fromkeys(offsets):
        count += texture.places(y + dy, x + dx)[2]
    more: list[tuple[int, int]] = []
    while len(more) < most // 2:
        want = part.hole & (count < _CHOICE)
        lacking = want.nonzero()
        if not len(lacking):
            break
        from_ = lacking[torch.randint(len(lacking), (_DRAWS,), generator=generator)]
        to = there[torch.randint(len(there), (_DRAWS,), generator=generator)]
        draws = (to - from_ - torch.tensor([part.top, part.left])).tolist()
        best = max(draws, key=lambda d: int((texture.places(y + d[0], x + d[1])[2] & want).sum()))
        more.append((best[0], best[1]))
        count += texture.places(y + best[0], x + best[1])[2]
    return list(dict.fromkeys([*more, *offsets]))[:most]


def _given(own: Tensor, hole: Tensor, apart: int, generator: torch.Generator) -> Tensor:
    """Costs (h, w, n) that prescribe a random label at a random pixel of each square."""
    found = own.clone()
    inside = shrunk(hole, _CORE)
    for top in range(0, hole.shape[0], apart):
        for left in range(0, hole.shape[1], apart):
            y, x = (int(k) for k in torch.randint(apart, (2,), generator=generator))
            y, x = top + y, left + x
            if not (
                _CORE <= y < hole.shape[0] - _CORE and _CORE <= x < hole.shape[1] - _CORE and inside[y, x]
            ):
                continue
            core = found[y - _CORE : y + _CORE + 1, x - _CORE : x + _CORE + 1]
            choice = (core < _FORBIDDEN).all(0).all(0)
            if bool(choice.any()):
                label = int(torch.multinomial(choice.float(), 1, generator=generator))
                core[..., torch.arange(own.shape[2]) != label] = _FORBIDDEN
    return found


@dataclass(frozen=True)
class _Costs:
    """Costs of labels: label 0 keeps a known pixel, label k copies from the k-th offset.

    Attributes:
        places: rows and columns (n, h, w) of the source that labels copy from.
        own: (h, w, n) unary costs.
        pairs: (h, w, n, n) squared difference of two copies of a pixel.
        rings: see `_Part`.
    """

    places: tuple[Tensor, Tensor]
    own: Tensor
    pairs: Tensor
    rings: tuple[bool, bool]

    @classmethod
    def of(cls, part: _Part, texture: _Texture, offsets: list[tuple[int, int]]) -> _Costs | None:
        """The costs, or None if some pixel has no label."""
        shift = torch.tensor([(0, 0), *offsets]).T[..., None, None]
        y, x = part.plane
        y, x, allowed = texture.places(y + shift[0], x + shift[1])
        allowed[0] = ~part.hole
        if not bool(allowed[1:].any(0)[part.hole].all()):
            return None
        copies = texture.values[:, y, x].transpose(0, 1) / texture.variance**0.5
        copies[0] = part.values / texture.variance**0.5
        n, (h, w) = len(copies), part.hole.shape
        pairs = torch.empty(n, n, h, w, dtype=torch.float32)
        for label in range(n):
            both = (allowed & allowed[label]).float()[None]
            differ = ((copies - copies[label]) ** 2).sum(1)[None] * both
            total, weight = (F.avg_pool2d(F.pad(v, (1, 1, 1, 1)), 3, 1)[0] for v in (differ, both))
            pairs[label] = torch.where(weight > 0, total / weight.clamp_min(1e-6), 1.0)
        own = torch.where(allowed & part.hole, 0.0, _FORBIDDEN)
        own[0] = torch.where(part.hole, _FORBIDDEN, 0.0)
        if texture.density is not None:
            near = (texture.density / texture.density.max().clamp_min(1e-12)).clamp_min(1e-6)
            own[1:] -= _FAR * near.log()[y[1:], x[1:]]
        return cls(
            (y, x), own.permute(1, 2, 0).contiguous(), pairs.permute(2, 3, 0, 1).contiguous(), part.rings
        )

    def solve(self, own: Tensor) -> Tensor:
        """(h, w) labels of low cost, with unary costs `own`."""
        messages = [torch.zeros_like(own) for _ in range(4)]  # from the left, right, top, bottom
        for _ in range(_SWEEPS):
            self._sweep(own, messages)
        return self._polished((own + sum(messages)).argmin(2), own)

    def _sweep(self, own: Tensor, messages: list[Tensor]) -> None:
        """Pass messages to the right, to the left, down and up, line after line."""
        for axis, (forward, backward) in ((1, (0, 1)), (0, (2, 3))):
            n = own.shape[axis]
            for to, opposite, step in ((forward, backward, 1), (backward, forward, -1)):
                order = range(n) if step == 1 else range(n - 1, -1, -1)
                for line in order:
                    before = line - step
                    if not 0 <= before < n:
                        if not self.rings[axis]:
                            continue
                        before %= n
                    others = (m.select(axis, before) for k, m in enumerate(messages) if k != opposite)
                    belief = own.select(axis, before) + sum(others)
                    pairs = self.pairs.select(axis, before) + self.pairs.select(axis, line)
                    found = (belief[:, None] + pairs).amin(2)
                    messages[to].select(axis, line).copy_(found - found.amin(1, keepdim=True))

    def _polished(self, labels: Tensor, own: Tensor) -> Tensor:
        """Update the labels on a chessboard, each to the best given its neighbours (Besag 1986)."""
        h, w, n = own.shape
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        for turn in range(2 * _POLISH):
            cost = own.clone()
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                row, column = (y + dy) % h, (x + dx) % w
                there = ((y + dy == row) | self.rings[0]) & ((x + dx == column) | self.rings[1])
                neighbour = labels[row, column][..., None, None].expand(-1, -1, n, 1)
                pair = self.pairs.gather(3, neighbour) + self.pairs[row, column].gather(3, neighbour)
                cost += torch.where(there[..., None], pair[..., 0], 0.0)
            labels = torch.where((y + x) % 2 == turn % 2, cost.argmin(2), labels)
        return labels
