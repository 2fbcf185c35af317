"""The exemplar's patches at one scale: where they are, their principal axes, and their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.masks import filled
from texot.images.reproducible import principal_axes

_AT_ONCE = 1 << 17  # patches that are projected together
_SAMPLED = 16384  # patches that the principal axes are found from


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
        weights: (rows, columns) of the targets, before they sum to 1, or None where all are the same.
    """

    image: Tensor
    side: int
    usable: Tensor | None
    filters: Tensor
    centre: Tensor
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
        sample = sample - sample.mean(0)
        axes = principal_axes(sample.T @ sample)[1][:, -n_axes:].T.flip(0)
        filters = axes.reshape(-1, image.shape[0], side, side).contiguous()
        found = image.new_empty(len(filters), rows * columns)
        for first, last, projected in _projections(image, filters):
            found[:, first:last] = projected
        centre = (found if usable is None else found[:, index]).mean(1)
        middle = side // 2
        weights = None if density is None else density[middle : middle + rows, middle : middle + columns]
        return cls(image, side, usable, filters, centre, weights)

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
        rows, columns = self.shape
        found = self.image.new_empty(rows * columns, len(self.filters))
        for first, last, projected in _projections(self.image, self.filters):
            found[first:last] = (projected - self.centre[:, None]).T
        return found

    @cached_property
    def targets(self) -> Tensor:
        """(m,) indices of the targets among all patches."""
        index = torch.arange(len(self.key), device=self.image.device)
        return index if self.usable is None else index[self.usable.flatten()]

    @cached_property
    def nu(self) -> Tensor:
        """(m,) weights of the targets, of sum 1."""
        if self.weights is None:
            return self.image.new_full((len(self.targets),), 1 / len(self.targets))
        found = self.weights.flatten()[self.targets]
        return found / found.sum()


def _projections(image: Tensor, filters: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """Patches of an image (C, h, w) in principal axes, some rows at a time: first, last, (k, last - first).

    At once, those of a large exemplar would be in memory three times.
    """
    side = filters.shape[-1]
    rows, columns = image.shape[1] - side + 1, image.shape[2] - side + 1
    step = max(1, _AT_ONCE // columns)
    for top in range(0, rows, step):
        projected = F.conv2d(image[None, :, top : min(rows, top + step) + side - 1], filters)[0].flatten(1)
        yield top * columns, top * columns + projected.shape[1], projected
