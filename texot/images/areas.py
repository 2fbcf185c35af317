"""Random maps of areas with given shares, and histograms matched by rank."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.pyramid import Periodic, extend


def random_areas(
    size: tuple[int, int],
    shares: Sequence[float],
    length: float,
    *,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> Tensor:
    """A map of smooth areas, of which every class has its share, to a pixel.

    Each class takes the highest places of its own low-pass Gaussian noise among those that are left. The last
    class should be the largest.

    Args:
        size: (H, W).
        shares: of the classes, of sum 1.
        length: size of the areas in pixels: half the shortest wavelength that the noise keeps.
        periodic: axes (y, x) along which the map wraps around.
        generator: CPU generator of random numbers.

    Returns:
        (H, W) int64, the class of every pixel.
    """
    height, width = size
    left = torch.ones(height * width, dtype=torch.bool)
    found = torch.full((height * width,), len(shares) - 1)
    for number, share in enumerate(shares[:-1]):
        longer = length / max(1e-3, min(2 * share, 1))  # what lies above a high level is small
        noise = (
            _smooth_noise(size, min(longer, max(size)), periodic, generator)
            .flatten()
            .masked_fill(~left, -math.inf)
        )
        count = min(int(left.sum()), round(share * height * width))
        mine = torch.sort(noise, descending=True, stable=True).indices[:count]
        found[mine], left[mine] = number, False
    return found.view(height, width)


def _smooth_noise(
    size: tuple[int, int], length: float, periodic: Periodic, generator: torch.Generator
) -> Tensor:
    """Gaussian noise (H, W) without wavelengths far below 2 * length, or the longest one there is."""
    # an axis that does not wrap is cut from a longer one
    whole = [n if wraps else n + math.ceil(2 * length) for n, wraps in zip(size, periodic, strict=True)]
    noise = torch.fft.rfft2(torch.randn(*whole, generator=generator, dtype=torch.float64))
    y, x = torch.fft.fftfreq(whole[0]).double(), torch.fft.rfftfreq(whole[1]).double()
    radius = torch.sqrt(y[:, None] ** 2 + x**2)
    radius[0, 0] = math.inf  # the mean decides nothing
    wavelength = min(2 * length, 1 / float(radius.min()))
    noise = noise * torch.exp(-((radius * wavelength) ** 2))
    smooth: Tensor = torch.fft.irfft2(torch.nan_to_num(noise), s=whole)
    return smooth[: size[0], : size[1]].float()


def matched_histogram(values: Tensor, wanted: Tensor) -> Tensor:
    """Values with the histogram of others, in their own order: optimal transport on the line.

    Equal values stay equal.

    Args:
        values: (H, W).
        wanted: (n,) values of the histogram.

    Returns:
        (H, W); all of them the median if `values` are constant.
    """
    _, which, counts = torch.unique(values.flatten(), return_inverse=True, return_counts=True)
    ends = counts.double().cumsum(0)
    middle = (ends - counts / 2) / ends[-1]
    ranked = wanted.flatten().sort().values.double()
    place = (middle * len(ranked) - 0.5).clamp(0, len(ranked) - 1)
    below = place.floor().long()
    above = (below + 1).clamp(max=len(ranked) - 1)
    found: Tensor = ranked[below] + (place - below) * (ranked[above] - ranked[below])
    return found.to(values)[which].view(values.shape)


def local_mean(image: Tensor, side: int, *, periodic: Periodic = (False, False)) -> Tensor:
    """Mean (H, W) of a plane (H, W) over squares centred at every pixel; open borders are repeated.

    `side`: of the squares, in pixels; even ones are enlarged by one.
    """
    half = side // 2
    found = extend(image[None], (half, half), periodic)
    for window in ((2 * half + 1, 1), (1, 2 * half + 1)):
        found = F.avg_pool2d(found, window, 1)
    return found[0]
