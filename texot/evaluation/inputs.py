"""What every metric takes: tensors (C, H, W) of finite values, looked at on the CPU in float32."""

from __future__ import annotations

import math

from torch import Tensor

from texot.errors import InputError
from texot.images.pyramid import Periodic

TORUS: Periodic = (True, True)
OPEN: Periodic = (False, False)


def check_image(name: str, image: Tensor) -> Tensor:
    """The image on the CPU in float32, checked."""
    if not isinstance(image, Tensor) or image.ndim != 3 or not image.numel():
        got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
        raise InputError(f"{name}: expected a tensor (C, H, W), got {got}")
    image = image.detach().cpu().float()
    if not bool(image.isfinite().all()):
        raise InputError(f"{name}: expected finite values, got NaN or infinity")
    return image


def check_pair(image: Tensor, exemplar: Tensor) -> tuple[Tensor, Tensor]:
    image, exemplar = check_image("image", image), check_image("exemplar", exemplar)
    if image.shape[0] != exemplar.shape[0]:
        raise InputError(
            f"the image has {image.shape[0]} channels, the exemplar {exemplar.shape[0]}: "
            "compare images of the same kind"
        )
    return image, exemplar


def halvings(side: int, wanted: int) -> int:
    """How often to halve a side to come nearest, in octaves, to the wanted one."""
    return max(0, round(math.log2(side / wanted)))
