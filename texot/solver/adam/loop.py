"""The loop of Adam steps on the objective: stages from coarse to fine, a state after each step.

A `Problem` describes what is optimised: its terms, start and corrections. The loop needs nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from texot.files.depth import Depth
from texot.images.pyramid import Periodic, upsample_to
from texot.solver.adam.objective import evaluate
from texot.solver.adam.optimizer import Adam
from texot.solver.adam.plan import Plan, Stage, step_work
from texot.solver.adam.progress import Progress, RunState
from texot.solver.adam.term import Weighted
from texot.solver.adam.variables import Variables
from texot.solver.state import Log, LossRecord, Output, State


@dataclass(frozen=True)
class Problem:
    """A description of an optimisation.

    Attributes:
        plan: its stages, and the numbers of the algorithm.
        periodic: axes (y, x) along which the image wraps around.
        start: makes the first stage's image.
        variables: makes what a stage optimises, from its image.
        terms: a stage's terms; their state is kept from stage to stage.
        correct: correction of a stage's image, halfway and at its end, or None.
        refine: makes a later stage's image from the previous, coarser one; None: there is one stage.
        n_targets: number of target patches at each scale, to estimate the remaining time.
        settings: everything that reproduces the image, as plain JSON values.
        mode: how a result is written, see `texot.files.exemplar.Exemplar`.
        icc_profile: of images whose values are not sRGB, else None.
        depth: bit depth of the result, see `texot.solver.state.Output`.
        finish: makes the result of the loop's image at full size, on the CPU; None where they are the same.
        work: cost of a step of a stage, to estimate the remaining time; None: by `step_work`.
        average: replaces tensors by their means over the processes that share the work; None: there is one.
    """

    plan: Plan
    periodic: Periodic
    start: Callable[[Stage], Tensor]
    variables: Callable[[Stage, Tensor], Variables]
    terms: Callable[[Stage], list[Weighted]]
    correct: Callable[[Stage, Tensor], Tensor] | None
    n_targets: dict[int, int]
    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None
    depth: Depth | None = None
    finish: Callable[[Tensor], Tensor] | None = None
    work: Callable[[Stage], float] | None = None
    average: Callable[[list[Tensor]], None] | None = None
    refine: Callable[[Stage, Tensor], Tensor] | None = None


def optimise(
    prepare: Callable[[torch.Generator], Problem],
    generator: torch.Generator,
    resume: Progress | None = None,
) -> Generator[State, None, None]:
    """Run a problem, step by step.

    Args:
        prepare: makes the problem, which may be slow; called at the first step.
        generator: CPU generator of all randomness.
        resume: state of an earlier run of the same problem. `prepare` makes all its terms.
    """
    begun = time.perf_counter() - (resume.seconds if resume else 0.0)
    problem = prepare(generator)
    plan, record = problem.plan, Log()
    output = Output(
        problem.settings, problem.mode, problem.icc_profile, finish=problem.finish, depth=problem.depth
    )
    work_left = sum(_work(problem, stage) * stage.n_iter for stage in plan.stages)
    work_done, total_step = 0.0, 0
    if resume:
        record.losses, record.marginal_errors = list(resume.losses), list(resume.marginal_errors)
    image: Tensor | None = None
    for number, stage in enumerate(plan.stages):
        if resume and number < resume.stage:
            total_step += stage.n_iter
            work_done += _work(problem, stage) * stage.n_iter
            work_left -= _work(problem, stage) * stage.n_iter
            continue
        step_cost, stage_begun = _work(problem, stage), time.perf_counter()
        image = (
            problem.start(stage) if image is None or problem.refine is None else problem.refine(stage, image)
        )
        if total_step == 0:
            stage_begun = time.perf_counter()
            record.timings["prepare"] = stage_begun - begun
        timing = f"scale {stage.scale}"
        before = record.timings.get(timing, 0.0)
        terms = problem.terms(stage)
        variables = problem.variables(stage, image)
        movers = [Adam(tensor, betas=plan.betas) for tensor in variables.tensors]
        run = RunState(variables, movers, terms, generator)
        done = 0
        if resume and number == resume.stage:
            run.restore(resume)
            done = resume.step
            total_step += done
            work_done += done * step_cost
            work_left -= done * step_cost
        for step in range(done + 1, stage.n_iter + 1):
            active = [term for term in terms if term.counts(step, stage.n_iter)]
            loss, figures = evaluate(variables.image(), stage.scale, active, problem.periodic, generator)
            grads = torch.autograd.grad(loss, variables.tensors)
            if problem.average is not None:
                problem.average([*grads, *(tensor for term in active for tensor in term.state)])
            lr = plan.lr * (_decay(step, stage.n_iter) if plan.lr_decays else 1.0)
            for adam, tensor, grad, rate in zip(
                movers, variables.tensors, grads, variables.rates, strict=True
            ):
                adam.step(tensor, grad, rate * lr)
            variables.after_step()
            if problem.correct is not None and step in (stage.n_iter // 2, stage.n_iter):
                # halfway, so that patches adapt to the sharper image, and at the end
                variables.correct(partial(problem.correct, stage))
            total_step += 1
            work_done += step_cost
            work_left -= step_cost
            shown = figures.loss if plan.shows_dual else figures.cost
            record.losses.append(LossRecord(stage.scale, step, shown))
            record.marginal_errors.append(figures.marginal_error)
            seconds = time.perf_counter() - begun
            record.timings[timing] = before + time.perf_counter() - stage_begun
            image = variables.current()
            full = partial(_full, problem, stage.scale, image)
            as_it_is = stage is not plan.stages[-1] or step == stage.n_iter
            yield State(
                scale=stage.scale,
                n_scales=plan.n_scales,
                step=step,
                stage_steps=stage.n_iter,
                total_step=total_step,
                total_steps=plan.n_steps,
                loss=shown,
                marginal_error=figures.marginal_error,
                seconds=seconds,
                seconds_left=max(0.0, seconds / work_done * work_left),
                _output=output,
                _log=record,
                _image=full,
                _result=full if as_it_is else partial(_last_step, problem, stage, image),
                _progress=partial(run.progress, number, step, record, seconds),
            )


def _full(problem: Problem, scale: int, image: Tensor) -> Tensor:
    """An image (C, H, W) of a scale at full size."""
    return upsample_to(image, list(problem.plan.sizes[:scale]), periodic=problem.periodic)


def _last_step(problem: Problem, stage: Stage, image: Tensor) -> Tensor:
    """The result for an image (C, H, W) of an intermediate step: corrected and finished."""
    return _full(problem, stage.scale, image if problem.correct is None else problem.correct(stage, image))


def _work(problem: Problem, stage: Stage) -> float:
    return problem.work(stage) if problem.work else step_work(problem.plan, stage, problem.n_targets)


def _decay(step: int, n_iter: int) -> float:
    """Adam's step falls linearly over the second half of a stage."""
    return min(1.0, max(0.05, 2 * (1 - (step - 1) / n_iter)))
