"""VGG-19 up to relu5_1, with weights from a file; texot does not include them.

The network is Simonyan & Zisserman 2015, "Very deep convolutional networks" (arXiv 1409.1556), as torchvision
has it: RGB in [0, 1] minus ImageNet's mean, divided by its deviation. The file is torchvision's state dict
(`vgg19-dcbb9e9d.pth`), or the same tensors as safetensors; no code in it is run.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.networks.network import Network
from texot.networks.weights import read_state_dict

_BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (1, 512))  # convolutions and channels; pooled after each
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Weights = dict[str, tuple[Tensor, Tensor]]


def vgg19(path: str | os.PathLike[str]) -> Network:
    """VGG-19 with the weights of a file, for `deep_gram`, `oddness` and `sifid`.

    Gram matrices are those of relu1_1, 2_1, 3_1, 4_1 and 5_1 (Gatys, Ecker & Bethge 2015).

    Args:
        path: a state dict with `features.0.weight` and so on: safetensors by its suffix, otherwise as
            written by `torch.save`; no code in it is run.

    Raises:
        InputError: a missing file, not a file of weights, or not those of VGG-19.
    """
    file = Path(path)
    weights = _read(file)

    def features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        found = _run(image.cpu(), layers, weights)
        return {name: cells.to(image.device) for name, cells in found.items()}

    first = tuple(f"relu{block}_1" for block in range(1, len(_BLOCKS) + 1))
    strides = {name: 2 ** (int(name[4]) - 1) for name in weights}
    return Network(
        "vgg-19",
        "VGG-19",
        features,
        strides,
        lambda: file,
        first,
        odd_layer="relu4_1",
        frechet_layer="relu3_1",
        synthesis_layers=("relu2_1", "relu3_1", "relu4_1"),
        training_layers=("relu2_1", "relu3_1", "relu4_1"),
    )


def _run(image: Tensor, layers: tuple[str, ...], weights: Weights) -> dict[str, Tensor]:
    if image.shape[0] not in (1, 3):
        raise InputError(f"deep features need 1 or 3 channels (grey or RGB), not {image.shape[0]}")
    mean, deviation = (image.new_tensor(t)[:, None, None] for t in (_MEAN, _DEVIATION))
    x = (image.expand(3, -1, -1) - mean) / deviation
    found: dict[str, Tensor] = {}
    for name, (kernel, bias) in weights.items():
        if name[4] != "1" and name.endswith("_1"):
            x = F.max_pool2d(x, 2, 2)
        x = F.conv2d(x[None], kernel, bias, padding=1)[0].relu()
        if name in layers:
            found[name] = x
        if len(found) == len(layers):
            break
    return found


def _read(path: Path) -> Weights:
    """Kernels (out, in, 3, 3) and biases (out,) by layer, in order."""
    places: list[tuple[str, str]] = []
    shapes: list[tuple[str, tuple[int, ...]]] = []
    index, before = 0, 3
    for block, (count, channels) in enumerate(_BLOCKS, start=1):
        for k in range(1, count + 1):
            places.append((f"relu{block}_{k}", f"features.{index}"))
            shapes.append((f"features.{index}.weight", (channels, before, 3, 3)))
            shapes.append((f"features.{index}.bias", (channels,)))
            index, before = index + 2, channels  # a ReLU follows each
        index += 1  # pooling
    stored = read_state_dict(path, shapes, "VGG-19")
    return {name: (stored[f"{key}.weight"], stored[f"{key}.bias"]) for name, key in places}
