"""How much of an image repeats another part of itself: stones met twice, pasted pieces, tiles."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_image, halvings
from texot.evaluation.novelty import principal_filters
from texot.images.pyramid import Periodic, downsample, wrap
from texot.images.self_similarity import nearest_elsewhere

_SIDE = 128  # pixels of the halved image
_PATCH = 8
_APART = 12  # rows or columns between a patch and its match
_REACH = 3  # neighbours up to this many rows and columns away have a say
_AGREEING = 0.6  # share of them with the same offset; at 0.5 edges of bricks and pebbles begin to count
_CLOSE = 0.5  # of the median between random patches; copies shifted by half a pixel reach 0.4 on gravel
_COVER = 0.25  # of the patches over a pixel


def repetition(image: Tensor, *, periodic: Periodic = TORUS) -> float:
    """Share of an image that shows again what another part of it shows.

    The image is halved until its shorter side is about 128 pixels, a long one further. The 8x8 patch at every
    position finds its nearest at least 12 rows or columns away. It repeats where

    - its squared distance is below half of the median between random patches, and
    - its offset is, within one pixel, that of more than 0.6 of the positions in the 7x7 around it:
      a piece of the image is there again, not merely something alike.

    Returned is the share of pixels over which at least a quarter of the patches repeat. Both copies count: a
    quarter pasted over another gives 0.42 to 0.5 (patches across its edge do not match), a 2x2 tiling 1. Of
    the samples, photographs as they were taken have less than 0.02; grass_gray, with retouched places, 0.2;
    four that were made seamless by blending them with their own half shift over 0.9. Bricks, weaves and other
    regular textures may repeat too (rug 0.6): compare with the exemplar's own. 2 s for 512x512.

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
    n_halvings = halvings(min(height, width), _SIDE)
    while height * width > 2 * _SIDE**2 << 2 * n_halvings and min(height, width) >= _SIDE // 2 << n_halvings:
        n_halvings += 1  # the work grows with the square of the area
    for _ in range(n_halvings):
        image = downsample(image, periodic=periodic)
    points = _patch_points(image, periodic)
    distance, nearest = nearest_elsewhere(points, _APART, periodic)
    repeats = _agreeing(nearest, periodic) > _AGREEING
    repeats &= distance < _CLOSE * _typical_distance(points.flatten(0, 1))
    return float((_covered(repeats, periodic) >= _COVER).float().mean())


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
    agree = torch.zeros(rows, columns, dtype=torch.float32)
    present = torch.zeros_like(agree)
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
    """Share of the patches over each pixel that repeat, (rows, columns) -> (H, W)."""
    over = torch.stack([repeats.float(), torch.ones_like(repeats, dtype=torch.float32)])
    for axis in (1, 2):
        n = over.shape[axis]
        if periodic[axis - 1]:
            over = wrap(over, axis, 1 - _PATCH, n)
        else:
            margin = [_PATCH - 1, _PATCH - 1]
            over = F.pad(over, [0, 0, *margin] if axis == 1 else margin)
    repeating, present = F.avg_pool2d(over, _PATCH, stride=1)
    share: Tensor = repeating / present
    return share
