"""Algorithm 1 by block-coordinate descent: cells, potentials and image in turn.

    min_u sum_i w_i min_j (|P_i u - y_j|^2 - psi_j) + sum_j nu_j psi_j,   maximal in psi

The unknown is a correspondence field: for every patch of the result, its place in the exemplar. At a given
field and weights the image of least cost is a weighted mean of overlapping patches (`texot.field.vote`), so
that no step size is needed. A finer scale inherits the field, doubled, and the potentials. (The objective is
that of Houdard, Leclaire, Papadakis & Rabin, arXiv 2007.03408; the alternation is Kwatra et al. 2005, with
the transport's potentials.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.field.grid import Grid
from texot.field.potentials import BlockPotential, PatchPotential, finer, mean
from texot.field.source import Source
from texot.field.vote import vote
from texot.images.masks import filled
from texot.images.pyramid import Periodic
from texot.images.statistics import Statistics

_ROBUST = (0.1, -0.6)  # weights (d_i + .1 mean d)^-.6: badly matched patches give way
_LAST = (0.02, -1.5)  # of the last step of all: sharper, nearly the best patch alone


@dataclass(frozen=True)
class FieldPlan:
    """Numbers of the solver.

    Attributes:
        side: of a patch, pixels, at every scale.
        n_axes: principal axes in which distances are taken.
        coarsest: the exemplar is halved while its shorter side is at least twice as much.
        steps: of the scales, coarsest first; the last number holds for all finer ones.
        max_pairs: most pairs of patches that are all compared; beyond, the search goes along the field.
        stride: pixels between the result's patches where it does.
        max_shift: most of the result that one shift of the exemplar may hold, in (0, 1].
    """

    side: int = 7
    n_axes: int = 32
    coarsest: int = 16
    steps: tuple[int, ...] = (30, 16, 8, 4, 3)
    max_pairs: int = 2**20
    stride: int = 2
    max_shift: float = 0.2


@dataclass(frozen=True)
class FieldStep:
    """The result after one step.

    Attributes:
        scale: 0 = finest.
        step, steps: of the scale, from 1.
        image: (C, H, W) at the scale, with up to a patch more than its size on open axes.
        found: (n,) targets of the patches of `grid`, indices of the patches of `source`.
        cost: mean squared distance of the patches to their targets.
        grid, source: patches of the result and of the exemplar.
    """

    scale: int
    step: int
    steps: int
    image: Tensor
    found: Tensor
    cost: float
    grid: Grid
    source: Source


def exemplar_pyramid(
    image: Tensor, known: Tensor | None, plan: FieldPlan
) -> list[tuple[Tensor, Tensor | None]]:
    """The exemplar (C, h, w) and its known pixels (h, w) at every scale, finest first.

    Means of 2x2 pixels; of those that are known, where half of them are.

    Raises:
        InputError: it is smaller than a patch.
    """
    if min(image.shape[1:]) < plan.side:
        raise InputError(f"the exemplar is smaller than a patch of {plan.side}x{plan.side} px")
    scales = [(image if known is None else filled(image, known), known)]
    while min(scales[-1][0].shape[1:]) >= 2 * plan.coarsest:
        fine, there = scales[-1]
        if there is None:
            scales.append((F.avg_pool2d(fine[None], 2)[0], None))
            continue
        share = F.avg_pool2d(there.to(fine)[None], 2)
        coarse = F.avg_pool2d((fine * there)[None], 2)[0] / share.clamp_min(1e-6)
        if not bool((F.max_pool2d((share < 0.5).float(), plan.side, stride=1) == 0).any()):
            break
        scales.append((filled(coarse, share[0] >= 0.5), share[0] >= 0.5))
    return scales


def solve(
    exemplar: Tensor,
    known: Tensor | None,
    size: tuple[int, int],
    *,
    plan: FieldPlan | None = None,
    start: Tensor | None = None,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> Iterator[FieldStep]:
    """Synthesise a texture, step by step.

    Args:
        exemplar: (C, h, w).
        known: (h, w) bool, its usable pixels, or None for all.
        size: (H, W) of the result.
        plan: numbers of the solver.
        start: (C, H', W'), the first image at the coarsest scale, or None for squares of the exemplar.
        periodic: axes (y, x) along which the result wraps around.
        generator: CPU generator of all draws.

    Raises:
        InputError: exemplar or result are smaller than a patch.
    """
    plan = plan or FieldPlan()
    if min(size) < plan.side:
        raise InputError(f"the result is smaller than a patch of {plan.side}x{plan.side} px")
    scales = exemplar_pyramid(exemplar, known, plan)
    while min(-(-n >> (len(scales) - 1)) for n in size) < plan.side and len(scales) > 1:
        scales.pop()
    sizes = [size]
    for _ in scales[1:]:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    last: FieldStep | None = None
    plane: Tensor | None = None
    for scale in reversed(range(len(scales))):
        source = Source.of(*scales[scale], plan.side, plan.n_axes)
        grid, all_pairs = _grid(sizes[scale], source, plan, periodic)
        relative = None if plane is None else finer(plane, source.shape)
        potential: PatchPotential | BlockPotential
        if all_pairs:
            potential = PatchPotential(grid, source, plan.max_shift, relative)
        else:
            potential = BlockPotential(grid, source, relative)
        found: Tensor | None = None
        if last is None:
            image = _first(scales[scale][0], grid, start, generator)
        else:
            found = inherited(last, grid, source)
            image = vote(grid, source, found)
        steps = plan.steps[min(len(scales) - 1 - scale, len(plan.steps) - 1)]
        for step in range(1, steps + 1):
            x = grid.project(image, source.filters) - source.centre
            found, distance = potential.cells(x, found, generator)
            cost = mean(distance)
            part, power = _LAST if scale == 0 and step == steps else _ROBUST
            image = vote(grid, source, found, (distance + part * cost).clamp_min(1e-12) ** power)
            last = FieldStep(scale, step, steps, image, found, cost, grid, source)
            yield last
        plane = potential.plane()


def finished(step: FieldStep, size: tuple[int, int], statistics: Statistics, periodic: Periodic) -> Tensor:
    """The result (C, H, W) of the last step: its own size, with the exemplar's spectrum and moments."""
    image = statistics.clip(statistics.calibrate(step.image, periodic=periodic))
    return image[:, : size[0], : size[1]].contiguous()


def inherited(last: FieldStep, grid: Grid, source: Source) -> Tensor:
    """Targets of a finer grid, (n,): twice those of the coarser patch at the same place."""
    coarse, coarse_columns = last.grid, last.source.shape[1]
    field = last.found.view(coarse.shape)
    device = field.device
    places, rests = [], []
    for n, m in zip(grid.shape, coarse.shape, strict=True):
        at = torch.arange(n, device=device) * grid.stride
        place = torch.div(at, 2 * coarse.stride, rounding_mode="floor").clamp(max=m - 1)
        places.append(place)
        rests.append(at - 2 * place * coarse.stride)
    found = field[places[0]][:, places[1]]
    rows, columns = source.shape
    y = 2 * torch.div(found, coarse_columns, rounding_mode="floor") + rests[0][:, None]
    x = 2 * (found % coarse_columns) + rests[1]
    index = (y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)).flatten()
    if source.usable is not None:  # what touches unknown pixels: the nearest target before it
        nearest = torch.searchsorted(source.targets, index).clamp(max=len(source.targets) - 1)
        index = torch.where(source.usable.flatten()[index], index, source.targets[nearest])
    return index


def _grid(size: tuple[int, int], source: Source, plan: FieldPlan, periodic: Periodic) -> tuple[Grid, bool]:
    """The patches of a scale, and whether all pairs are compared there."""

    def at(stride: int) -> tuple[Grid, bool]:
        grid = Grid(Grid.fitting(size, plan.side, stride, periodic), plan.side, stride, periodic)
        return grid, math.prod(grid.shape) * len(source.targets) <= plan.max_pairs

    every = at(1)
    return every if every[1] else at(plan.stride)


def _first(exemplar: Tensor, grid: Grid, start: Tensor | None, generator: torch.Generator) -> Tensor:
    """The first image, (C, *grid.size): the one given, or squares of a third of the exemplar."""
    height, width = grid.size
    if start is not None:
        more = (0, width - start.shape[2], 0, height - start.shape[1])
        return F.pad(start[None].to(exemplar), more, mode="replicate")[0]
    side = max(grid.side, min(exemplar.shape[1:]) // 3)
    found = exemplar.new_zeros(exemplar.shape[0], height, width)
    for y in range(0, height, side):
        for x in range(0, width, side):
            h, w = min(side, height - y), min(side, width - x)
            i, j = (
                int(torch.randint(0, n - d + 1, (), generator=generator))
                for n, d in zip(exemplar.shape[1:], (h, w), strict=True)
            )
            found[:, y : y + h, x : x + w] = exemplar[:, i : i + h, j : j + w]
    return found
