"""Biased nearest-neighbour and soft-min reductions over patches; knows tensors only.

Laguerre cells are the field's name for biased nearest neighbours: argmin_j |x_i - y_j|^2 - psi_j.
Three back ends compute them and their entropic twins: `reference` (the formula), `tiled` (torch) and
`keops` (symbolic matrices, compiled on first use).
"""

from .dispatch import (
    BACKENDS,
    backend_report,
    laguerre_cells,
    resolve_backend,
    soft_cells,
    softmin,
)
from .errors import BackendError
from .targets import Targets

__all__ = [
    "BACKENDS",
    "BackendError",
    "Targets",
    "backend_report",
    "laguerre_cells",
    "resolve_backend",
    "soft_cells",
    "softmin",
]
