"""Networks that map a picture: at every scale its pixels replace some channels of the noise.

    T(x, z): the pixels of the picture x at that scale, and noise z

The picture x is continued beyond its borders by reflection, over the whole plane.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.generator.network import PlaneNetwork
from texot.images.pyramid import gaussian_pyramid
from texot.solver.torch_modes import own_modes

_CONTRAST = 4.0  # factor of pixel values, which then vary about as much as noise


class Picture:
    """A picture at every scale of a network; a value of `PlaneNetwork.condition`.

    Args:
        image: (C, H, W) in [0, 1].
        n_scales: number of scales of the network.
    """

    def __init__(self, image: Tensor, n_scales: int) -> None:
        down, across = ((-n) % (1 << (n_scales - 1)) for n in image.shape[1:])
        image = F.pad(image[None], (0, across, 0, down), mode="replicate")[0]
        for axis in (1, 2):
            image = torch.cat([image, image.flip(axis)], axis)
        self._levels = gaussian_pyramid(image, n_scales)

    def size(self, scale: int) -> tuple[int, int]:
        """(height, width) of the picture at a scale, without its reflections."""
        height, width = self._levels[scale].shape[1:]
        return height // 2, width // 2

    def pixels(self, scale: int, rows: Tensor, columns: Tensor) -> Tensor:
        """Pixels (C, h, w) at rows (h,) and columns (w,) of a scale of the plane."""
        level = self._levels[scale]
        return level[:, rows % level.shape[1]][:, :, columns % level.shape[2]]

    def __call__(self, scale: int, rows: Tensor, columns: Tensor) -> Tensor:
        """The values for the network: the pixels, scaled to about the mean and variance of noise."""
        return _CONTRAST * (self.pixels(scale, rows, columns) - 0.5)


@own_modes()
def show(network: PlaneNetwork, image: Tensor) -> None:
    """Set the picture whose windows a network maps.

    Args:
        network: of objective "neural-ot".
        image: (C, H, W) in [0, 1].

    Raises:
        InputError: the network maps no pictures, or pictures of other channels.
    """
    architecture = network.architecture
    if not architecture.maps:
        raise InputError("this model makes texture from noise alone: it maps no picture")
    if image.shape[0] != architecture.colours:
        raise InputError(
            f"this model maps pictures of {architecture.colours} channels, not of {image.shape[0]}"
        )
    network.condition = Picture(image, architecture.n_scales)
