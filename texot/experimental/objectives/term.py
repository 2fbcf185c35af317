"""What the objectives have in common: minibatches of patches, in units of the exemplar's own spread."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from texot.experimental.objectives.perceptron import Perceptron
from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import Periodic
from texot.solver.adam.objective import PatchTerm, TermState

T = TypeVar("T", bound="ObjectiveTerm")

HIDDEN = (128, 128)


@dataclass
class ObjectiveTerm(PatchTerm):
    """An objective on the patches of one scale, in the place of their transport.

    Patches are centred at the exemplar's mean patch and divided by its spread: for every texture, scale and
    size a value then has variance 1 on average.

    Attributes:
        spread: root mean square of the values of the exemplar's centred patches.
    """

    spread: float = field(init=False)

    @classmethod
    def of(cls: type[T], term: PatchTerm, generator: torch.Generator) -> T:
        """The objective in the place of a transport term.

        Args:
            term: tells scale, measure, grid and weight.
            generator: CPU generator of first weights.
        """
        found = cls(**{f.name: getattr(term, f.name) for f in fields(PatchTerm) if f.init})
        variance = term.measure.nu @ (term.measure.y - term.measure.centre).square().mean(1)
        found.spread = float(variance.sqrt().clamp_min(1e-6))
        found.start(generator)
        return found

    def start(self, generator: torch.Generator) -> None:
        """Make what the objective needs besides; nothing here."""

    def patches(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """Those (n, d) of an image scale (C, H, W), on the term's grid, moved at random."""
        size = self.measure.patch_size
        offset = random_offset((image.shape[1], image.shape[2]), size, self.stride, periodic, generator)
        return extract_patches(image, size, stride=self.stride, offset=offset, periodic=periodic)

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective at patches x (n, d) of one image, differentiable; moves `psi` on the way."""
        raise NotImplementedError

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, TermState]:
        """The weighted objective of an image scale (C, H, W), differentiable; moves `psi` on the way."""
        x = self.patches(image, periodic, generator)
        value = self.value((x - self.measure.centre) / self.spread, generator)
        figure = float(value.detach())
        return self.weight * value, TermState(figure, figure, 0.0)

    def targets(self, count: int, generator: torch.Generator) -> Tensor:
        """Patches (count, d) of the exemplar, drawn by their weights."""
        index = torch.multinomial(self.measure.nu.cpu(), count, replacement=True, generator=generator)
        return (self.measure.y[index.to(self.measure.y.device)] - self.measure.centre) / self.spread


@dataclass
class OpposedTerm(ObjectiveTerm):
    """An objective with a network that plays against the generator; its state is `psi`.

    Attributes:
        opponent: the network: a critic, a feature map, a potential.
        betas: of its Adam.
    """

    opponent: Perceptron = field(init=False)
    betas: ClassVar[tuple[float, float]]

    @staticmethod
    def widths(d: int) -> tuple[int, ...]:
        """Those of the network's layers, for patches of d values; a function of them where not overridden."""
        return (d, *HIDDEN, 1)

    def start(self, generator: torch.Generator) -> None:
        """See `ObjectiveTerm`."""
        y = self.measure.y
        self.opponent = Perceptron(self.widths(y.shape[1]), generator, y, betas=self.betas)
        self.psi = self.opponent.state


def draw(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Up to `count` of the rows of x, without replacement, in random order."""
    return x[torch.randperm(len(x), generator=generator)[:count].to(x.device)]
