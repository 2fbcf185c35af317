"""Mixture weights of several textures that vary over the plane: a pure function of scale and position.

A map covers an area of the plane and is constant beyond its edges. Pixel p of scale s is centred at
2^s (p + 1/2), so overlapping windows agree. An image is reduced for coarse scales, and never enlarged.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from texot.files.exemplar import read_exemplar
from texot.solver.barycentric_weights import between, map_name, map_places

Area = tuple[int, int, int, int]
"""(y, x, height, width)"""


class WeightMap:
    """A map of mixture weights; a `texot.generator.network.Plane`.

    Args:
        map: one of `MAPS`, or an image whose black is the first exemplar and white the last.
        textures: number K of exemplars.
        area: of the plane that the map covers, in pixels.
        n_scales: of the network.
        periods: of the plane along (y, x), in pixels, or None.

    Raises:
        InputError: not an image.
    """

    def __init__(
        self,
        map: Any,
        textures: int,
        area: Area,
        n_scales: int,
        periods: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.textures, self.area, self.periods = textures, area, periods
        name = map_name(map)
        self.name = None if name == "image" else name
        self.planes: list[Tensor] = []
        if self.name is None:
            grey = read_exemplar(map).linear().mean(0)
            for scale in range(n_scales):
                sides = zip(grey.shape, area[2:], strict=True)
                size = [min(own, -(-length // 2**scale)) for own, length in sides]
                plane = F.interpolate(grey[None, None], size, mode="bilinear", antialias=True)[0, 0]
                self.planes.append(plane.clamp(0, 1))

    def __call__(self, scale: int, rows: Tensor, columns: Tensor) -> Tensor:
        """Weights (K, h, w), float32, at rows (h,) and columns (w,) of a scale."""
        y, x = (self._relative(axis, scale, places) for axis, places in enumerate((rows, columns)))
        if self.name is not None:
            place = map_places(self.name, y, x, self.area[2:])
        else:
            plane = self.planes[scale]
            place = _along(_along(plane, y).T, x).T
        return between(place * (self.textures - 1), self.textures)

    def _relative(self, axis: int, scale: int, places: Tensor) -> Tensor:
        """Positions of the pixels of a scale, relative to the area: 0 to 1 inside it."""
        at = 2**scale * (places.double() + 0.5)
        period = self.periods[axis]
        if period is not None:  # a coarse pixel of an odd torus may be centred beyond its end
            at = (at.clamp_max(period - 0.5) - self.area[axis]).remainder(period) + self.area[axis]
        relative: Tensor = (at - self.area[axis]) / self.area[2 + axis]
        return relative.float()


def _along(plane: Tensor, places: Tensor) -> Tensor:
    """Rows of a plane at relative positions in [0, 1], linear between the centres of pixels."""
    at = (places * len(plane) - 0.5).clamp(0, len(plane) - 1)
    first = at.floor().long()
    fraction = (at - first)[:, None]
    return plane[first] * (1 - fraction) + plane[(first + 1).clamp_max(len(plane) - 1)] * fraction
