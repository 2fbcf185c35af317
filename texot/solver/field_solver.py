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
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.field.correspondence import Correspondence
from texot.field.grid import Grid
from texot.field.potentials import BlockPotential, PatchPotential, finer, mean
from texot.field.search import nearest
from texot.field.source import Source
from texot.images.pyramid import Periodic, upsample_to
from texot.images.statistics import Statistics
from texot.solver.plan import FieldPlan, Scale, Size
from texot.solver.state import Log, LossRecord, Output, State

_ROBUST = (0.1, -0.6)  # weights (d_i + .1 mean d)^-.6: badly matched patches give way
_LAST = (0.02, -1.5)  # of the last step of all: sharper, nearly the best patch alone
_PAIR, _PATCH = 1.0, 400.0  # work of a pair of patches and an iteration, and of a patch along the field


@dataclass(frozen=True)
class Problem:
    """What the solver is told.

    Attributes:
        plan: scales and steps.
        scales: the exemplar at each of them, finest first.
        periodic: axes (y, x) along which the result wraps around.
        start: (C, H', W'), the first image at the coarsest scale, or None for squares of the exemplar.
        statistics: moments and spectrum that the result is given, or None for what the votes leave.
        output: what the result is beside its pixels.
    """

    plan: FieldPlan
    scales: list[Scale]
    periodic: Periodic
    start: Tensor | None
    statistics: Statistics | None
    output: Output


@dataclass(frozen=True)
class FieldStep:
    """The result after one step.

    Attributes:
        scale: 0 = finest.
        step, steps: of the scale, from 1.
        image: (C, H, W) at the scale, with up to a patch more than its size on open axes.
        found: (n,) targets of the patches of `grid`, indices of the patches of `source`.
        distance: (n,) squared distances to them.
        cost: their mean.
        error: total variation between the masses of targets, or of blocks of them, and what they should be.
        grid, source: patches of the result and of the exemplar.
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

    def correspondence(self) -> Correspondence:
        """The field with the weights of the last step of all."""
        weights = _weights(self.distance, self.cost, _LAST)
        return Correspondence(self.grid, self.source.shape, self.found, weights)


def solve(problem: Problem, generator: torch.Generator) -> Iterator[FieldStep]:
    """Synthesise a texture, step by step.

    Args:
        problem: exemplar, plan, start.
        generator: CPU generator of all draws.

    Raises:
        InputError: no patch fits the exemplar.
    """
    plan, scales, periodic = problem.plan, problem.scales, problem.periodic
    last: FieldStep | None = None
    plane: Tensor | None = None
    for scale in reversed(range(plan.n_scales)):
        source = Source.of(*scales[scale], plan.patch_size, plan.n_axes)
        grid, all_pairs = _grid(plan.sizes[scale], source, plan, periodic)
        relative = None if plane is None else finer(plane, source.shape)
        moves = plan.iterations > 0 and not (plan.laid and last is None)
        potential: PatchPotential | BlockPotential
        if all_pairs:
            potential = PatchPotential(
                grid,
                source,
                plan.max_shift if moves else 1.0,
                relative,
                iterations=plan.iterations if moves else 0,
                entropy=plan.entropy,
            )
        else:
            potential = BlockPotential(grid, source, relative, moves=moves)
        found: Tensor | None = None
        if last is None:
            image = _first(scales[scale][0], grid, problem.start, generator)
        else:
            coarse = Correspondence(last.grid, last.source.shape, last.found)
            field = coarse.finer(2, grid, source.shape, source.usable)
            found, image = field.found, field.image(source.image)
        for step in range(1, plan.steps[scale] + 1):
            x = grid.project(image, source.filters) - source.centre
            if found is None and not all_pairs:
                found = nearest(x, source)
            found, distance = potential.cells(x, found, generator)
            cost = mean(distance)
            ends = scale == 0 and step == plan.steps[0]
            weights = _weights(distance, cost, _LAST if ends else _ROBUST)
            image = Correspondence(grid, source.shape, found, weights).image(source.image)
            error = potential.error(found)
            last = FieldStep(
                scale, step, plan.steps[scale], image, found, distance, cost, error, grid, source
            )
            yield last
        plane = potential.plane()


def iterate(
    prepare: Callable[[torch.Generator], Problem], generator: torch.Generator
) -> Generator[State, None, None]:
    """Solve a problem: a state after every step.

    Args:
        prepare: makes the problem; called at the first step.
        generator: CPU generator of all draws.
    """
    begun = time.perf_counter()
    problem = prepare(generator)
    plan, log = problem.plan, Log()
    log.timings["prepare"] = time.perf_counter() - begun
    work = [_work(problem, scale) for scale in range(plan.n_scales)]
    left = sum(w * steps for w, steps in zip(work, plan.steps, strict=True))
    done, total_steps, total = 0.0, sum(plan.steps), 0
    before = time.perf_counter()
    for step in solve(problem, generator):
        scale, total = step.scale, total + 1
        done, left = done + work[scale], left - work[scale]
        result = partial(_result, problem, step)
        ends = total == total_steps
        now, timing = time.perf_counter(), f"scale {scale}"
        log.timings[timing] = log.timings.get(timing, 0.0) + now - before
        before = now
        log.losses.append(LossRecord(scale, step.step, step.cost / step.source.dimension))
        log.marginal_errors.append(step.error)
        yield State(
            scale=scale,
            n_scales=plan.n_scales,
            step=step.step,
            stage_steps=step.steps,
            total_step=total,
            total_steps=total_steps,
            loss=log.losses[-1].loss,
            marginal_error=step.error,
            seconds=now - begun,
            seconds_left=max(0.0, (now - begun) / done * left),
            _output=problem.output,
            _log=log,
            _image=result if ends else partial(_preview, problem, scale, step.image),
            _result=result,
            _places=partial(_places, problem, step),
        )
        before = time.perf_counter()


def _preview(problem: Problem, scale: int, image: Tensor) -> Tensor:
    """An image of a scale at full size."""
    height, width = problem.plan.sizes[scale]
    image = image[:, :height, :width]
    return upsample_to(image, list(problem.plan.sizes[:scale]), periodic=problem.periodic)


def _full(problem: Problem, step: FieldStep) -> Correspondence:
    """The field of a step at full size, with the weights of the last step of all."""
    field = step.correspondence()
    if step.scale == 0:
        return field
    (exemplar, known), plan = problem.scales[0], problem.plan
    size = Grid.fitting(plan.sizes[0], plan.patch_size, plan.stride, problem.periodic)
    grid = Grid(size, plan.patch_size, plan.stride, problem.periodic)
    rows, columns = (n - plan.patch_size + 1 for n in exemplar.shape[1:])
    usable = None
    if known is not None:
        usable = F.max_pool2d((~known).float()[None], plan.patch_size, stride=1)[0] == 0
    return field.finer(2**step.scale, grid, (rows, columns), usable)


def _result(problem: Problem, step: FieldStep) -> Tensor:
    """What a step's field makes of the exemplar at full size, with its moments and spectrum."""
    height, width = problem.plan.sizes[0]
    image = _full(problem, step).image(problem.scales[0][0])
    if problem.statistics is not None:
        calibrated = problem.statistics.calibrate(image, periodic=problem.periodic)
        image = problem.statistics.clip(calibrated)
    return image[:, :height, :width].contiguous()


def _places(problem: Problem, step: FieldStep) -> Tensor:
    height, width = problem.plan.sizes[0]
    return _full(problem, step).places()[:height, :width].cpu().contiguous()


def _weights(distance: Tensor, cost: float, robust: tuple[float, float]) -> Tensor:
    part, power = robust
    weights: Tensor = (distance + part * cost).clamp_min(1e-12) ** power
    return weights


def _grid(size: Size, source: Source, plan: FieldPlan, periodic: Periodic) -> tuple[Grid, bool]:
    """The patches of a scale, and whether all pairs are compared there."""

    def at(stride: int) -> tuple[Grid, bool]:
        grid = Grid(Grid.fitting(size, plan.patch_size, stride, periodic), plan.patch_size, stride, periodic)
        return grid, math.prod(grid.shape) * len(source.targets) <= plan.max_pairs

    every = at(1)
    return every if every[1] else at(min(plan.stride, plan.patch_size))


def _work(problem: Problem, scale: int) -> float:
    """Cost of a step at a scale, in arbitrary units, to tell the time that is left."""
    plan = problem.plan
    patches = math.prod(plan.sizes[scale])
    pairs = patches * problem.scales[scale][0][0].numel()
    if pairs <= plan.max_pairs:
        return (1 + plan.iterations) * _PAIR * pairs + _PATCH * patches
    return _PATCH * patches / plan.stride**2


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
