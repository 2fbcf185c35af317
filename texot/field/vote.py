"""The image step: the weighted mean of overlapping patches.

    u = argmin_u sum_i w_i |T (P_i u - y_sigma(i))|^2,    T = diag(taper)^(1/2)

Its minimiser is exact: at every pixel the mean of what the patches that cover it have there, with weights
w_i taper. (Voting: Wexler, Shechtman & Irani 2007, "Space-time completion of video"; robust weights: Kwatra
et al. 2005, "Texture optimization for example-based synthesis".)
"""

from __future__ import annotations

import torch
from torch import Tensor

from texot.field.grid import Grid
from texot.field.source import Source


def taper(side: int) -> Tensor:
    """Weights of a patch's pixels, (side, side): a Hann window that does not fall to zero."""
    line = torch.hann_window(side + 2, periodic=False, dtype=torch.float32)[1:-1]
    return torch.outer(line, line) + 0.02


def vote(grid: Grid, source: Source, found: Tensor, weights: Tensor | None = None) -> Tensor:
    """The image of which the weighted squared distance to its patches' targets is least.

    Sums have a fixed order, so that the result does not depend on the number of threads.

    Args:
        grid: the result's patches.
        source: the exemplar's.
        found: (rows * columns,) the target of every patch of the grid.
        weights: (rows * columns,) positive, or None for 1.

    Returns:
        (C, H, W).
    """
    channels, (rows, columns) = source.image.shape[0], grid.shape
    width, side, stride = source.image.shape[2], grid.side, grid.stride
    first = source.pixel(found)
    flat = source.image.flatten(1)
    window = taper(side).tolist()
    total = flat.new_zeros(channels + 1, *grid.extent)
    of_patch = flat.new_ones(rows, columns) if weights is None else weights.view(rows, columns)
    for y in range(side):
        for x in range(side):
            weight = of_patch * window[y][x]
            place = total[:, y : y + (rows - 1) * stride + 1 : stride]
            place = place[:, :, x : x + (columns - 1) * stride + 1 : stride]
            values = flat.index_select(1, first + (y * width + x)).view(channels, rows, columns)
            place[:channels].addcmul_(values, weight)
            place[channels].add_(weight)
    total = grid.fold(total)
    return total[:channels] / total[channels].clamp_min(1e-12)
