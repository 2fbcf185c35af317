"""Gaussian pyramids of an image on a torus, a rectangle, or the known pixels of an exemplar.

S_l u: scale l of an image, 0 = finest; each scale is the one before, convolved with a 4x4 Gaussian
(sigma 1 pixel) and taken at every second pixel (Houdard et al. 2020, arXiv 2007.03408, section 4).
A coarse pixel k lies at fine coordinate 2k + 1/2, so `upsample` is aligned with `downsample`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Periodic = tuple[bool, bool]
"""Whether the vertical (y) and the horizontal (x) axis wrap around, in that order."""


def gaussian_kernel() -> Tensor:
    """The 4x4 Gaussian of standard deviation 1 pixel, (4, 4), sum 1."""
    t = torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float32)
    g = torch.exp(-t * t / 2)
    g = g / g.sum()
    return g[:, None] * g


def wrap(image: Tensor, axis: int, start: int, stop: int) -> Tensor:
    """Samples [start, stop) of a periodic axis.

    Slices and `cat` only: their gradients are exact sums in a fixed order, on CUDA too.
    """
    n = image.shape[axis]
    pieces = []
    while start < stop:
        first = start % n
        length = min(n - first, stop - start)
        pieces.append(image.narrow(axis, first, length))
        start += length
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces, axis)


def extend(image: Tensor, margins: tuple[int, int], periodic: Periodic) -> Tensor:
    """Add (before, after) pixels on both axes: wrapped where periodic, else replicated.

    Args:
        image: (C, H, W).
        margins: pixels to add before and after; they may exceed a periodic axis.
        periodic: axes (y, x) that wrap around.
    """
    before, after = margins
    for axis in (1, 2):
        n = image.shape[axis]
        if periodic[axis - 1]:
            image = wrap(image, axis, -before, n + after)
            continue
        first, last = image.narrow(axis, 0, 1), image.narrow(axis, n - 1, 1)
        ends = [list(image.shape), list(image.shape)]
        ends[0][axis], ends[1][axis] = before, after
        image = torch.cat([first.expand(ends[0]), image, last.expand(ends[1])], axis)
    return image


def surround(image: Tensor, margin: int, multiple: int, periodic: Periodic) -> Tensor:
    """Pad both axes: wrapped where periodic, mirrored elsewhere.

    Args:
        image: (C, H, W).
        margin: pixels to add on every side; it may exceed the image's size.
        multiple: further pixels are added at the ends until the sides minus the margins are multiples of it.
        periodic: axes (y, x) that wrap around.
    """
    for axis in (1, 2):
        n = image.shape[axis]
        t = torch.arange(-margin, n + -n % multiple + margin, device=image.device)
        if not periodic[axis - 1] and n > 1:
            t = t.remainder(2 * n - 2)
            t = torch.minimum(t, 2 * n - 2 - t)
        image = image.index_select(axis, t.remainder(n))
    return image


def downsample(image: Tensor, *, periodic: Periodic = (True, True)) -> Tensor:
    """Next coarser scale of a whole image: (C, H, W) -> (C, ceil(H/2), ceil(W/2)).

    Differentiable. Axes wrap where `periodic`, else the border pixel is replicated.
    """
    c = image.shape[0]
    kernel = gaussian_kernel().to(image).expand(c, 1, 4, 4)
    return F.conv2d(extend(image, (1, 2), periodic)[None], kernel, stride=2, groups=c)[0]


def downsample_known(
    image: Tensor, known: Tensor | None = None, least: float = 0.5
) -> tuple[Tensor, Tensor | None]:
    """Next coarser scale of an exemplar, using known pixels only and nothing beyond its border.

    Args:
        image: (C, H, W) with H, W >= 4.
        known: (H, W) bool, or None where every pixel is known.
        least: fraction of the kernel's weight.

    Returns:
        The coarse image (C, (H-4)//2+1, (W-4)//2+1) and its known mask. A coarse pixel is the Gaussian
        mean of the known pixels under it, and is known if their weight exceeds `least`.
    """
    c = image.shape[0]
    kernel = gaussian_kernel().to(image)
    if known is None:
        return F.conv2d(image[None], kernel.expand(c, 1, 4, 4), stride=2, groups=c)[0], None
    weight = known.to(image)
    total = F.conv2d(weight[None, None], kernel[None, None], stride=2)[0]  # (1, h, w)
    seen = torch.where(known, image, 0)  # a product would propagate NaN
    mean = F.conv2d(seen[None], kernel.expand(c, 1, 4, 4), stride=2, groups=c)[0]
    return mean / total.clamp_min(1e-6), total[0] > least


def gaussian_pyramid(image: Tensor, n_scales: int, *, periodic: Periodic = (True, True)) -> list[Tensor]:
    """Scales 0 (finest) to n_scales - 1 of a whole image; see `downsample`.

    Args:
        image: (C, H, W).
        n_scales: number of scales, >= 1.
        periodic: axes (y, x) that wrap around.
    """
    scales = [image]
    for _ in range(n_scales - 1):
        scales.append(downsample(scales[-1], periodic=periodic))
    return scales


def upsample(image: Tensor, size: tuple[int, int], *, periodic: Periodic = (True, True)) -> Tensor:
    """Bicubic image of twice the size, aligned with `downsample`: (C, h, w) -> (C, H, W).

    Args:
        image: (C, h, w), a coarse scale.
        size: (H, W) of the finer scale, with h = ceil(H/2), w = ceil(W/2).
        periodic: axes (y, x) that wrap around.
    """
    padded = extend(image, (2, 2), periodic)
    fine = F.interpolate(padded[None], scale_factor=2, mode="bicubic", align_corners=False)[0]
    return fine[:, 4 : 4 + size[0], 4 : 4 + size[1]]


def upsample_to(image: Tensor, sizes: list[tuple[int, int]], *, periodic: Periodic = (True, True)) -> Tensor:
    """Upsample a coarse image to the finest of `sizes` (finest first) by repeated `upsample`."""
    for size in reversed(sizes):
        image = upsample(image, size, periodic=periodic)
    return image
