"""How an image's texture looks to a network that has seen photographs: odd places, and Gram matrices.

Features are SqueezeNet's (`texot.networks.squeezenet`) or another `Network`'s, as
`texot.networks.comparison` takes them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from texot.evaluation.inputs import OPEN, TORUS, check_pair
from texot.images.pyramid import Periodic
from texot.networks.comparison import QUANTILE, OddPlaces, gram_distance, gram_matrices
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET


def oddness(
    image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS, network: Network = SQUEEZENET
) -> float:
    """How unlike the exemplar an image's oddest places are: 1 as the exemplar's own parts among themselves.

    The 95th percentile of `oddness_map`. Broken motifs, noise and strong blur raise it, not reliably: mild
    blur of a whole image may lower it. Copies have 0 inside where they lie a multiple of 8 pixels (the
    network's cells) from their source, and 0.4 to 1 elsewhere and at their edges: it does not distinguish
    copies from new texture. Read it with `copy_share` and `spectrum_error`.

    Args, errors and source as in `oddness_map`.
    """
    return float(oddness_map(image, exemplar, periodic=periodic, network=network).quantile(QUANTILE))


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
    return OddPlaces.of(exemplar, network).map(image, periodic)


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
    return gram_distance(gram_matrices(image, periodic, network), gram_matrices(exemplar, OPEN, network))


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
