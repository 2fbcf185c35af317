"""Potentials of the field: marginals come near their targets, shifts keep to their capacity."""

import math
from typing import Any

import pytest
import torch
from textures import clouds, photograph
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from texot.field.grid import Grid
from texot.field.potentials import BlockPotential, PatchPotential, finer
from texot.field.source import Source
from texot.images.pyramid import Periodic

TORUS: Periodic = (True, True)


def made(exemplar: Tensor, image: Tensor) -> tuple[Source, Grid, Tensor]:
    source = Source.of(exemplar, None, 5, 32)
    grid = Grid((image.shape[1], image.shape[2]), 5, 1, TORUS)
    return source, grid, source.project(grid, image)


def off(found: Tensor, count: int) -> float:
    """Total variation between the targets' masses and equal ones."""
    mass = torch.bincount(found, minlength=count) / len(found)
    return float((mass - 1 / count).abs().sum()) / 2


def test_sinkhorn_drives_the_masses_to_their_targets() -> None:
    source, grid, x = made(photograph(24, 24), photograph(32, 32, "gravel"))
    potential = PatchPotential(grid, source, cap=1)
    first, _ = potential.cells(x)
    for _ in range(30):
        found, distance = potential.cells(x)
    assert off(found, len(source.key)) < 0.5 * off(first, len(source.key))
    assert abs(float(potential.psi.mean())) < 1e-3 * float(distance.mean())


def test_equal_measures_cost_nothing_and_need_no_potential() -> None:
    image = clouds(3, 20, 20)
    wide = torch.cat([image, image[:, :4]], 1)
    source, grid, x = made(torch.cat([wide, wide[:, :, :4]], 2), image)
    potential = PatchPotential(grid, source, cap=1)
    for _ in range(3):
        found, distance = potential.cells(x)
    assert float(distance.max()) < 1e-6
    assert torch.equal(found, torch.arange(400))


def test_a_shift_holds_no_more_than_its_capacity() -> None:
    image = photograph(24, 24)
    source, grid, x = made(image, image)
    shares = []
    for cap in (1.0, 0.1):
        potential = PatchPotential(grid, source, cap=cap)
        for _ in range(40):
            found, _ = potential.cells(x)
        places = torch.arange(24)
        y, z = torch.div(found, 20, rounding_mode="floor"), found % 20
        same = (y.view(24, 24) == places[:, None]) & (z.view(24, 24) == places)
        shares.append(float(same.float().mean()))
    assert shares[0] > 0.3
    assert shares[1] < 0.15


def test_blocks_follow_the_gradient_of_the_semi_dual() -> None:
    source = Source.of(clouds(1, 28, 28), None, 5, 32)
    potential = BlockPotential(Grid((28, 28), 5, 2, TORUS), source)
    found = torch.zeros(196, dtype=torch.long)  # all mass in the first block
    potential.ascend(found, torch.ones(196))
    assert potential.psi[0] < 0
    assert bool((potential.psi[1:] > 0).all())
    assert math.isclose(float(potential.nu.sum()), 1, rel_tol=1e-6)
    even = source.targets
    before = potential.psi.clone()
    potential.ascend(even, torch.ones(len(even)))
    assert torch.allclose(potential.psi, before, atol=1e-5)  # masses are the targets': at rest


def test_potentials_are_inherited_in_units_of_the_cost() -> None:
    source, grid, x = made(photograph(24, 24), photograph(32, 32, "gravel"))
    potential = PatchPotential(grid, source, cap=1)
    for _ in range(5):
        potential.cells(x)
    again = PatchPotential(grid, source, cap=1, relative=potential.plane())
    again.cells(x)
    assert torch.allclose(again.psi / again.cost, potential.psi / potential.cost, atol=1e-4)
    fine = finer(potential.plane(), (44, 44))
    assert fine.shape == (44, 44)
    assert float(fine.mean()) == pytest.approx(0, abs=0.2 * float(potential.plane().std()))


@pytest.mark.parametrize("capacity", [1.0, 4.0])
def test_weights_of_targets_are_their_masses(capacity: float) -> None:
    """Of an exemplar whose left half counts nine times its right, nine tenths are taken there."""
    exemplar = clouds(1, 24, 24)
    density = torch.ones(24, 24)
    density[:, :12] = 9
    source = Source.of(exemplar, None, 5, 16, density)
    image = clouds(1, 32, 32, seed=1)
    grid = Grid((32, 32), 5, 1, TORUS)
    x = source.project(grid, image)
    wanted = source.nu.view(source.shape)[:, :10].sum()
    assert float(source.nu.sum()) == pytest.approx(1, abs=1e-5)
    potential = PatchPotential(grid, source, iterations=5, capacity=capacity)
    for _ in range(20):
        found, _ = potential.cells(x)
    share = float((found % source.shape[1] < 10).float().mean())
    if capacity == 1:
        assert share == pytest.approx(float(wanted), abs=0.05)
    mass = torch.bincount(found, minlength=len(source.key)) / len(found)
    assert potential.error(found) == pytest.approx(
        float((mass - capacity * source.nu).clamp_min(0).sum()), abs=1e-5
    )
    blocks = BlockPotential(grid, source)
    assert float(blocks.nu.sum()) == pytest.approx(1, abs=1e-5)
    left = [int(b) for b in blocks.block.view(source.shape)[0, :8].unique()]
    assert float(blocks.nu[left[0]]) > 4 * float(blocks.nu[int(blocks.block[source.shape[1] - 1])])


def test_potentials_of_blocks_keep_masses_along_the_field() -> None:
    source = Source.of(photograph(64, 64, "gravel"), None, 7, 32)
    grid = Grid((64, 64), 7, 2, TORUS)
    image = photograph(64, 64, "gravel").roll((21, 13), (1, 2))
    errors = []
    for moves in (False, True):
        potential = BlockPotential(grid, source, moves)
        generator = torch.Generator().manual_seed(0)
        found = source.targets[torch.randint(len(source.targets), (1024,), generator=generator)]
        for _ in range(4):
            found, _ = potential.cells(image, found, generator)
        errors.append(potential.error(found))
    assert errors[1] < 0.6 * errors[0]


class _Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made meanwhile."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, Tensor):
            self.numel = max(self.numel, made.numel())
        return made


def test_shifts_are_those_of_the_targets_and_no_others() -> None:
    """Noise as alpha leaves few targets of many patches: pairs with the others are never made."""
    noise = torch.rand(64, 64, generator=torch.Generator().manual_seed(1))
    source = Source.of(photograph(64, 64), noise > 0.5, 3, 27)
    grid = Grid((40, 40), 3, 1, TORUS)
    n, m = 1600, len(source.targets)
    assert 4 < m < 60
    with _Largest() as largest:
        shift = PatchPotential(grid, source, cap=0.1).shift
    assert largest.numel <= max(n * m, 32 * 64 * 64)
    assert shift is not None
    for i, k in ((0, 0), (41, 3), (1599, m - 1)):
        (y, x), j = divmod(i, 40), int(source.targets[k])
        there_y, there_x = divmod(j, 62)
        assert int(shift[i, k]) == (there_y - y) % 64 // 4 * 16 + (there_x - x) % 64 // 4
