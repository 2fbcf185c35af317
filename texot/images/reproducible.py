"""Sums and eigenvectors that do not depend on the number of threads, unlike torch's own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_ROW = 1024  # values of a sum in a fixed order; a thread sums whole rows


def total(values: Tensor) -> Tensor:
    """The sum of all values: a scalar, differentiable."""
    flat = values.flatten()
    return F.pad(flat, (0, -len(flat) % _ROW)).view(-1, _ROW).sum(1).sum()


def pointwise(image: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """A convolution of 1x1 pixels, a linear map of the channels.

    Args:
        image: (C, H, W).
        kernel: (D, C, 1, 1).
        bias: (D,).

    Returns:
        (D, H, W).
    """
    found = kernel[:, :, 0, 0] @ image.flatten(1) + bias[:, None]
    return found.view(-1, *image.shape[1:])


def principal_axes(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric matrix, independent of the number of threads.

    Computed in float64: in float32, LAPACK's eigensolver fails or returns NaN for matrices with many equal
    eigenvalues, such as those of flat images.

    Args:
        covariance: (d, d), symmetric.

    Returns:
        (d,) eigenvalues, ascending, and (d, d), their eigenvectors as columns; in the type of the input.
    """
    threads = torch.get_num_threads()  # of the calling thread only
    torch.set_num_threads(1)
    try:
        values, vectors = torch.linalg.eigh(covariance.detach().cpu().double())
    finally:
        torch.set_num_threads(threads)
    return values.to(covariance), vectors.to(covariance)
