"""The part of a result that is synthesised at one scale: all of it, or holes of an image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.field.grid import Grid
from texot.field.source import Source
from texot.solver.plan import Size

_LARGER = 1.25  # area of exemplar / result from which the result need not use all of the exemplar


@dataclass(frozen=True, eq=False)
class Hole:
    """The pixels of an image to fill at one scale.

    Attributes:
        image: (C, H, W), with its known pixels.
        moves: (H, W) bool, the pixels to fill.
        trust: (H, W) in (0, 1], weight of the patch around each pixel.
    """

    image: Tensor
    moves: Tensor
    trust: Tensor


@dataclass(frozen=True, eq=False)
class Region:
    """The patches of a result at one scale, and which of them touch a pixel to fill.

    Attributes:
        grid: all patches.
        hole: the pixels to fill, or None for all.
        active: (n,) bool, the patches that touch the hole, or None for all.
        trust: (n,) weights of the patches, or None for 1.
    """

    grid: Grid
    hole: Hole | None = None
    active: Tensor | None = None
    trust: Tensor | None = None

    @staticmethod
    def of(grid: Grid, hole: Hole | None) -> Region:
        """The region of a hole in the image that the grid covers."""
        if hole is None:
            return Region(grid)
        more = (0, grid.size[1] - hole.moves.shape[1], 0, grid.size[0] - hole.moves.shape[0])
        image, wide = padded(hole.image, grid.size), padded(hole.trust[None], grid.size)
        moves = F.pad(hole.moves, more)
        touched = F.max_pool2d(grid.extend(moves[None].float()), grid.side, grid.stride)[0] > 0
        middle = grid.side // 2
        trust = grid.extend(wide)[0, middle:, middle:][:: grid.stride, :: grid.stride]
        rows, columns = grid.shape
        trust = trust[:rows, :columns].flatten()
        return Region(grid, Hole(image, moves, wide[0]), touched.flatten(), trust)

    def keep(self, image: Tensor) -> Tensor:
        """An image (C, *grid.size) with the known pixels restored."""
        return image if self.hole is None else torch.where(self.hole.moves, image, self.hole.image)

    def moving(self, values: Tensor) -> Tensor:
        """The values of the active patches among those of all patches (n, ...)."""
        return values if self.active is None else values[self.active]

    def spread(self, values: Tensor, other: float) -> Tensor:
        """Values (n,) of all patches from those of the active ones; `other` for the rest."""
        if self.active is None:
            return values
        found = values.new_full((len(self.active),), other)
        return found.masked_scatter_(self.active, values)

    def capacity(self, source: Source) -> float:
        """How many times its mass a target may receive, see `PatchPotential`."""
        if self.hole is None:
            n_pixels = (
                source.image[0].numel() if source.weights is None else 1 / float(source.nu.square().sum())
            )
            ratio = n_pixels / math.prod(self.grid.size)
            return ratio if ratio > _LARGER else 1.0
        return max(1.0, len(source.targets) / max(1.0, float(self.hole.moves.sum())))


def padded(image: Tensor, size: Size) -> Tensor:
    """An image (C, h, w) padded to a larger size by its last rows and columns."""
    more = (0, size[1] - image.shape[2], 0, size[0] - image.shape[1])
    return F.pad(image[None], more, mode="replicate")[0]
