"""The exemplar's patches at one scale: positions, principal axes, weights."""

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

_SAMPLED = 16384  # patches from which the principal axes are computed
_BAND = 65536  # patches projected at once
_MAX_DISTANCE = 4095  # between two patches, in units of coordinates: sums of squares are exact in float32
_ROOM = 1.25  # ratio by which coordinates may exceed those of the sample


@dataclass(frozen=True, eq=False)
class Source:
    """The patches of one scale of the exemplar, as targets of the transport.

    Patch j has its top left pixel at row j // columns and column j % columns. It is a target if it touches no
    unknown pixel.

    Attributes:
        image: (C, h, w), unknown pixels filled with the mean.
        side: side of the patches in pixels.
        usable: (rows, columns) bool, the targets, or None for all.
        filters: (k, C, side, side) orthonormal principal axes of the patches.
        centre: (k,) mean of the projected patches.
        spread: (k,) largest distance from it along each axis that `coordinates` can represent.
        weights: (rows, columns) unnormalised weights of the targets, or None for equal ones.
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
            side: side of the patches in pixels.
            n_axes: maximal number of principal axes in which distances are computed.
            density: (h, w) weight of the patch centred at each pixel, or None.

        Raises:
            InputError: no patch fits the known pixels.
        """
        usable = None
        if known is not None:
            image = filled(image, known)
            usable = F.max_pool2d((~known).float()[None], side, stride=1)[0] == 0
        if min(image.shape[1:]) < side or (usable is not None and not bool(usable.any())):
            raise InputError(f"no {side}x{side} patch fits the known part of the exemplar")
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
        """Number of patches, (rows, columns)."""
        return self.image.shape[1] - self.side + 1, self.image.shape[2] - self.side + 1

    @property
    def dimension(self) -> int:
        """Number of values of a patch, over all channels."""
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
        return max(2 * float(self.spread.double().norm()) / _MAX_DISTANCE, 1e-9)

    @cached_property
    def coordinates(self) -> Tensor:
        """All patches in their principal axes, see `rounded`, (rows * columns, k) int16."""
        return self.rounded(self.image, 1)

    def rounded(self, image: Tensor, stride: int) -> Tensor:
        """The patches of an image in this source's principal axes, in whole units.

        Squared distances of such coordinates are integers below 2^24, so their sums do not depend on the
        order.

        Args:
            image: (C, H, W).
            stride: distance of neighbouring patches in pixels.

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
        """Patches of an image in the principal axes, centred, in bands of rows: first, last, (k, n).

        All at once, those of a large image would be in memory three times.
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
