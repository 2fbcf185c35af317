"""The target of transport: an exemplar's patches at one scale, as a discrete measure sum_j nu_j delta(y_j).

Every known pixel of the exemplar keeps its mass: a patch near the border or near a hole covers pixels that
few other patches cover, so nu_j grows with the rarity of what the patch covers (`coverage_weights`).
Counting patches equally instead would nearly lose the border of small scales: in a 16x16 image a corner
pixel lies in one 8x8 patch, a central one in 64.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.patches import extract_patches
from texot.images.reproducible import principal_axes, total
from texot.kernels import Targets


@dataclass(frozen=True)
class PatchMeasure:
    """Weighted target patches, and the space in which nearest neighbours are searched.

    Attributes:
        y: (m, d) target patches.
        nu: (m,) weights, positive, sum 1.
        patch_size: side of a patch in pixels, 0 if the rows are not square patches.
        centre: (d,) weighted mean of y, subtracted before every product.
        axes: (d, k) orthonormal principal axes in which neighbours are searched, or None for all of R^d.
        key: (m, k) the targets in that space, centred.
    """

    y: Tensor
    nu: Tensor
    patch_size: int = 0
    centre: Tensor = field(init=False)
    axes: Tensor | None = field(init=False, default=None)
    key: Tensor = field(init=False)
    search_dim: int | None = None

    def __post_init__(self) -> None:
        if self.y.ndim != 2 or self.nu.shape != self.y.shape[:1] or not len(self.nu):
            raise InputError(
                f"a measure needs y (m, d) and nu (m,), not {tuple(self.y.shape)}, {tuple(self.nu.shape)}"
            )
        if not bool((self.nu > 0).all()):
            raise InputError("a measure's weights nu must be positive: drop the targets without mass")
        put = object.__setattr__
        put(self, "nu", self.nu / self.nu.sum())
        put(self, "centre", self.nu @ self.y)
        centred = self.y - self.centre
        if self.search_dim is not None and self.search_dim < self.y.shape[1]:
            _, vectors = principal_axes((centred * self.nu[:, None]).T @ centred)
            axes = vectors[:, -self.search_dim :].contiguous()
            put(self, "axes", axes)
            put(self, "key", centred @ axes)
        else:
            put(self, "key", centred)

    @classmethod
    def from_image(
        cls,
        image: Tensor,
        patch_size: int,
        *,
        known: Tensor | None = None,
        max_patches: int | None = None,
        uniform: bool = False,
        search_dim: int | None = None,
        generator: torch.Generator | None = None,
    ) -> PatchMeasure:
        """Patches of an exemplar that lie inside it and touch no unknown pixel.

        Args:
            image: (C, H, W).
            patch_size: side s in pixels.
            known: (H, W) bool, or None where every pixel is known.
            max_patches: keep at most this many, and few less: positions are divided into cells of a regular
                grid, each represented by one patch drawn by its weight, which gets the mass of the
                whole cell (stratified sampling: no region loses mass).
            uniform: weigh all patches equally and draw without strata, as in the published algorithm.
            search_dim: number of principal axes in which neighbours are searched (costs stay exact).
            generator: random generator, used if there are more than `max_patches`.

        Raises:
            InputError: no patch fits.
        """
        weights = (
            _uniform_weights(image, patch_size, known)
            if uniform
            else coverage_weights(image, patch_size, known)
        )
        count = int((weights > 0).sum())
        if not count:
            raise InputError(
                f"no {patch_size}x{patch_size} patch fits the known part of a scale of "
                f"{image.shape[2]}x{image.shape[1]} px: use a smaller --patch-size or --n-scales"
            )
        rows, columns = weights.shape
        flat = weights.flatten()
        if max_patches is None or count <= max_patches:
            index = flat.nonzero()[:, 0]
            nu = flat[index]
        elif uniform:
            candidates = flat.nonzero()[:, 0].cpu()
            index = candidates[torch.randperm(len(candidates), generator=generator)[:max_patches]]
            nu = torch.full((max_patches,), 1 / max_patches, dtype=torch.float32)
        else:
            index, nu = _stratified(weights.cpu(), max_patches, generator)
        index, nu = index.to(image.device), nu.to(image)
        if len(index) == rows * columns:
            y = extract_patches(image, patch_size).contiguous()
        else:  # gather only selected patches: an 8k exemplar has gigabytes of patches
            windows = image.unfold(1, patch_size, 1).unfold(2, patch_size, 1)  # (C, rows, columns, s, s)
            y = windows[:, index // columns, index % columns].transpose(0, 1).reshape(len(index), -1)
        return cls(y, nu, patch_size, search_dim=search_dim)

    @cached_property
    def targets(self) -> Targets:
        """`key`, prepared once for many searches."""
        return Targets(self.key)

    @cached_property
    def soft_targets(self) -> Targets:
        """The centred patches in all dimensions: soft weights need exact distances."""
        return Targets(self.y - self.centre)

    @cached_property
    def spread(self) -> float:
        """Mean squared distance of the targets to their centre."""
        return float(self.mean((self.key**2).sum(1)))

    def mean(self, values: Tensor) -> Tensor:
        """sum_j nu_j values_j of (m,) values, independent of the number of threads."""
        return total(self.nu * values)

    def __len__(self) -> int:
        return len(self.nu)

    def project(self, x: Tensor) -> Tensor:
        """Source patches (n, d) in the search space of `key`, (n, k)."""
        return (x - self.centre) if self.axes is None else (x - self.centre) @ self.axes


def coverage_weights(image: Tensor, patch_size: int, known: Tensor | None = None, n_iter: int = 10) -> Tensor:
    """Weights of all patch positions under which known pixels are covered about equally.

    Multiplicative updates w_j <- w_j * mean of 1/coverage over the patch (the Richardson-Lucy iteration
    for coverage = constant), from uniform weights.

    Args:
        image: (C, H, W); only its size is used.
        patch_size: side s in pixels.
        known: (H, W) bool or None; positions whose patch touches an unknown pixel weigh 0.

    Returns:
        (H-s+1, W-s+1), sum 1; (0, 0)-shaped or all zero where no patch fits.
    """
    height, width = image.shape[1:]
    rows, columns = height - patch_size + 1, width - patch_size + 1
    if rows < 1 or columns < 1:
        return image.new_zeros(0, 0)
    if known is None:  # separable: the outer product of one axis' weights with the other's
        w_y, w_x = (_axis_weights(n, patch_size, n_iter).to(image) for n in (height, width))
        return w_y[:, None] * w_x
    valid = _uniform_weights(image, patch_size, known) > 0
    weights = valid.to(image)
    box = image.new_ones(1, 1, patch_size, patch_size)
    for _ in range(n_iter if bool(valid.any()) else 0):
        cover = F.conv_transpose2d(weights[None, None], box)
        rarity = torch.where(cover > 0, 1 / cover.clamp_min(1e-12), 0)
        weights = weights * F.conv2d(rarity, box)[0, 0]
        weights = weights / weights.sum()
    return weights


def _axis_weights(length: int, patch_size: int, n_iter: int) -> Tensor:
    weights = torch.ones(length - patch_size + 1, dtype=torch.float32)
    box = torch.ones(1, 1, patch_size, dtype=torch.float32)
    for _ in range(n_iter):
        cover = F.conv_transpose1d(weights[None, None], box)
        weights = weights * F.conv1d(1 / cover, box)[0, 0]
        weights = weights / weights.sum()
    return weights


def _uniform_weights(image: Tensor, patch_size: int, known: Tensor | None) -> Tensor:
    rows, columns = (max(0, n - patch_size + 1) for n in image.shape[1:])
    if known is None or not rows or not columns:
        return image.new_ones(rows, columns)
    # a patch is known where the pooled fraction of unknown pixels is zero
    unknown = F.max_pool2d((~known).to(image)[None], patch_size, stride=1)[0]
    return (unknown == 0).to(image)


def _stratified(weights: Tensor, count: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """One position from every cell of a grid with about `count` used cells, and the weight of its cell."""
    rows, columns = weights.shape
    valid = (weights > 0).flatten()
    whole = bool(valid.all())
    wanted = count / float(valid.double().mean())  # only cells in known parts are used
    while True:
        # cells as square as the shorter side, divided first, allows
        side = (rows * columns / wanted) ** 0.5
        if rows <= columns:
            n_rows = max(1, int(rows / side))
            n_columns = max(1, min(columns, int(wanted / n_rows)))
        else:
            n_columns = max(1, int(columns / side))
            n_rows = max(1, min(rows, int(wanted / n_columns)))
        cell_y = torch.arange(rows) * n_rows // rows
        cell_x = torch.arange(columns) * n_columns // columns
        cell = (cell_y[:, None] * n_columns + cell_x).flatten()
        used = n_rows * n_columns
        if not whole:
            used = int(torch.bincount(cell[valid], minlength=used).count_nonzero())
        if used <= count:
            break
        wanted *= 0.99 * count / used  # scattered holes leave more cells in use than their fraction of pixels
    flat = weights.flatten().double()
    mass = torch.zeros(n_rows * n_columns, dtype=torch.float64).index_add_(0, cell, flat)
    # exponential race: the smallest -log(u)/w of a cell wins with probability w / mass
    clock = -torch.log(torch.rand(flat.shape, generator=generator, dtype=torch.float64)) / flat.clamp_min(
        1e-300
    )
    best = torch.full_like(mass, float("inf")).scatter_reduce_(0, cell, clock, "amin")
    winner = (clock == best[cell]) & (flat > 0)
    index = winner.nonzero()[:, 0]
    return index, mass[cell[index]].float()
