"""Tileability: whether the edges of an image that wraps around show."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_image
from texot.images.pyramid import Periodic, downsample

_SCALES = 3  # a seam of large soft patches shows at the coarser ones
_SEEN = 1.25  # ratio from which an edge may show
_ROUGHEST = 0.05  # share of the lines inside an image that may be rougher than an edge that does not show


def seam_score(image: Tensor, *, periodic: Periodic = TORUS) -> float:
    """How much rougher an image is across its wrap-around edges than across the lines inside it.

    Across the line between columns k - 1 and k, the jump is what neighbouring gradients do not foretell:

        e_k = u_k - u_{k-1} - ((u_{k+1} - u_k) + (u_{k-1} - u_{k-2})) / 2

    The score of an axis is the root mean square of e across the edge over that of all lines inside; the same
    for rows; at scales 0, 1, 2 of a pyramid that wraps, as far as they have 16 pixels a side. Returned is the
    worst. A seam that cannot be seen has about 1, up to 1.4 by chance since an edge is one line; crops of
    photographs have 1.4 (granite) to 13 (rug), in the middle 2.5. 0.05 s for 512x512.

    Args:
        image: (C, H, W) of 8x8 pixels or more.
        periodic: axes (y, x) that are to wrap around; the others are not looked at.

    Returns:
        A ratio; 1 where no axis wraps, or nothing varies.

    Raises:
        InputError: not an image, or too small.

    Source: gradients foretold across a border, as the compatibility of jigsaw pieces in Gallagher 2012,
        "Jigsaw puzzles with pieces of unknown orientation".
    """
    image = check_image("image", image)
    if min(image.shape[1:]) < 8:
        raise InputError(f"a seam needs 8x8 px or more, not {image.shape[2]}x{image.shape[1]}")
    axes = [axis for axis in (1, 2) if periodic[axis - 1]]
    return max(
        (_ratio(*_lines(scale, axis)) for scale in _scales(image, periodic) for axis in axes), default=1.0
    )


def tiling_axes(image: Tensor) -> Periodic:
    """The axes (y, x) along which an image tiles already.

    At every scale of `seam_score` the edge is at most 1.25 times as rough as the lines inside, or one in
    twenty of these is rougher. Some results that tile are taken for ones that do not.

    Args:
        image: (C, H, W) of 16x16 pixels or more.
    """

    def tiles(axis: int) -> bool:
        for scale in _scales(image, (axis == 1, axis == 2)):
            edge, inside = _lines(scale, axis)
            if _ratio(edge, inside) > _SEEN and float((inside > edge).float().mean()) < _ROUGHEST:
                return False
        return True

    return tiles(1), tiles(2)


def _scales(image: Tensor, periodic: Periodic) -> Iterator[Tensor]:
    yield image
    for _ in range(1, _SCALES):
        image = downsample(image, periodic=periodic)
        if min(image.shape[1:]) < 16:
            return
        yield image


def _lines(image: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean square of e across the edge, (), and across the lines inside, (n,)."""
    before, after = image.roll(1, axis), image.roll(-1, axis)
    unforeseen = 1.5 * (image - before) - 0.5 * (after - image.roll(2, axis))
    lines = (unforeseen**2).mean((0, 3 - axis))  # one value a line; line 0 is the edge
    return lines[0], lines[2:-1]  # lines 1 and -1 have the edge in their gradients


def _ratio(edge: Tensor, inside: Tensor) -> float:
    least = 1e-10  # a hundredth of an 8-bit step, squared
    return float(torch.sqrt((edge + least) / (inside.mean() + least)))
