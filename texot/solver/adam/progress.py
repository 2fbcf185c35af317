"""The state of a run between two steps, to resume it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.errors import InputError
from texot.solver.adam.optimizer import Adam
from texot.solver.adam.term import Weighted
from texot.solver.adam.variables import Variables
from texot.solver.state import Log, LossRecord


@dataclass(frozen=True)
class Progress:
    """A copy of the state of a run between two steps. A resumed run gives the same bytes.

    Attributes:
        stage: index of the stage.
        step: number of its completed steps.
        tensors: variables, their kept tensors, Adam's averages and the terms' state, in the loop's order.
        random: state of the CPU generator.
        losses: of all steps so far.
        marginal_errors: the same.
        seconds: spent so far, in seconds.
    """

    stage: int
    step: int
    tensors: list[Tensor]
    random: Tensor
    losses: list[LossRecord]
    marginal_errors: list[float]
    seconds: float


@dataclass(frozen=True)
class RunState:
    """Everything that the steps of one stage change."""

    variables: Variables
    movers: list[Adam]
    terms: list[Weighted]
    generator: torch.Generator

    def _tensors(self) -> list[Tensor]:
        averages = [average for adam in self.movers for average in (adam.mean, adam.square)]
        states = [tensor for term in self.terms for tensor in term.state]
        return [*self.variables.tensors, *self.variables.kept, *averages, *states]

    def progress(self, stage: int, step: int, record: Log, seconds: float) -> Progress:
        """A copy of the state, after a step."""
        return Progress(
            stage,
            step,
            [tensor.detach().cpu().clone() for tensor in self._tensors()],
            self.generator.get_state(),
            list(record.losses),
            list(record.marginal_errors),
            seconds,
        )

    @torch.no_grad()
    def restore(self, progress: Progress) -> None:
        """Restore a copy.

        Raises:
            InputError: it belongs to another job.
        """
        tensors = self._tensors()
        shapes = [(tensor.shape, tensor.dtype) for tensor in tensors]
        if shapes != [(tensor.shape, tensor.dtype) for tensor in progress.tensors]:
            raise InputError("the checkpoint does not fit these options: start a new training")
        for tensor, value in zip(tensors, progress.tensors, strict=True):
            tensor.copy_(value)
        for adam in self.movers:
            adam.n_steps = progress.step
        self.generator.set_state(progress.random)
