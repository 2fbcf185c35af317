"""How much of an image repeats another part of itself: stones met twice, pasted pieces, tiles."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.elsewhere import nearest_elsewhere
from texot.evaluation.inputs import TORUS, check_image, halvings
from texot.evaluation.novelty import principal_filters
from texot.images.pyramid import Periodic, downsample, wrap

_PATCH = 8
_APART = 12  # rows or columns between a patch and its match
_REACH = 3  # neighbours up to this many rows and columns away have a say
_AGREEING = 0.6  # share of them with the same offset: 25 of 49 let edges of pebbles through
_CLOSE = 0.1  # of the median between random patches; half-pixel shifts of pasted gravel reach 0.05


def repetition(image: Tensor, *, periodic: Periodic = TORUS) -> float:
    """Share of an image that shows again what another part of it shows.

    The image is halved until its shorter side is about 128 pixels. The 8x8 patch at every position finds its
    nearest at least 12 rows or columns away. It repeats where
    - its squared distance is below a tenth of the median between random patches, and
    - its offset is, within one pixel, that of more than 0.6 of the positions in the 7x7 around it:
      a piece of the image is there again, not merely something alike.

    Returned is the share of pixels that lie in a repeating patch. Both copies count: a quarter pasted over
    another gives nearly 0.5 (0.45 to 0.48, since patches across the edge do not match), a 2x2 tiling 1.
    Photographs give less than 0.03. Bricks, weaves and other regular textures do repeat; so do pictures made
    seamless by blending them with their own half shift. Compare with the exemplar's own.

    Args:
        image: (C, H, W), each side at least 32 pixels.
        periodic: axes (y, x) along which the image wraps around; False, False for an exemplar.

    Returns:
        A share in [0, 1].

    Raises:
        InputError: not an image, or too small.

    Source: copy-move detection by coherent offsets, as Fridrich et al. 2003, "Detection of copy-move forgery
        in digital images".
    """
    image = check_image("image", image)
    height, width = image.shape[1:]
    if min(height, width) < 32:
        raise InputError(f"repetition needs 32x32 px or more, not {width}x{height}")
    for _ in range(halvings(min(height, width), 128)):
        image = downsample(image, periodic=periodic)
    points = _patch_points(image, periodic)
    distance, nearest = nearest_elsewhere(points, _APART, periodic)
    repeats = _agreeing(nearest, periodic) > _AGREEING
    repeats &= distance < _CLOSE * _typical_distance(points.flatten(0, 1))
    return float(_covered(repeats, periodic).mean())


def _patch_points(image: Tensor, periodic: Periodic) -> Tensor:
    """Patches in their first 64 principal axes, (rows, columns, 64 or fewer)."""
    filters = principal_filters(image, _PATCH)
    image = image - image.mean((1, 2), keepdim=True)
    for axis in (1, 2):
        if periodic[axis - 1]:
            image = wrap(image, axis, 0, image.shape[axis] + _PATCH - 1)
    return F.conv2d(image[None], filters)[0].permute(1, 2, 0)


def _typical_distance(points: Tensor) -> Tensor:
    """Median squared distance between random pairs of points (n, d)."""
    other = points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))]
    return ((points - other) ** 2).sum(1).median()


def _agreeing(nearest: Tensor, periodic: Periodic) -> Tensor:
    """Share of the positions around each whose match has the same offset within a pixel, (rows, columns)."""
    rows, columns = nearest.shape
    y, x = torch.arange(rows)[:, None], torch.arange(columns)
    offsets = torch.stack([nearest // columns - y, nearest % columns - x])
    # on an open axis no two offsets differ by a multiple of this
    period = torch.tensor([n if wraps else 4 * n for n, wraps in zip((rows, columns), periodic, strict=True)])
    agree, present = torch.zeros(rows, columns), torch.zeros(rows, columns)
    steps = range(-_REACH, _REACH + 1)
    for dy, dx in itertools.product(steps, steps):
        there = torch.ones(rows, columns, dtype=torch.bool)
        if not periodic[0]:
            there &= (y >= dy) & (y < rows + dy)
        if not periodic[1]:
            there &= (x >= dx) & (x < columns + dx)
        same = ((offsets.roll((dy, dx), (1, 2)) - offsets + 1) % period[:, None, None] <= 2).all(0)
        agree += same & there
        present += there
    return agree / present


def _covered(repeats: Tensor, periodic: Periodic) -> Tensor:
    """1 at the pixels of repeating patches, else 0: (rows, columns) -> (H, W)."""
    mask = repeats[None].float()
    for axis in (1, 2):
        n = mask.shape[axis]
        if periodic[axis - 1]:
            mask = wrap(mask, axis, 1 - _PATCH, n)
        else:
            margin = [_PATCH - 1, _PATCH - 1]
            mask = F.pad(mask, [0, 0, *margin] if axis == 1 else margin)
    return F.max_pool2d(mask, _PATCH, stride=1)[0]
