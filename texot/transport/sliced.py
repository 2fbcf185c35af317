"""Sliced Wasserstein distance: transport of one-dimensional projections, which is sorting.

(Rabin, Peyre, Delon & Bernot 2011, "Wasserstein barycenter and its application to texture mixing".)
"""

from __future__ import annotations

import numpy as np
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
        y: (n, d), the same number.
        filters: (d, k).
    """
    a = (x @ filters).T  # (k, n)
    with torch.no_grad():
        goal = torch.empty_like(a).scatter_(1, _order(a), _sorted((y @ filters).T))
    return ((a - goal) ** 2).mean()


def _sorted(rows: Tensor) -> Tensor:
    """Sort every row in ascending order; on a CPU by NumPy, which has faster vector code."""
    return torch.from_numpy(np.sort(rows.numpy(), 1)) if _on_cpu(rows) else rows.sort(1).values


def _order(rows: Tensor) -> Tensor:
    """The indices that sort every row in ascending order."""
    rows = rows.detach()
    return torch.from_numpy(np.argsort(rows.numpy(), 1)) if _on_cpu(rows) else rows.argsort(1)


def _on_cpu(rows: Tensor) -> bool:
    return rows.device.type == "cpu" and rows.dtype in (torch.float32, torch.float64)
