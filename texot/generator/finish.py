"""The finish of a sample: patches of the exemplar take over along a correspondence field.

The loop is that of `texot.solver.field_solver`, started from the network's sample at the exemplar's coarsest
scale. In a large image the potentials depend on the distribution of its patches, and not on the place. So
they are measured once, step by step, on a torus (`Finish.measured`), and kept. With fixed potentials every
step is local: a pixel depends on the sample within `Level.reach`, and any window can be finished alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from texot.field.correspondence import Correspondence
from texot.field.grid import Grid
from texot.field.potentials import BlockPotential, PatchPotential, blocks, finer, mean
from texot.field.search import FARTHEST, Prices, nearest, search
from texot.field.source import Source
from texot.images.pyramid import Periodic
from texot.images.statistics import channel_moments
from texot.solver.field_solver import LAST, MAX_PRICED, ROBUST, grid_of, robust_weights
from texot.solver.options import EngineOptions
from texot.solver.plan import MAX_PAIRS, ROWS_FROM, FieldPlan, Size, exemplar_pyramid, field_plan, scale_sizes

MAX_SIDE = 512
"""Pixels a side of the part of the exemplar that is kept."""
_TORUS = 8  # sides of the measured torus, in sides of the exemplar
_MEASURED = 1024  # pixels of the shorter side of its part that is measured at fine scales

Start = Callable[[int, Size], Tensor]
"""The network's sample at a scale of the exemplar: (scale, (height, width)) of a torus to (C, h, w)."""


@dataclass(frozen=True, eq=False)
class Step:
    """What a step takes from the measurement.

    Attributes:
        psi: potentials of the targets, or of blocks of them where the search follows the field; (0,): none.
        cost: mean squared distance of the patches to their targets.
    """

    psi: Tensor
    cost: float


@dataclass(frozen=True, eq=False)
class Level:
    """One scale of a finish.

    Attributes:
        source: patches of the exemplar.
        stride: pixels between patches of the image.
        all_pairs: whether every patch is compared with all targets; otherwise the search follows the field.
        steps: in their order.
    """

    source: Source
    stride: int
    all_pairs: bool
    steps: tuple[Step, ...]

    @property
    def reach(self) -> int:
        """Pixels from a pixel to the farthest one of the first image that it depends on, at this scale."""
        side = self.source.side - 1
        each = side if self.all_pairs else side + FARTHEST * self.stride
        return side + each * len(self.steps)

    def grid(self, size: Size, periodic: Periodic = (False, False)) -> Grid:
        """The patches of an image of (height, width)."""
        return grid_of(size, self.source.side, self.stride, periodic)

    def run(self, grid: Grid, first: Tensor, found: Tensor | None, *, last: bool) -> tuple[Tensor, Tensor]:
        """All steps on an image.

        Args:
            grid: its patches.
            first: (C, *grid.size), the image.
            found: (n,) targets of its patches; None at the coarsest scale.
            last: whether it is the finest scale, whose last step prefers the best patch.

        Returns:
            (n,) targets, and the image (C, *grid.size).
        """
        image = first
        for number, step in enumerate(self.steps, 1):
            found, distance = self._cells(grid, image, found, step.psi)
            image = _voted(self.source, grid, found, distance, step.cost, last and number == len(self.steps))
        assert found is not None
        return found, image

    def _cells(self, grid: Grid, image: Tensor, found: Tensor | None, psi: Tensor) -> tuple[Tensor, Tensor]:
        source = self.source
        if not self.all_pairs:
            return _along(source, grid, image, found, -psi[blocks(source)[0]] if len(psi) else None)
        x = source.project(grid, image)
        found = nearest(x, source, psi=psi)
        return found, (x - source.key[found]).square().sum(1)


def _along(
    source: Source, grid: Grid, image: Tensor, found: Tensor | None, prices: Prices
) -> tuple[Tensor, Tensor]:
    """Cells along the field: (n,) targets, and (n,) squared distances."""
    found = nearest(source.project(grid, image), source) if found is None else found
    found, distance = search(grid, source, image, found, prices)
    return found, distance.float() * source.unit**2


def _voted(source: Source, grid: Grid, found: Tensor, distance: Tensor, cost: float, ends: bool) -> Tensor:
    """The image of a step; the one that `ends` prefers the best patch."""
    weights = robust_weights(distance, cost, LAST if ends else ROBUST)
    return Correspondence(grid, source.shape, found, weights).image(source.image)


def refined(field: Correspondence, grid: Grid, source: Source) -> tuple[Tensor, Tensor]:
    """Targets and image of a field at the next finer scale."""
    finer_field = field.finer(2, grid, source.shape, source.usable)
    return finer_field.found, finer_field.image(source.image)


@dataclass(frozen=True, eq=False)
class Finish:
    """A measured finish.

    Attributes:
        exemplar: (C, h, w), in [0, 1].
        known: (h, w) bool, its known pixels, or None for all.
        levels: scales of it, finest first.
        gain, shift: (C, 1, 1), the correction of the image's colours.
    """

    exemplar: Tensor
    known: Tensor | None
    levels: tuple[Level, ...]
    gain: Tensor
    shift: Tensor

    @classmethod
    def measured(
        cls,
        exemplar: Tensor,
        known: Tensor | None,
        start: Start,
        *,
        corrected: bool = True,
        rows: bool = False,
    ) -> Finish:
        """Measure the potentials of every step.

        Where all pairs of patches are compared, this is done on a torus of eight times the exemplar's sides:
        on smaller ones, the potentials depend on the sample. At finer scales a part of it is enough.

        Args:
            exemplar: (C, h, w), in [0, 1].
            known: (h, w) bool, or None for all.
            start: the network's sample.
            corrected: whether samples get the exemplar's colours; it would move the maps of a material
                against each other.
            rows: whether it begins at a scale where the exemplar has 32 pixels or more, as layouts of rows
                do: a coarser one would break them.

        Raises:
            InputError: no patch fits the exemplar.
        """
        sides = exemplar.shape[1], exemplar.shape[2]
        plan = field_plan(sides, (2 * sides[0], 2 * sides[1]), known, EngineOptions())
        if rows:
            count = min(plan.n_scales, max(1, (min(sides) // ROWS_FROM).bit_length()))
            plan = replace(plan, sizes=plan.sizes[:count], steps=plan.steps[:count])
        unit = 2 ** (plan.n_scales - 1)
        sizes, part = (
            scale_sizes(
                (-(-factor * sides[0] // unit) * unit, -(-factor * sides[1] // unit) * unit), plan.n_scales
            )
            for factor in (_TORUS, min(_TORUS, max(2, _MEASURED // min(sides))))
        )
        levels: list[Level] = []
        field: Correspondence | None = None
        plane: Tensor | None = None
        image = start(plan.n_scales - 1, sizes[-1])
        for scale, source in reversed(
            list(enumerate(sources_of(exemplar, known, plan.n_scales, plan.patch_size)))
        ):
            stride, all_pairs = _search_of(source, plan.wide_stride)
            wide = all_pairs or field is None
            grid = grid_of((sizes if wide else part)[scale], plan.patch_size, stride, (wide, wide))
            found = None
            if field is not None:
                found, image = refined(field, grid, source)
            relative = None if plane is None else finer(plane, source.shape)
            steps = -(-plan.steps[scale] // 2)  # with all of them, uneven parts of the sample grow
            level, field, plane, image = _measure(
                source, grid, image, found, relative, steps, all_pairs=all_pairs, last=scale == 0
            )
            levels.insert(0, level)
        wanted, deviation = channel_moments(exemplar, known)
        if not corrected:
            return cls(exemplar, known, tuple(levels), torch.ones_like(wanted), torch.zeros_like(wanted))
        own, own_deviation = channel_moments(image)
        gain = torch.where(own_deviation > 1e-6, deviation / own_deviation.clamp_min(1e-6), 1.0).clamp(0.5, 2)
        return cls(exemplar, known, tuple(levels), gain, wanted - gain * own)

    def to(self, device: torch.device) -> Finish:
        """The same finish on a device."""
        if device == self.exemplar.device:
            return self
        exemplar, known = self.exemplar.to(device), None if self.known is None else self.known.to(device)
        sources = sources_of(exemplar, known, len(self.levels), self.levels[0].source.side)
        levels = [
            replace(level, source=source, steps=tuple(Step(s.psi.to(device), s.cost) for s in level.steps))
            for level, source in zip(self.levels, sources, strict=True)
        ]
        return Finish(exemplar, known, tuple(levels), self.gain.to(device), self.shift.to(device))

    def torus(self, start: Start, size: Size) -> Tensor:
        """A whole torus of (height, width), (C, height, width)."""
        n = len(self.levels)
        sizes = scale_sizes(size, n)
        image, field = start(n - 1, sizes[-1]), None
        for scale in reversed(range(n)):
            level, found = self.levels[scale], None
            grid = level.grid(sizes[scale], (True, True))
            if field is not None:
                found, image = refined(field, grid, level.source)
            found, image = level.run(grid, image, found, last=scale == 0)
            field = Correspondence(grid, level.source.shape, found)
        return self.corrected(image)

    def corrected(self, image: Tensor) -> Tensor:
        """The image (C, H, W) with the exemplar's colours, in [0, 1]."""
        return (image * self.gain + self.shift).clamp(0, 1)


def sources_of(exemplar: Tensor, known: Tensor | None, count: int, side: int) -> list[Source]:
    """The patches of an exemplar (C, h, w) at `count` scales, finest first.

    Raises:
        InputError: no patch fits a scale.
    """
    return [Source.of(*scale, side, FieldPlan.n_axes) for scale in exemplar_pyramid(exemplar, known, count)]


def _search_of(source: Source, wide: int) -> tuple[int, bool]:
    """Stride of the patches, and whether all pairs are compared: both as in results of twice the sides."""
    targets = len(source.targets)
    for stride in (1, wide):
        if 4 * targets**2 <= MAX_PAIRS * stride**2:
            return stride, True
    return wide, False


def _measure(
    source: Source,
    grid: Grid,
    image: Tensor,
    found: Tensor | None,
    relative: Tensor | None,
    steps: int,
    *,
    all_pairs: bool,
    last: bool,
) -> tuple[Level, Correspondence, Tensor | None, Tensor]:
    """All steps of a scale, with potentials that change; the level, its field, potential and image."""
    patches = PatchPotential(grid, source, relative=relative) if all_pairs else None
    of_blocks = BlockPotential(grid, source, min(source.image.shape[1:]) <= MAX_PRICED)
    done: list[Step] = []
    for number in range(1, steps + 1):
        if patches is not None:
            found, distance = patches.cells(source.project(grid, image))
            psi = patches.psi
        else:
            found, distance = _along(
                source, grid, image, found, of_blocks.prices if of_blocks.moves else None
            )
            psi = of_blocks.psi if of_blocks.moves else of_blocks.psi[:0]
        done.append(Step(psi.clone(), mean(distance)))
        image = _voted(source, grid, found, distance, done[-1].cost, last and number == steps)
    assert found is not None
    level = Level(source, grid.stride, all_pairs, tuple(done))
    plane = None if patches is None else patches.plane()
    return level, Correspondence(grid, source.shape, found), plane, image
