"""What a job optimises: pixels here, network weights in `texot.generator.weights`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor


class Variables(Protocol):
    """The variables of one stage, and the image that they make."""

    tensors: list[Tensor]
    """Leaves that Adam updates."""

    rates: list[float]
    """Factors of its step size, one per tensor."""

    kept: list[Tensor]
    """Other tensors that change from step to step; checkpoints store them."""

    def image(self) -> Tensor:
        """The image (C, H, W), differentiable in `tensors`; called once per step."""

    def after_step(self) -> None:
        """Called after each step of Adam."""

    def current(self) -> Tensor:
        """A copy of the image after a step, (C, H, W)."""

    def correct(self, correction: Callable[[Tensor], Tensor]) -> None:
        """Replace the image by its correction."""


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

    def after_step(self) -> None:
        """See `Variables`."""

    def current(self) -> Tensor:
        """See `Variables`."""
        return self.image().detach().clone()

    @torch.no_grad()
    def correct(self, correction: Callable[[Tensor], Tensor]) -> None:
        """See `Variables`."""
        self._values.copy_(correction(self.image()))
