"""What a job needs of its images at every scale."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.images.pyramid import downsample_known


def exemplar_scales(
    exemplar: Exemplar, n_scales: int, device: torch.device
) -> list[tuple[Tensor, Tensor | None]]:
    """The exemplar and its known pixels at every scale, finest first."""
    image = exemplar.pixels.to(device)
    scales = [(image, None if exemplar.mask is None else exemplar.mask.to(device))]
    for _ in range(1, n_scales):
        scales.append(downsample_known(*scales[-1]))
    return scales
