"""The number of steps that fit a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from texot.generator.targets import TrainingTerms
from texot.generator.weights import Weights
from texot.solver.adam.loop import Problem
from texot.solver.adam.objective import evaluate
from texot.solver.adam.plan import Stage


def steps_within(
    left: Callable[[], float],
    problem: Problem,
    terms: TrainingTerms,
    variables: Callable[[Stage], Weights],
    generator: torch.Generator,
) -> tuple[float, tuple[int, ...]]:
    """Measure a step of every stage, and reduce the steps to fit a time limit.

    Args:
        left: returns the seconds for all steps; called after the measurement.
        problem: the training.
        terms: its terms, whose state is restored.
        variables: what a stage optimises; nothing is changed.
        generator: of the problem, whose state is restored.

    Returns:
        The fraction of the steps that fits, and the steps of every stage, at least 1.
    """
    random, before = generator.get_state(), [tensor.clone() for tensor in terms.state]
    needs = []
    for stage in problem.plan.stages:
        own = variables(stage)
        times = []
        # the first is slower than the others; with several exemplars, the cost depends on drawn weights
        for _ in range(2 if terms.blend is None else 5):
            begun = time.perf_counter()
            loss, _ = evaluate(own.image(), stage.scale, problem.terms(stage), problem.periodic, generator)
            torch.autograd.grad(loss, own.tensors)
            times.append(time.perf_counter() - begun)
        needs.append(1.1 * sum(times[1:]) / len(times[1:]))
    for tensor, value in zip(terms.state, before, strict=True):
        tensor.copy_(value)
    generator.set_state(random)
    stages = problem.plan.stages
    fraction = left() / sum(need * stage.n_iter for need, stage in zip(needs, stages, strict=True))
    return fraction, tuple(max(1, math.floor(stage.n_iter * min(1, fraction))) for stage in stages)
