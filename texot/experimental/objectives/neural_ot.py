"""Neural optimal transport with weak cost: a stochastic map T from one texture's windows to another's.

    max over f, min over T of  E C(x, T(x, .)) - E f(T(x, z)) + E f(y)
    C(x, T(x, .)) = E |x - T(x, z)|^2 / 2 - gamma/2 Var T(x, z)  =  |x - E T(x, z)|^2 / 2   for gamma = 1

x is a window of the first exemplar A, z noise, T(x, z) an image of the same size. There is one potential f
per scale, a function of patches: as for all objectives here, the distribution of T's patches should be that
of the second exemplar B, not that of whole windows. Two draws of z give an unbiased estimate of the weak
cost: C = E <x - T(x, z), x - T(x, z')> / 2.

Korotin, Selikhanovych & Burnaev 2023, "Neural optimal transport" (arXiv 2201.12220), Algorithm 1. T is
trained for several steps per step of the potentials. Known limits: for gamma = 1 there are saddle points
whose T is not the optimal plan (Korotin et al. 2023, "Kernel neural optimal transport", arXiv 2205.15269),
and nothing but the minimisation keeps T stochastic.
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
        """Patches of both maps of the picture."""
        maps = image.chunk(3)[:2]
        return torch.cat([super(PotentialTerm, self).patches(image, periodic, generator) for image in maps])

    def value(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """See `ObjectiveTerm`."""
        y = self.targets(len(x), generator)
        if self.opponent.count_step() % N_MAP == 0:
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
    """The weights of a map. A step has a random window of the picture, and two maps of it."""

    def image(self) -> Tensor:
        """(3C, H, W): T(x, z), T(x, z'), x."""
        network, picture = self.network, self.network.condition
        assert isinstance(picture, Picture)
        seeds = [int(torch.randint(0, 2**62, (), generator=self.generator)) for _ in range(2)]
        top, left = (
            int(torch.randint(0, max(1, whole - side + 1), (), generator=self.generator))
            for whole, side in zip(picture.size(self.scale), self.size, strict=True)
        )
        maps = [network.sample(seed, (top, left), self.size, scale=self.scale) for seed in seeds]
        self._last = maps[0].detach()
        rows, columns = torch.arange(top, top + self.size[0]), torch.arange(left, left + self.size[1])
        return torch.cat([*maps, picture.pixels(self.scale, rows, columns).to(network.device)])
