"""Patch transport on everything: sliced over all patches, and the converged semi-dual.

`texot.evaluation.distance` is exact on samples; these two miss no patch.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_pair
from texot.images.patches import extract_patches
from texot.images.pyramid import Periodic, wrap
from texot.transport.measure import PatchMeasure
from texot.transport.solvers import DualSolution, solve

_BLOCK = 8  # filters at a time
_MAX_PAIRS = 2**30  # of patches: 32768 x 32768, minutes a pass on one core


def sliced_distance(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 8,
    n_filters: int = 128,
    seed: int = 0,
    periodic: Periodic = TORUS,
) -> float:
    """Sliced squared Wasserstein-2 distance between all patches of two images.

    d times the mean, over random unit vectors w in R^d, of the one-dimensional W2^2 between the projections
    <w, x_i> and <w, y_j> of all patches: a lower bound of W2^2 on average, without the bias of finite samples
    that `patch_distance` has. 0 for an image and itself. Transport is sorting; of two images of unequal size
    the quantiles are compared. Seeds move it by up to 10% at 128 filters. 2.4 s for 512x512.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w); its patches lie inside it.
        patch_size: side s of a patch in pixels; d = C*s*s.
        n_filters: random directions.
        seed: of the directions.
        periodic: axes (y, x) along which the image wraps around.

    Returns:
        Squared pixel values per patch, as `patch_distance`.

    Raises:
        InputError: images that cannot be compared, or a patch that does not fit.

    Source: Rabin, Peyre, Delon & Bernot 2011, "Wasserstein barycenter and its application to texture mixing".
    """
    image, exemplar = check_pair(image, exemplar)
    _check_patch(patch_size, image, exemplar)
    centre = exemplar.mean((1, 2), keepdim=True)
    image, exemplar = image - centre, exemplar - centre
    for axis in (1, 2):
        if periodic[axis - 1]:
            image = wrap(image, axis, 0, image.shape[axis] + patch_size - 1)
    dimension = image.shape[0] * patch_size**2
    generator = torch.Generator().manual_seed(seed)
    filters = torch.randn(n_filters, dimension, generator=generator, dtype=torch.float32)
    filters = (filters / filters.norm(dim=1, keepdim=True)).view(-1, len(image), patch_size, patch_size)
    total = 0.0
    for block in filters.split(_BLOCK):
        # NumPy sorts floats with vector instructions that torch lacks
        a, b = (np.sort(F.conv2d(t[None], block)[0].flatten(1).numpy(), 1) for t in (image, exemplar))
        count = min(a.shape[1], b.shape[1])
        ticks = (np.arange(count) + 0.5) / count
        a, b = (t[:, (ticks * t.shape[1]).astype(np.int64)] for t in (a, b))
        total += float(((a - b) ** 2).mean(1).sum())
    return dimension * total / n_filters


def semi_dual_distance(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 4,
    periodic: Periodic = TORUS,
    backend: str = "auto",
) -> DualSolution:
    """The converged semi-dual between all patches of two images: W2^2 without samples, from below.

    max over psi of F(psi) = mean_i min_j (|x_i - y_j|^2 - psi_j) + sum_j nu_j psi_j, with every patch of both
    and equal weights, by `texot.transport.solvers.solve`: Sinkhorn iterations, then ascent; within about 1%
    of the exact value (tests compare them). Work grows with the product of the areas: on one core 6 s for
    64x64 and two minutes for 128x128, so use it on coarse scales.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w); its patches lie inside it.
        patch_size: side s of a patch in pixels.
        periodic: axes (y, x) along which the image wraps around.
        backend: see `texot.kernels.laguerre_cells`.

    Returns:
        `value`, in squared pixel values per patch: a true lower bound of the distance; its potential, and the
        `marginal_error` there.

    Raises:
        InputError: images that cannot be compared, a patch that does not fit, or more than 2^30 pairs.

    Source: Houdard et al. 2020 (arXiv 2007.03408), the semi-dual of section 2.
    """
    image, exemplar = check_pair(image, exemplar)
    _check_patch(patch_size, image, exemplar)
    n_pairs = math.prod(image.shape[1:]) * math.prod(exemplar.shape[1:])
    if n_pairs > _MAX_PAIRS:
        raise InputError(
            f"the semi-dual of all patches would take {n_pairs:.1e} pairs a pass: compare coarser scales"
        )
    measure = PatchMeasure.from_image(exemplar, patch_size, uniform=True)
    return solve(extract_patches(image, patch_size, periodic=periodic), measure, backend=backend)


def _check_patch(size: int, image: Tensor, exemplar: Tensor) -> None:
    if not 1 <= size <= min(*exemplar.shape[1:], *image.shape[1:]):
        raise InputError(
            f"patch_size {size} does not fit both images of {image.shape[2]}x{image.shape[1]} and "
            f"{exemplar.shape[2]}x{exemplar.shape[1]} px"
        )
