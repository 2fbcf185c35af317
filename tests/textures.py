"""Small exemplars for the tests, as tensors (C, H, W) in [0, 1]."""

from pathlib import Path

import torch
from torch import Tensor

from texot.files.exemplar import read_exemplar

SAMPLES = Path(__file__).parents[1] / "samples"


def noise(channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """White noise."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(channels, height, width, generator=generator)


def clouds(channels: int, height: int, width: int, seed: int = 0, sigma: float = 1.5) -> Tensor:
    """Noise blurred by a Gaussian of `sigma` pixels on the torus: neighbours are close to each other."""
    fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    gaussian = torch.exp(-2 * (torch.pi * sigma) ** 2 * (fy**2 + fx**2))
    smooth = torch.fft.irfft2(
        torch.fft.rfft2(noise(channels, height, width, seed)) * gaussian, s=(height, width)
    )
    low, high = smooth.amin((1, 2), keepdim=True), smooth.amax((1, 2), keepdim=True)
    return ((smooth - low) / (high - low).clamp_min(1e-6)).clamp(0, 1)


def photograph(height: int, width: int, name: str = "pebbles") -> Tensor:
    """The centre of a sample that ships."""
    pixels = read_exemplar(next(SAMPLES.glob(f"{name}.*"))).pixels
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    return pixels[:, top : top + height, left : left + width].clone()
