"""Fill a hole with pieces of the known texture, from its edge inwards.

Positions where about three quarters of a piece's pixels are known come first (from the confidence of
Criminisi, Perez & Toyama 2004, "Region filling and object removal by exemplar-based image inpainting"). The
piece laid there minimises the squared distance to the known pixels, which count more next to the hole, plus a
cost of repeated use.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.masks import distance
from texot.images.pyramid import Periodic

_USE = 0.1  # cost of a piece whose pixels were all used once, in units of the variance
_NOISE = 0.02
_FAR = 0.05  # cost of a piece of relative weight 1/e
_AT_EDGE, _EDGE = 6.0, 2.0  # additional weight of known pixels at the hole; it falls to 1/e over so many
_SEEN = 0.75  # best fraction of known pixels of a piece
_JOIN = 3.0  # pixels over which a piece is blended with earlier ones
_MAX_VALUES = 2**24  # maximal values of all pieces; beyond, some are left out


def onion_fill(
    image: Tensor,
    hole: Tensor,
    source: Tensor,
    known: Tensor,
    piece: int,
    *,
    density: Tensor | None = None,
    attempts: int = 4,
    periodic: Periodic = (False, False),
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """The image with its hole filled by pieces of the source: the best of several attempts.

    Args:
        image: (C, H, W).
        hole: (H, W) bool.
        source: (C, h, w), from which pieces are cut.
        known: (h, w) bool; pieces contain only known pixels. At least one piece must be known.
        piece: side of the pieces in pixels, at most H and W.
        density: (h, w) weights in [0, 1], or None. Pieces of small weight cost more.
        attempts: number of fills; the one of least cost is kept.
        periodic: axes (y, x) of the image that wrap around.
        generator: CPU generator of random numbers.

    Returns:
        (C, H, W) with unchanged known pixels, and (h, w), the number of pixels of the hole that come from
        each pixel of the source; on the devices of image and source.
    """
    shares = None if density is None else density.detach().cpu()
    pieces = Pieces.of(source.detach().cpu(), known.cpu(), piece, shares, generator)
    start, open_ = image.detach().cpu(), hole.cpu()
    tried = [_lay(start, open_, pieces, periodic, generator) for _ in range(attempts)]
    best = min(tried, key=lambda attempt: attempt[2])
    return best[0].to(image), best[1].to(source)


@dataclass(frozen=True)
class Pieces:
    """All pieces of the source.

    Attributes:
        side: side in pixels.
        rows, columns: (n,) positions in the source.
        values, squares: (n, C*p*p) values, and (n, p*p) their squares summed over channels.
        variance: variance of the source.
        far: (n,) cost of each piece's small weight.
        size: (h, w) of the source in pixels.
    """

    side: int
    rows: Tensor
    columns: Tensor
    values: Tensor
    squares: Tensor
    variance: float
    far: Tensor
    size: tuple[int, int]

    @classmethod
    def of(
        cls, source: Tensor, known: Tensor, side: int, density: Tensor | None, generator: torch.Generator
    ) -> Pieces:
        """See `onion_fill`."""
        channels, height, width = source.shape
        whole = F.max_pool2d((~known).float()[None], side, stride=1)[0].flatten() == 0
        index = whole.nonzero()[:, 0]
        most = max(1, _MAX_VALUES // (channels * side * side))
        if len(index) > most:
            index = index[torch.randperm(len(index), generator=generator)[:most].sort().values]
        rows, columns = index // (width - side + 1), index % (width - side + 1)
        windows = source.unfold(1, side, 1).unfold(2, side, 1)[:, rows, columns].transpose(0, 1)
        windows = windows.reshape(len(index), channels, side * side)
        far = torch.zeros(len(index), dtype=torch.float32)
        if density is not None:
            near = F.avg_pool2d(density[None], side, stride=1)[0].flatten()[index]
            far = -_FAR * (near / near.max().clamp_min(1e-12)).clamp_min(1e-6).log()
        variance = float(source[:, known].var(1, correction=0).sum().clamp_min(1e-8))
        squares = (windows**2).sum(1)
        return cls(side, rows, columns, windows.flatten(1), squares, variance, far, (height, width))

    def errors(self, goal: Tensor, weight: Tensor) -> Tensor:
        """(n,) mean squared distances to a goal (C, p, p) with weights (p, p), in units of the variance."""
        cross = self.values @ (goal * weight).flatten()
        total = self.squares @ weight.flatten() - 2 * cross + (goal**2 * weight).sum()
        return total / weight.sum().clamp_min(1) / self.variance


def _lay(
    image: Tensor,
    hole: Tensor,
    pieces: Pieces,
    periodic: Periodic,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, float]:
    """One attempt, the origins of its pixels, and the cost of its pieces; see `onion_fill`."""
    side, result, filled = pieces.side, image.clone(), ~hole
    away = distance(hole, float(side), periodic=periodic)
    weights = torch.where(filled, 1 + _AT_EDGE * torch.exp((1 - away) / _EDGE), 0.0)
    left, total = hole.clone(), 0.0
    origin = torch.zeros(pieces.size, dtype=torch.float32)
    use = torch.zeros([n - side + 1 for n in pieces.size], dtype=torch.float32)  # mean over a piece
    overlap = side - torch.arange(1 - side, side).abs().float()
    shared = torch.outer(overlap, overlap) / side**2  # fraction of pixels that two pieces density
    places = _Places(filled, left, side, periodic, generator)
    while bool(left.any()):
        y, x = places.best()
        goal, known, new = result[:, y, x], filled[y, x], left[y, x]
        weight = weights[y, x]
        used = use[pieces.rows, pieces.columns]
        noise = torch.rand(len(used), generator=generator, dtype=torch.float32)
        cost = pieces.errors(goal, weight) + pieces.far + _USE * used + _NOISE * noise
        found = int(cost.argmin())
        total += float(cost[found]) * int(new.sum())
        piece = pieces.values[found].view_as(goal)
        old = ((distance(~known, _JOIN + 1) - 0.5) / _JOIN).clamp(0, 1)  # blended with earlier pieces
        old = torch.where(hole[y, x], old, 1.0)
        result[:, y, x] = torch.where(new, piece, torch.where(known, torch.lerp(piece, goal, old), goal))
        weights[y, x] = torch.where(new, 1.0, weight)
        filled[y, x], left[y, x] = known | new, False
        places.update(y, x)
        row, column = int(pieces.rows[found]), int(pieces.columns[found])
        y0, x0 = max(0, row - side + 1), max(0, column - side + 1)
        near = use[y0 : row + side, x0 : column + side]
        near += shared[y0 - row + side - 1 :, x0 - column + side - 1 :][: near.shape[0], : near.shape[1]]
        origin[row : row + side, column : column + side] += new
    return result, origin, total


class _Places:
    """Priority of every position for the next piece.

    Args:
        filled, left: (H, W) bool: pixels that are known or laid; pixels still to lay. Call `update` after
            changes.
        side, periodic, generator: see `onion_fill`.
    """

    def __init__(
        self, filled: Tensor, left: Tensor, side: int, periodic: Periodic, generator: torch.Generator
    ) -> None:
        self.filled, self.left, self.side, self.periodic = filled, left, side, periodic
        self.size = [n if wraps else n - side + 1 for n, wraps in zip(filled.shape, periodic, strict=True)]
        self.noise = 0.01 * torch.rand(self.size, generator=generator, dtype=torch.float32)
        self.score = torch.empty(self.size, dtype=torch.float32)
        self._score([(0, n) for n in self.size])

    def best(self) -> tuple[Tensor, Tensor]:
        """The pixels of the best position: (p, 1) rows and (1, p) columns."""
        top, left = divmod(int(self.score.argmax()), self.size[1])
        reach = torch.arange(self.side)
        height, width = self.filled.shape
        return ((reach + top) % height)[:, None], ((reach + left) % width)[None]

    def update(self, y: Tensor, x: Tensor) -> None:
        """Update the scores after changes in these rows and columns."""
        spans = []
        for first, n, wraps in zip((int(y[0, 0]), int(x[0, 0])), self.size, self.periodic, strict=True):
            start, end = first - self.side + 1, first + self.side
            spans.append((start, end) if wraps else (max(0, start), min(n, end)))
        self._score(spans)

    def _score(self, spans: list[tuple[int, int]]) -> None:
        """Score the positions of rows and columns [start, end), modulo the size on axes that wrap around."""
        rows, columns = (torch.arange(*span) % n for span, n in zip(spans, self.size, strict=True))
        y, x = (
            torch.arange(start, end + self.side - 1) % n
            for (start, end), n in zip(spans, self.filled.shape, strict=True)
        )
        seen, todo = (
            F.avg_pool2d(mask[y[:, None], x].float()[None], self.side, stride=1)[0]
            for mask in (self.filled, self.left)
        )
        score = todo.clamp(max=1 - _SEEN) - (seen - _SEEN).abs() + self.noise[rows[:, None], columns]
        self.score[rows[:, None], columns] = torch.where(todo > 0, score, -torch.inf)
