"""Maps of rotation and scale: turned and resized copies of an exemplar, each for its places in the result."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.jobs.directed import Part

TURNS, SIZES = 24, 5
"""Directions, and sizes, where one of the maps is given; a half of each where both are."""
_REACH = 1.0  # powers of two from the exemplar's size to the smallest and largest copies
_INSIDE = 0.999  # weight of known pixels from which a pixel of a copy is known


@dataclass(frozen=True, eq=False)
class Warp:
    """How the texture lies at every pixel of the result.

    Attributes:
        rotation: (H, W), counterclockwise, in turns of the whole circle; None: as in the exemplar.
        scale: (H, W), powers of two from -1 to 1, by which the texture is larger; None: the same size.
    """

    rotation: Tensor | None = None
    scale: Tensor | None = None

    @classmethod
    def of(cls, rotation_map: Tensor | None, scale_map: Tensor | None) -> Warp:
        """The warp of pictures (H, W) in [0, 1]: from 0 to 360 degrees, from half to double the size."""
        return cls(rotation_map, None if scale_map is None else _REACH * (2 * scale_map - 1))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the first map."""
        first = self.scale if self.rotation is None else self.rotation
        assert first is not None
        return first.shape[1], first.shape[0]

    def applied(self, part: Part, shape: tuple[int, int]) -> tuple[list[Part], Tensor]:
        """The copies of a part that the result needs.

        Args:
            part: of class 0, without a guide.
            shape: (height, width) of the result.

        Returns:
            The copies, one of each class, and (H, W) int64, the class of every pixel of the result.
        """
        both = self.rotation is not None and self.scale is not None
        turns, sizes = (TURNS // 2, (SIZES + 1) // 2) if both else (TURNS, SIZES)
        index = torch.zeros(shape, dtype=torch.int64)
        if self.rotation is not None:
            angle = 2 * math.pi * self.rotation
            y, x = (_resized(wave, shape) for wave in (angle.sin(), angle.cos()))  # where angles wrap around
            index = (torch.atan2(y, x) / (2 * math.pi) * turns).round().long() % turns
        if self.scale is not None:
            step = _resized(self.scale, shape).clamp(-_REACH, _REACH) / _REACH + 1
            index = index * sizes + (step / 2 * (sizes - 1)).round().long()
        else:
            sizes = 1
        kinds, areas = torch.unique(index, return_inverse=True)
        parts = []
        for number, kind in enumerate(kinds.tolist()):
            power = 0.0 if sizes == 1 else _REACH * (2 * (kind % sizes) / (sizes - 1) - 1)
            own = warped(part, kind // sizes / turns, 2**power)
            parts.append(replace(own, classes=torch.full_like(own.classes, number)))
        return parts, areas


def warped(part: Part, turn: float, factor: float) -> Part:
    """A part without a guide, resized, and turned about its middle.

    Args:
        part: the part.
        turn: counterclockwise, in turns of the whole circle. Its corners are lost where this is no quarter.
        factor: of its size.
    """
    height, width = (max(1, round(n * factor)) for n in part.classes.shape)
    known = part.usable.float()[None]
    planes = torch.cat([part.pixels * known, known, part.usage[None] * known])
    if (height, width) != part.classes.shape:
        planes = F.interpolate(planes[None], (height, width), mode="bilinear", antialias=True)[0]
    quarters = 4 * turn
    if quarters % 1 == 0:
        planes = torch.rot90(planes, int(quarters), (1, 2))
        inside = planes[-2]
    else:
        planes, inside = _turned(planes, turn)
    there = inside > _INSIDE
    pixels = (planes[:-2] / planes[-2].clamp_min(1e-6)).clamp(0, 1)
    weight = None if part.weight is None else (planes[-1] / planes[-2].clamp_min(1e-6)).clamp_min(0)
    whole = None if bool(there.all()) else there
    return Part(pixels.contiguous(), whole, torch.zeros(pixels.shape[1:], dtype=torch.int64), weight)


def _turned(planes: Tensor, turn: float) -> tuple[Tensor, Tensor]:
    """Planes (C, h, w), turned counterclockwise about their middle; 0 comes from beyond their border.

    Returns:
        The planes, bicubic, and the last but one (h, w), linear.
    """
    height, width = planes.shape[1:]
    y, x = torch.meshgrid(
        torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2, indexing="ij"
    )
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    there = torch.stack([(cos * x - sin * y) * 2 / width, (sin * x + cos * y) * 2 / height], -1)
    grid = there[None].to(planes)
    found = F.grid_sample(planes[None], grid, "bicubic", align_corners=False)[0]
    return found, F.grid_sample(planes[None, -2:-1], grid, "bilinear", align_corners=False)[0, 0]


def _resized(plane: Tensor, shape: tuple[int, int]) -> Tensor:
    if plane.shape == shape:
        return plane
    return F.interpolate(plane[None, None], shape, mode="bilinear", antialias=True)[0, 0]
