"""The cells along the field: every patch tries what its neighbours' targets suggest, and a few at random.

    sigma(i) = argmin over candidates j of |P_i u - y_j|^2 - psi_j

A neighbour's target, moved back by the distance to the neighbour, is what would continue it; near images of a
natural texture have long runs of such continuations (PatchMatch: Barnes et al. 2009, "PatchMatch: a
randomized correspondence algorithm for structural image editing"; generalised: 2010).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from texot.field.grid import Grid
from texot.field.source import Source
from texot.kernels import laguerre_cells

_NEAR, _FAR = 1, 4  # patches to the neighbours that are asked


def distances(x: Tensor, source: Source, found: Tensor) -> Tensor:
    """Squared distances |x_i - y_found(i)|^2 in the principal axes, (n,), of x (n, k)."""
    return (x - source.key.index_select(0, found)).square_().sum(1)


def nearest(x: Tensor, source: Source, backend: str = "auto") -> Tensor:
    """Indices of the nearest targets, (n,), of patches x (n, k); `backend`: see `laguerre_cells`."""
    key = source.key[source.targets]
    return source.targets[laguerre_cells(x, key, key.new_zeros(len(key)), backend=backend)]


def search(
    grid: Grid,
    source: Source,
    x: Tensor,
    found: Tensor,
    prices: Callable[[Tensor, Tensor], Tensor] | None,
    *,
    reach: tuple[int, ...],
    active: Tensor | None = None,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Better targets of every patch.

    Args:
        grid: the result's patches.
        source: the exemplar's.
        x: (n, k) patches of the result in the source's principal axes, centred.
        found: (n,) their targets so far.
        prices: what targets cost beside their distance, -psi (m,), or None for nothing. It is asked before
            every kind of candidate, with the targets and squared distances, (n,) each, that hold then.
        reach: how far in pixels random candidates lie from the target, one each.
        active: (n,) bool, the patches whose targets may change, or None for all.
        generator: CPU generator of the draws.

    Returns:
        (n,) the targets, and (n,) their squared distances.
    """
    rows, columns = source.shape
    shape = grid.shape
    device = found.device
    y, x_place = torch.div(found, columns, rounding_mode="floor"), found % columns
    best_distance, found = distances(x, source, found), found.clone()
    usable = None if source.usable is None else source.usable.flatten()

    def consider(candidate_y: Tensor, candidate_x: Tensor) -> None:
        inside = (candidate_y >= 0) & (candidate_y < rows) & (candidate_x >= 0) & (candidate_x < columns)
        index = candidate_y * columns + candidate_x
        inside &= index != found
        if active is not None:
            inside &= active
        if usable is not None:
            inside &= usable[index.clamp(0, len(usable) - 1)]
        some = inside.nonzero()[:, 0]
        if not len(some):
            return
        index, before = index[some], best_distance[some]
        distance = (x[some] - source.key.index_select(0, index)).square_().sum(1)
        if prices is None:
            better = distance < before
        else:
            price = prices(found, best_distance)
            better = distance + price[index] < before + price[found[some]]
        better = better.nonzero()[:, 0]
        where = some[better]
        best_distance[where], found[where] = distance[better], index[better]

    field_y, field_x = y.view(shape), x_place.view(shape)
    for step in (_NEAR, _FAR):
        for dy, dx in ((0, step), (step, 0), (0, -step), (-step, 0)):
            if abs(dy) >= shape[0] or abs(dx) >= shape[1]:
                continue
            moved_y = _from_neighbour(field_y, dy, dx, grid) - dy * grid.stride
            moved_x = _from_neighbour(field_x, dy, dx, grid) - dx * grid.stride
            consider(moved_y.flatten(), moved_x.flatten())
    for pixels in reach:
        draw = torch.randint(-pixels, pixels + 1, (2, len(found)), generator=generator).to(device)
        consider(y + draw[0], x_place + draw[1])
    return found, best_distance


def _from_neighbour(plane: Tensor, dy: int, dx: int, grid: Grid) -> Tensor:
    """Values (rows, columns) of the neighbour dy rows below and dx columns to the right.

    Beyond an open border there is none: -2^30 stands there.
    """
    moved = plane.roll((-dy, -dx), (0, 1))
    for axis, (step, wraps) in enumerate(zip((dy, dx), grid.periodic, strict=True)):
        if step and not wraps:
            n = plane.shape[axis]
            moved.narrow(axis, n - step if step > 0 else 0, abs(step)).fill_(-(2**30))
    return moved
