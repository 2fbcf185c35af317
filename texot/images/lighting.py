"""Even lighting: remove slow variations of brightness and colour from a photograph."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_DEGREE = 3
_SAMPLES = 64  # cells along each side to which the surface is fitted
_FLOOR = 1 / 64  # of the pixel range, added to both: black stays black
_MAX_GAIN = 4.0


def level(image: Tensor, known: Tensor | None = None) -> Tensor:
    """The image divided by its slow variation of brightness and colour, a polynomial for each channel.

    The polynomial of total degree 3 in x and y is fitted to means of cells by least squares. It follows a
    lamp, a vignette or a soft shadow, but no feature of the texture. The means of channels are kept
    approximately.

    Args:
        image: (C, H, W) in [0, 1].
        known: (H, W) bool, the known pixels, or None for all.

    Returns:
        (C, H, W) in [0, 1]; values above white are clipped.
    """
    channels, height, width = image.shape
    counts = min(height, _SAMPLES), min(width, _SAMPLES)
    weight = torch.ones(1, height, width, dtype=torch.float32) if known is None else known[None].float()
    share = F.adaptive_avg_pool2d(weight, counts)[0].flatten().double()
    cells = F.adaptive_avg_pool2d(torch.where(weight > 0, image, 0) * weight, counts).flatten(1).double()
    kept = share > 0.5 * share.max()
    means = (cells[:, kept] / share[kept]).T  # (n, C)
    basis = _basis(*counts)[kept]
    fit = torch.linalg.lstsq(basis, means, driver="gelsd").solution
    surface = (_basis(height, width) @ fit).T.view(channels, height, width)
    low = means.mean(0)[:, None, None]
    gain = ((low + _FLOOR) / (surface + _FLOOR).clamp_min(1e-6)).clamp(1 / _MAX_GAIN, _MAX_GAIN)
    even: Tensor = ((image + _FLOOR) * gain.to(image) - _FLOOR).clamp(0, 1)
    return even


def _basis(height: int, width: int) -> Tensor:
    """Monomials of y and x in [-1, 1] up to the degree, (H * W, k)."""
    y, x = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1 for n in (height, width))
    powers = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    return torch.stack([(y[:, None] ** i * x**j).flatten() for i, j in powers], 1)
