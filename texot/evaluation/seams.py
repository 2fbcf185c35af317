"""Tileability: whether the edges of an image that wraps around show."""

from __future__ import annotations

from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_image
from texot.images.pyramid import Periodic
from texot.images.seams import roughness_ratio, seam_lines, seam_scales


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
        (
            roughness_ratio(*seam_lines(scale, axis))
            for scale in seam_scales(image, periodic)
            for axis in axes
        ),
        default=1.0,
    )
