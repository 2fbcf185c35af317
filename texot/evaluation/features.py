"""How an image's texture looks to a network that has seen photographs: odd places, and Gram matrices.

Features are SqueezeNet's (`texot.networks.squeezenet`) or another `Network`'s. Images are given context
before they meet the network, an axis that wraps continues and an open one is mirrored: no cell sees the
network's zero padding.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import OPEN, TORUS, check_pair
from texot.evaluation.self_similarity import nearest_elsewhere
from texot.images.pyramid import Periodic
from texot.kernels import laguerre_cells
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET

_OWN = 5  # cells around a place of the exemplar that are no match for it
_QUANTILE = 0.95


def oddness(
    image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS, network: Network = SQUEEZENET
) -> float:
    """How unlike the exemplar an image's oddest places are: 1 as the exemplar's own parts among themselves.

    The 95th percentile of `oddness_map`. Broken motifs, noise and strong blur raise it, not reliably: mild
    blur of a whole image may lower it. Copies have 0 inside where they lie a multiple of 8 pixels (the
    network's cells) from their source, and 0.4 to 1 elsewhere and at their edges: it does not tell copies
    from new texture. Read it with `copy_share` and `spectrum_error`.

    Args, errors and source as in `oddness_map`.
    """
    return float(oddness_map(image, exemplar, periodic=periodic, network=network).quantile(_QUANTILE))


def oddness_map(
    image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS, network: Network = SQUEEZENET
) -> Tensor:
    """How unlike anything in the exemplar each place of an image is.

    SqueezeNet's fire5 features, averaged over 3x3 cells and divided by the exemplar's deviation of each
    channel (at least a quarter of their mean). Each cell's Euclidean distance to the exemplar's nearest is
    divided by the 95th percentile of the same inside the exemplar, where 5 cells around each are left out.
    0.6 s for 512x512.

    Args:
        image: (C, H, W) with 1 or 3 channels.
        exemplar: (C, h, w), its longer side at least 96 pixels.
        periodic: axes (y, x) along which the image wraps around; open axes are mirrored.
        network: whose features; figures of different networks do not compare.

    Returns:
        (ceil(H/8), ceil(W/8)): 0 for what the exemplar has, 1 for its own oddest places.

    Raises:
        InputError: images that cannot be compared, other than 1 or 3 channels, an exemplar that is too small
            or all alike.
        TexotError: the weights are not installed.

    Source: nearest-neighbour anomaly scores of mid-level features, as Roth et al. 2022 (PatchCore, arXiv
        2106.08265), on Iandola et al. 2016 (SqueezeNet, arXiv 1602.07360).
    """
    image, exemplar = check_pair(image, exemplar)
    longer = max(exemplar.shape[1:])
    least = 2 * (_OWN + 1) * network.strides[network.odd_layer]
    if longer < least:
        raise InputError(f"oddness needs an exemplar whose longer side has {least} px or more, not {longer}")
    x, y = _smooth_cells(image, periodic, network), _smooth_cells(exemplar, OPEN, network)
    deviation = y.std((0, 1))
    scale = torch.maximum(deviation, deviation.mean() / 4)
    if not bool(scale.all()):
        raise InputError("oddness needs an exemplar that is not of one colour")
    centre = y.mean((0, 1))
    x, y = (x - centre) / scale, (y - centre) / scale
    own = nearest_elsewhere(y, _OWN + 1, OPEN)[0].sqrt()
    targets = y.flatten(0, 1)
    cells = laguerre_cells(x.flatten(0, 1), targets, targets.new_zeros(len(targets)))
    distance: Tensor = (x.flatten(0, 1) - targets[cells]).norm(dim=1)
    return distance.view(x.shape[:2]) / own.quantile(_QUANTILE)


def deep_gram(
    image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS, network: Network = SQUEEZENET
) -> float:
    """Distance between two images' Gram matrices of deep features: the figure that agrees best with the eye.

    The mean over SqueezeNet's layers conv1, fire3, fire5, fire7 of |G_a - G_b|^2 / |G_b|^2, Frobenius norms,
    with G the mean over cells of f f^T. Compare with what an unseen part of the same photograph has: only
    ratios mean something. Sizes may differ; larger images scatter less. 0.5 s for 512x512.

    Args:
        image: (C, H, W) with 1 or 3 channels; grey is shown as RGB.
        exemplar: (C, h, w).
        periodic: axes (y, x) along which the image wraps around; open axes are mirrored, as the exemplar's
            are. Only with `periodic=(False, False)` is an image without seams 0 from itself.
        network: whose features.

    Returns:
        A number without unit, at least 0.

    Raises:
        InputError: images that cannot be compared, or other than 1 or 3 channels.
        TexotError: the weights are not installed.

    Source: Gatys, Ecker & Bethge 2015, "Texture synthesis using convolutional neural networks" (arXiv
        1505.07376), with each layer's distance relative to the exemplar's.
    """
    image, exemplar = check_pair(image, exemplar)
    own, wanted = _grams(image, periodic, network), _grams(exemplar, OPEN, network)
    parts = [
        float(((a - b) ** 2).sum() / (b**2).sum().clamp_min(1e-30)) for a, b in zip(own, wanted, strict=True)
    ]
    return sum(parts) / len(parts)


def sifid(
    image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS, network: Network = SQUEEZENET
) -> float:
    """Single-image Frechet distance: between the Gaussians of two images' deep features.

    |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), with mean m and covariance S over the cells of a layer
    in the first half (SqueezeNet's fire3, stride 4, 128 channels; VGG's relu3_1), divided by tr(S_b): 1 is
    as far as a single colour of the same mean. The published figure takes Inception's features, which
    `texot.networks.inception_v3` has of a file (they come in no package), and does not divide. Figures of one
    network compare among themselves only. 0.6 s for 512x512.

    Args, errors: as `deep_gram`.

    Returns:
        A number without unit; 0 for an image without seams and itself.

    Source: Rott Shaham, Dekel & Michaeli 2019, "SinGAN" (arXiv 1905.01164), section 4.2; Heusel et al. 2017
        (arXiv 1706.08500) for the distance.
    """
    image, exemplar = check_pair(image, exemplar)
    layer = network.frechet_layer
    moments = []
    for pixels, wraps in ((image, periodic), (exemplar, OPEN)):
        cells = network.cells(pixels, (layer,), wraps)[layer].flatten(1).double()
        centred = cells - cells.mean(1, keepdim=True)
        moments.append((cells.mean(1), centred @ centred.T / cells.shape[1]))
    (mean, cov), (other_mean, other) = moments
    root = _square_root(other)
    # (S_a S_b)^(1/2) has the eigenvalues of (S_b^(1/2) S_a S_b^(1/2))^(1/2), which is symmetric
    cross = torch.linalg.eigvalsh(root @ cov @ root).clamp_min(0).sqrt().sum()
    distance = ((mean - other_mean) ** 2).sum() + cov.trace() + other.trace() - 2 * cross
    return max(0.0, float(distance / other.trace().clamp_min(1e-12)))


def _square_root(matrix: Tensor) -> Tensor:
    """Of a symmetric matrix without negative eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    return root


def _grams(image: Tensor, periodic: Periodic, network: Network) -> list[Tensor]:
    """f f^T averaged over the image's cells, (c, c) for each layer."""
    grams = []
    for found in network.cells(image, network.gram_layers, periodic).values():
        cells = found.flatten(1).double()
        grams.append(cells @ cells.T / cells.shape[1])
    return grams


def _smooth_cells(image: Tensor, periodic: Periodic, network: Network) -> Tensor:
    """Features averaged over 3x3 cells, (rows, columns, channels)."""
    layer = network.odd_layer
    smoothed = replace(network, features=lambda x, layers: _smooth(network.features(x, layers)))
    return smoothed.cells(image, (layer,), periodic)[layer].permute(1, 2, 0)


def _smooth(features: dict[str, Tensor]) -> dict[str, Tensor]:
    return {layer: F.avg_pool2d(found, 3, stride=1, padding=1) for layer, found in features.items()}
