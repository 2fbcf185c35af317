"""Principal axes: the eigenvectors of a covariance."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def principal_axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric matrix, the same with any number of threads.

    In float64 inside: in float32 LAPACK's eigensolver fails, or returns NaN, on matrices with many equal
    eigenvalues: those of flat images and of features that hardly vary.

    Args:
        covariance: (d, d), symmetric.

    Returns:
        (d,) eigenvalues, ascending, and (d, d), their eigenvectors as columns; in the type of the input.
    """
    # by NumPy, whose threads are not torch's: those change the last digits of torch's
    values, vectors = np.linalg.eigh(covariance.detach().cpu().double().numpy())
    return torch.from_numpy(values).to(covariance), torch.from_numpy(vectors).to(covariance)
