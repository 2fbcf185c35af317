"""Sliced transport of the patches of one scale, by random filters."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.images.pyramid import Periodic
from texot.solver.adam.term import random_patches
from texot.transport.measure import PatchMeasure
from texot.transport.sliced import sliced_distance, systematic_sample


@dataclass(frozen=True)
class SlicedTerm:
    """Sliced Wasserstein distance between the patches of an image scale and of a measure; a `Term`.

    Patches are projected on new random zero-mean filters, and on random colour directions of one pixel;
    one-dimensional transport is sorting. Averages of patches have too little variance; the gradient of this
    term restores it, which removes blur.

    Attributes:
        scale: pyramid scale.
        measure: target patches; every step draws some by weight.
        stride: grid of the image's patches.
        n_filters: patch filters a step.
    """

    scale: int
    measure: PatchMeasure
    stride: int = 4
    n_filters: int = 16

    @property
    def state(self) -> list[Tensor]:
        """None."""
        return []

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """The distance of an image scale (C, H, W), the mean over filters times d, differentiable."""
        size = self.measure.patch_size
        channels, d = image.shape[0], self.measure.y.shape[1]
        x = random_patches(image, size, self.stride, periodic, generator)
        filters = torch.randn(d, self.n_filters, generator=generator, dtype=torch.float32)
        filters = filters - filters.mean(0)
        filters = filters / filters.norm(dim=0).clamp_min(1e-12)
        colours = filters.new_zeros(channels, size * size, max(1, self.n_filters // 4))
        directions = torch.randn(channels, colours.shape[2], generator=generator, dtype=torch.float32)
        pixel = int(torch.randint(0, size * size, (), generator=generator))
        colours[:, pixel] = directions / directions.norm(dim=0).clamp_min(1e-12)
        shift = float(torch.rand((), generator=generator, dtype=torch.float32))
        y = self.measure.y[systematic_sample(self.measure.nu, len(x), shift)]
        filters, colours = filters.to(image), colours.flatten(0, 1).to(image)
        return d * sliced_distance(x, y, filters) + channels * sliced_distance(x, y, colours), None
