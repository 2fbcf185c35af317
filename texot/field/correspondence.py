"""A field and its weights: the image that it makes of the exemplar, and where each pixel comes from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.field.grid import Grid
from texot.field.vote import strongest, vote

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """For each patch of a result, its place in the exemplar.

    Attributes:
        grid: the result's patches.
        shape: (rows, columns) of the exemplar's patches.
        found: (n,) index of a patch of the exemplar for each of the grid.
        weights: (n,) positive, how much each counts, or None for 1.
    """

    grid: Grid
    shape: Size
    found: Tensor
    weights: Tensor | None = None

    def image(self, exemplar: Tensor) -> Tensor:
        """The weighted mean of overlapping patches of an exemplar (C, h, w): (C, H, W)."""
        return vote(self.grid, exemplar, self.found, self.weights)

    def places(self) -> Tensor:
        """Where in the exemplar each pixel comes from, (H, W, 2): (x, y), the first pixel's centre at (0, 0).

        The place that the patch of most weight there has, averaged with those of other patches within two
        pixels of it: patches that continue each other agree exactly.
        """
        return strongest(self.grid, self.shape, self.found, self.weights)

    def finer(self, factor: int, grid: Grid, shape: Size, usable: Tensor | None = None) -> Correspondence:
        """The field at a finer scale: `factor` times the place of the coarser patch that covers each patch.

        Args:
            factor: by which the exemplar and the result are larger there.
            grid: the result's patches there.
            shape: (rows, columns) of the exemplar's patches there.
            usable: (rows, columns) bool, those without unknown pixels, or None for all.
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
        if usable is not None:  # what touches unknown pixels: the nearest target before it
            targets = usable.flatten().nonzero()[:, 0]
            nearest = torch.searchsorted(targets, index).clamp(max=len(targets) - 1)
            index = torch.where(usable.flatten()[index], index, targets[nearest])
        return Correspondence(grid, shape, index)
