"""Second-order statistics of textures, and the correction that gives an image those of its exemplar.

Matching patches averages overlapping candidates, which shrinks contrast a little at every scale. Two cheap
projections undo it exactly where it can be measured without looking at patches: the radial power spectrum
(a zero-phase filter; cf. Tartavel, Gousseau & Peyre 2014, "Variational texture synthesis with sparsity and
spectrum constraints") and each channel's mean and standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from texot.images.pyramid import Periodic, extend
from texot.images.reproducible import total

N_BANDS = 32
_MARGIN = 16  # pixels by which an open axis is extended before filtering
_NYQUIST_CORNER = math.sqrt(0.5)  # the largest radial frequency of a grid, cycles per pixel


def channel_moments(image: Tensor, known: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of every channel, each (C, 1, 1), over the known pixels.

    Independent of the number of threads, unlike torch's functions.

    Args:
        image: (C, H, W).
        known: (H, W) bool or None.
    """
    values = image.flatten(1) if known is None else image[:, known]
    mean = _means(values)
    return mean[:, None, None], _means((values - mean[:, None]) ** 2).sqrt()[:, None, None]


def _means(values: Tensor) -> Tensor:
    """Means of rows (C, n): (C,)."""
    return torch.stack([total(row) for row in values]) / values.shape[1]


def match_moments(image: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """The image with every channel shifted and scaled to the given mean and standard deviation."""
    own_mean, own_deviation = channel_moments(image)
    gain = torch.where(
        own_deviation > 1e-6, deviation / own_deviation.clamp_min(1e-6), torch.zeros_like(deviation)
    )
    return (image - own_mean) * gain + mean


def band_power(
    image: Tensor, *, n_bands: int = N_BANDS, window: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean power in rings of equal width from frequency 0 to the corner of the spectrum, over channels.

    The image is multiplied by a periodic Hann window after its mean is removed, so that images with and
    without matching edges can be compared.

    Args:
        image: (C, H, W).
        n_bands: number of rings.
        window: (H, W), a second factor, or None.

    Returns:
        (n_bands,) power per pixel, and (n_bands,) the number of frequencies in each ring (0: ring empty).
    """
    height, width = image.shape[1:]
    w_y, w_x = (torch.hann_window(n, dtype=torch.float32, device=image.device) for n in (height, width))
    hann = w_y[:, None] * w_x if window is None else w_y[:, None] * w_x * window
    centred = (image - image.mean((1, 2), keepdim=True)) * hann
    power = torch.stack([torch.fft.rfft2(c).abs() ** 2 for c in centred]).sum(0)
    power = (power / total(hann**2).clamp_min(1e-12)).cpu()  # sums below in a fixed order
    ring = (_radius(height, width, power) / _NYQUIST_CORNER * n_bands).long().clamp_max(n_bands - 1)
    fold = torch.full_like(power, 2.0)  # rfft keeps one of each conjugate pair
    fold[:, 0] = 1
    if width % 2 == 0:
        fold[:, -1] = 1
    fold[0, 0] = 0
    summed = torch.zeros(n_bands, dtype=power.dtype).scatter_add_(0, ring.flatten(), (power * fold).flatten())
    count = torch.zeros(n_bands, dtype=power.dtype).scatter_add_(0, ring.flatten(), fold.flatten())
    return (summed / count.clamp_min(1)).to(image), count.to(image)


def _radius(height: int, width: int, like: Tensor) -> Tensor:
    fy = torch.fft.fftfreq(height, dtype=torch.float32)
    fx = torch.fft.rfftfreq(width, dtype=torch.float32)
    radius = torch.sqrt(fy[:, None] ** 2 + fx**2)
    return radius.to(like)


@dataclass(frozen=True)
class Statistics:
    """The statistics that `calibrate` restores in an image at one scale.

    Attributes:
        mean, deviation: (C, 1, 1), of the exemplar's known pixels.
        power: (N_BANDS,) ring powers, or None where the exemplar has unknown pixels or is too small.
    """

    mean: Tensor
    deviation: Tensor
    power: Tensor | None

    @classmethod
    def of(cls, image: Tensor, known: Tensor | None = None) -> Statistics:
        """Statistics of an exemplar scale (C, H, W) with its (H, W) known mask or None."""
        power = band_power(image)[0] if known is None and min(image.shape[1:]) >= 32 else None
        return cls(*channel_moments(image, known), power)

    @torch.no_grad()
    def calibrate(
        self,
        image: Tensor,
        *,
        periodic: Periodic = (True, True),
        max_gain_db: float = 3.0,
        lowest: float = 1 / 16,
    ) -> Tensor:
        """The image with this radial power spectrum (above a frequency) and these channel moments.

        Args:
            image: (C, H, W).
            periodic: axes (y, x) that wrap around.
            max_gain_db: maximal amplification or damping of a band.
            lowest: lower frequencies, in cycles per pixel, are not changed: they belong to coarser scales.
        """
        if self.power is not None and min(image.shape[1:]) >= 32:
            gain = self._gain(image, max_gain_db)
            image = filter_bands(image, gain, lowest, periodic)
        return match_moments(image, self.mean, self.deviation)

    @torch.no_grad()
    def clip(self, image: Tensor, *, n_iter: int = 4) -> Tensor:
        """The image clipped to [0, 1] with these channel moments: iterated, since clipping changes them."""
        for _ in range(n_iter):
            image = match_moments(image.clamp(0, 1), self.mean, self.deviation)
        return image.clamp(0, 1)

    def _gain(self, image: Tensor, max_gain_db: float) -> Tensor:
        """Correction of every ring in dB, (N_BANDS,)."""
        assert self.power is not None
        power, count = band_power(image)
        gain = 10 * torch.log10((self.power + 1e-12) / (power + 1e-12))
        return torch.where(count > 0, gain.clamp(-max_gain_db, max_gain_db), torch.zeros_like(gain))


def filter_bands(image: Tensor, gain: Tensor, lowest: float, periodic: Periodic) -> Tensor:
    """An image (C, H, W) with its rings amplified by a gain in dB (N_BANDS,), from a frequency on.

    Args:
        image, gain: see above.
        lowest: cycles per pixel; the gain fades in over the octave below.
        periodic: axes (y, x) that wrap around; the others are extended by their border pixels.
    """
    margins = tuple(0 if wraps else _MARGIN for wraps in periodic)
    padded = extend(image, (_MARGIN, _MARGIN), periodic)  # an open axis must not wrap
    rows, columns = (
        slice(_MARGIN - m, padded.shape[a] - _MARGIN + m) for a, m in zip((1, 2), margins, strict=True)
    )
    filtered = _filter(padded[:, rows, columns], gain, lowest)
    top, left = margins
    return filtered[:, top : top + image.shape[1], left : left + image.shape[2]]


def _filter(image: Tensor, gain: Tensor, lowest: float) -> Tensor:
    """Zero-phase filter on the torus with a gain in dB for each ring, faded in below `lowest`."""
    height, width = image.shape[1:]
    radius = _radius(height, width, image)
    position = (radius / _NYQUIST_CORNER * N_BANDS - 0.5).clamp(0, N_BANDS - 1.001)
    below = position.long()
    part = position - below
    gain_db = gain[below] * (1 - part) + gain[below + 1] * part
    factor = 10 ** (gain_db * (1 + (radius / lowest).log2()).clamp(0, 1) / 20)
    # channel by channel: the spectra of an 8k image are large
    return torch.stack([torch.fft.irfft2(torch.fft.rfft2(c) * factor, s=(height, width)) for c in image])
