"""How an image's texture looks to a network that has seen photographs: odd places, and Gram matrices.

Features are SqueezeNet's (`texot.evaluation.squeezenet`). Images are given context before they meet the
network, an axis that wraps continues and an open one is mirrored: no cell sees the network's zero padding.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.elsewhere import nearest_elsewhere
from texot.evaluation.inputs import OPEN, TORUS, check_pair
from texot.evaluation.squeezenet import STRIDES, squeezenet_features
from texot.images.pyramid import Periodic
from texot.kernels import laguerre_cells

_CONTEXT = 80  # pixels, a multiple of every stride: fire7 sees zeros up to 64 away, 3x3 means 16 more
_ODD_LAYER = "fire5"
_OWN = 5  # cells around a place of the exemplar that are no match for it
_QUANTILE = 0.95
_GRAM_LAYERS = ("conv1", "fire3", "fire5", "fire7")


def oddness(image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS) -> float:
    """How unlike the exemplar an image's oddest places are: 1 as the exemplar's own parts among themselves.

    The 95th percentile of `oddness_map`. Broken motifs, noise and strong blur raise it, not reliably: mild
    blur of a whole image may lower it. Copies have 0 inside where they lie a multiple of 8 pixels (the
    network's cells) from their source, and 0.4 to 1 elsewhere and at their edges: it does not tell copies
    from new texture. Read it with `copy_share` and `spectrum_error`.

    Args, errors and source as in `oddness_map`.
    """
    return float(oddness_map(image, exemplar, periodic=periodic).quantile(_QUANTILE))


def oddness_map(image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS) -> Tensor:
    """How unlike anything in the exemplar each place of an image is.

    SqueezeNet's fire5 features, averaged over 3x3 cells and divided by the exemplar's deviation of each
    channel (at least a quarter of their mean). Each cell's Euclidean distance to the exemplar's nearest is
    divided by the 95th percentile of the same inside the exemplar, where 5 cells around each are left out.

    Args:
        image: (C, H, W) with 1 or 3 channels.
        exemplar: (C, h, w), its longer side at least 96 pixels.
        periodic: axes (y, x) along which the image wraps around; open axes are mirrored.

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
    if longer < 2 * (_OWN + 1) * STRIDES[_ODD_LAYER]:
        least = 2 * (_OWN + 1) * STRIDES[_ODD_LAYER]
        raise InputError(f"oddness needs an exemplar whose longer side has {least} px or more, not {longer}")
    x, y = _smooth_cells(image, periodic), _smooth_cells(exemplar, OPEN)
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


def deep_gram(image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS) -> float:
    """Distance between two images' Gram matrices of deep features: the figure that agrees best with the eye.

    The mean over SqueezeNet's layers conv1, fire3, fire5, fire7 of |G_a - G_b|^2 / |G_b|^2, Frobenius norms,
    with G the mean over cells of f f^T. Compare with what an unseen part of the same photograph has: only
    ratios mean something. Sizes may differ; larger images scatter less.

    Args:
        image: (C, H, W) with 1 or 3 channels; grey is shown as RGB.
        exemplar: (C, h, w).
        periodic: axes (y, x) along which the image wraps around; open axes are mirrored, as the exemplar's
            are. Only with `periodic=(False, False)` is an image without seams 0 from itself.

    Returns:
        A number without unit, at least 0.

    Raises:
        InputError: images that cannot be compared, or other than 1 or 3 channels.
        TexotError: the weights are not installed.

    Source: Gatys, Ecker & Bethge 2015, "Texture synthesis using convolutional neural networks" (arXiv
        1505.07376), with each layer's distance relative to the exemplar's.
    """
    image, exemplar = check_pair(image, exemplar)
    own, wanted = _grams(image, periodic), _grams(exemplar, OPEN)
    parts = [
        float(((a - b) ** 2).sum() / (b**2).sum().clamp_min(1e-30)) for a, b in zip(own, wanted, strict=True)
    ]
    return sum(parts) / len(parts)


def _grams(image: Tensor, periodic: Periodic) -> list[Tensor]:
    """f f^T averaged over the image's cells, (c, c) for each layer."""
    features = squeezenet_features(_with_context(image, periodic), _GRAM_LAYERS)
    grams = []
    for layer, found in features.items():
        cells = _inner(found, layer, image).flatten(1).double()
        grams.append(cells @ cells.T / cells.shape[1])
    return grams


def _smooth_cells(image: Tensor, periodic: Periodic) -> Tensor:
    """Features averaged over 3x3 cells, (rows, columns, channels)."""
    found = squeezenet_features(_with_context(image, periodic), (_ODD_LAYER,))[_ODD_LAYER]
    smooth = F.avg_pool2d(found, 3, stride=1, padding=1)
    return _inner(smooth, _ODD_LAYER, image).permute(1, 2, 0)


def _with_context(image: Tensor, periodic: Periodic) -> Tensor:
    """The image with `_CONTEXT` pixels before it and that or one more after: even sides."""
    for axis in (1, 2):
        n = image.shape[axis]
        t = torch.arange(-_CONTEXT, n + _CONTEXT + n % 2)
        if not periodic[axis - 1] and n > 1:
            t = t.remainder(2 * n - 2)
            t = torch.minimum(t, 2 * n - 2 - t)
        image = image.index_select(axis, t.remainder(n))
    return image


def _inner(features: Tensor, layer: str, image: Tensor) -> Tensor:
    """The cells that belong to the image and not to its context."""
    stride = STRIDES[layer]
    first = _CONTEXT // stride
    rows, columns = (math.ceil(n / stride) for n in image.shape[1:])
    return features[:, first : first + rows, first : first + columns]
