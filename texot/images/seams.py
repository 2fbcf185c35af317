"""Whether an image tiles: roughness across its edges compared with the lines inside."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from texot.images.pyramid import Periodic, downsample

_SCALES = 3  # seams of large soft patches are visible at coarser scales
_SEEN = 1.25  # ratio from which an edge may be visible
_ROUGHEST = 0.05  # fraction of rougher lines inside from which an edge is not visible


def tiling_axes(image: Tensor) -> Periodic:
    """The axes (y, x) along which an image tiles already.

    At every scale of `texot.evaluation.seam_score` the edge is at most 1.25 times as rough as the lines
    inside, or one in twenty of these is rougher. Some images that tile are not recognised.

    Args:
        image: (C, H, W) of 16x16 pixels or more.
    """

    def tiles(axis: int) -> bool:
        for scale in seam_scales(image, (axis == 1, axis == 2)):
            edge, inside = seam_lines(scale, axis)
            if roughness_ratio(edge, inside) > _SEEN and float((inside > edge).float().mean()) < _ROUGHEST:
                return False
        return True

    return tiles(1), tiles(2)


def seam_scales(image: Tensor, periodic: Periodic) -> Iterator[Tensor]:
    """Scales 0, 1, 2 of an image (C, H, W) that have at least 16 pixels a side."""
    yield image
    for _ in range(1, _SCALES):
        image = downsample(image, periodic=periodic)
        if min(image.shape[1:]) < 16:
            return
        yield image


def seam_lines(image: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean square of `seam_score`'s e across the edge, (), and across the lines inside, (n,)."""
    before, after = image.roll(1, axis), image.roll(-1, axis)
    unforeseen = 1.5 * (image - before) - 0.5 * (after - image.roll(2, axis))
    lines = (unforeseen**2).mean((0, 3 - axis))  # one value for each line; line 0 is the edge
    return lines[0], lines[2:-1]  # lines 1 and -1 have the edge in their gradients


def roughness_ratio(edge: Tensor, inside: Tensor) -> float:
    """Ratio of roughness of an edge and the lines inside, from the results of `seam_lines`."""
    least = 1e-10  # a hundredth of an 8-bit step, squared
    return float(torch.sqrt((edge + least) / (inside.mean() + least)))
