"""The exemplar's patches at one scale: where they are, their principal axes, and their weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.field.grid import Grid
from texot.images.masks import filled
from texot.images.reproducible import principal_axes

_SAMPLED = 16384  # patches that the principal axes are found from
_BAND = 65536  # patches that are projected at a time
_LARGEST = 4095  # distance between two patches in units, at most: sums of squares are exact in float32
_ROOM = 1.25  # how much further than those of the sample coordinates may lie


@dataclass(frozen=True, eq=False)
class Source:
    """One scale of the exemplar, as targets of the transport.

    Patch j has its top left pixel at row j // columns and column j % columns; it is a target where it touches
    no unknown pixel.

    Attributes:
        image: (C, h, w), unknown pixels filled with the mean.
        side: of the patches, pixels.
        usable: (rows, columns) bool, the targets, or None for all.
        filters: (k, C, side, side) orthonormal principal axes of the patches.
        centre: (k,) mean of the projected patches.
        spread: (k,) largest distance from it along each axis that `coordinates` tell apart.
        weights: (rows, columns) of the targets, before they sum to 1, or None where all are the same.
    """

    image: Tensor
    side: int
    usable: Tensor | None
    filters: Tensor
    centre: Tensor
    spread: Tensor
    weights: Tensor | None = None

    @classmethod
    def of(
        cls,
        image: Tensor,
        known: Tensor | None,
        side: int,
        n_axes: int,
        density: Tensor | None = None,
    ) -> Source:
        """The patches of an image.

        Args:
            image: (C, h, w).
            known: (h, w) bool, or None for all.
            side: of the patches, pixels.
            n_axes: principal axes in which distances are measured, at most.
            density: (h, w) the weight of the patch in whose middle a pixel is, or None.

        Raises:
            InputError: no patch fits what is known.
        """
        usable = None
        if known is not None:
            image = filled(image, known)
            usable = F.max_pool2d((~known).float()[None], side, stride=1)[0] == 0
        if min(image.shape[1:]) < side or (usable is not None and not bool(usable.any())):
            raise InputError(f"no {side}x{side} patch fits what is known of the exemplar")
        rows, columns = image.shape[1] - side + 1, image.shape[2] - side + 1
        index = torch.arange(rows * columns, device=image.device)
        index = index if usable is None else index[usable.flatten()]
        some = index[:: max(1, len(index) // _SAMPLED)]
        windows = image.unfold(1, side, 1).unfold(2, side, 1)[:, some // columns, some % columns]
        sample = windows.transpose(0, 1).flatten(1)
        middle_patch = sample.mean(0)
        sample = sample - middle_patch
        axes = principal_axes(sample.T @ sample)[1][:, -n_axes:].T.flip(0)
        filters = axes.reshape(-1, image.shape[0], side, side).contiguous()
        centre, spread = axes @ middle_patch, _ROOM * (sample @ axes.T).abs().amax(0)
        middle = side // 2
        weights = None if density is None else density[middle : middle + rows, middle : middle + columns]
        return cls(image, side, usable, filters, centre, spread, weights)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return self.image.shape[1] - self.side + 1, self.image.shape[2] - self.side + 1

    @property
    def dimension(self) -> int:
        """Numbers of a patch, over all channels."""
        return self.image.shape[0] * self.side**2

    @cached_property
    def key(self) -> Tensor:
        """All patches in their principal axes, centred, (rows * columns, k)."""
        found = self.image.new_empty(math.prod(self.shape), len(self.filters))
        for first, last, projected in self._projections(self.image, 1):
            found[first:last] = projected.T
        return found

    def project(self, grid: Grid, image: Tensor) -> Tensor:
        """The patches of an image (C, *grid.size) in this source's principal axes, centred, (n, k)."""
        return grid.project(image, self.filters) - self.centre

    @cached_property
    def unit(self) -> float:
        """Pixel value of one unit of `coordinates`."""
        return max(2 * float(self.spread.double().norm()) / _LARGEST, 1e-9)

    @cached_property
    def coordinates(self) -> Tensor:
        """All patches in their principal axes, see `rounded`, (rows * columns, k) int16."""
        return self.rounded(self.image, 1)

    def rounded(self, image: Tensor, stride: int) -> Tensor:
        """The patches of an image in this source's principal axes, in whole units.

        Squared distances of such coordinates are integers below 2^24: sums of any order are the same.

        Args:
            image: (C, H, W).
            stride: pixels from a patch to the next.

        Returns:
            (n, k) int16, centred.
        """
        count = math.prod((n - self.side) // stride + 1 for n in image.shape[1:])
        found = torch.empty(count, len(self.filters), dtype=torch.int16, device=image.device)
        most = (self.spread / self.unit).floor()[:, None]
        for first, last, projected in self._projections(image, stride):
            units = projected.mul_(1 / self.unit).round_()
            found[first:last] = torch.clamp(units, -most, most).T
        return found

    def _projections(self, image: Tensor, stride: int) -> Iterator[tuple[int, int, Tensor]]:
        """Patches of an image in the principal axes, centred, some rows at a time: first, last, (k, n).

        At once, those of a large image would be in memory three times.
        """
        rows, columns = ((n - self.side) // stride + 1 for n in image.shape[1:])
        step = max(1, _BAND // columns)
        for top in range(0, rows, step):
            end = min(rows, top + step)
            band = image[None, :, top * stride : (end - 1) * stride + self.side]
            projected = F.conv2d(band, self.filters, stride=stride)[0].flatten(1)
            yield top * columns, end * columns, projected.sub_(self.centre[:, None])

    @cached_property
    def targets(self) -> Tensor:
        """(m,) indices of the targets among all patches."""
        index = torch.arange(math.prod(self.shape), device=self.image.device)
        return index if self.usable is None else index[self.usable.flatten()]

    @cached_property
    def nu(self) -> Tensor:
        """(m,) weights of the targets, of sum 1."""
        if self.weights is None:
            return self.image.new_full((len(self.targets),), 1 / len(self.targets))
        found = self.weights.flatten()[self.targets]
        return found / found.sum()
