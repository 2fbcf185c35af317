"""What a network of deep features is to its users: its layers, and which of them each looks at."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from texot.images.pyramid import Periodic, surround

Features = Callable[[Tensor, tuple[str, ...]], dict[str, Tensor]]


@dataclass(frozen=True)
class Network:
    """A network trained on photographs.

    Attributes:
        key: as options and settings name it.
        name: as reports tell it.
        features: activations (channels, rows, columns) of an image (C, H, W), even sides, by layer, on the
            image's device and differentiable; near the border they know of padding.
        strides: pixels between the cells of each layer.
        file: where its weights are; raises where they are not installed.
        gram_layers: whose Gram matrices `texot.evaluation.deep_gram` compares.
        odd_layer: where `texot.evaluation.oddness_map` looks for neighbours, of stride 8.
        frechet_layer: whose mean and covariance `texot.evaluation.sifid` compares.
        synthesis_layers: whose transport synthesis adds to that of patches, from fine to coarse.
        training_layers: the same of training, of stride 2 to 16.
        context: pixels around an image, a multiple of every stride, beyond which padding is not felt.
        grid: sides are made multiples of it by what lies beyond, whose cells count too.
    """

    key: str
    name: str
    features: Features
    strides: Mapping[str, int]
    file: Callable[[], Path]
    gram_layers: tuple[str, ...]
    odd_layer: str
    frechet_layer: str
    synthesis_layers: tuple[str, ...] = ()
    training_layers: tuple[str, ...] = ()
    context: int = 80
    grid: int = 1

    def sha256(self) -> str:
        """Of the file of its weights, in hexadecimal."""
        return hashlib.sha256(self.file().read_bytes()).hexdigest()

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        """The features of an image with its surroundings: of the cells that belong to it, and no others.

        Args:
            image: (C, H, W).
            layers: names from `strides`.
            periodic: axes (y, x) along which the image continues at its opposite edge; others are mirrored.

        Returns:
            (channels, ceil(H/stride), ceil(W/stride)) for each layer, with H and W as `grid` makes them.
        """
        even = max(2, self.grid)
        found = self.features(surround(image, self.context, even, periodic), layers)
        return {layer: self._inner(found[layer], layer, image) for layer in layers}

    def _inner(self, features: Tensor, layer: str, image: Tensor) -> Tensor:
        stride = self.strides[layer]
        first = self.context // stride
        rows, columns = (math.ceil((n + -n % self.grid) / stride) for n in image.shape[1:])
        return features[:, first : first + rows, first : first + columns]
