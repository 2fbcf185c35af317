"""Sliced Wasserstein distance: transport of one-dimensional projections, which is sorting.

(Rabin, Peyre, Delon & Bernot 2011, "Wasserstein barycenter and its application to texture mixing".)
"""

from __future__ import annotations

import torch
from torch import Tensor


def systematic_sample(nu: Tensor, count: int, shift: float) -> Tensor:
    """Indices of `count` draws from weights nu (m,), evenly spaced along their cumulative sum."""
    edges = nu.cpu().double().cumsum(0)  # sums in a fixed order
    ticks = (torch.arange(count, dtype=torch.float64) + shift) / count * edges[-1]
    return torch.searchsorted(edges, ticks).clamp_max(len(nu) - 1).to(nu.device)


def sliced_distance(x: Tensor, y: Tensor, filters: Tensor) -> Tensor:
    """Mean over filters of the squared 1-D Wasserstein distance between projections.

    Args:
        x: (n, d), differentiable.
        y: (n, d), as many.
        filters: (d, k).
    """
    a = (x @ filters).T  # (k, n)
    with torch.no_grad():
        goal = torch.empty_like(a).scatter_(1, a.argsort(1), (y @ filters).T.sort(1).values)
    return ((a - goal) ** 2).mean()
