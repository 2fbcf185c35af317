"""The interface of a network of deep features: layers, and which of them each use takes."""

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
        key: name in options and settings.
        name: name in reports.
        features: activations (channels, rows, columns) of an image (C, H, W), even sides, by layer, on the
            image's device and differentiable; near the border they depend on padding.
        strides: pixels between the cells of each layer.
        file: function that returns the path of the weights; it raises if they are not installed.
        gram_layers: layers whose Gram matrices `texot.evaluation.deep_gram` compares.
        odd_layer: layer of stride 8 in which `texot.evaluation.oddness_map` searches neighbours.
        frechet_layer: layer whose mean and covariance `texot.evaluation.sifid` compares.
        synthesis_layers: layers whose transport synthesis adds to that of patches, from fine to coarse.
        training_layers: the same for training, of stride 2 to 16.
        context: pixels around an image beyond which padding has no effect; a multiple of every stride.
        grid: images are extended to sides that are multiples of it.
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
        """SHA-256 of the file of weights, in hexadecimal."""
        return hashlib.sha256(self.file().read_bytes()).hexdigest()

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        """Features of an image, computed with context around it and cropped to its cells.

        Args:
            image: (C, H, W).
            layers: names from `strides`.
            periodic: axes (y, x) along which the image wraps around; others are mirrored.

        Returns:
            (channels, ceil(H/stride), ceil(W/stride)) for each layer, with H and W extended to `grid`.
        """
        even = max(2, self.grid)
        found = self.features(surround(image, self.context, even, periodic), layers)
        return {layer: self._inner(found[layer], layer, image) for layer in layers}

    def _inner(self, features: Tensor, layer: str, image: Tensor) -> Tensor:
        stride = self.strides[layer]
        first = self.context // stride
        rows, columns = (math.ceil((n + -n % self.grid) / stride) for n in image.shape[1:])
        return features[:, first : first + rows, first : first + columns]
