"""Moments and spectra of a mixture of textures, with weights that are constant or vary over the image.

The Wasserstein barycentre of stationary Gaussian textures is again Gaussian: means and amplitudes (square
roots of power) are averaged by weight (Xia, Ferradans, Peyre & Aujol 2014, "Synthesizing and mixing
stationary Gaussian texture models"). Where weights vary over the image, statistics are measured under each
texture's weight as window, and corrections are blended by weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from texot.images.pyramid import Periodic
from texot.images.statistics import Statistics, band_power, filter_bands

_MAX_GAIN = 3.0  # dB
_LOWEST = 1 / 16  # cycles per pixel: lower frequencies belong to coarser scales


def mixed(statistics: Sequence[Statistics], weights: Sequence[float]) -> Statistics:
    """Statistics of the mixture of textures by weights (sum 1)."""
    powers = [s.power for s in statistics]
    return Statistics(
        sum_of(weights, [s.mean for s in statistics]),
        sum_of(weights, [s.deviation for s in statistics]),
        None
        if any(p is None for p in powers)
        else sum_of(weights, [p.sqrt() for p in powers if p is not None]) ** 2,
    )


def sum_of(weights: Sequence[float] | Tensor, values: Sequence[Tensor]) -> Tensor:
    """The weighted sum of tensors."""
    return torch.stack([w * v for w, v in zip(weights, values, strict=True)]).sum(0)


class LocalMixture:
    """Statistics that vary over an image with the weights of several textures.

    Args:
        statistics: statistics of every texture at the image's scale.
        maps: (K, H, W), weights of the textures at every pixel, of sum 1.
    """

    def __init__(self, statistics: Sequence[Statistics], maps: Tensor) -> None:
        self.statistics, self.maps = statistics, maps
        self.mass = maps.sum((1, 2)).clamp_min(1e-9)
        self.mean = sum_of(maps[:, None], [s.mean for s in statistics])  # (C, H, W)
        self.deviation = sum_of(maps[:, None], [s.deviation for s in statistics])

    @torch.no_grad()
    def calibrate(self, image: Tensor, *, periodic: Periodic) -> Tensor:
        """The image (C, H, W) with these spectra and moments, see `Statistics.calibrate`."""
        powers = [s.power for s in self.statistics]
        if min(image.shape[1:]) >= 32 and all(p is not None for p in powers):
            amplitudes = torch.stack([p.sqrt() for p in powers if p is not None])  # (K, bands)
            residual = image - self.mean
            result = torch.zeros_like(image)
            # expected spectrum of the mixture under each window; summed in a fixed order
            bands = [(self.maps * sum_of(band, list(self.maps)) ** 2).sum((1, 2)) for band in amplitudes.T]
            wanted = torch.stack(bands, 1) / self.mass[:, None]  # (K, bands)
            for window, own in zip(self.maps, wanted, strict=True):
                if not bool((window > 1e-3).any()):
                    continue
                power, count = band_power(residual, window=window.sqrt())
                gain = 10 * torch.log10((own + 1e-12) / (power + 1e-12))
                gain = torch.where(count > 0, gain.clamp(-_MAX_GAIN, _MAX_GAIN), 0.0)
                result += window * filter_bands(image, gain, _LOWEST, periodic)
            image = result
        return self.clip(image)

    @torch.no_grad()
    def clip(self, image: Tensor, *, n_iter: int = 4) -> Tensor:
        """The image clipped to [0, 1] with these moments: iterated, since clipping changes them."""
        for _ in range(n_iter):
            residual = image.clamp(0, 1) - self.mean
            off = (self.maps[:, None] * residual).sum((2, 3)) / self.mass[:, None]  # (K, C)
            residual = residual - sum_of(self.maps[:, None], list(off[:, :, None, None]))
            have = (self.maps[:, None] * residual**2).sum((2, 3)) / self.mass[:, None]
            want = (self.maps[:, None] * self.deviation**2).sum((2, 3)) / self.mass[:, None]
            gain = torch.where(have > 1e-12, (want / have.clamp_min(1e-12)).sqrt(), 0.0)
            residual = residual * sum_of(self.maps[:, None], list(gain[:, :, None, None]))
            image = self.mean + residual
        return image.clamp(0, 1)
