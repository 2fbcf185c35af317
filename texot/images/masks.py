"""Masks of holes: pyramids, distances, groups of holes, smooth fills.

`downsample_masked` puts coarse pixels exactly where `downsample` puts those of the result, and never mixes
unknown pixels into known ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.pyramid import Periodic, downsample, downsample_known, extend, upsample, wrap

_SMOOTHINGS = 16
_FADE = 6.0  # pixels into a hole over which the tint correction fades
_CELLS = 64  # maximal cells of a distance transform: larger distances have a lower resolution


class Box(NamedTuple):
    """Rows [top, bottom) and columns [left, right) of an image."""

    top: int
    bottom: int
    left: int
    right: int

    def cut(self, image: Tensor) -> Tensor:
        """The box's part of (..., H, W), a view."""
        return image[..., self.top : self.bottom, self.left : self.right]


def downsample_masked(
    image: Tensor, known: Tensor, *, periodic: Periodic = (False, False), least: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Next coarser scale of an image with unknown pixels, aligned with `downsample`.

    Args:
        image: (C, H, W); values of unknown pixels are ignored.
        known: (H, W) bool.
        periodic: axes (y, x) that wrap around; open axes are extended by their border pixels.
        least: fraction of the kernel's weight.

    Returns:
        The Gaussian mean of the known pixels, (C, ceil(H/2), ceil(W/2)), and (ceil(H/2), ceil(W/2)) bool:
        whether their weight exceeds `least`.
    """
    around = extend(known[None].to(torch.uint8), (1, 2), periodic)[0] > 0
    coarse, coarse_known = downsample_known(extend(image, (1, 2), periodic), around, least)
    assert coarse_known is not None
    return coarse, coarse_known


def masked_pyramid(
    image: Tensor, known: Tensor, n_scales: int, *, periodic: Periodic = (False, False)
) -> list[tuple[Tensor, Tensor]]:
    """The image and its known pixels at every scale, finest first; see `downsample_masked`."""
    scales = [(image, known)]
    for _ in range(1, n_scales):
        scales.append(downsample_masked(*scales[-1], periodic=periodic))
    return scales


def filled(image: Tensor, known: Tensor) -> Tensor:
    """An image (C, H, W) with the mean of its known pixels (H, W) where it is unknown."""
    return torch.where(known, image, image[:, known].mean(1)[:, None, None])


def fill_smoothly(
    image: Tensor, known: Tensor, *, periodic: Periodic = (False, False), scattered: bool = False
) -> Tensor:
    """The image with unknown pixels interpolated smoothly from coarser scales.

    (Pull-push interpolation: Gortler et al. 1996, "The lumigraph", section 3; smoothing steps with the
    four neighbours at every scale approximate the harmonic fill.)

    Args:
        image: (C, H, W).
        known: (H, W) bool, with at least one true pixel.
        periodic: axes (y, x) that wrap around.
        scattered: whether known pixels are so sparse that coarser scales must use any known pixel, not only
            those with half of the weight.
    """
    if bool(known.all()):
        return image
    if min(known.shape) < 4:
        return filled(image, known)
    least = min(0.5, float(known.float().mean())) if scattered else 0.5
    coarse, coarse_known = downsample_masked(image, known, periodic=periodic, least=least)
    if not bool(coarse_known.any()):
        return filled(image, known)
    coarse = fill_smoothly(coarse, coarse_known, periodic=periodic, scattered=scattered)
    size = (image.shape[1], image.shape[2])
    result = torch.where(known, image, upsample(coarse, size, periodic=periodic))
    for _ in range(_SMOOTHINGS):
        wide = extend(result, (1, 1), periodic)
        mean = wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:] + wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1]
        result = torch.where(known, image, mean / 4)
    return result


def details(image: Tensor, periodic: Periodic = (False, False)) -> Tensor:
    """The detail of an image (C, H, W) that its next coarser scale lacks."""
    return image - upsample(
        downsample(image, periodic=periodic), (image.shape[1], image.shape[2]), periodic=periodic
    )


def shrunk(mask: Tensor, width: int) -> Tensor:
    """Erosion: true where all pixels of a (H, W) bool within `width` pixels are true."""
    return F.max_pool2d((~mask).float()[None], 2 * width + 1, stride=1, padding=width)[0] == 0


def opened(mask: Tensor, side: int, *, periodic: Periodic = (False, False)) -> Tensor:
    """The union of all squares of true pixels, `side` px a side, in (H, W) bool (a morphological opening).

    Args:
        mask: (H, W) bool.
        side: pixels.
        periodic: axes (y, x) that wrap around; open axes are extended by their border pixels.
    """
    outside = extend((~mask)[None].to(torch.uint8), (side, side), periodic).float()
    squares = F.max_pool2d(outside, side, stride=1) == 0
    found = F.max_pool2d(F.pad(squares.float(), (side - 1,) * 4), side, stride=1)[0] > 0
    return found[side:-side, side:-side] & mask


def largest_square(mask: Tensor, most: int | None = None) -> int:
    """Side of the largest square of true pixels in a (H, W) bool, at most `most`."""
    most = min(mask.shape) if most is None else min(most, *mask.shape)
    sums = F.pad(mask.long().cumsum(0).cumsum(1), (1, 0, 1, 0))
    low, high = 0, most
    while low < high:
        side = (low + high + 1) // 2
        inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
        if bool((inside == side * side).any()):
            low = side
        else:
            high = side - 1
    return low


def distance(mask: Tensor, most: float, *, periodic: Periodic = (False, False)) -> Tensor:
    """Distance in pixels from every pixel to the nearest true one, exact to a 64th of `most`.

    Args:
        mask: (H, W) bool.
        most: larger distances are clipped to this.
        periodic: axes (y, x) that wrap around.

    Returns:
        (H, W) float32 in [0, most].
    """
    cell = max(1, math.ceil(most / _CELLS))
    reach = math.ceil(most / cell)
    height, width = mask.shape
    there = mask.float()[None]
    around = (reach * cell, reach * cell + -width % cell) if periodic[1] else (0, 0)
    rows_around = (reach * cell, reach * cell + -height % cell) if periodic[0] else (0, 0)
    if periodic[1]:
        there = wrap(there, 2, -around[0], width + around[1])
    if periodic[0]:
        there = wrap(there, 1, -rows_around[0], height + rows_around[1])
    there = F.max_pool2d(there, cell, ceil_mode=True)[0]
    far = float(reach + 1)
    down = torch.full_like(there, far)
    run = torch.full_like(there[0], far)
    for rows in (range(len(there)), range(len(there) - 1, -1, -1)):
        run.fill_(far)
        for row in rows:
            run = torch.where(there[row] > 0, 0, run + 1)
            down[row] = torch.minimum(down[row], run)
    squares = down**2
    best = squares.clone()
    for step in range(1, min(reach, squares.shape[1] - 1) + 1):
        best[:, step:] = torch.minimum(best[:, step:], squares[:, :-step] + step**2)
        best[:, :-step] = torch.minimum(best[:, :-step], squares[:, step:] + step**2)
    found = best.sqrt() * cell
    found = found.repeat_interleave(cell, 0).repeat_interleave(cell, 1)
    top, left = rows_around[0], around[0]
    return found[top : top + height, left : left + width].clamp_max(most)


def groups(hole: Tensor, apart: int) -> list[tuple[Box, Tensor]]:
    """Groups of holes; holes closer than about `apart` pixels form one group.

    Args:
        hole: (H, W) bool.
        apart: distance in pixels.

    Returns:
        For each group, in reading order, its bounding box and the (h, w) bool of its pixels in the box.
    """
    block = F.max_pool2d(hole.float()[None], apart, ceil_mode=True)[0] > 0
    left_over = {(int(y), int(x)) for y, x in block.nonzero()}
    label = torch.zeros(block.shape, dtype=torch.long)
    found: list[tuple[Box, Tensor]] = []
    for first in sorted(left_over):
        if first not in left_over:
            continue
        number = len(found) + 1
        left_over.discard(first)
        queue, members = [first], [first]
        while queue:
            y, x = queue.pop()
            near = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            new = [place for place in near if place in left_over]
            left_over.difference_update(new)
            queue += new
            members += new
        places = torch.tensor(members)
        label[places[:, 0], places[:, 1]] = number
        low, high = places.amin(0) * apart, (places.amax(0) + 1) * apart
        rough = Box(int(low[0]), int(high[0]), int(low[1]), int(high[1]))
        whose = label[low[0] // apart : high[0] // apart, low[1] // apart : high[1] // apart] == number
        whose = whose.repeat_interleave(apart, 0).repeat_interleave(apart, 1)
        part = rough.cut(hole)
        own = part & whose[: part.shape[0], : part.shape[1]]
        rows, columns = own.any(1).nonzero()[:, 0], own.any(0).nonzero()[:, 0]
        inner = Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
        box = Box(
            rough.top + inner.top,
            rough.top + inner.bottom,
            rough.left + inner.left,
            rough.left + inner.right,
        )
        found.append((box, inner.cut(own).clone()))
    return found


def together(parts: list[tuple[Box, Tensor]], most: int) -> list[tuple[Box, Tensor]]:
    """Merge groups of holes that fit in one box of at most `most` pixels a side.

    Args:
        parts: boxes of one image, with the (h, w) bool of each group's pixels in its box.
        most: side in pixels.

    Returns:
        The merged groups, in the order of their first members.
    """
    clusters: list[tuple[Box, list[tuple[Box, Tensor]]]] = []
    for box, own in parts:
        for number, (outer, members) in enumerate(clusters):
            joined = Box(
                min(outer.top, box.top),
                max(outer.bottom, box.bottom),
                min(outer.left, box.left),
                max(outer.right, box.right),
            )
            if max(joined.bottom - joined.top, joined.right - joined.left) <= most:
                clusters[number] = joined, [*members, (box, own)]
                break
        else:
            clusters.append((box, [(box, own)]))
    found = []
    for outer, members in clusters:
        mask = torch.zeros(outer.bottom - outer.top, outer.right - outer.left, dtype=torch.bool)
        for box, own in members:
            mask[
                box.top - outer.top : box.bottom - outer.top, box.left - outer.left : box.right - outer.left
            ] |= own
        found.append((outer, mask))
    return found


def around(box: Box, margin: int, size: tuple[int, int], periodic: Periodic = (False, False)) -> Box:
    """The box with a margin, clipped to an image (H, W); the whole axis where it wraps around."""
    top, bottom = (
        (0, size[0]) if periodic[0] else (max(0, box.top - margin), min(size[0], box.bottom + margin))
    )
    left, right = (
        (0, size[1]) if periodic[1] else (max(0, box.left - margin), min(size[1], box.right + margin))
    )
    return Box(top, bottom, left, right)


def tint(rest: Tensor, hole: Tensor, *, periodic: Periodic = (False, False)) -> Tensor:
    """The difference of known pixels and fill at a hole's edge, continued smoothly inwards.

    Adding it removes a visible edge where fill and surroundings differ in tint (cf. Perez, Gangnet & Blake
    2003, "Poisson image editing").

    Args:
        rest: (C, H, W), known pixels minus the fill; only pixels next to the hole are used.
        hole: (H, W) bool.
        periodic: axes (y, x) that wrap around.

    Returns:
        (C, H, W), to be added to the fill.
    """
    height, width = hole.shape
    near = F.max_pool2d(extend(hole[None].float(), (1, 1), periodic), 3, 1)[0, :height, :width] > 0
    ring = near & ~hole
    if not bool(ring.any()):
        return torch.zeros_like(rest)
    around, count = (F.avg_pool2d(plane[None], 3, 1, 1)[0] for plane in (rest * ring, ring[None].to(rest)))
    smooth = fill_smoothly(around / count.clamp_min(1e-6), ring, periodic=periodic)
    depth = distance(~hole.cpu(), 4 * _FADE, periodic=periodic).to(rest)
    return smooth * torch.exp((0.5 - depth) / _FADE)
