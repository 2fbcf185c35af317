"""Which of some layouts loses least: what is broken in it, and what is missing, or too much."""

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
_MISSING = 1.0  # weight of the sliced distance beside that of single patches
_COMPARED, _FILTERS = 1024, 64


@dataclass(frozen=True)
class LayoutScore:
    """Scores layouts, or fills of a hole: the lower, the better.

    Attributes:
        patches: of the texture.
        wanted: (n,) indices of them, drawn by their shares.
        filters: (d, k) of the sliced distance.
    """

    patches: Pieces
    wanted: Tensor
    filters: Tensor

    @classmethod
    def of(
        cls, source: Tensor, known: Tensor, share: Tensor | None = None, *, generator: torch.Generator
    ) -> LayoutScore | None:
        """None where there is no patch.

        Args:
            source: (C, h, w).
            known: (h, w) bool, its pixels that count.
            share: (h, w) in [0, 1], or None: patches count by it.
            generator: CPU generator of the draws.
        """
        if largest_square(known, PATCH) < PATCH:
            return None
        patches = Pieces.of(source, known, PATCH, None, generator)
        weight = torch.ones(len(patches.rows), dtype=torch.float32)
        if share is not None:
            weight = share[patches.rows + PATCH // 2, patches.columns + PATCH // 2] + 1e-6
        wanted = torch.multinomial(weight, _COMPARED, replacement=True, generator=generator)
        filters = torch.randn(patches.values.shape[1], _FILTERS, generator=generator, dtype=torch.float32)
        return cls(patches, wanted, F.normalize(filters, dim=0))

    def loss(
        self, image: Tensor, hole: Tensor | None = None, *, periodic: Periodic = (False, False)
    ) -> float:
        """How far an image's patches (all, or those that touch a hole) are from those wanted.

        Args:
            image: (C, H, W), with room for a patch.
            hole: (H, W) bool, or None.
            periodic: axes (y, x) of the image that wrap around.

        Returns:
            Mean squared distance to the nearest patch, and their sliced distance, in the texture's variance.
        """
        x, y = extract_patches(image, PATCH, periodic=periodic), self.patches.values
        if hole is not None:
            x = x[extract_patches(hole[None].to(image), PATCH, periodic=periodic).amax(1) > 0]
        some = x[torch.linspace(0, len(x) - 1, _COMPARED, dtype=torch.float64).round().long()]
        nearest = (self.patches.squares.sum(1) - 2 * some @ y.T).amin(1) + (some**2).sum(1)
        missing = float(sliced_distance(some, y[self.wanted], self.filters)) * x.shape[1]
        return (float(nearest.mean()) + _MISSING * missing) / self.patches.variance / PATCH**2
