"""What a job needs of its images at every scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.engine.plan import Plan
from texot.files.exemplar import Exemplar
from texot.images.pyramid import Periodic, downsample_known, gaussian_pyramid


def exemplar_scales(
    exemplar: Exemplar, n_scales: int, device: torch.device
) -> list[tuple[Tensor, Tensor | None]]:
    """The exemplar and its known pixels at every scale, finest first."""
    image = exemplar.pixels.to(device)
    scales = [(image, None if exemplar.mask is None else exemplar.mask.to(device))]
    for _ in range(1, n_scales):
        scales.append(downsample_known(*scales[-1]))
    return scales


def start_pyramid(start: Tensor | None, plan: Plan, periodic: Periodic, device: torch.device) -> list[Tensor]:
    """A start image (C, h, w), stretched to the result's size, at every scale; empty where there is none."""
    if start is None:
        return []
    full = F.interpolate(start[None], size=plan.sizes[0], mode="bicubic", antialias=True)[0]
    first = plan.stages[0].scale
    return gaussian_pyramid(full.clamp(0, 1).to(device), first + 1, periodic=periodic)
