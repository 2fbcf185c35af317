"""Score of a layout: broken structure, and content that is missing or too frequent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.masks import largest_square
from texot.images.patches import extract_patches
from texot.images.pyramid import Periodic
from texot.layout.onion_fill import Pieces
from texot.transport.sliced import sliced_distance

PATCH = 8  # pixels of the patches that are compared
_MISSING = 1.0  # weight of the sliced distance relative to that of single patches
_COMPARED, _FILTERS = 1024, 64


@dataclass(frozen=True)
class LayoutScore:
    """Scores layouts, or fills of a hole: the lower, the better.

    Attributes:
        patches: patches of the texture.
        wanted: (n,) indices of patches, drawn by their weights.
        filters: (d, k) directions of the sliced distance.
    """

    patches: Pieces
    wanted: Tensor
    filters: Tensor

    @classmethod
    def of(
        cls, source: Tensor, known: Tensor, density: Tensor | None = None, *, generator: torch.Generator
    ) -> LayoutScore | None:
        """A score, or None if there is no known patch.

        Args:
            source: (C, h, w).
            known: (h, w) bool, the known pixels.
            density: (h, w) weights in [0, 1] of patches, or None.
            generator: CPU generator of random numbers.
        """
        if largest_square(known, PATCH) < PATCH:
            return None
        patches = Pieces.of(source, known, PATCH, None, generator)
        weight = torch.ones(len(patches.rows), dtype=torch.float32)
        if density is not None:
            weight = density[patches.rows + PATCH // 2, patches.columns + PATCH // 2] + 1e-6
        wanted = torch.multinomial(weight, _COMPARED, replacement=True, generator=generator)
        filters = torch.randn(patches.values.shape[1], _FILTERS, generator=generator, dtype=torch.float32)
        return cls(patches, wanted, F.normalize(filters, dim=0))

    def loss(
        self, image: Tensor, hole: Tensor | None = None, *, periodic: Periodic = (False, False)
    ) -> float:
        """Distance of an image's patches (all, or those that touch a hole) from those of the texture.

        Args:
            image: (C, H, W), at least as large as a patch.
            hole: (H, W) bool, or None.
            periodic: axes (y, x) of the image that wrap around.

        Returns:
            Mean squared distance to the nearest patch plus the sliced distance, in units of the variance.
        """
        x, y = extract_patches(image, PATCH, periodic=periodic), self.patches.values
        if hole is not None:
            x = x[extract_patches(hole[None].to(image), PATCH, periodic=periodic).amax(1) > 0]
        some = x[torch.linspace(0, len(x) - 1, _COMPARED, dtype=torch.float64).round().long()]
        nearest = (self.patches.squares.sum(1) - 2 * some @ y.T).amin(1) + (some**2).sum(1)
        missing = float(sliced_distance(some, y[self.wanted], self.filters)) * x.shape[1]
        return (float(nearest.mean()) + _MISSING * missing) / self.patches.variance / PATCH**2
