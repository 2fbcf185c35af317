"""Runs of the field solver: problems in sequence, several attempts, a `State` after every step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.field import compiled
from texot.field.correspondence import Correspondence
from texot.images.masks import tint
from texot.images.pyramid import upsample_to
from texot.solver.field_solver import FieldStep, Problem, grid_of, solve
from texot.solver.plan import FieldPlan, Size
from texot.solver.region import Region
from texot.solver.state import Log, LossRecord, State

_COMPILED = 2**17  # patches of a result from which compiled loops pay; loading them takes a second
_PAIR, _PATCH = 1.0, 400.0  # cost of a pair of patches in an iteration, of a patch searched along the field


@dataclass(frozen=True, eq=False)
class Task:
    """A problem that is built when the solver reaches it.

    Attributes:
        plan: its scales and steps; the problem may have fewer.
        exemplar: (h, w), for the estimate of the remaining time.
        make: builds the problem; this may be slow.
        done: called with the result (C, H, W), if another task follows.
    """

    plan: FieldPlan
    exemplar: Size
    make: Callable[[], Problem]
    done: Callable[[Tensor], None] | None = None

    @property
    def n_patches(self) -> int:
        """Approximate number of the result's patches at the finest scale."""
        return math.prod(self.plan.sizes[0]) // self.plan.wide_stride**2


@dataclass(frozen=True, eq=False)
class Choice:
    """Several results from different random draws, of which the best is kept.

    Attributes:
        attempts: number of results.
        score: score of a result (C, H, W), the lower the better.
    """

    attempts: int
    score: Callable[[Tensor], float]


class _Kept(NamedTuple):
    """The best result so far, with the loss and marginal error of its last state."""

    score: float
    loss: float
    error: float
    image: Tensor
    places: Callable[[], Tensor] | None


def iterate(
    prepare: Callable[[torch.Generator], list[Task]],
    generator: torch.Generator,
    choice: Choice | None = None,
) -> Generator[State, None, None]:
    """Solve problems in sequence that make one result; yield a state after every step.

    Args:
        prepare: makes the tasks; called at the first step of every attempt.
        generator: CPU generator of all draws.
        choice: number of attempts and how to compare them; None: one attempt. After the first attempt,
            states show the best result so far.
    """
    begun = time.perf_counter()
    attempts = 1 if choice is None else choice.attempts
    tasks, log = prepare(generator), Log()
    if max((task.n_patches for task in tasks), default=0) >= _COMPILED:
        compiled.prepare()
    steps = sum(task.plan.n_steps for task in tasks)
    left = attempts * sum(_all_work(task) for task in tasks)
    done, total, kept = 0.0, 0, None
    for attempt in range(attempts):
        tasks = tasks if attempt == 0 else prepare(generator)
        while tasks:
            task = tasks.pop(0)  # so that its memory is released when it is done
            problem = task.make()
            made = replace(task, plan=problem.plan)  # some textures need fewer scales than their task says
            if attempt == 0:
                steps += made.plan.n_steps - task.plan.n_steps
                left += attempts * (_all_work(made) - _all_work(task))
            task = made
            before = time.perf_counter()
            log.timings.setdefault("prepare", before - begun)
            for step in solve(problem, generator):
                scale, total, work = step.scale, total + 1, _work(task, step.scale)
                done, left = done + work, left - work
                now, timing = time.perf_counter(), f"scale {scale}"
                log.timings[timing] = log.timings.get(timing, 0.0) + now - before
                log.losses.append(LossRecord(scale, step.step, step.cost / step.source.dimension))
                log.marginal_errors.append(step.error)
                result = partial(_result, problem, step)
                traced = problem.traced and not problem.holes
                if choice is not None and total % steps == 0:
                    kept = _better(kept, choice, log, result(), _field(problem, step) if traced else None)
                yield State(
                    scale=scale,
                    n_scales=problem.plan.n_scales,
                    step=step.step,
                    stage_steps=step.steps,
                    total_step=total,
                    total_steps=attempts * steps,
                    loss=log.losses[-1].loss if kept is None else kept.loss,
                    marginal_error=step.error if kept is None else kept.error,
                    seconds=now - begun,
                    seconds_left=max(0.0, (now - begun) / done * left),
                    _output=problem.output,
                    _log=log,
                    _image=_shown(kept, result)
                    if total == attempts * steps
                    else partial(_preview, problem, scale, step.image),
                    _result=_shown(kept, result),
                    _field=None if not traced else partial(_traced, kept, problem, step),
                )
                before = time.perf_counter()
            if tasks and task.done is not None:
                task.done(result())


def _better(
    kept: _Kept | None, choice: Choice, log: Log, image: Tensor, places: Callable[[], Tensor] | None
) -> _Kept:
    """The better one of the best result so far and the one just finished."""
    score = choice.score(image)
    if kept is not None and kept.score <= score:
        return kept
    return _Kept(score, log.losses[-1].loss, log.marginal_errors[-1], image, places)


def _shown(kept: _Kept | None, result: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The result that a state shows: the best finished one, otherwise its own."""
    return result if kept is None else partial(_image, kept)


def _image(kept: _Kept) -> Tensor:
    return kept.image


def _traced(kept: _Kept | None, problem: Problem, step: FieldStep) -> Callable[[], Tensor]:
    """The positions in the exemplar of the pixels of the shown result, evaluated later."""
    return _field(problem, step) if kept is None or kept.places is None else kept.places


def _preview(problem: Problem, scale: int, image: Tensor) -> Tensor:
    """An image of a scale, upsampled to full size."""
    height, width = problem.plan.sizes[scale]
    image = image[:, :height, :width]
    return upsample_to(image, list(problem.plan.sizes[:scale]), periodic=problem.periodic)


def _full(problem: Problem, step: FieldStep) -> tuple[Correspondence, Region]:
    """The field of a step at full size, with the weights of the last step."""
    field = step.correspondence()
    if step.scale == 0:
        return field, step.region
    (exemplar, known), plan = problem.scales[0], problem.plan
    grid = grid_of(plan.sizes[0], plan.patch_size, plan.wide_stride, problem.periodic)
    region = Region.of(grid, None if problem.holes is None else problem.holes[0])
    rows, columns = (n - plan.patch_size + 1 for n in exemplar.shape[1:])
    usable = None
    if known is not None:
        usable = F.max_pool2d((~known).float()[None], plan.patch_size, stride=1)[0] == 0
    return field.finer(2**step.scale, grid, (rows, columns), usable), region


def _result(problem: Problem, step: FieldStep) -> Tensor:
    """The image of a step's field at full size, with the final correction."""
    height, width = problem.plan.sizes[0]
    region = step.region
    if region.hole is None and step.scale == 0 and step.step == step.steps:
        image = step.image  # the vote used the last weights already
        if problem.followers is not None:
            image = torch.cat([image, step.correspondence().image(problem.followers)])
    else:
        field, region = _full(problem, step)
        pixels = problem.pixels(problem.scales[0][0])
        followers = problem.followers
        image = field.image(pixels if followers is None else torch.cat([pixels, followers]))
    if region.hole is not None:
        missing = tint(region.hole.image - image, region.hole.moves, periodic=problem.periodic)
        image = region.keep(image + missing)
    image = image[:, :height, :width]
    return (image if problem.finalise is None else problem.finalise(image)).contiguous()


def _field(problem: Problem, step: FieldStep) -> Callable[[], Tensor]:
    """The positions of pixels in the exemplar, evaluated later; holds no other memory of the run."""
    return partial(_places, _full(problem, step)[0], problem.plan.sizes[0])


def _places(field: Correspondence, size: Size) -> Tensor:
    height, width = size
    return field.places()[:height, :width].cpu().contiguous()


def _all_work(task: Task) -> float:
    """Estimated cost of all steps."""
    return sum(_work(task, scale) * task.plan.steps[scale] for scale in range(task.plan.n_scales))


def _work(task: Task, scale: int) -> float:
    """Estimated cost of a step at a scale, in arbitrary units."""
    plan = task.plan
    patches = math.prod(plan.sizes[scale])
    pairs = patches * math.prod(-(-n >> scale) for n in task.exemplar)
    if pairs <= plan.max_pairs:
        return (1 + plan.iterations) * _PAIR * pairs + _PATCH * patches
    return _PATCH * patches / plan.stride**2
