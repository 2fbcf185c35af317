"""How visible the edge is where a texture's copies meet."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.images.pyramid import Periodic, wrap


def seam_scores(image: Tensor, axis: int, places: list[int]) -> list[float]:
    """How much more an image jumps at some lines across it than elsewhere: about 1 where there is no seam.

    A jump is the difference between the pixels on both sides of a line, less what the slopes beside it lead
    one to expect, as root mean square over the line; the score is the line's over the median of all inside.

    Args:
        image: (C, H, W), the sides at least 5 pixels.
        axis: 1: lines between rows; 2: between columns.
        places: line k lies before row (column) k; 0 is where copies of the image meet.

    Returns:
        One score a line; 1 where the line and the image are flat.
    """
    n = image.shape[axis]
    u = wrap(image.double(), axis, -2, n + 1).transpose(0, axis)  # row k + 2 is the image's row k
    jump = u[2:-1] - u[1:-2] - (u[1:-2] - u[:-3] + u[3:] - u[2:-1]) / 2
    size = (jump**2).flatten(1).mean(1).sqrt()  # (n,), line k
    inside = float(size[2:-1].median())
    if inside < 1e-9:
        return [1.0 if float(size[k]) < 1e-6 else float("inf") for k in places]
    return [float(size[k]) / inside for k in places]


def worst_seam(image: Tensor, periodic: Periodic, lines: tuple[list[int], list[int]] | None = None) -> float:
    """The largest score of an image's lines, see `seam_scores`.

    Args:
        image: (C, H, W).
        periodic: axes (y, x) along which copies meet.
        lines: rows and columns before which a line is looked at too; None: only where copies meet.
    """
    rows, columns = ([], []) if lines is None else lines
    scores = [1.0] if not any(periodic) else []
    for axis, more in ((1, rows), (2, columns)):
        if periodic[axis - 1]:
            scores += seam_scores(image, axis, [0, *more])
    return max(scores)


def repeated(image: Tensor, times: tuple[int, int]) -> Tensor:
    """Copies of an image side by side, (C, n H, m W) of (C, H, W) and (n, m)."""
    return torch.cat([torch.cat([image] * times[1], 2)] * times[0], 1)
