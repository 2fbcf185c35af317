"""Sharpness and colour: radial power spectra and channel moments of two images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import check_image, check_pair

_ONE_STEP = 1 / 255  # of an 8-bit file
_ROUNDING_POWER = _ONE_STEP**2 / 12  # variance of rounding to 8 bits


def radial_spectrum(image: Tensor, n_bands: int = 24) -> Tensor:
    """Power of the luminance in rings of equal width from frequency 0 to the Nyquist frequency.

    The luminance is the mean over channels. Its mean is removed and a periodic Hann window applied, so that
    images that tile compare with images that do not. The power of rounding to 8 bits (1/255)^2 / 12 is added:
    below it nothing is seen, and an exemplar without high frequencies stays finite.

    `texot.statistics.band_power`, which the synthesis corrects with, is not used: its rings end at the corner
    of the spectrum, and no number of them puts an edge on the Nyquist frequency.

    Args:
        image: (C, H, W) of at least 8x8 pixels.
        n_bands: number of rings between 0 and 0.5 cycles per pixel.

    Returns:
        (n_bands,) mean power per pixel in dB, NaN in rings that hold no frequency of so small an image.

    Raises:
        InputError: not an image, or too small.

    Source: radially averaged periodogram (Welch 1967 for the window's normalisation).
    """
    image = check_image("image", image)
    height, width = image.shape[1:]
    if min(height, width) < 8:
        raise InputError(f"a spectrum needs 8x8 px or more, not {width}x{height}")
    window = torch.hann_window(height)[:, None] * torch.hann_window(width)
    luminance = image.mean(0)
    power = torch.fft.fft2((luminance - luminance.mean()) * window).abs() ** 2 / (window**2).sum()
    radius = torch.sqrt(torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.fftfreq(width) ** 2)
    ring = (radius * (2 * n_bands)).long()
    inside = (ring < n_bands) & (radius > 0)
    total = torch.zeros(n_bands).scatter_add_(0, ring[inside], power[inside])
    count = torch.bincount(ring[inside], minlength=n_bands)
    return 10 * torch.log10(total / count + _ROUNDING_POWER)  # 0/0 is NaN


def spectrum_error(image: Tensor, exemplar: Tensor, n_bands: int = 24) -> float:
    """Root mean square difference of two radial spectra: the measure of sharpness.

    Args:
        image, exemplar: (C, H, W), of any sizes.
        n_bands: see `radial_spectrum`; rings that are empty in either image are left out.

    Returns:
        dB; 0 for equal spectra. Blur and noise both raise it.

    Raises:
        InputError: as `radial_spectrum`.
    """
    image, exemplar = check_pair(image, exemplar)
    difference = radial_spectrum(image, n_bands) - radial_spectrum(exemplar, n_bands)
    return math.sqrt(float((difference**2).nanmean()))


def colour_error(image: Tensor, exemplar: Tensor) -> tuple[Tensor, Tensor]:
    """Relative errors of every channel's mean and standard deviation.

    |mean(image) - mean(exemplar)| / mean(exemplar), and the same of deviations; denominators are at least one
    step of an 8-bit file.

    Args:
        image, exemplar: (C, H, W), of any sizes.

    Returns:
        Two tensors (C,), without unit: 0.02 is 2%.

    Raises:
        InputError: images that cannot be compared.

    Source: first and second moments; cf. Reinhard et al. 2001, "Color transfer between images".
    """
    image, exemplar = check_pair(image, exemplar)
    own, wanted = (torch.std_mean(t.flatten(1).double(), dim=1, correction=0) for t in (image, exemplar))
    deviation, mean = (
        ((a - b).abs() / b.clamp_min(_ONE_STEP)).float() for a, b in zip(own, wanted, strict=True)
    )
    return mean, deviation
