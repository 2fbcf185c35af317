"""Sharpness and structure: radial power spectra, lattices and autocorrelation of two images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import check_image, check_pair
from texot.images.autocorrelation import autocorrelation

_MIDDLE = 1024  # pixels a side that an autocorrelation is taken of
_ROUNDING_POWER = 1 / 255**2 / 12  # variance of rounding to 8 bits


def radial_spectrum(image: Tensor, n_bands: int = 24) -> Tensor:
    """Power of the luminance in rings of equal width from frequency 0 to the Nyquist frequency.

    The luminance is the mean over channels. Its mean is removed and a periodic Hann window applied, so that
    images that tile compare with images that do not. The power of rounding to 8 bits (1/255)^2 / 12 is added:
    below it nothing is seen, and an exemplar without high frequencies stays finite. 0.02 s for 512x512.

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
    window = _window(height)[:, None] * _window(width)
    luminance = image.mean(0)
    power = torch.fft.fft2((luminance - luminance.mean()) * window).abs() ** 2 / (window**2).sum()
    fy, fx = _frequencies(height, width)
    radius = torch.sqrt(fy**2 + fx**2)
    ring = (radius * (2 * n_bands)).long()
    inside = (ring < n_bands) & (radius > 0)
    total = torch.zeros(n_bands, dtype=power.dtype).scatter_add_(0, ring[inside], power[inside])
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


def lattice_error(image: Tensor, exemplar: Tensor, periods: tuple[int, ...] = (2, 4, 8)) -> float:
    """How much stronger a weave of these periods is in an image than in its exemplar.

    Optimisation on grids of patches may leave a lattice with the grid's period, which a radial average hides:
    its power sits around the frequencies (1/p, 0), (0, 1/p) and (1/p, 1/p). It is compared with the power a
    little further in and out on the same lines, so that neither sharpness nor a seam, which spreads along
    them, is taken for one. 0.04 s for 512x512.

    Args:
        image, exemplar: (C, H, W) of at least 32x32 pixels.
        periods: in pixels, at least 2.

    Returns:
        dB, the largest rise over the periods; 0 or less where the image is no more woven than its exemplar.

    Raises:
        InputError: not images of one kind, or too small.
    """
    image, exemplar = check_pair(image, exemplar)
    own, wanted = _lattice(image, periods), _lattice(exemplar, periods)
    return max(a - b for a, b in zip(own, wanted, strict=True))


def _lattice(image: Tensor, periods: tuple[int, ...]) -> list[float]:
    """Power around a lattice's frequencies relative to their rings', in dB, a period."""
    height, width = image.shape[1:]
    if min(height, width) < 32:
        raise InputError(f"a lattice needs 32x32 px or more to show, not {width}x{height}")
    window = _window(height)[:, None] * _window(width)
    luminance = image.mean(0)
    power = torch.fft.fft2((luminance - luminance.mean()) * window).abs() ** 2 / (window**2).sum()
    fy, fx = (f.abs() for f in _frequencies(height, width))

    def around(y: float, x: float) -> Tensor:
        inside: Tensor = ((fy - y).abs() < 1 / 40) & ((fx - x).abs() < 1 / 40)
        return inside

    found = []
    for period in periods:
        f, own, sides = 1 / period, torch.zeros_like(power), torch.zeros_like(power)
        for y, x in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
            own += around(f * y, f * x)
            for g in (f - 1 / 16, f + 1 / 16):
                sides += around(g * y, g * x)  # beyond 1/2 there is nothing
        ratio = ((power * own).sum() / own.sum() + _ROUNDING_POWER) / (
            (power * sides).sum() / sides.sum() + _ROUNDING_POWER
        )
        found.append(10 * math.log10(float(ratio)))
    return found


def autocorrelation_error(image: Tensor, exemplar: Tensor) -> float:
    """How much the correlation of neighbours, rows and motifs at a distance differs from the exemplar's.

    Root mean square over all lags t with |t_y|, |t_x| up to a quarter of the shortest side of both images of
    r_image(t) - r_exemplar(t), where r is the correlation coefficient of the image with itself moved by t,
    channels added up, nothing wrapped. It sees lost periods and turned grain, which a radial spectrum
    averages away, and stays small for blur of fine detail. Of larger images the middle 1024x1024 pixels are
    looked at. 0.8 s for 512x512.

    Args:
        image, exemplar: (C, H, W), of any sizes of 8x8 pixels or more.

    Returns:
        Units of correlation, in [0, 2]; 0 for an image and itself. Two halves of one photograph have .02 to
        .1.

    Raises:
        InputError: images that cannot be compared, or too small.

    Source: autocorrelation as a texture statistic, Portilla & Simoncelli 2000, "A parametric texture model
        based on joint statistics of complex wavelet coefficients".
    """
    image, exemplar = (_middle(t) for t in check_pair(image, exemplar))
    side = min(*image.shape[1:], *exemplar.shape[1:])
    if side < 8:
        raise InputError(f"an autocorrelation needs sides of 8 px or more, not {side}")
    reach = side // 4
    lags = torch.arange(-reach, reach + 1)
    own, wanted = (autocorrelation(t)[lags[:, None], lags] for t in (image, exemplar))
    return float(((own - wanted) ** 2).mean().sqrt())


def _middle(image: Tensor) -> Tensor:
    for axis in (1, 2):
        n = image.shape[axis]
        image = image.narrow(axis, max(0, n - _MIDDLE) // 2, min(n, _MIDDLE))
    return image


def _window(n: int) -> Tensor:
    """A Hann window of n values, float32 whatever the default."""
    return torch.hann_window(n, dtype=torch.float32)


def _frequencies(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Of the discrete Fourier transform, in cycles a pixel: (H, 1) and (W,), float32 whatever the default."""
    fy, fx = (torch.fft.fftfreq(n, dtype=torch.float32) for n in (height, width))
    return fy[:, None], fx
