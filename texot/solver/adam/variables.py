"""What a job optimises: pixels here, the weights of a network in `texot.generator`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Variables(Protocol):
    """What one stage optimises."""

    tensors: list[Tensor]
    """Leaves that Adam moves."""

    rates: list[float]
    """Factors of its step, one a tensor."""

    kept: list[Tensor]
    """What else changes from step to step: a run that is resumed needs it."""

    def image(self) -> Tensor:
        """The image (C, H, W) they make, differentiable in `tensors`; asked for once a step."""

    def moved(self) -> None:
        """Adam has taken its step."""

    def current(self) -> Tensor:
        """A copy of the image as it is after a step, (C, H, W)."""

    def put_right(self, correct: Callable[[Tensor], Tensor]) -> None:
        """Take over a corrected image."""


class Pixels:
    """The pixels of an image.

    Args:
        start: (C, H, W).
    """

    def __init__(self, start: Tensor) -> None:
        self._values = start.detach().clone().requires_grad_(True)
        self.tensors = [self._values]
        self.rates = [1.0]
        self.kept: list[Tensor] = []

    def image(self) -> Tensor:
        """See `Variables`."""
        return self._values

    def moved(self) -> None:
        """See `Variables`."""

    def current(self) -> Tensor:
        """See `Variables`."""
        return self.image().detach().clone()

    @torch.no_grad()
    def put_right(self, correct: Callable[[Tensor], Tensor]) -> None:
        """See `Variables`."""
        self._values.copy_(correct(self.image()))
