"""The image step: the weighted mean of overlapping patches.

    u = argmin_u sum_i w_i |T (P_i u - y_sigma(i))|^2,    T = diag(taper)^(1/2)

The minimiser is exact: at every pixel, the mean of the values of the patches that cover it, with weights
w_i taper. (Voting: Wexler, Shechtman & Irani 2007, "Space-time completion of video"; robust weights: Kwatra
et al. 2005, "Texture optimization for example-based synthesis".)
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from texot.field.compiled import Kernels, in_bands, ready
from texot.field.grid import Grid

_NEAR = 2  # pixels between positions that are averaged
_BAND = 131072  # patches that vote at once


def taper(side: int) -> Tensor:
    """Weights of a patch's pixels, (side, side): a Hann window that stays above zero."""
    line = torch.hann_window(side + 2, periodic=False, dtype=torch.float32)[1:-1]
    return torch.outer(line, line) + 0.02


def vote(grid: Grid, exemplar: Tensor, found: Tensor, weights: Tensor | None = None) -> Tensor:
    """The image that minimises the weighted squared distance of its patches to their targets.

    Sums have a fixed order, so the result does not depend on the number of threads.

    Args:
        grid: the result's patches.
        exemplar: (C, h, w).
        found: (rows * columns,) target of every patch of the grid, as i * (w - side + 1) + j with row i and
            column j of its top left pixel.
        weights: (rows * columns,) positive, or None for 1.

    Returns:
        (C, H, W).
    """
    first = found + torch.div(found, exemplar.shape[2] - grid.side + 1, rounding_mode="floor") * (
        grid.side - 1
    )
    first = first.view(grid.shape)
    of_patch = exemplar.new_ones(grid.shape) if weights is None else weights.view(grid.shape)
    kernels = ready() if exemplar.device.type == "cpu" else None
    total = grid.fold(
        _sums(grid, exemplar, first, of_patch)
        if kernels is None
        else _sums_compiled(grid, exemplar, first, of_patch, kernels)
    )
    return (total[:-1] / total[-1].clamp_min(1e-12)).contiguous()


def _sums(grid: Grid, exemplar: Tensor, first: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of the patches' values at every pixel, and sums of weights, (C + 1, *grid.extent)."""
    channels, width = exemplar.shape[0], exemplar.shape[2]
    (rows, columns), (height, wide), stride = grid.shape, grid.extent, grid.stride
    flat, window = exemplar.flatten(1), taper(grid.side).tolist()
    total = exemplar.new_zeros(channels + 1, height, wide)
    band = stride * max(1, _BAND // columns)
    for top in range(0, height, band):
        for y in range(grid.side):
            begin, end = (
                max(0, -(-(top - y) // stride)),
                min(rows, -(-(min(top + band, height) - y) // stride)),
            )
            if begin >= end:
                continue
            lines = total[:, begin * stride + y : (end - 1) * stride + y + 1 : stride]
            for x in range(grid.side):
                weight = weights[begin:end] * window[y][x]
                place = lines[:, :, x : x + (columns - 1) * stride + 1 : stride]
                pixels = (first[begin:end] + (y * width + x)).flatten()
                values = flat.index_select(1, pixels).view(channels, end - begin, columns)
                values.mul_(weight)  # not fused with the sum: the compiled loops round twice too
                place[:channels].add_(values)
                place[channels].add_(weight)
    return total


def _sums_compiled(grid: Grid, exemplar: Tensor, first: Tensor, weights: Tensor, kernels: Kernels) -> Tensor:
    """See `_sums`."""
    channels, width = exemplar.shape[0], exemplar.shape[2]
    total = exemplar.new_zeros(*grid.extent, channels + 1)
    pixels = exemplar.flatten(1).T.contiguous()
    arrays = [tensor.contiguous().numpy() for tensor in (total, pixels, first, weights, taper(grid.side))]
    in_bands(lambda begin, end: kernels.vote(*arrays, width, grid.stride, begin, end), 0, grid.extent[0])
    return total.movedim(-1, 0)


def strongest(grid: Grid, shape: tuple[int, int], found: Tensor, weights: Tensor | None = None) -> Tensor:
    """Position in the exemplar of each pixel, from the patch of largest weight.

    Positions given by other patches within two pixels of it are averaged with it, by their weights.

    Args:
        grid: the result's patches.
        shape: (rows, columns) of the exemplar's patches.
        found, weights: see `vote`.

    Returns:
        (H, W, 2) float32: (x, y) in pixels.
    """
    height, width = grid.size
    rows, columns = grid.shape
    of_patch = (
        torch.ones(rows, columns, device=found.device) if weights is None else weights.view(rows, columns)
    )
    top = torch.div(found, shape[1], rounding_mode="floor").view(rows, columns).to(of_patch)
    left = (found % shape[1]).view(rows, columns).to(of_patch)
    window = taper(grid.side)
    at = (
        torch.arange(rows, device=found.device) * grid.stride,
        torch.arange(columns, device=found.device) * grid.stride,
    )
    most = of_patch.new_zeros(height, width)
    best = of_patch.new_zeros(2, height, width)

    def votes() -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """For one pixel of every patch: its position in the result (rows, columns), weight, and position."""
        for i in range(grid.side):
            for j in range(grid.side):
                y, x = (at[0] + i) % height, (at[1] + j) % width
                yield y[:, None], x, of_patch * window[i, j], torch.stack([left + j, top + i])

    for y, x, weight, place in votes():
        better = weight > most[y, x]
        most[y, x] = torch.where(better, weight, most[y, x])
        best[:, y, x] = torch.where(better, place, best[:, y, x])
    total = of_patch.new_zeros(3, height, width)
    for y, x, weight, place in votes():
        near = weight * ((place - best[:, y, x]).abs().amax(0) <= _NEAR)
        total[:, y, x] += torch.cat([place * near, near[None]])
    return (total[:2] / total[2].clamp_min(1e-30)).movedim(0, -1).contiguous()
