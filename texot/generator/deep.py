"""Which deep features training looks at, and how they are transported.

Results are to be judged with another network than they were trained on: `texot evaluate --network` has both.
"""

from __future__ import annotations

from dataclasses import replace

from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.networks.network import Network
from texot.networks.registry import find_network

TRANSPORTS = ("sliced", "semi-dual", "both")
"""How deep features are transported."""

MARGIN = 16  # pixels around an image that the network sees and the terms do not
_LARGE = 6.0  # pixels of correlation from which features are large


def training_network(features: str) -> Network | None:
    """The network that training's option names, see `find_network`; sides are made multiples of 16 for it."""
    found = find_network(features, auto=True)
    return None if found is None else replace(found, context=MARGIN, grid=MARGIN)


def suitable_transport(exemplar: Exemplar) -> str:
    """What suits an exemplar: "both" where it has large features, by `correlation_length`, else "sliced"."""
    length = correlation_length(exemplar.pixels, exemplar.mask)
    return "both" if length >= _LARGE else "sliced"
