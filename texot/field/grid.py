"""The patches of a result on a regular grid; the image may wrap around."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from texot.images.pyramid import Periodic, wrap


@dataclass(frozen=True)
class Grid:
    """Squares of `side` pixels, `stride` pixels apart, that cover an image.

    Attributes:
        size: (H, W) of the image. On an open axis it is `side` plus a multiple of `stride`; see `fitting`.
        side: side of a patch in pixels.
        stride: distance of neighbouring patches in pixels, at most `side`.
        periodic: axes (y, x) along which patches continue at the opposite edge.
    """

    size: tuple[int, int]
    side: int
    stride: int
    periodic: Periodic

    @staticmethod
    def fitting(size: tuple[int, int], side: int, stride: int, periodic: Periodic) -> tuple[int, int]:
        """The smallest size (H, W) from `size` up that a grid covers completely."""
        height, width = (
            n if wraps else max(0, math.ceil((n - side) / stride)) * stride + side
            for n, wraps in zip(size, periodic, strict=True)
        )
        return height, width

    @property
    def shape(self) -> tuple[int, int]:
        """Number of patches, (rows, columns)."""
        rows, columns = (
            math.ceil(n / self.stride) if wraps else (n - self.side) // self.stride + 1
            for n, wraps in zip(self.size, self.periodic, strict=True)
        )
        return rows, columns

    @property
    def extent(self) -> tuple[int, int]:
        """(height, width) of the area that the patches cover when it is unwrapped."""
        rows, columns = self.shape
        return (rows - 1) * self.stride + self.side, (columns - 1) * self.stride + self.side

    def extend(self, image: Tensor) -> Tensor:
        """An image (..., H, W) unwrapped to (..., *extent)."""
        for axis, n in zip((-2, -1), self.extent, strict=True):
            image = wrap(image, image.ndim + axis, 0, n)
        return image

    def project(self, image: Tensor, filters: Tensor) -> Tensor:
        """Inner products of every patch with filters.

        Args:
            image: (C, H, W).
            filters: (k, C, side, side).

        Returns:
            (rows * columns, k).
        """
        found = F.conv2d(self.extend(image)[None], filters, stride=self.stride)[0]
        return found.flatten(1).T.contiguous()

    def fold(self, total: Tensor) -> Tensor:
        """Wrap (C, *extent) to (C, H, W) by summation; changes its argument."""
        for axis, (n, wraps) in enumerate(zip(self.size, self.periodic, strict=True), start=1):
            if wraps:
                for start in range(n, total.shape[axis], n):
                    length = min(n, total.shape[axis] - start)
                    total.narrow(axis, 0, length).add_(total.narrow(axis, start, length))
                total = total.narrow(axis, 0, n)
        return total
