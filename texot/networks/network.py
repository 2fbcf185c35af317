"""What a network of deep features is to the metrics: its layers, and which of them each metric looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from texot.images.pyramid import Periodic, surround

Features = Callable[[Tensor, tuple[str, ...]], dict[str, Tensor]]


@dataclass(frozen=True)
class Network:
    """A network trained on photographs.

    Attributes:
        name: as reports tell it.
        features: activations (channels, rows, columns) of an image (C, H, W), even sides, by layer.
        strides: pixels between the cells of each layer.
        gram_layers: whose Gram matrices `deep_gram` compares.
        odd_layer: where `oddness_map` looks for neighbours, of stride 8.
        frechet_layer: whose mean and covariance `sifid` compares.
        context: pixels around an image, a multiple of every stride, beyond which padding is not felt.
    """

    name: str
    features: Features
    strides: Mapping[str, int]
    gram_layers: tuple[str, ...]
    odd_layer: str
    frechet_layer: str
    context: int = 80

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        """The features of an image with its surroundings: of the cells that belong to it, and no others.

        Args:
            image: (C, H, W).
            layers: names from `strides`.
            periodic: axes (y, x) along which the image continues at its opposite edge; others are mirrored.

        Returns:
            (channels, ceil(H/stride), ceil(W/stride)) for each layer.
        """
        found = self.features(surround(image, self.context, 2, periodic), layers)  # even sides
        return {layer: self._inner(found[layer], layer, image) for layer in layers}

    def _inner(self, features: Tensor, layer: str, image: Tensor) -> Tensor:
        stride = self.strides[layer]
        first = self.context // stride
        rows, columns = (math.ceil(n / stride) for n in image.shape[1:])
        return features[:, first : first + rows, first : first + columns]
