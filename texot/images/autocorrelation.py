"""Autocorrelation of an exemplar: regularity and correlation length."""

from __future__ import annotations

import torch
from torch import Tensor

LOOSE = 0.35  # regularity below which a texture has no rows to keep
PATTERN = 0.7  # regularity from which pieces may continue each other: the period makes them shifts
_ALIKE = 0.2  # correlation that defines the correlation length
_MAX_SIDE = 1024  # pixels a side of the part of an image that is measured


@torch.no_grad()
def autocorrelation(image: Tensor, known: Tensor | None = None) -> Tensor:
    """Correlation coefficient of an image with itself at every lag, over the overlap.

    r(t) = cov(u(p), u(p + t)) / sqrt(var u(p) var u(p + t)), with moments over the known pixels p for which
    p + t is known too, summed over channels. Nothing wraps around.

    Args:
        image: (C, H, W).
        known: (H, W) bool, or None where every pixel is known.

    Returns:
        (2 H, 2 W) float64 on the CPU in [-1, 1]: lag (y, x) at index (y mod 2 H, x mod 2 W); 0 where the
        overlap is empty or constant.
    """
    height, width = image.shape[1:]
    shape = (2 * height, 2 * width)
    one = torch.ones(height, width, dtype=torch.float64) if known is None else known.cpu().double()
    pixels = torch.where(one > 0, image.detach().cpu().double(), 0)  # a product would propagate NaN
    mean = pixels.sum((1, 2)) / one.sum().clamp_min(1)
    pixels = torch.where(one > 0, pixels - mean[:, None, None], 0)

    def spectrum(planes: Tensor) -> Tensor:
        found: Tensor = torch.fft.rfft2(planes, s=shape)
        return found

    def correlate(a: Tensor, b: Tensor) -> Tensor:
        found: Tensor = torch.fft.irfft2(a.conj() * b, s=shape)
        return found

    of_one, of_image, of_square = spectrum(one), spectrum(pixels), spectrum(pixels**2)
    count = correlate(of_one, of_one).round().clamp_min(1)
    here, there = correlate(of_image, of_one), correlate(of_one, of_image)
    covariance = (correlate(of_image, of_image) - here * there / count).sum(0)
    variance_here = (correlate(of_square, of_one) - here**2 / count).sum(0)
    variance_there = (correlate(of_one, of_square) - there**2 / count).sum(0)
    least = 1e-9 * float((pixels**2).sum()) + 1e-12
    product = (variance_here.clamp_min(0) * variance_there.clamp_min(0)).sqrt()
    found = torch.where(product > least, covariance / product.clamp_min(least), 0)
    return found.clamp(-1, 1)


def regularity(image: Tensor, known: Tensor | None = None) -> float:
    """Regularity: how much an image repeats along rows or columns; near 1 for a pattern, near 0 for grass.

    The highest autocorrelation at lags along one axis (within a pixel) of a fifth to a half of the side. Of
    the samples at 62 px, the rug has .84, planks .60 (their grain), a brick wall .57, the rest below .15.

    Args:
        image: (C, H, W).
        known: (H, W) bool, or None where every pixel is known.

    Returns:
        A correlation coefficient; 0 if it is negative or the image is too small.
    """
    found = autocorrelation(image, known)
    best = 0.0
    for along_rows in (found, found.T):
        side = along_rows.shape[1] // 2
        lags = torch.arange(-(-side // 5), side // 2 + 1)
        if len(lags):
            best = max(best, float(along_rows[[-1, 0, 1]][:, lags].max()))
    return best


def correlation_length(image: Tensor, known: Tensor | None = None) -> float:
    """Correlation length in pixels: about half the size of an image's features.

    The distance at which the autocorrelation, averaged over directions, falls to a fifth. For quarters of the
    samples at 256 px: pebbles 24, stonewall 12, a brick wall 7, grass 5, gravel 3. Of large images the
    central 1024 pixels a side are measured.

    Args:
        image: (C, H, W).
        known: (H, W) bool, or None where every pixel is known.

    Returns:
        At most half the shorter side; 0 for an image without contrast.
    """
    top, left = (max(0, n - _MAX_SIDE) // 2 for n in image.shape[1:])
    part = (..., slice(top, top + _MAX_SIDE), slice(left, left + _MAX_SIDE))
    found = autocorrelation(image[part], None if known is None else known[part])
    if not bool(found.any()):
        return 0.0
    most = min(found.shape) // 4
    lags = torch.arange(-most, most + 1)
    away = (lags[:, None] ** 2 + lags**2).double().sqrt().round().long().flatten()
    total = torch.zeros(int(away.max()) + 1, dtype=torch.float64)
    total.index_add_(0, away, found[lags[:, None], lags].flatten())
    mean = total / torch.bincount(away)
    below = (mean[: most + 1] < _ALIKE).nonzero()[:, 0]
    if not len(below):
        return float(most)
    first = int(below[0])
    above, under = float(mean[first - 1]), float(mean[first])
    return first - 1 + (above - _ALIKE) / (above - under)
