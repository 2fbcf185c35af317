"""A correspondence field with weights: its image, and the position in the exemplar of each pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.field.grid import Grid
from texot.field.vote import strongest, vote

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """For each patch of a result, the index of its match in the exemplar.

    Attributes:
        grid: the result's patches.
        shape: (rows, columns) of the exemplar's patches.
        found: (n,) index of a patch of the exemplar for each patch of the grid.
        weights: (n,) positive weights of the patches, or None for 1.
    """

    grid: Grid
    shape: Size
    found: Tensor
    weights: Tensor | None = None

    def image(self, exemplar: Tensor) -> Tensor:
        """The weighted mean of overlapping patches of an exemplar (C, h, w): (C, H, W)."""
        return vote(self.grid, exemplar, self.found, self.weights)

    def places(self) -> Tensor:
        """Position (x, y) in the exemplar of each pixel, (H, W, 2); the first pixel's centre is (0, 0).

        The position given by the patch of largest weight, averaged with those of other patches within two
        pixels of it. Patches that continue each other agree exactly.
        """
        return strongest(self.grid, self.shape, self.found, self.weights)

    def finer(self, factor: int, grid: Grid, shape: Size, usable: Tensor | None = None) -> Correspondence:
        """The field at a finer scale: `factor` times the position of the coarser patch that covers each
        patch.

        Args:
            factor: ratio of the sizes of exemplar and result at the two scales.
            grid: the result's patches at the finer scale.
            shape: (rows, columns) of the exemplar's patches at the finer scale.
            usable: (rows, columns) bool, patches without unknown pixels, or None for all.
        """
        coarse, device = self.grid, self.found.device
        places, rests = [], []
        for n, m in zip(grid.shape, coarse.shape, strict=True):
            at = torch.arange(n, device=device) * grid.stride
            place = torch.div(at, factor * coarse.stride, rounding_mode="floor").clamp(max=m - 1)
            places.append(place)
            rests.append(at - factor * coarse.stride * place)
        found = self.found.view(coarse.shape)[places[0]][:, places[1]]
        rows, columns = shape
        y = factor * torch.div(found, self.shape[1], rounding_mode="floor") + rests[0][:, None]
        x = factor * (found % self.shape[1]) + rests[1]
        index = (y.clamp(0, rows - 1) * columns + x.clamp(0, columns - 1)).flatten()
        if usable is not None:  # patches that touch unknown pixels get the nearest target before them
            targets = usable.flatten().nonzero()[:, 0]
            nearest = torch.searchsorted(targets, index).clamp(max=len(targets) - 1)
            index = torch.where(usable.flatten()[index], index, targets[nearest])
        return Correspondence(grid, shape, index)
