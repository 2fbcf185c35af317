"""A map of pictures: a network of a texture that also sees, at every scale, the picture it is to change.

    T(x, z): where `TextureNetwork` has fresh noise alone, here are the pixels of x at that scale and noise z.

x goes on beyond its borders by its mirror images, over all of the plane.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.generator.network import Architecture, TextureNetwork, Window
from texot.images.pyramid import gaussian_pyramid
from texot.solver.torch_modes import own_modes

_CONTRAST = 4.0  # by which pixel values are multiplied, to vary about as much as noise


class MapNetwork(TextureNetwork):
    """See `TextureNetwork`; the first C channels of a scale's noise are the picture, see `show`."""

    def _make_layers(self, a: Architecture) -> None:
        super()._make_layers(a)
        self._levels: list[Tensor] = []

    @own_modes()
    def show(self, image: Tensor) -> None:
        """The picture (C, H, W) in [0, 1] whose windows are mapped from now on.

        Raises:
            InputError: it has other channels.
        """
        colours = self.architecture.colours
        if image.shape[0] != colours:
            raise InputError(f"this model maps pictures of {colours} channels, not of {image.shape[0]}")
        n_scales = self.architecture.n_scales
        down, across = ((-n) % (1 << (n_scales - 1)) for n in image.shape[1:])
        image = F.pad(image[None], (0, across, 0, down), mode="replicate")[0]
        for axis in (1, 2):
            image = torch.cat([image, image.flip(axis)], axis)
        self._levels = gaussian_pyramid(image, n_scales)

    def size(self, scale: int) -> tuple[int, int]:
        """(height, width) of the picture at a scale, without its mirror images."""
        height, width = self._levels[scale].shape[1:]
        return height // 2, width // 2

    def picture(self, scale: int, rows: Tensor, columns: Tensor) -> Tensor:
        """The picture (C, h, w) at rows and columns of a scale of the plane.

        Raises:
            InputError: none was shown.
        """
        if not self._levels:
            raise InputError("this model maps pictures: give it one")
        level = self._levels[scale].to(self.device)
        return level[:, rows % level.shape[1]][:, :, columns % level.shape[2]]

    def noise(self, seed: int, window: Window) -> list[Tensor]:
        """See `PlaneNetwork.noise`."""
        found = super().noise(seed, window)
        first = self.architecture.n_scales - len(found)
        for k, (part, rows, columns) in enumerate(zip(found, *window, strict=True)):
            seen = self.picture(first + k, rows.positions, columns.positions)
            part[0, : self.architecture.colours] = _CONTRAST * (seen - 0.5)
        return found
