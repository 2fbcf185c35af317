"""Several exemplars in one image, separated by unknown pixels at every scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.solver.plan import Scale, exemplar_pyramid


class SideBySide:
    """Images side by side; no patch covers pixels of two images.

    Args:
        images: images (C, h, w), each with its known pixels (h, w) bool or None.
        n_scales: number of scales.

    Attributes:
        scales: the combined image with its known pixels at every scale, finest first.
    """

    def __init__(self, images: Sequence[Scale], n_scales: int) -> None:
        block = 2 ** (n_scales - 1)  # pixels that one pixel of the coarsest scale covers
        first = images[0][0]
        starts, width = [], 0
        for image, _ in images:
            starts.append(width)
            width += (math.ceil(image.shape[2] / block) + 1) * block
        height = math.ceil(max(image.shape[1] for image, _ in images) / block) * block
        pixels = first.new_zeros(len(first), height, width)
        known = torch.zeros(height, width, dtype=torch.bool, device=first.device)
        self._spans = []
        for start, (image, there) in zip(starts, images, strict=True):
            h, w = image.shape[1:]
            pixels[:, :h, start : start + w] = image
            known[:h, start : start + w] = True if there is None else there
            self._spans.append((start, start + w))
        self.scales = exemplar_pyramid(pixels, known, n_scales)

    def plane(self, values: Sequence[float], scale: int) -> Tensor:
        """(h, w) at a scale: the value of each image at its pixels, 0 between images."""
        image = self.scales[scale][0]
        found = image.new_zeros(image.shape[1:])
        for value, span in zip(values, self._spans, strict=True):
            found[:, self._columns(span, scale)] = value
        return found

    def densities(self, masses: Sequence[float], patch_size: int) -> list[Tensor]:
        """Weights (h, w) of patches by their central pixel at every scale; each image's sum to its mass."""
        found = []
        for scale, (_, known) in enumerate(self.scales):
            assert known is not None
            whole = F.max_pool2d((~known).float()[None], patch_size, stride=1)[0] == 0
            counts = [int(whole[:, self._columns(span, scale)].sum()) for span in self._spans]
            shares = [mass / max(1, count) for mass, count in zip(masses, counts, strict=True)]
            found.append(self.plane(shares, scale))
        return found

    @staticmethod
    def _columns(span: tuple[int, int], scale: int) -> slice:
        return slice(span[0] >> scale, ((span[1] - 1) >> scale) + 1)
