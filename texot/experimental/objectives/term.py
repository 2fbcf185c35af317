"""Base classes of the objectives: minibatches of patches, in units of the exemplar's spread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from texot.experimental.objectives.perceptron import Perceptron
from texot.images.pyramid import Periodic
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.term import Figures, random_patches
from texot.transport.measure import PatchMeasure

T = TypeVar("T", bound="ObjectiveTerm")

HIDDEN = (128, 128)


@dataclass
class ObjectiveTerm:
    """An objective on the patches of one scale, instead of their transport; a `Term`.

    Patches are centred at the exemplar's mean patch and divided by its spread: for every texture, scale and
    size a value then has variance 1 on average.

    Attributes:
        scale: pyramid scale of the patches.
        measure: patches of the exemplar.
        stride: distance of the positions of the patch grid, which has a new random offset every step.
        entropy: regularisation of the transport, in squared patch distance; for objectives that have one.
        spread: root mean square of the values of the exemplar's centred patches.
    """

    scale: int
    measure: PatchMeasure
    stride: int = 1
    entropy: float = 0.0
    spread: float = field(init=False)

    def __post_init__(self) -> None:
        measure = self.measure
        variance = measure.nu @ (measure.y - measure.centre).square().mean(1)
        self.spread = float(variance.sqrt().clamp_min(1e-6))

    @classmethod
    def of(cls: type[T], term: PatchTerm, generator: torch.Generator) -> T:
        """The objective instead of a transport term.

        Args:
            term: has the scale, measure, grid and entropy.
            generator: CPU generator of initial weights.
        """
        found = cls(term.scale, term.measure, term.stride, term.entropy)
        found.start(generator)
        return found

    def start(self, generator: torch.Generator) -> None:
        """Create what the objective also needs; nothing here."""

    @property
    def state(self) -> list[Tensor]:
        """See `Term`; none here."""
        return []

    def patches(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """Patches (n, d) of an image scale (C, H, W), on the term's grid with a random offset."""
        return random_patches(image, self.measure.patch_size, self.stride, periodic, generator)

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """The objective at patches x (n, d) of one image, differentiable; also updates the state."""
        raise NotImplementedError

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, Figures]:
        """The objective of an image scale (C, H, W), differentiable; also updates the state."""
        x = self.patches(image, periodic, generator)
        value = self.value((x - self.measure.centre) / self.spread, generator)
        figure = float(value.detach())
        return value, Figures(figure, figure, 0.0)

    def targets(self, count: int, generator: torch.Generator) -> Tensor:
        """Patches (count, d) of the exemplar, drawn by their weights."""
        index = torch.multinomial(self.measure.nu.cpu(), count, replacement=True, generator=generator)
        return (self.measure.y[index.to(self.measure.y.device)] - self.measure.centre) / self.spread


@dataclass
class OpposedTerm(ObjectiveTerm):
    """An objective with a network that is trained against the generator.

    Attributes:
        opponent: the network: a critic, a feature map or a potential.
        betas: of Adam for its weights.
    """

    opponent: Perceptron = field(init=False)
    betas: ClassVar[tuple[float, float]]

    @staticmethod
    def widths(d: int) -> tuple[int, ...]:
        """The widths of the layers for patches of d values; by default of a scalar function."""
        return (d, *HIDDEN, 1)

    def start(self, generator: torch.Generator) -> None:
        """See `ObjectiveTerm`."""
        y = self.measure.y
        self.opponent = Perceptron(self.widths(y.shape[1]), generator, y, betas=self.betas)

    @property
    def state(self) -> list[Tensor]:
        """See `Term`: the state of the network."""
        return [self.opponent.state]


def draw(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Up to `count` of the rows of x, without replacement, in random order."""
    return x[torch.randperm(len(x), generator=generator)[:count].to(x.device)]
