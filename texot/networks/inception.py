"""Inception-v3 up to Mixed_5d, with weights from a file; texot does not include them.

The network is Szegedy et al. 2016, "Rethinking the Inception architecture" (arXiv 1512.00567), as torchvision
has it: RGB on -1 to 1, every convolution followed by batch normalisation and ReLU. The file is torchvision's
state dict (`inception_v3_google-0cc3c7bd.pth`), that of the usual Frechet distance
(`pt_inception-2015-12-05-6726825d.pth`), or the same tensors as safetensors; no code in it is run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.networks.network import Network
from texot.networks.weights import read_state_dict

_STEM = {  # layer: input and output channels, kernel
    "Conv2d_1a_3x3": (3, 32, 3),
    "Conv2d_2a_3x3": (32, 32, 3),
    "Conv2d_2b_3x3": (32, 64, 3),
    "Conv2d_3b_1x1": (64, 80, 1),
    "Conv2d_4a_3x3": (80, 192, 3),
}
_MIXED = {
    "Mixed_5b": (192, 32),
    "Mixed_5c": (256, 64),
    "Mixed_5d": (288, 64),
}  # input channels, channels of the pool branch
_BRANCHES = {  # of a mixed layer: input channels (None: the layer's), output channels, kernel
    "branch1x1": (None, 64, 1),
    "branch5x5_1": (None, 48, 1),
    "branch5x5_2": (48, 64, 5),
    "branch3x3dbl_1": (None, 64, 1),
    "branch3x3dbl_2": (64, 96, 3),
    "branch3x3dbl_3": (96, 96, 3),
}
_EPS = 1e-3
_STRIDES = {"Conv2d_2b_3x3": 2, "Conv2d_4a_3x3": 4, "Mixed_5b": 8, "Mixed_5c": 8, "Mixed_5d": 8}
_LATE = {"Conv2d_2b_3x3": 1, "Conv2d_4a_3x3": 2}  # offset in cells of convolutions without padding
_LATE_MIXED = 1

Weights = dict[str, tuple[Tensor, Tensor]]
Convolve = Callable[..., Tensor]


def inception_v3(path: str | os.PathLike[str]) -> Network:
    """Inception-v3 with the weights of a file, for `deep_gram`, `oddness` and `sifid`.

    SIFID uses Conv2d_4a_3x3, just before the second pooling, as published (Rott Shaham, Dekel & Michaeli
    2019, section 4.2).

    Args:
        path: a state dict with `Conv2d_1a_3x3.conv.weight` and so on: safetensors by its suffix,
            otherwise as written by `torch.save`; no code in it is run.

    Raises:
        InputError: a missing file, not a file of weights, or not those of Inception-v3.
    """
    file = Path(path)
    weights = _read(file)

    def features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        found = _run(image.cpu(), layers, weights)
        return {name: cells.to(image.device) for name, cells in found.items()}

    return Network(
        "inception-v3",
        "Inception-v3",
        features,
        _STRIDES,
        lambda: file,
        ("Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5b", "Mixed_5d"),
        odd_layer="Mixed_5b",
        frechet_layer="Conv2d_4a_3x3",
    )


def _run(image: Tensor, layers: tuple[str, ...], weights: Weights) -> dict[str, Tensor]:
    if image.shape[0] not in (1, 3):
        raise InputError(f"deep features need 1 or 3 channels (grey or RGB), not {image.shape[0]}")

    def convolve(x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        return F.conv2d(x, *weights[name], stride=stride, padding=padding).relu()

    last = max(list(_STRIDES).index(layer) for layer in layers)
    found: dict[str, Tensor] = {}
    size = image.shape[1:]
    x = convolve(2 * image.expand(3, -1, -1)[None] - 1, "Conv2d_1a_3x3", stride=2)
    x = convolve(convolve(x, "Conv2d_2a_3x3"), "Conv2d_2b_3x3", padding=1)
    for k, layer in enumerate(_STRIDES):
        if layer == "Conv2d_4a_3x3":
            x = convolve(convolve(F.max_pool2d(x, 3, 2), "Conv2d_3b_1x1"), layer)
        elif layer in _MIXED:
            x = F.max_pool2d(x, 3, 2) if layer == "Mixed_5b" else x
            x = _mixed(x, layer, convolve)
        if layer in layers:
            found[layer] = _aligned(x[0], layer, size)
        if k == last:
            break
    return found


def _mixed(x: Tensor, layer: str, convolve: Convolve) -> Tensor:
    """1x1, 5x5, two of 3x3, and a mean of 3x3, concatenated."""
    five = convolve(convolve(x, f"{layer}.branch5x5_1"), f"{layer}.branch5x5_2", padding=2)
    three = convolve(convolve(x, f"{layer}.branch3x3dbl_1"), f"{layer}.branch3x3dbl_2", padding=1)
    three = convolve(three, f"{layer}.branch3x3dbl_3", padding=1)
    mean = convolve(F.avg_pool2d(x, 3, 1, 1), f"{layer}.branch_pool")
    return torch.cat([convolve(x, f"{layer}.branch1x1"), five, three, mean], 1)


def _aligned(cells: Tensor, layer: str, size: torch.Size) -> Tensor:
    """Cells (c, rows, columns), zero-padded such that cell i covers the pixels from i times the stride."""
    stride, before = _STRIDES[layer], _LATE.get(layer, _LATE_MIXED)
    rows, columns = (n // stride for n in size)
    _, height, width = cells.shape
    return F.pad(cells, (before, columns - width - before, before, rows - height - before))


def _read(path: Path) -> Weights:
    """Kernels and biases by layer, batch normalisation folded in."""
    shapes = {name: (out, before, side, side) for name, (before, out, side) in _STEM.items()}
    for layer, (channels, pooled) in _MIXED.items():
        for name, (before, out, side) in _BRANCHES.items():
            shapes[f"{layer}.{name}"] = (out, before or channels, side, side)
        shapes[f"{layer}.branch_pool"] = (pooled, channels, 1, 1)
    parts = ("weight", "bias", "running_mean", "running_var")
    wanted: list[tuple[str, tuple[int, ...]]] = []
    for name, shape in shapes.items():
        wanted.append((f"{name}.conv.weight", shape))
        wanted += [(f"{name}.bn.{part}", shape[:1]) for part in parts]
    stored = read_state_dict(path, wanted, "Inception-v3")
    weights: Weights = {}
    for name in shapes:
        gain, shift, mean, variance = (stored[f"{name}.bn.{part}"] for part in parts)
        factor = gain / (variance + _EPS).sqrt()
        kernel = stored[f"{name}.conv.weight"] * factor[:, None, None, None]
        weights[name] = (kernel, shift - mean * factor)
    return weights
