"""Algorithm 1 by block-coordinate descent: cells, potentials and image in turn.

    min_u sum_i w_i min_j (|P_i u - y_j|^2 - psi_j) + sum_j nu_j psi_j,   maximal in psi

The unknown is a correspondence field: for every patch of the result, its place in the exemplar. At a given
field and weights, the image of least cost is a weighted mean of overlapping patches (`texot.field.vote`): no
step size is needed. A finer scale starts from the upsampled field, and from the potentials where all pairs
are compared. (The objective is that of Houdard, Leclaire, Papadakis & Rabin, arXiv 2007.03408; the
alternation is Kwatra et al. 2005, with the transport's potentials.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from texot.field.correspondence import Correspondence
from texot.field.grid import Grid
from texot.field.potentials import BlockPotential, PatchPotential, finer, mean
from texot.field.search import nearest
from texot.field.source import Source
from texot.images.pyramid import Periodic
from texot.images.statistics import channel_moments, match_moments
from texot.layout.start import squares
from texot.solver.plan import FieldPlan, Scale, Size
from texot.solver.region import Hole, Region, padded
from texot.solver.state import Output

ROBUST = (0.1, -0.6)  # weights (d_i + .1 mean d)^-.6: badly matched patches count less
LAST = (0.02, -1.5)  # in the last step: sharper, nearly the best patch alone
MAX_PRICED = 128  # pixels of the exemplar's shorter side up to which blocks have potentials
_NONE = 1e-9  # weight of patches that touch no moving pixel


@dataclass(frozen=True, eq=False)
class Problem:
    """The input of the solver.

    Attributes:
        plan: scales and steps.
        scales: the exemplar at each scale, finest first.
        periodic: axes (y, x) along which the result wraps around.
        start: (C, H', W'), the first image at the coarsest scale, or None for squares of the exemplar.
        output: metadata of the result, and its last conversion.
        finalise: correction of the image after the last step, (C, H, W), at full size, or None.
        holes: the pixels to fill at each scale, finest first, or None to synthesise all pixels.
        guides: (G, H, W) at each scale, finest first, or None: guide channels of the result. They are matched
            with the exemplar's last G channels, which are not part of the result (Hertzmann et al. 2001,
            "Image analogies").
        densities: (h, w) at each scale, finest first: unnormalised weight of the exemplar's patch centred at
            each pixel; None: equal weights.
        backend: of the search among all pairs, see `texot.kernels.laguerre_cells`.
        followers: (F, h, w) at the finest scale, more channels of the exemplar that the result gets by the
            last vote, without a part in the search; or None.
        moments: whether every image but the last gets the exemplar's mean and deviation of each channel. The
            last one remains a mean of patches, with the same weights in all channels.
        traced: whether positions in `scales` are positions in the exemplar.
    """

    plan: FieldPlan
    scales: Sequence[Scale]
    periodic: Periodic
    start: Tensor | None
    output: Output
    finalise: Callable[[Tensor], Tensor] | None = None
    holes: list[Hole] | None = None
    guides: Sequence[Tensor] | None = None
    densities: Sequence[Tensor] | None = None
    backend: str = "auto"
    followers: Tensor | None = None
    moments: bool = False
    traced: bool = True

    def pixels(self, exemplar: Tensor) -> Tensor:
        """The exemplar's channels without those of the guide."""
        return exemplar if self.guides is None else exemplar[: -len(self.guides[0])]


@dataclass(frozen=True)
class FieldStep:
    """The result after one step.

    Attributes:
        scale: 0 = finest.
        step, steps: of the scale, from 1.
        image: (C, H, W) at the scale, padded by up to a patch on open axes.
        found: (n,) targets of the patches of `grid`, indices of the patches of `source`.
        distance: (n,) squared distances to them.
        cost: their mean.
        error: total variation between the masses of targets, or of blocks of targets, and the target measure.
        grid, source: patches of the result and of the exemplar.
        region: the patches that are computed.
    """

    scale: int
    step: int
    steps: int
    image: Tensor
    found: Tensor
    distance: Tensor
    cost: float
    error: float
    grid: Grid
    source: Source
    region: Region

    def correspondence(self) -> Correspondence:
        """The field with the weights of the last step."""
        weights = robust_weights(self.distance, self.cost, LAST)
        if self.region.trust is not None and self.region.active is not None:  # others have no target
            weights = weights * self.region.trust * self.region.active.to(weights).clamp_min(_NONE)
        return Correspondence(self.grid, self.source.shape, self.found, weights)


def solve(problem: Problem, generator: torch.Generator) -> Iterator[FieldStep]:
    """Synthesise a texture, step by step.

    Args:
        problem: exemplar, plan, start.
        generator: CPU generator of all draws.

    Raises:
        InputError: no patch fits the exemplar.
    """
    found: _Found | None = None
    for scale in reversed(range(problem.plan.n_scales)):
        found = yield from _descend(problem, scale, found, generator)


class _Found(NamedTuple):
    """What a scale passes to the next finer one.

    Attributes:
        step: its last step.
        plane: potential at every patch of the exemplar, in units of the mean distance; None where not all
            pairs were compared.
    """

    step: FieldStep
    plane: Tensor | None


def _descend(
    problem: Problem, scale: int, before: _Found | None, generator: torch.Generator
) -> Generator[FieldStep, None, _Found]:
    """All steps of one scale."""
    plan = problem.plan
    density = None if problem.densities is None else problem.densities[scale]
    source = Source.of(*problem.scales[scale], plan.patch_size, plan.n_axes, density)
    pixels = problem.pixels(source.image)
    region, all_pairs = _region(problem, scale, source)
    grid = region.grid
    guide = None if problem.guides is None else padded(problem.guides[scale], grid.size)
    moves = plan.iterations > 0 and not (plan.laid and before is None)
    capacity = region.capacity(source)
    potential: PatchPotential | BlockPotential
    if all_pairs:
        relative = None if before is None or before.plane is None else finer(before.plane, source.shape)
        cap = plan.max_shift if moves else 1.0
        iterations = plan.iterations if moves else 0
        potential = PatchPotential(grid, source, cap, relative, iterations, plan.entropy, capacity)
    else:
        moves = moves and min(source.image.shape[1:]) <= MAX_PRICED
        potential = BlockPotential(grid, source, moves, capacity, region.active)
    moments = channel_moments(pixels, problem.scales[scale][1]) if problem.moments else None
    found: Tensor | None = None
    if before is None:
        if problem.backend != "auto":  # use or refuse it, even if no search among all pairs follows
            nearest(source.key[:1], source, problem.backend)
        image = region.keep(_first(pixels, grid, problem.start, generator))
    else:
        last = before.step
        coarse = Correspondence(last.grid, last.source.shape, last.found)
        field = coarse.finer(2, grid, source.shape, source.usable)
        found, image = field.found, region.keep(field.image(pixels))
    for step in range(1, plan.steps[scale] + 1):
        seen = image if guide is None else torch.cat([image, guide])
        if isinstance(potential, PatchPotential):
            some, distance_of_some = potential.cells(region.moving(source.project(grid, seen)))
            found, distance = region.spread(some, 0), region.spread(distance_of_some, 1.0)
        else:
            if found is None:
                x = region.moving(source.project(grid, seen))
                found = region.spread(nearest(x, source, problem.backend), 0)
            found, distance = potential.cells(seen, found, generator)
        of_moving, cost = region.moving(found), mean(region.moving(distance))
        ends = scale == 0 and step == plan.steps[0]
        weights = robust_weights(distance, cost, LAST if ends else ROBUST)
        if region.trust is not None:
            weights = weights * region.trust
        image = region.keep(Correspondence(grid, source.shape, found, weights).image(pixels))
        if moments is not None and not ends:
            image = match_moments(image, *moments)
        error = potential.error(of_moving)
        now = FieldStep(
            scale, step, plan.steps[scale], image, found, distance, cost, error, grid, source, region
        )
        yield now
    return _Found(now, potential.plane() if isinstance(potential, PatchPotential) else None)


def robust_weights(distance: Tensor, cost: float, robust: tuple[float, float]) -> Tensor:
    part, power = robust
    weights: Tensor = (distance + part * cost).clamp_min(1e-12) ** power
    return weights


def grid_of(size: Size, side: int, stride: int, periodic: Periodic) -> Grid:
    return Grid(Grid.fitting(size, side, stride, periodic), side, stride, periodic)


def _region(problem: Problem, scale: int, source: Source) -> tuple[Region, bool]:
    """The patches of a scale, and whether all pairs are compared there."""
    plan, hole = problem.plan, None if problem.holes is None else problem.holes[scale]
    for stride in (1, plan.wide_stride):
        grid = grid_of(plan.sizes[scale], plan.patch_size, stride, problem.periodic)
        region = Region.of(grid, hole)
        moving = math.prod(grid.shape) if region.active is None else int(region.active.sum())
        if moving * len(source.targets) <= plan.max_pairs:
            return region, True
    return region, False


def _first(exemplar: Tensor, grid: Grid, start: Tensor | None, generator: torch.Generator) -> Tensor:
    """The first image, (C, *grid.size): the given one, or squares of a third of the exemplar."""
    if start is not None:
        return padded(start.to(exemplar), grid.size)
    return squares(exemplar, grid.size, max(grid.side, min(exemplar.shape[1:]) // 3), generator)
