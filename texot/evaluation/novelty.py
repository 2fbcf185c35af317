"""How much of an image is its exemplar again: verbatim copies of pieces, or one shift of the whole layout."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.inputs import TORUS, check_pair, halvings
from texot.images.patches import extract_patches
from texot.images.pyramid import Periodic, downsample, downsample_known, wrap
from texot.images.reproducible import principal_axes
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
        agreeing: (rows, columns) int64, grid neighbours of each patch that have its offset.
        patch_size, stride: of the patches and their grid, in pixels.
        sizes: (H, W) of the image and (h, w) of the exemplar.
    """

    shares: tuple[float, float, float, float]
    neighbours: int
    offsets: Tensor
    agreeing: Tensor
    patch_size: int
    stride: int
    sizes: tuple[tuple[int, int], tuple[int, int]]

    @property
    def share(self) -> float:
        """The share for `neighbours` neighbours."""
        return self.shares[self.neighbours - 1]

    @property
    def unused(self) -> float:
        """Share of the exemplar's pixels that lie in no patch that the image took: parts it forgot.

        The mass of the target patches never chosen, counted in pixels, since n patches that are taken at
        random from n leave out a third even where nothing is missing. 0 for a shifted or blurred copy.
        """
        height, width = self.sizes[1]
        taken = torch.zeros(1, height - self.patch_size + 1, width - self.patch_size + 1, dtype=torch.float32)
        y, x = self._sources()
        taken[0, y, x] = 1
        margin = self.patch_size - 1
        covered = F.max_pool2d(F.pad(taken, [margin] * 4), self.patch_size, stride=1)
        return float((covered == 0).float().mean())

    def source_map(self) -> Tensor:
        """Where each pixel comes from: position (y, x) in the exemplar, (2, H, W) int64.

        That of the grid patch whose middle is nearest; positions of pixels that end up beyond the exemplar's
        border are moved to it.
        """
        return self._spread(self.offsets, move=True)

    def copied_map(self) -> Tensor:
        """Where the image is a coherent copy, as `share` counts it, (H, W) bool."""
        return self._spread((self.agreeing >= self.neighbours)[None].long(), move=False)[0] > 0

    def _sources(self) -> Tensor:
        """(2, rows, columns), positions of the patches taken."""
        rows, columns = self.agreeing.shape
        grid = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))
        return self.offsets + grid * self.stride

    def _spread(self, values: Tensor, *, move: bool) -> Tensor:
        """Values of the grid at every pixel; with `move`, offsets added to its position."""
        index, own = [], []
        for n, count in zip(self.sizes[0], self.agreeing.shape, strict=True):
            t = torch.arange(n)
            wraps = count * self.stride >= n  # an open axis has fewer patches than cover it
            middle = (t - (self.patch_size - self.stride) // 2).div(self.stride, rounding_mode="floor")
            cell = middle % count if wraps else middle.clamp(0, count - 1)
            index.append(cell)
            # the last patches of an axis that wraps reach over to its first pixels
            own.append(torch.where(t < cell * self.stride, t + n, t) if wraps else t)
        found = values[:, index[0][:, None], index[1]]
        if not move:
            return found
        height, width = self.sizes[1]
        y, x = found[0] + own[0][:, None], found[1] + own[1]
        return torch.stack([y.clamp(0, height - 1), x.clamp(0, width - 1)])


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
    noise about 0. A texture that repeats, like bricks, is coherent with itself: that is no copying. 3.5 s for
    512x512; its time grows with the product of the areas.

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
    sizes = (height, width), (exemplar.shape[1], exemplar.shape[2])
    return CopyShare((one, two, three, four), neighbours, offsets, same, patch_size, stride, sizes)


def layout_share(image: Tensor, exemplar: Tensor, *, periodic: Periodic = TORUS) -> float:
    """Share of an image's coarse layout that is one shift of its exemplar's.

    Both images are halved, equally often, until the exemplar's shorter side is about 64 pixels. The 8x8 patch
    at every position p finds its nearest among the exemplar's, at q; its offset is q - p modulo the
    exemplar's size, so that a larger result may repeat the exemplar. Counted are the offsets within one pixel
    of the commonest, over as many as a shifted copy has: along an axis that wraps, patches across the
    exemplar's border have no match in it.

    One toroidal shift gives 1, two of equal area about 0.5, noise about 0.01. The exemplar may also be
    another result: two seeds that came to the same layout give 1. What counts is where things are, not
    whether details agree; a regular texture, like bricks, shares its layout with any shift by a period. 0.1 s
    for 512x512.

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


def diversity(images: Sequence[Tensor], *, periodic: Periodic = TORUS) -> float:
    """How different several results of one exemplar are from each other, in their layouts.

    1 less the mean over all pairs of `layout_share`: 0 for the same image again, rolled or not, about .9 and
    more for new layouts. (SinGAN's figure, the deviation of each pixel over the results, is as large for one
    image rolled as for new ones.)

    Args:
        images: two or more (C, H, W).
        periodic: axes (y, x) along which they wrap around.

    Returns:
        In [0, 1].

    Raises:
        InputError: fewer than two images, or as `layout_share`.

    Source: pairwise diversity of samples, cf. Rott Shaham et al. 2019, "SinGAN" (arXiv 1905.01164).
    """
    if len(images) < 2:
        raise InputError("diversity compares two results or more")
    shares = [layout_share(a, b, periodic=periodic) for a, b in itertools.combinations(images, 2)]
    return 1 - sum(shares) / len(shares)


def principal_filters(image: Tensor, size: int, n_axes: int = 64, n_patches: int = 16384) -> Tensor:
    """Principal axes of an image's patches as convolution filters, (k, C, size, size)."""
    windows = image.unfold(1, size, 1).unfold(2, size, 1)  # (C, rows, columns, s, s)
    every = math.ceil(math.sqrt(windows.shape[1] * windows.shape[2] / n_patches))
    patches = windows[:, ::every, ::every].permute(1, 2, 0, 3, 4).flatten(0, 1).flatten(1)
    patches = patches - patches.mean(0)
    _, vectors = principal_axes(patches.T @ patches)
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
