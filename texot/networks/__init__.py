"""Networks trained on photographs, whose features describe texture, and their weights."""

from texot.networks.efficientnet import efficientnet_lite0
from texot.networks.inception import inception_v3
from texot.networks.network import Network
from texot.networks.registry import find_network
from texot.networks.squeezenet import SQUEEZENET
from texot.networks.vgg import vgg19

__all__ = ["SQUEEZENET", "Network", "efficientnet_lite0", "find_network", "inception_v3", "vgg19"]
