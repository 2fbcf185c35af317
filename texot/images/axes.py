"""Principal axes: the eigenvectors of a covariance."""

from __future__ import annotations

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
    threads = torch.get_num_threads()  # of the calling thread: others keep theirs
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(covariance.detach().cpu().double())
    finally:
        torch.set_num_threads(threads)
    return values.to(covariance), vectors.to(covariance)
