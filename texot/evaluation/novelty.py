"""How much of an image is its exemplar again: verbatim copies of pieces, or one shift of the whole layout."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_pair, halvings
from texot.images.patches import extract_patches
from texot.images.pyramid import Periodic, downsample, downsample_known, wrap
from texot.kernels import laguerre_cells

_LAYOUT_PATCH = 8  # pixels of the halved images


@dataclass(frozen=True)
class CopyShare:
    """How much of an image is verbatim, coherent copies of its exemplar.

    Attributes:
        shares: shares of grid patches that have the same offset as at least 1, 2, 3, 4 of their grid
            neighbours; in [0, 1], falling.
        neighbours: how many neighbours `share` asks for.
        offsets: (2, rows, columns) int64, position (y, x) of every grid patch's nearest exemplar patch minus
            its own position, in pixels.
    """

    shares: tuple[float, float, float, float]
    neighbours: int
    offsets: Tensor

    @property
    def share(self) -> float:
        """The share for `neighbours` neighbours."""
        return self.shares[self.neighbours - 1]


def copy_share(
    image: Tensor,
    exemplar: Tensor,
    *,
    patch_size: int = 12,
    stride: int = 4,
    neighbours: int = 2,
    periodic: Periodic = TORUS,
    backend: str = "auto",
) -> CopyShare:
    """Share of patches that continue their neighbours' copy of the exemplar.

    Every patch of a grid of positions p (0, stride, 2 stride, ... on both axes) finds its nearest patch among
    all positions q of the exemplar, by Euclidean distance in the 64 first principal axes of the exemplar's
    patches. Its offset is q - p modulo the size of the image. A patch counts as copied where at least
    `neighbours` of its 4 grid neighbours have exactly its offset. A rolled or cropped exemplar gives about 1,
    noise about 0. A texture that repeats, like bricks, is coherent with itself: that is no copying.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w).
        patch_size: side of a patch in pixels.
        stride: distance of the grid's positions.
        neighbours: 1 to 4.
        periodic: axes (y, x) along which the image, and neighbourhood, wrap around.
        backend: see `texot.kernels.laguerre_cells`.

    Raises:
        InputError: images that cannot be compared, a patch that does not fit, options out of range.

    Source: coherent neighbours as in Ashikhmin 2001, "Synthesizing natural textures".
    """
    image, exemplar = check_pair(image, exemplar)
    height, width = image.shape[1:]
    if patch_size < 1 or patch_size > min(height, width, *exemplar.shape[1:]):
        raise InputError(
            f"patch_size {patch_size} does not fit both images of {width}x{height} and "
            f"{exemplar.shape[2]}x{exemplar.shape[1]} px"
        )
    if stride < 1 or not 1 <= neighbours <= 4:
        raise InputError(f"copy_share needs stride >= 1 and 1 to 4 neighbours, not {stride}, {neighbours}")
    centre = exemplar.mean((1, 2), keepdim=True)
    filters = principal_filters(exemplar - centre, patch_size)
    for axis in (1, 2):
        if periodic[axis - 1]:
            image = wrap(image, axis, 0, image.shape[axis] + patch_size - 1)
    x = F.conv2d((image - centre)[None], filters, stride=stride)[0]  # (k, rows, columns)
    y = F.conv2d((exemplar - centre)[None], filters)[0]
    rows, columns = x.shape[1:]
    x, targets = (t.flatten(1).T.contiguous() for t in (x, y))
    cells = laguerre_cells(x, targets, targets.new_zeros(len(targets)), backend=backend).view(rows, columns)
    own = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")) * stride
    offsets = torch.stack([cells // y.shape[2], cells % y.shape[2]]) - own
    same = _equal_neighbours(offsets, (height, width), periodic)
    one, two, three, four = (float((same >= k).float().mean()) for k in (1, 2, 3, 4))
    return CopyShare((one, two, three, four), neighbours, offsets)


def layout_share(image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS) -> float:
    """Share of an image's coarse layout that is one shift of its exemplar's.

    Both images are halved, equally often, until the exemplar's shorter side is about 64 pixels. The 8x8 patch
    at every position p finds its nearest among the exemplar's, at q; its offset is q - p modulo the
    exemplar's size, so that a larger result may repeat the exemplar. Counted are the offsets within one pixel
    of the commonest, over as many as a shifted copy has: along an axis that wraps, patches across the
    exemplar's border have no match in it.

    One toroidal shift gives 1, two of equal area about 0.5, noise about 0.01. The exemplar may also be
    another result: two seeds that came to the same layout give 1. What counts is where things are, not
    whether details agree; a regular texture, like bricks, shares its layout with any shift by a period.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w).
        periodic: axes (y, x) along which the image wraps around.

    Returns:
        A share in [0, 1].

    Raises:
        InputError: images that cannot be compared, or a side of fewer than 16 pixels.

    Source: the commonest offset as in He & Sun 2012, "Statistics of patch offsets for image completion".
    """
    image, exemplar = check_pair(image, exemplar)
    for name, side in (("image", min(image.shape[1:])), ("exemplar", min(exemplar.shape[1:]))):
        if side < 2 * _LAYOUT_PATCH:
            raise InputError(f"layout_share needs sides of {2 * _LAYOUT_PATCH} px or more: {name} has {side}")
    period = tuple(exemplar.shape[1:])
    n_halvings = halvings(min(period), 64)
    while min(image.shape[1:]) < (2 * _LAYOUT_PATCH) << n_halvings and n_halvings:
        n_halvings -= 1
    for _ in range(n_halvings):
        image, exemplar = downsample(image, periodic=periodic), downsample_known(exemplar)[0]
        period = tuple(math.ceil(n / 2) for n in period)
    centre = exemplar.mean((1, 2), keepdim=True)
    x = extract_patches(image - centre, _LAYOUT_PATCH, periodic=periodic)
    y = extract_patches(exemplar - centre, _LAYOUT_PATCH)
    cells = laguerre_cells(x, y, y.new_zeros(len(y)))
    rows, columns = (
        n if wraps else n - _LAYOUT_PATCH + 1 for n, wraps in zip(image.shape[1:], periodic, strict=True)
    )
    targets = [n - _LAYOUT_PATCH + 1 for n in exemplar.shape[1:]]
    own = torch.arange(rows * columns)
    dy = (cells // targets[1] - own // columns) % period[0]
    dx = (cells % targets[1] - own % columns) % period[1]
    count = torch.bincount(dy * period[1] + dx, minlength=period[0] * period[1]).view(*period)
    near = sum(count.roll((a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1))
    reachable = math.prod(targets[k] / period[k] for k in (0, 1) if periodic[k])
    return min(1.0, float(torch.as_tensor(near).max()) / (rows * columns * reachable))


def principal_filters(image: Tensor, size: int, n_axes: int = 64, n_patches: int = 16384) -> Tensor:
    """Principal axes of an image's patches as convolution filters, (k, C, size, size)."""
    windows = image.unfold(1, size, 1).unfold(2, size, 1)  # (C, rows, columns, s, s)
    every = math.ceil(math.sqrt(windows.shape[1] * windows.shape[2] / n_patches))
    patches = windows[:, ::every, ::every].permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1)
    patches = patches - patches.mean(0)
    _, vectors = torch.linalg.eigh(patches.T @ patches)
    axes: Tensor = vectors[:, -n_axes:].T
    return axes.reshape(-1, image.shape[0], size, size)


def _equal_neighbours(offsets: Tensor, size: tuple[int, int], periodic: Periodic) -> Tensor:
    """How many of the 4 grid neighbours have the same offset, (rows, columns); beyond an open border none."""
    period = torch.tensor(size)[:, None, None]
    count = torch.zeros(offsets.shape[1:], dtype=torch.int64)
    for axis in (1, 2):
        if offsets.shape[axis] < 2:
            continue  # its own neighbour
        for shift in (1, -1):
            same = ((offsets.roll(shift, axis) - offsets) % period == 0).all(0)
            if not periodic[axis - 1]:
                same.select(axis - 1, 0 if shift > 0 else -1).fill_(False)
            count += same
    return count
