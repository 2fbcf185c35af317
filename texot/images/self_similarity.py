"""Nearest neighbours on a grid, excluding each point's surroundings, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.images.pyramid import Periodic

_MAX_DISTANCES = 1 << 23  # held at a time: 32 MiB


def nearest_elsewhere(points: Tensor, apart: int, periodic: Periodic) -> tuple[Tensor, Tensor]:
    """The nearest neighbour of each grid point among points at least `apart` rows or columns away.

    Args:
        points: (rows, columns, d); one axis needs at least 2 `apart` points.
        apart: minimal distance in grid steps along either axis.
        periodic: axes (y, x) along which the grid wraps around.

    Returns:
        Squared distances, (rows, columns), and flat indices of the nearest, (rows, columns) int64.
    """
    rows, columns = points.shape[:2]
    flat = points.flatten(0, 1)
    flat = flat - flat.mean(0)  # keeps the expanded square accurate
    square = (flat**2).sum(1)
    close_y, close_x = (_steps(n, wraps) < apart for n, wraps in zip((rows, columns), periodic, strict=True))
    found = []
    for own in torch.split(torch.arange(len(flat)), max(1, _MAX_DISTANCES // len(flat))):
        cost = torch.addmm(square, flat[own], flat.T, alpha=-2)
        close = close_y[own // columns, :, None] & close_x[own % columns, None, :]
        cost.masked_fill_(close.flatten(1), torch.inf)
        found.append(cost.min(1).indices)  # several times as fast as argmin
    nearest = torch.cat(found)
    distance = ((flat - flat[nearest]) ** 2).sum(1)
    return distance.view(rows, columns), nearest.view(rows, columns)


def _steps(n: int, wraps: bool) -> Tensor:
    """Steps between any two of n points of an axis, (n, n)."""
    t = torch.arange(n)
    steps = (t[:, None] - t).abs()
    return torch.minimum(steps, n - steps) if wraps else steps
