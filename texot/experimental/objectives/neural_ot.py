"""Neural optimal transport with weak cost: a stochastic map T from one texture's windows to another's.

    max over f, min over T of  E C(x, T(x, .)) - E f(T(x, z)) + E f(y)
    C(x, T(x, .)) = E |x - T(x, z)|^2 / 2 - gamma/2 Var T(x, z)  =  |x - E T(x, z)|^2 / 2   for gamma = 1

x is a window of the first exemplar A, z noise, T(x, z) an image of the same size. Potentials f act on
patches, one at every scale: they ask that T's patches are distributed as those of the second exemplar B, as
all objectives here do, and not that whole windows are. Two draws of z give the weak cost without bias:
C = E <x - T(x, z), x - T(x, z')> / 2.

Korotin, Selikhanovych & Burnaev 2023, "Neural optimal transport" (arXiv 2201.12220), Algorithm 1. T learns
several steps for one of the potentials. Known limits: for gamma = 1 the potentials of the saddle points have
others for T than the plan (Korotin et al. 2023, "Kernel neural optimal transport", arXiv 2205.15269), and
nothing but the minimisation keeps T stochastic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.experimental.objectives.term import OpposedTerm, draw
from texot.experimental.picture import Picture
from texot.generator.weights import Weights
from texot.images.pyramid import Periodic

N_MAP = 3
BATCH = 512
_LR = 1e-3


@dataclass
class PotentialTerm(OpposedTerm):
    """E f(y) - E f(T(x, z)) over patches of one scale; images are those of `MapWeights`."""

    betas = (0.5, 0.99)

    def patches(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """Those of both maps of the picture."""
        maps = image.chunk(3)[:2]
        return torch.cat([super(PotentialTerm, self).patches(part, periodic, generator) for part in maps])

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `ObjectiveTerm`."""
        y = self.targets(len(x), generator)
        if self.opponent.visit() % N_MAP == 0:
            a, b = draw(x.detach(), BATCH, generator), y[:BATCH]
            self.opponent.learn(
                lambda weights: self.opponent(a, weights).mean() - self.opponent(b, weights).mean(), _LR
            )
        return self.opponent(y).mean() - self.opponent(x).mean()


@dataclass(frozen=True)
class WeakCost:
    """The weak quadratic cost between a picture and its maps, in units of the patches' objective; a `Term`.

    Attributes:
        scale: pyramid scale.
        d: values of a patch.
        spread: see `ObjectiveTerm`.
    """

    scale: int
    d: int
    spread: float

    @property
    def state(self) -> list[Tensor]:
        """See `Term`: none."""
        return []

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """The mean cost of a patch of an image of `MapWeights`, differentiable."""
        one, other, x = image.chunk(3)
        return self.d * weak_cost(x, one, other) / self.spread**2, None


def weak_cost(x: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """(x - T(x, z)) (x - T(x, z')) / 2, mean over all values: |x - E T(x, z)|^2 / 2 in expectation.

    Args:
        x: any shape.
        one, other: T of it for independent z, z'.
    """
    return ((x - one) * (x - other)).mean() / 2


class MapWeights(Weights):
    """The weights of a map, seen through a random window of the picture: two maps of it, and itself."""

    def image(self) -> Tensor:
        """(3C, H, W): T(x, z), T(x, z'), x."""
        network, picture = self.network, self.network.condition
        assert isinstance(picture, Picture)
        seeds = [int(torch.randint(0, 2**62, (), generator=self.generator)) for _ in range(2)]
        top, left = (
            int(torch.randint(0, max(1, whole - part + 1), (), generator=self.generator))
            for whole, part in zip(picture.size(self.scale), self.size, strict=True)
        )
        maps = [network.sample(seed, (top, left), self.size, scale=self.scale) for seed in seeds]
        self._last = maps[0].detach()
        rows, columns = torch.arange(top, top + self.size[0]), torch.arange(left, left + self.size[1])
        return torch.cat([*maps, picture.pixels(self.scale, rows, columns).to(network.device)])
