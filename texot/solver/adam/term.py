"""Terms of the objective that Adam minimises, and their weights.

    L(u) = sum_t w_t T_t(S_l(t) u)

A term T compares one scale of an image with a target. The loop depends on the protocol `Term` only.
`Weighted` gives a term its weight, which may change during a stage or from step to step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic


@dataclass(frozen=True)
class Figures:
    """What one evaluation of a transport term reports.

    Attributes:
        dual: the semi-dual F(psi, x), in squared distance.
        cost: mean squared distance of the patches to their targets.
        marginal_error: fraction of this step's patches beyond their targets' capacity.
    """

    dual: float
    cost: float
    marginal_error: float


class Term(Protocol):
    """A distance of one scale of an image to a target."""

    @property
    def scale(self) -> int:
        """The scale of the image that it is evaluated at, 0 = finest."""

    @property
    def state(self) -> list[Tensor]:
        """What evaluations change: potentials. Checkpoints store it, and several processes average it."""

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, Figures | None]:
        """Evaluate the term, and update its state.

        Args:
            image: (C, H, W), the image at `scale`.
            periodic: axes (y, x) along which it wraps around.
            generator: CPU generator of grid offsets and filters.

        Returns:
            The value, (), differentiable in the image, and the figures of a transport term.
        """


@dataclass
class Weighted:
    """A term with its weight; a `Term` itself.

    Attributes:
        term: the term.
        weight: factor of its value. Figures are not multiplied by it.
        factor: called at every evaluation for a second factor, of value and figures. Where it is 0, the term
            is not evaluated. None: 1.
        start, stop: fractions of a stage's steps between which the term counts, see `counts`.
        last: the last value found, (), detached; None where there is none.
    """

    term: Term
    weight: float = 1.0
    factor: Callable[[], float] | None = None
    start: float = 0.0
    stop: float = 1.0
    last: Tensor | None = field(init=False, default=None)

    @property
    def scale(self) -> int:
        """See `Term`."""
        return self.term.scale

    @property
    def state(self) -> list[Tensor]:
        """See `Term`."""
        return self.term.state

    @property
    def last_value(self) -> float:
        """The last value found; 0 where there is none."""
        return 0.0 if self.last is None else float(self.last)

    def counts(self, step: int, n_iter: int) -> bool:
        """Whether the term counts in a step (from 1) of a stage of `n_iter` steps."""
        return self.start * n_iter < step <= self.stop * n_iter

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, Figures | None]:
        """See `Term`."""
        factor = 1.0 if self.factor is None else self.factor()
        if factor == 0:
            self.last = None
            return image.new_zeros(()), None
        value, figures = self.term(image, periodic, generator)
        value = self.weight * value
        if self.factor is not None:
            value = factor * value
            if figures is not None:
                figures = Figures(factor * figures.dual, factor * figures.cost, figures.marginal_error)
        self.last = value.detach()
        return value, figures


def random_patches(
    image: Tensor, size: int, stride: int, periodic: Periodic, generator: torch.Generator
) -> Tensor:
    """Patches (n, d) of an image (C, H, W) on a grid with a random offset."""
    offset = random_offset((image.shape[1], image.shape[2]), size, stride, periodic, generator)
    return extract_patches(image, size, stride=stride, offset=offset, periodic=periodic)
