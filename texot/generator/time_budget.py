"""How many steps fit a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from texot.generator.targets import TrainingTerms
from texot.generator.weights import Weights
from texot.solver.adam.loop import Job
from texot.solver.adam.objective import evaluate
from texot.solver.adam.plan import Stage


def steps_within(
    left: Callable[[], float],
    job: Job,
    terms: TrainingTerms,
    variables: Callable[[Stage], Weights],
    generator: torch.Generator,
) -> tuple[float, tuple[int, ...]]:
    """The share of a job's steps that fits, and what remains of every stage's: a step of each is tried.

    Args:
        left: seconds for all steps, asked for after the trials.
        job: the training.
        terms: its terms, whose state is restored.
        variables: what a stage optimises; nothing is changed.
        generator: of the job, whose state is restored.
    """
    random, before = generator.get_state(), [tensor.clone() for tensor in terms.state]
    needs = []
    for stage in job.plan.stages:
        own = variables(stage)
        times = []
        # the first is slower than others; between several exemplars, each has other weights
        for _ in range(2 if terms.blend is None else 5):
            begun = time.perf_counter()
            loss, _ = evaluate(own.image(), stage.scale, job.terms(stage), job.periodic, generator)
            torch.autograd.grad(loss, own.tensors)
            times.append(time.perf_counter() - begun)
        needs.append(1.1 * sum(times[1:]) / len(times[1:]))
    for tensor, value in zip(terms.state, before, strict=True):
        tensor.copy_(value)
    generator.set_state(random)
    stages = job.plan.stages
    share = left() / sum(need * stage.n_iter for need, stage in zip(needs, stages, strict=True))
    return share, tuple(max(1, math.floor(stage.n_iter * min(1, share))) for stage in stages)
