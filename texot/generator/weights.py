"""The variables of training: the weights of a network. The image of a step is a sample from new noise."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from texot.generator.blend import Blend
from texot.generator.network import PlaneNetwork

_AVERAGE = 0.02  # weight of a step in the running average
_COARSER = 0.3  # factor of Adam's step size for scales that earlier stages trained


class Weights:
    """The weights of a network's scales from `scale` to the coarsest: the `Variables` of a stage.

    Args:
        network: the network.
        averages: running averages of its parameters, by name.
        scale: the finest scale that is trained.
        size: (height, width) of the image at that scale.
        generator: CPU generator of the seeds of noise.
        wraps: whether the image is a torus, or else a window of the plane.
        blend: draws the mixture weights of several textures; None for one texture.
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
        """A sample from new noise."""
        seed = int(torch.randint(0, 2**62, (), generator=self.generator))
        mixture = None if self.blend is None else self.blend.draw(self.generator)
        image = self.network.sample(
            seed, (0, 0), self.size, scale=self.scale, periods=self._periods, mixture=mixture
        )
        self._last = image.detach()
        return image

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the averages of the weights."""
        for average, parameter in zip(self._averages, self.tensors, strict=True):
            average.lerp_(parameter, 1.0 if self.network.architecture.published else _AVERAGE)

    def current(self) -> Tensor:
        """The image of the last step: sampling another one would double the cost."""
        return self.image().detach() if self._last is None else self._last

    def correct(self, correction: Callable[[Tensor], Tensor]) -> None:
        """Nothing: an image does not determine weights."""
