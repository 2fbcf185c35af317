"""Images to judge: noise, and photographs spoiled by known amounts."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

OPEN = (False, False)
Damage = Callable[[Tensor, float], Tensor]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def blur(image: Tensor, sigma: float) -> Tensor:
    if not sigma:
        return image
    t = torch.arange(-8.0, 9)
    kernel = torch.exp(-(t**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(image.shape[0], 1, 1, -1)
    padded = F.pad(image[None], (8, 8, 8, 8), mode="circular")
    rows = F.conv2d(padded, kernel, groups=image.shape[0])
    return F.conv2d(rows, kernel.transpose(2, 3), groups=image.shape[0])[0]


def add_noise(image: Tensor, deviation: float) -> Tensor:
    return image + deviation * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))


def tint(image: Tensor, amount: float) -> Tensor:
    return image + amount * torch.tensor([1.0, 0.0, -1.0])[:, None, None]


def drop(image: Tensor, share: float) -> Tensor:
    """Overwrite this share of the rows with what fills the rest: content goes missing."""
    keep = round(image.shape[1] * (1 - share))
    return image[:, torch.arange(image.shape[1]) % keep]


DAMAGES: dict[str, tuple[Damage, tuple[float, ...]]] = {
    "blur": (blur, (0, 1, 2, 4)),
    "noise": (add_noise, (0, 0.1, 0.2, 0.4)),
    "colour": (tint, (0, 0.1, 0.2, 0.4)),
    "dropped": (drop, (0, 0.5, 0.75)),
}


def rises(values: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))
