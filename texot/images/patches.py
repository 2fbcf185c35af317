"""Square patches of an image as vectors: P_i u = x_i, d = C * s * s."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.pyramid import Periodic, wrap


def extract_patches(
    image: Tensor,
    patch_size: int,
    *,
    stride: int = 1,
    offset: tuple[int, int] = (0, 0),
    periodic: Periodic = (False, False),
) -> Tensor:
    """Patches of an image on a grid; differentiable.

    On a periodic axis there are ceil(length / stride) positions and patches wrap around; otherwise only
    positions whose patch lies inside the image are used.

    Args:
        image: (C, H, W).
        patch_size: side s of a patch in pixels.
        stride: distance of the grid's positions in pixels.
        offset: (y, x) of the grid's first position, each in [0, stride).
        periodic: axes (y, x) that wrap around.

    Returns:
        (n, C*s*s), row-major over positions; values ordered channel, row, column.
    """
    for axis in (1, 2):
        start, length = offset[axis - 1], image.shape[axis]
        if periodic[axis - 1]:
            image = wrap(image, axis, start, start + (math.ceil(length / stride) - 1) * stride + patch_size)
        elif start:
            image = image.narrow(axis, start, length - start)
    return F.unfold(image[None], patch_size, stride=stride)[0].t()


def random_offset(
    shape: tuple[int, int], patch_size: int, stride: int, periodic: Periodic, generator: torch.Generator
) -> tuple[int, int]:
    """A uniformly random grid offset (y, x) among those in [0, stride) that leave room for a patch."""
    room = [
        stride if wraps else min(stride, n - patch_size + 1) for n, wraps in zip(shape, periodic, strict=True)
    ]
    y, x = (int(torch.randint(0, limit, (), generator=generator)) for limit in room)
    return y, x
