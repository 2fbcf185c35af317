"""The solver on a field: structure, shares, direction, sizes and determinism."""

import pytest
import torch
from textures import clouds, photograph
from torch import Tensor

from texot.errors import InputError
from texot.images.pyramid import Periodic
from texot.images.statistics import Statistics
from texot.solver.field_solver import FieldPlan, FieldStep, exemplar_pyramid, finished, solve

QUICK = FieldPlan(steps=(6, 3, 2))


def made(
    exemplar: Tensor,
    size: tuple[int, int],
    *,
    seed: int = 0,
    periodic: Periodic = (True, True),
    plan: FieldPlan = QUICK,
    known: Tensor | None = None,
) -> tuple[Tensor, FieldStep]:
    generator = torch.Generator().manual_seed(seed)
    *_, last = solve(exemplar, known, size, plan=plan, periodic=periodic, generator=generator)
    return finished(last, size, Statistics.of(exemplar, known), periodic), last


@pytest.mark.parametrize("periodic", [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("size", [(64, 64), (65, 83), (40, 131)])
def test_any_size_and_axes(size: tuple[int, int], periodic: Periodic) -> None:
    exemplar = photograph(64, 70)
    image, last = made(exemplar, size, periodic=periodic)
    assert image.shape == (3, *size)
    assert last.scale == 0
    assert float((image.mean((1, 2)) - exemplar.mean((1, 2))).abs().max()) < 0.02
    assert float((image.std((1, 2)) / exemplar.std((1, 2)) - 1).abs().max()) < 0.08


@pytest.mark.parametrize("channels", [1, 5, 32])
def test_any_number_of_channels(channels: int) -> None:
    image, _ = made(clouds(channels, 40, 40), (44, 36))
    assert image.shape == (channels, 44, 36)
    assert bool(torch.isfinite(image).all())


def test_same_seed_same_bytes_with_any_number_of_threads() -> None:
    exemplar, threads = photograph(96, 96, "gravel"), torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(made(exemplar, (150, 130), seed=3)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], made(exemplar, (150, 130), seed=4)[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_a_gradient_keeps_its_direction(seed: int) -> None:
    ramp = torch.linspace(0, 1, 96).expand(1, 96, 96).contiguous()
    for exemplar, along, beside in ((ramp, 2, 1), (ramp.mT.contiguous(), 1, 2)):
        image, _ = made(exemplar, (96, 96), seed=seed, plan=FieldPlan())
        assert float(image.diff(dim=along).abs().mean()) > 1.5 * float(image.diff(dim=beside).abs().mean())


def test_most_of_the_exemplar_is_used() -> None:
    exemplar = photograph(128, 128)

    def forgotten(last: FieldStep) -> float:
        used = torch.zeros(last.source.shape)
        used.view(-1)[last.found] = 1
        blocks = torch.nn.functional.max_pool2d(used[None], 8)
        return 1 - float(blocks.mean())

    with_potentials = forgotten(made(exemplar, (128, 128), plan=FieldPlan())[1])
    assert with_potentials < 0.15


def test_no_shift_holds_most_of_the_image() -> None:
    exemplar = photograph(96, 96, "gravel")
    shares = []
    for cap in (1.0, 0.15):
        _, last = made(exemplar, (96, 96), plan=FieldPlan(steps=(30, 10, 3), max_shift=cap))
        rows, columns = (torch.arange(n) * last.grid.stride for n in last.grid.shape)
        found = last.found.view(last.grid.shape)
        y = (torch.div(found, last.source.shape[1], rounding_mode="floor") - rows[:, None]) % 96 // 8
        x = (found % last.source.shape[1] - columns) % 96 // 8
        shares.append(float(torch.bincount((y * 12 + x).flatten()).max()) / found.numel())
    assert shares[1] < 0.3
    assert shares[1] < shares[0]


def test_unknown_pixels_are_left_out() -> None:
    exemplar = 0.3 * clouds(3, 64, 64)
    known = torch.ones(64, 64, dtype=torch.bool)
    known[20:40, 10:50] = False
    exemplar[:, ~known] = 1.0
    image, last = made(exemplar, (64, 64), known=known)
    assert float(image.max()) < 0.5
    assert bool(last.source.usable.flatten()[last.found].all())  # type: ignore[union-attr]


def test_the_pyramid_takes_means_of_known_pixels() -> None:
    image, known = clouds(1, 64, 64), torch.ones(64, 64, dtype=torch.bool)
    known[::7] = False
    scales = exemplar_pyramid(torch.where(known, image, torch.nan), known, FieldPlan())
    for coarse, there in scales:
        assert there is not None
        assert bool(torch.isfinite(coarse).all())
    full = exemplar_pyramid(image, None, FieldPlan())
    assert [s.shape[1] for s, _ in full] == [64, 32, 16]


def test_too_small() -> None:
    with pytest.raises(InputError, match="7x7"):
        made(clouds(1, 6, 20), (40, 40))
    with pytest.raises(InputError, match="7x7"):
        made(clouds(1, 20, 20), (40, 6))
