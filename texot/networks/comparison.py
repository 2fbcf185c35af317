"""Comparison of images by features of a network trained on photographs: Gram matrices, and oddness.

Images are padded with context before they enter the network, wrapped on periodic axes and mirrored on open
ones, so that no cell sees the network's zero padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.pyramid import Periodic
from texot.images.self_similarity import nearest_elsewhere
from texot.kernels import laguerre_cells
from texot.networks.network import Network

QUANTILE = 0.95
"""Fraction of the oddest positions whose mean is an image's oddness."""
_OWN = 5  # cells around a position of the exemplar that are excluded as matches


def gram_matrices(image: Tensor, periodic: Periodic, network: Network) -> list[Tensor]:
    """f f^T averaged over an image's cells, (c, c) float64 for each of the network's `gram_layers`.

    Args:
        image: (C, H, W) with 1 or 3 channels.
        periodic: axes (y, x) along which it wraps around.
        network: the network with features f.
    """
    grams = []
    for found in network.cells(image, network.gram_layers, periodic).values():
        cells = found.flatten(1).double()
        grams.append(cells @ cells.T / cells.shape[1])
    return grams


def gram_distance(own: Sequence[Tensor], wanted: Sequence[Tensor]) -> float:
    """The mean over layers of |G_a - G_b|^2 / |G_b|^2, Frobenius norms (Gatys, Ecker & Bethge 2015)."""
    parts = [
        float(((a - b) ** 2).sum() / (b**2).sum().clamp_min(1e-30)) for a, b in zip(own, wanted, strict=True)
    ]
    return sum(parts) / len(parts)


@dataclass(frozen=True, eq=False)
class OddPlaces:
    """Distance of positions of images from everything in an exemplar, see `texot.evaluation.oddness_map`.

    Attributes:
        network: the network.
        centre, scale: (c,) standardisation of features.
        targets: (m, c) the exemplar's cells, standardised.
        unit: distance of the exemplar's own oddest positions, which counts as 1.
    """

    network: Network
    centre: Tensor
    scale: Tensor
    targets: Tensor
    unit: Tensor

    @classmethod
    def of(cls, exemplar: Tensor, network: Network) -> OddPlaces:
        """The reference data of an exemplar (C, h, w).

        Raises:
            InputError: the exemplar is too small, or constant.
            TexotError: the weights are not installed.
        """
        longer = max(exemplar.shape[1:])
        least = least_side(network)
        if longer < least:
            raise InputError(
                f"oddness needs an exemplar whose longer side has {least} px or more, not {longer}"
            )
        y = _smooth_cells(exemplar, (False, False), network)
        deviation = y.std((0, 1))
        scale = torch.maximum(deviation, deviation.mean() / 4)
        if not bool(scale.all()):
            raise InputError("oddness needs an exemplar that is not of one colour")
        centre = y.mean((0, 1))
        y = (y - centre) / scale
        unit = nearest_elsewhere(y, _OWN + 1, (False, False))[0].sqrt().quantile(QUANTILE)
        return cls(network, centre, scale, y.flatten(0, 1), unit)

    def map(self, image: Tensor, periodic: Periodic) -> Tensor:
        """Distances (ceil(H/8), ceil(W/8)) of positions of an image (C, H, W) to the exemplar's nearest."""
        cells = (_smooth_cells(image, periodic, self.network) - self.centre) / self.scale
        x = cells.flatten(0, 1)
        found = laguerre_cells(x, self.targets, self.targets.new_zeros(len(self.targets)))
        distance: Tensor = (x - self.targets[found]).norm(dim=1)
        return distance.view(cells.shape[:2]) / self.unit


def least_side(network: Network) -> int:
    """Minimal longer side in pixels of an exemplar for `OddPlaces`."""
    return 2 * (_OWN + 1) * network.strides[network.odd_layer]


def _smooth_cells(image: Tensor, periodic: Periodic, network: Network) -> Tensor:
    """Features averaged over 3x3 cells, (rows, columns, channels)."""
    layer = network.odd_layer
    smoothed = replace(network, features=lambda x, layers: _smooth(network.features(x, layers)))
    return smoothed.cells(image, (layer,), periodic)[layer].permute(1, 2, 0)


def _smooth(features: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: F.avg_pool2d(found, 3, stride=1, padding=1) for layer, found in features.items()}
