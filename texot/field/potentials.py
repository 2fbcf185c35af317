"""Potentials of the transport on a field: one for each patch if all pairs are compared, else for each block.

Where the result is small, the transport is entropic, solved by Sinkhorn iterations that start from the last
potential (Cuturi 2013, "Sinkhorn distances"; warm starts: Thornton & Cuturi 2023):

    f_i   = -eps log sum_j nu_j exp((psi_j - C_ij) / eps)
    psi_j = -eps log sum_i mu_i exp((f_i - C_ij) / eps),       C_ij = |x_i - y_j|^2 + phi(shift of i to j)

phi is the dual variable of a second constraint: no shift of the exemplar may hold more than a fraction of the
image; it rises while a shift holds more. Elsewhere, one potential for each block of the exemplar follows the
gradient of the semi-dual, nu_b - (mass of block b), in units of the mean distance. It takes a step before
each kind of candidate, because a simultaneous propagation from neighbours can empty blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.field.grid import Grid
from texot.field.search import search
from texot.field.source import Source

_EPSILON = 0.03  # default regularisation, in mean distances
_MIN_EPSILON = 1e-4  # minimal regularisation that can be requested, in mean distances
_TINY = 1e-20  # lower bound of row and column sums of the kernel
_SHIFTS = 16  # bins of shifts along the shorter side of the exemplar
_BLOCK = 8  # pixels a side of the blocks that share a potential
_RATE = 0.2  # step of a block's potential, in mean distances
_FALL, _RISE = 2.0, 1.0  # bounds of excess and deficit of a block's mass, in target masses


def mean(values: Tensor) -> float:
    """The mean, independent of the number of threads; 0 of an empty tensor."""
    return float(values.detach().cpu().double().numpy().mean()) if len(values) else 0.0


@dataclass
class PatchPotential:
    """Cells of all pairs, with a potential for every target and a bound for every shift.

    Attributes:
        grid: the result's patches.
        source: the exemplar's patches.
        cap: largest fraction of the result that one shift of the exemplar may hold, in (0, 1]; 1: no limit.
        relative: (rows, columns) initial potential in mean distances, or None for 0.
        iterations: Sinkhorn iterations per step; 0: the potential stays 0.
        entropy: regularisation, in units of squared distance; 0: .03 of the mean distance.
        capacity: upper bound of a target's mass, in units of nu_j; 1: exactly nu_j. A result smaller than the
            exemplar need not use all of it: then masses are only bounded from above, and the potentials of
            targets below the bound stay 0.
        psi: (m,) potentials of the targets.
    """

    grid: Grid
    source: Source
    cap: float = 1.0
    relative: Tensor | None = None
    iterations: int = 2
    entropy: float = 0.0
    capacity: float = 1.0
    psi: Tensor = field(init=False)
    cost: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        targets = self.source.targets
        self.key = self.source.key[targets]
        self.square = (self.key * self.key).sum(1)
        self.psi = self.key.new_zeros(len(targets))
        self.shift = _shifts(self.grid, self.source) if self.cap < 1 else None
        bins = _bins(self.source)
        self.phi = self.key.new_zeros(bins[0] * bins[1])

    def cells(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The cells of patches, followed by a step of the potentials.

        Args:
            x: (n, k) patches of the result in the source's principal axes, centred.

        Returns:
            (n,) indices of the targets among all patches of the source, and (n,) their squared distances.
        """
        # |x_i|^2 is left out: it changes neither cells nor potentials
        gain = torch.addmm(self.psi - self.square, x, self.key.T, alpha=2)
        if bool(self.phi.any()):
            assert self.shift is not None
            gain -= self.phi[self.shift]
        if self.cost and self.iterations and len(x):
            gain += self._sinkhorn(gain)
        found = gain.argmax(1)
        distance = (x - self.key[found]).square().sum(1)
        first, self.cost = not self.cost, max(mean(distance), 1e-12)
        if first and self.iterations and self.relative is not None:
            self.psi = self.relative.flatten()[self.source.targets] * self.cost
        if self.shift is not None:
            self._limit_shifts(found)
        return self.source.targets[found], distance

    def error(self, found: Tensor) -> float:
        """Total variation between the masses of the targets and nu."""
        nu = self.psi.new_zeros(len(self.source.key))
        nu[self.source.targets] = self.source.nu
        return excess(found, nu, self.capacity)

    def plane(self) -> Tensor:
        """The potential at every patch of the source, (rows, columns), in mean distances, centred."""
        plane = self.psi.new_zeros(len(self.source.key))
        plane[self.source.targets] = (self.psi - self.psi.mean()) / self.cost
        return plane.view(self.source.shape)

    def _sinkhorn(self, gain: Tensor) -> Tensor:
        """Change of the potentials, (m,), by Sinkhorn's iterations on psi_j - C_ij (n, m).

        The present potentials are absorbed into the kernel; the iterations scale its rows and columns
        (Schmitzer 2019, "Stabilized sparse scaling algorithms for entropy regularized transport problems").
        """
        epsilon = max(self.entropy or _EPSILON * self.cost, _MIN_EPSILON * self.cost)
        kernel = (gain - gain.amax(1, keepdim=True)).div_(epsilon).exp_()
        product, column = torch.empty_like(kernel), kernel.new_ones(kernel.shape[1])
        most = (-self.psi / epsilon).exp() if self.capacity > 1 else None
        nu = self.source.nu * len(kernel)
        for _ in range(self.iterations):
            row = torch.mul(kernel, column, out=product).sum(1).clamp_min_(_TINY).reciprocal_()
            mass = torch.mul(kernel, row[:, None], out=product).sum(0)
            column = self.capacity * nu / mass.clamp_min_(_TINY)
            column = column if most is None else torch.minimum(column, most)
        change = epsilon * column.log_()
        if most is None:
            change -= (self.psi + change).mean()
        self.psi = self.psi + change
        return change

    def _limit_shifts(self, found: Tensor) -> None:
        assert self.shift is not None
        rows, columns = _bins(self.source)
        here = self.shift.gather(1, found[:, None])[:, 0]
        share = torch.bincount(here.cpu(), minlength=rows * columns).to(self.phi) / len(found)
        wide = F.pad(share.view(1, rows, columns), (1, 1, 1, 1), mode="circular")
        near = 9 * F.avg_pool2d(wide, 3, 1).flatten()  # neighbouring bins count as the same shift
        self.phi = (self.phi + self.cost * (near / self.cap - 1)).clamp_min(0)


@dataclass
class BlockPotential:
    """A potential for every block of the exemplar.

    Attributes:
        grid: the result's patches.
        source: the exemplar's patches.
        moves: whether the potentials change; otherwise they stay 0.
        capacity: see `PatchPotential`.
        active: (n,) bool, the patches whose targets are searched, or None for all.
        psi: (b,) potentials of the blocks.
    """

    grid: Grid
    source: Source
    moves: bool = True
    capacity: float = 1.0
    active: Tensor | None = None
    psi: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.block, n_blocks = blocks(self.source)
        own = self.block[self.source.targets]
        nu = self.source.nu.cpu().double()
        self.nu = torch.bincount(own.cpu(), nu, minlength=n_blocks).to(self.source.image)
        self.psi = torch.zeros_like(self.nu)

    def cells(self, image: Tensor, found: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The cells of an image's patches by a search along the field, and steps of the potentials.

        Args:
            image: (C, *grid.size).
            found: (n,) present targets of its patches.
            generator: CPU generator of random numbers.

        Returns:
            (n,) indices of the targets among all patches of the source, and (n,) their squared distances.
        """
        source = self.source
        found, distance = search(
            self.grid,
            source,
            image,
            found,
            self.prices if self.moves else None,
            reach=(1, 3, max(1, max(source.shape) // 8)),
            active=self.active,
            generator=generator,
        )
        return found, distance.float() * source.unit**2

    def ascend(self, found: Tensor, distance: Tensor) -> None:
        """Step the potentials along the difference between nu and the masses of the blocks.

        Args:
            found: (n,) targets of the patches.
            distance: (n,) squared distances to them, in the unit of the potentials.
        """
        mass = torch.bincount(self.block[found].cpu(), minlength=len(self.nu)).to(self.nu) / max(
            1, len(found)
        )
        wanted = self.capacity * self.nu
        step = torch.where(wanted > 0, 1 - mass / wanted.clamp_min(1e-12), 0)
        self.psi = self.psi + _RATE * mean(distance) * step.clamp(-_FALL, _RISE)
        if self.capacity > 1:
            self.psi = self.psi.clamp_max(0)

    def prices(self, found: Tensor, distance: Tensor) -> Tensor:
        """The cost -psi of every patch of the source, after a step of the potentials."""
        if self.active is not None:
            found, distance = found[self.active], distance[self.active]
        self.ascend(found, distance)
        return -self.psi[self.block]

    def error(self, found: Tensor) -> float:
        """Total variation between the masses of the blocks and nu."""
        return excess(self.block[found], self.nu, self.capacity)


def blocks(source: Source) -> tuple[Tensor, int]:
    """The block of every patch of the source, (rows * columns,), and the number of blocks."""
    rows, columns = source.shape
    wide = -(-columns // _BLOCK)
    y, x = (torch.arange(n, device=source.image.device) // _BLOCK for n in (rows, columns))
    return (y[:, None] * wide + x).flatten(), -(-rows // _BLOCK) * wide


def excess(found: Tensor, nu: Tensor, most: float) -> float:
    """Mass of the cells in excess of `most` times nu; the total variation if `most` is 1."""
    mass = torch.bincount(found.cpu(), minlength=len(nu)).double() / max(1, len(found))
    return float((mass - most * nu.cpu().double()).clamp_min(0).sum())


def finer(plane: Tensor, shape: tuple[int, int]) -> Tensor:
    """A potential interpolated to the next finer scale, (rows, columns)."""
    return F.interpolate(plane[None, None], shape, mode="bilinear", align_corners=False)[0, 0]


def _bins(source: Source) -> tuple[int, int]:
    height, width = source.image.shape[1:]
    size = max(1, min(height, width) // _SHIFTS)
    return -(-height // size), -(-width // size)


def _shifts(grid: Grid, source: Source) -> Tensor:
    """Bin of the shift from every patch of the result to every target of the source, (n, m).

    Shifts are taken modulo the exemplar's size: adjacent copies in a larger result have one shift. Only bins
    of targets are computed, because a mask may leave few of many patches.
    """
    height, width = source.image.shape[1:]
    size, columns = max(1, min(height, width) // _SHIFTS), source.shape[1]
    there = torch.div(source.targets, columns, rounding_mode="floor"), source.targets % columns
    here = torch.meshgrid(
        *(torch.arange(n, device=source.image.device) * grid.stride for n in grid.shape), indexing="ij"
    )
    y, x = (
        torch.div((b - a.flatten()[:, None]) % n, size, rounding_mode="floor")
        for a, b, n in zip(here, there, (height, width), strict=True)
    )
    return y * _bins(source)[1] + x
