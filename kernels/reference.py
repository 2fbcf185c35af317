"""The formulas, written down once: what every other back end is tested against, by value.

They build the whole (n, m) cost matrix |x_i - y_j|^2, without the dot-product expansion, in the dtype
of their inputs: float64 inputs give float64 results.  Notation as in arXiv 2007.03408, section 2.
"""

import torch
from torch import Tensor

from .targets import Targets

__all__ = ["laguerre_cells", "soft_cells", "softmin", "squared_distances"]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i - y_j|^2, (n, m)."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist").square_()  # (n, m)


def laguerre_cells(x: Tensor, y: Targets, psi: Tensor) -> Tensor:
    """Return argmin_j |x_i - y_j|^2 - psi_j, (n,) int64."""
    return (squared_distances(x, y.points) - psi).argmin(1)


def softmin(x: Tensor, y: Targets, psi: Tensor, log_nu: Tensor, entropy: float) -> Tensor:
    """Return -lam log sum_j exp(log_nu_j + (psi_j - |x_i - y_j|^2) / lam), (n,)."""
    return -entropy * torch.logsumexp(log_nu + (psi - squared_distances(x, y.points)) / entropy, 1)


def soft_cells(x: Tensor, y: Targets, psi: Tensor, log_nu: Tensor, entropy: float) -> tuple[Tensor, Tensor]:
    """Return the softmin, (n,), and the softmax-weighted mean of y, (n, d)."""
    scores = log_nu + (psi - squared_distances(x, y.points)) / entropy
    return -entropy * torch.logsumexp(scores, 1), torch.softmax(scores, 1) @ y.points
