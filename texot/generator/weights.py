"""What training optimises: the weights of a network, seen through images of fresh noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from texot.generator.blend import Blend
from texot.generator.network import PlaneNetwork

_AVERAGE = 0.02  # share of a step's weights in their running average
_COARSER = 0.3  # of Adam's step for scales that were trained before


class Weights:
    """The weights of a network's scales from `scale` on: what one stage moves, see `Variables`.

    Args:
        network: the network.
        averages: running averages of its parameters, by name.
        scale: the finest scale that is trained.
        size: (height, width) of the image at that scale.
        generator: CPU generator of the seeds of noise.
        wraps: whether the image is a torus, or a window of the plane.
        blend: draws the weights of a network between several textures; None for one.
    """

    def __init__(
        self,
        network: PlaneNetwork,
        averages: dict[str, Tensor],
        scale: int,
        size: tuple[int, int],
        generator: torch.Generator,
        wraps: bool,
        blend: Blend | None = None,
    ) -> None:
        self.network, self.scale, self.size, self.generator = network, scale, size, generator
        self.blend = blend
        self._periods = size if wraps else (None, None)
        self.tensors: list[Tensor] = []
        self.rates: list[float] = []
        self._averages: list[Tensor] = []
        for name, parameter in network.named_parameters():
            own = network.scale_of(name)
            if own >= scale:
                self.tensors.append(parameter)
                self.rates.append(1.0 if own == scale else _COARSER)
                self._averages.append(averages[name])
        self.kept = [*self._averages, *network.buffers()]
        self._last: Tensor | None = None

    def image(self) -> Tensor:
        """What fresh noise gives."""
        seed = int(torch.randint(0, 2**62, (), generator=self.generator))
        shares = None if self.blend is None else self.blend.draw(self.generator)
        image = self.network.sample(
            seed, (0, 0), self.size, scale=self.scale, periods=self._periods, shares=shares
        )
        self._last = image.detach()
        return image

    @torch.no_grad()
    def moved(self) -> None:
        """Follow the weights with their averages."""
        for average, parameter in zip(self._averages, self.tensors, strict=True):
            average.lerp_(parameter, 1.0 if self.network.architecture.published else _AVERAGE)

    def current(self) -> Tensor:
        """The image that the step saw: another one would cost as much again."""
        return self.image().detach() if self._last is None else self._last

    def put_right(self, correct: Callable[[Tensor], Tensor]) -> None:
        """Nothing: weights have no image of their own."""
