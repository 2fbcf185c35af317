"""Cells along the field: every patch tries candidates from its neighbours' targets, and random ones.

    sigma(i) = argmin over candidates j of |P_i u - y_j|^2 - psi_j

A neighbour's target, shifted by the offset between the patches, continues the neighbour; correspondences of
natural textures consist of long runs of such continuations (PatchMatch: Barnes et al. 2009, "PatchMatch: a
randomized correspondence algorithm for structural image editing"; generalised: 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from texot.field.compiled import Kernels, in_bands, ready
from texot.field.grid import Grid
from texot.field.source import Source
from texot.kernels import laguerre_cells

_NEAR, FARTHEST = 1, 4  # distances in patches of the neighbours that propose candidates
_STEPS = tuple((dy * k, dx * k) for k in (_NEAR, FARTHEST) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)))
_BAND = 65536  # patches searched at once if prices are constant

Step = tuple[int, int]
"""Offset (dy, dx) of a neighbour, in patches."""
Prices = Callable[[Tensor, Tensor], Tensor] | Tensor | None
"""Costs of targets, see `search`."""


def distances(x: Tensor, source: Source, found: Tensor) -> Tensor:
    """Squared distances of x (n, k) int16 to its targets, (n,) int32, in square units of `Source.rounded`."""
    difference = (x - source.coordinates.index_select(0, found)).float()
    return difference.square_().sum(1).to(torch.int32)  # below 2^24: exact in float32


def nearest(x: Tensor, source: Source, backend: str = "auto", psi: Tensor | None = None) -> Tensor:
    """Cells of patches among all targets.

    Args:
        x: (n, k) patches in the source's principal axes, centred.
        source: the exemplar's patches.
        backend: see `laguerre_cells`.
        psi: (m,) potentials of the targets, or None for 0.

    Returns:
        (n,) indices among all patches of the source.
    """
    key = source.key[source.targets]
    return source.targets[
        laguerre_cells(x, key, key.new_zeros(len(key)) if psi is None else psi, backend=backend)
    ]


def search(
    grid: Grid,
    source: Source,
    image: Tensor,
    found: Tensor,
    prices: Prices,
    *,
    reach: Sequence[int] = (),
    active: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Improve the target of every patch.

    Args:
        grid: the result's patches.
        source: the exemplar's patches.
        image: (C, *grid.size), the result, with the guide channels if there are any.
        found: (n,) present targets of its patches.
        prices: the cost -psi (m,) of targets, in the unit of squared distances, or None for no cost; or a
            function that returns it. It is called before every kind of candidate with the present targets
            and squared distances, (n,) each.
        reach: maximal distances in pixels of random candidates from the target; one candidate for each.
        active: (n,) bool, the patches whose targets may change, or None for all.
        generator: CPU generator of random numbers; None: torch's global one.

    Returns:
        (n,) the targets, and (n,) int32 their squared distances in square units of `Source.unit`.
    """
    rows, columns = grid.shape
    plane = found.view(rows, columns)
    width = source.shape[1]
    places = (
        torch.div(plane, width, rounding_mode="floor").to(torch.int32),
        (plane % width).to(torch.int32),
    )
    field = _Field(
        grid, source, places, active, found.clone(), found.new_zeros(len(found), dtype=torch.int32)
    )
    kernels = ready() if found.device.type == "cpu" else None
    extended = grid.extend(image)
    height = rows if prices is not None else max(1, _BAND // columns)
    for first in range(0, rows, height):
        last = min(rows, first + height)
        x = source.rounded(
            extended[:, first * grid.stride : (last - 1) * grid.stride + grid.side], grid.stride
        )
        own = slice(first * columns, last * columns)
        field.distance[own] = distances(x, source, found[own])
        draws = [
            torch.randint(-k, k + 1, (2, len(x)), generator=generator, dtype=torch.int32).to(found.device)
            for k in reach
        ]
        if not callable(prices):
            field.improve(x, first, last, _STEPS, draws, prices, kernels)
            continue
        for step in _STEPS:
            price = prices(field.found, field.distance)
            field.improve(x, first, last, [step], [], price, kernels)
        for draw in draws:
            price = prices(field.found, field.distance)
            field.improve(x, first, last, [], [draw], price, kernels)
    return field.found, field.distance


@dataclass(frozen=True, eq=False)
class _Field:
    """Targets during a search.

    Attributes:
        grid, source: see `search`.
        places: (rows, columns) int32 each, position (y, x) of every target before the search.
        active: see `search`.
        found: (n,), updated in place.
        distance: (n,) int32, updated in place.
    """

    grid: Grid
    source: Source
    places: tuple[Tensor, Tensor]
    active: Tensor | None
    found: Tensor
    distance: Tensor

    def improve(
        self,
        x: Tensor,
        first: int,
        last: int,
        steps: Sequence[Step],
        draws: Sequence[Tensor],
        price: Tensor | None,
        kernels: Kernels | None,
    ) -> None:
        """Try the candidates of rows of patches x; those from neighbours come first."""
        if kernels is not None:
            self._improve_compiled(x, first, last, steps, draws, price, kernels)
            return
        for step in steps:
            self._consider(x, first, last, *self._from_neighbours(first, last, step), price)
        for draw in draws:
            y, left = (plane[first:last].flatten() + at for plane, at in zip(self.places, draw, strict=True))
            self._consider(x, first, last, y, left, price)

    def _from_neighbours(self, first: int, last: int, step: Step) -> tuple[Tensor, Tensor]:
        """Continuations of the neighbours' targets, (n,) positions y and x; y is -1 beyond an open border."""
        device = self.found.device
        index, outside = [], []
        for begin, end, n, by, wraps in zip(
            (first, 0), (last, self.grid.shape[1]), self.grid.shape, step, self.grid.periodic, strict=True
        ):
            there = torch.arange(begin, end, device=device) + by
            outside.append(
                (there < 0) | (there >= n) if not wraps else torch.zeros_like(there, dtype=torch.bool)
            )
            index.append(there % n)
        y, left = (
            plane[index[0]][:, index[1]] - by * self.grid.stride
            for plane, by in zip(self.places, step, strict=True)
        )
        y = y.masked_fill_(outside[0][:, None] | outside[1], -1)
        return y.flatten(), left.flatten()

    def _consider(
        self, x: Tensor, first: int, last: int, y: Tensor, left: Tensor, price: Tensor | None
    ) -> None:
        """Accept the targets at these positions where they cost less."""
        rows, columns = self.source.shape
        own = slice(first * self.grid.shape[1], last * self.grid.shape[1])
        found, distance = self.found[own], self.distance[own]
        index = y.long() * columns + left
        inside = (y >= 0) & (y < rows) & (left >= 0) & (left < columns) & (index != found)
        if self.active is not None:
            inside &= self.active[own]
        if self.source.usable is not None:
            inside &= self.source.usable.flatten()[index.clamp(0, rows * columns - 1)]
        some = inside.nonzero()[:, 0]
        index, before = index[some], distance[some]
        now = distances(x[some], self.source, index)
        better = now < before if price is None else now + price[index] < before + price[found[some]]
        better = better.nonzero()[:, 0]
        where = some[better]
        distance[where], found[where] = now[better], index[better]

    def _improve_compiled(
        self,
        x: Tensor,
        first: int,
        last: int,
        steps: Sequence[Step],
        draws: Sequence[Tensor],
        price: Tensor | None,
        kernels: Kernels,
    ) -> None:
        none = torch.zeros(0)
        usable = none.bool() if self.source.usable is None else self.source.usable.flatten()
        before = (x, self.source.coordinates, *self.places)
        after = (
            torch.tensor(self.grid.periodic, dtype=torch.int64),
            torch.tensor(self.source.shape),
            torch.tensor(steps, dtype=torch.int64).view(-1, 2),
            torch.stack(list(draws)) if draws else torch.zeros(0, 2, 0, dtype=torch.int32),
            none if price is None else price,
            none.bool() if self.active is None else self.active,
            usable,
            self.found,
            self.distance,
        )
        arrays, others = ([tensor.numpy() for tensor in some] for some in (before, after))
        in_bands(
            lambda begin, end: kernels.improve(*arrays, begin, end, self.grid.stride, *others, first),
            first,
            last,
        )
