"""The solver on a field: structure, shares, direction, sizes and determinism."""

import gc
import pickle
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from textures import clouds, photograph
from torch import Tensor

from texot.errors import InputError
from texot.images.pyramid import Periodic
from texot.images.statistics import Statistics
from texot.solver.field_solver import FieldStep, Problem, solve
from texot.solver.options import EngineOptions
from texot.solver.plan import exemplar_pyramid, field_plan, for_texture
from texot.solver.run import Task, iterate
from texot.solver.state import Output, State


def problem(
    exemplar: Tensor,
    size: tuple[int, int],
    *,
    periodic: Periodic = (True, True),
    known: Tensor | None = None,
    max_shift: float | None = None,
    **options: Any,
) -> Problem:
    side = exemplar.shape[1], exemplar.shape[2]
    plan = field_plan(side, size, known, EngineOptions(**{"quality": "draft", **options}))
    plan = replace(plan, max_shift=max_shift or plan.max_shift)
    scales = exemplar_pyramid(exemplar, known, plan.n_scales)
    statistics = Statistics.of(exemplar, known)
    return Problem(
        plan,
        scales,
        periodic,
        None,
        Output({}, "multi"),
        lambda image: statistics.clip(statistics.calibrate(image, periodic=periodic)),
    )


def states(one: Problem, seed: int = 0) -> Iterator[State]:
    size = one.scales[0][0].shape[1], one.scales[0][0].shape[2]
    return iterate(lambda _: [Task(one.plan, size, lambda: one)], torch.Generator().manual_seed(seed))


def made(
    exemplar: Tensor, size: tuple[int, int], *, seed: int = 0, **options: Any
) -> tuple[Tensor, FieldStep]:
    """The image, and the last step that it is made of."""
    *_, last = states(problem(exemplar, size, **options), seed)
    step = last._result.args[1]  # type: ignore[attr-defined]
    assert isinstance(step, FieldStep)
    return last.result().image, step


@pytest.mark.slow
@pytest.mark.parametrize("periodic", [(True, True), (False, True), (False, False)])
@pytest.mark.parametrize("size", [(64, 64), (65, 83), (40, 131)])
def test_any_size_and_axes(size: tuple[int, int], periodic: Periodic) -> None:
    exemplar = photograph(64, 70, "gravel")
    image, last = made(exemplar, size, periodic=periodic)
    assert image.shape == (3, *size)
    assert last.scale == 0
    assert float((image.mean((1, 2)) - exemplar.mean((1, 2))).abs().max()) < 0.02
    assert float((image.std((1, 2)) / exemplar.std((1, 2)) - 1).abs().max()) < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 5, 32])
def test_any_number_of_channels(channels: int) -> None:
    image, _ = made(clouds(channels, 40, 40), (44, 36))
    assert image.shape == (channels, 44, 36)
    assert bool(torch.isfinite(image).all())


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_gradient_keeps_its_direction(seed: int) -> None:
    ramp = torch.linspace(0, 1, 96).expand(1, 96, 96).contiguous()
    for exemplar, along, beside in ((ramp, 2, 1), (ramp.mT.contiguous(), 1, 2)):
        image, _ = made(exemplar, (96, 96), seed=seed, quality="normal")
        assert float(image.diff(dim=along).abs().mean()) > 1.5 * float(image.diff(dim=beside).abs().mean())


def test_most_of_the_exemplar_is_used() -> None:
    exemplar = photograph(128, 128)

    def forgotten(last: FieldStep) -> float:
        used = torch.zeros(last.source.shape)
        used.view(-1)[last.found] = 1
        blocks = torch.nn.functional.max_pool2d(used[None], 8)
        return 1 - float(blocks.mean())

    with_potentials = forgotten(made(exemplar, (128, 128), quality="normal")[1])
    assert with_potentials < 0.15


@pytest.mark.slow
def test_no_shift_holds_most_of_the_image() -> None:
    exemplar = photograph(96, 96, "gravel")
    shares = []
    for cap in (1.0, 0.15):
        _, last = made(exemplar, (96, 96), quality="normal", max_shift=cap)
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
    scales = exemplar_pyramid(torch.where(known, image, torch.nan), known, 3)
    for coarse, there in scales:
        assert there is not None
        assert bool(torch.isfinite(coarse).all())
    full = exemplar_pyramid(image, None, 3)
    assert [s.shape[1] for s, _ in full] == [64, 32, 16]


def test_tiny_images_have_small_patches_and_others_are_refused() -> None:
    for exemplar, size, side in (((6, 20), (40, 40), 6), ((20, 20), (40, 3), 3), ((1, 1), (9, 9), 1)):
        assert field_plan(exemplar, size, None, EngineOptions()).patch_size == side
    known = torch.zeros(20, 20, dtype=torch.bool)
    known[3:8, 3:8] = True
    assert field_plan((20, 20), (40, 40), known, EngineOptions()).patch_size == 5
    with pytest.raises(InputError, match="use --patch-size 5 or less"):
        field_plan((20, 20), (40, 40), known, EngineOptions(patch_size=6))
    with pytest.raises(InputError, match="exceeds the 6x40 px result: use --patch-size 6 or less"):
        field_plan((20, 20), (40, 6), None, EngineOptions(patch_size=7))
    with pytest.raises(InputError, match="use --n-scales 2 or fewer"):
        field_plan((20, 20), (40, 40), None, EngineOptions(n_scales=3))


@pytest.mark.parametrize(("side", "laid"), [(256, 128), (96, 96)])
def test_layouts_of_thin_rows_have_128_pixels_at_most(side: int, laid: int) -> None:
    lines = torch.arange(side).remainder(8).eq(0).float()[:, None].expand(1, side, side)
    rows = lines + 0.3 * torch.randn(1, side, side, generator=torch.Generator().manual_seed(0))
    plan = field_plan((side, side), (side, side), None, EngineOptions())
    scales = exemplar_pyramid(rows, None, plan.n_scales)
    assert min(scales[for_texture(plan, scales).n_scales - 1][0].shape[1:]) == laid


def test_the_field_makes_the_image_again() -> None:
    exemplar = photograph(64, 64)
    one = problem(exemplar, (70, 61), periodic=(False, True))
    *_, last = states(replace(one, finalise=None))
    result = last.result()
    assert result.field is not None
    assert result.field.shape == (70, 61, 2)
    x, y = result.field.unbind(-1)
    assert float(x.amin()) >= 0
    assert float(x.amax()) <= 63
    assert float(y.amax()) <= 63
    grid = (result.field[None] + 0.5) / 32 - 1
    again = torch.nn.functional.grid_sample(exemplar[None], grid, align_corners=False)[0]
    off = (again - result.image).abs().mean()
    assert float(off) < 0.25 * float((exemplar - exemplar.roll(1, 2)).abs().mean())


@pytest.mark.parametrize("step", [1, 8, 20])
def test_a_stopped_run_is_sharp(step: int) -> None:
    """A result is made at full size from the field of any step."""
    exemplar = photograph(128, 128, "gravel")
    one = problem(exemplar, (96, 110), quality="normal")
    steps = states(one)
    for _ in range(step):
        state = next(steps)
    image = state.result().image
    assert image.shape == (3, 96, 110)
    assert state.image.shape == image.shape
    contrast = exemplar.diff(dim=2).abs().mean()
    assert float(image.diff(dim=2).abs().mean()) > 0.75 * float(contrast)


@pytest.mark.parametrize("seed", [0, 1])
def test_results_smaller_than_the_exemplar_take_what_fits(seed: int) -> None:
    exemplar = photograph(128, 128, "gravel")
    image, last = made(exemplar, (48, 48), quality="normal", seed=seed)
    assert image.shape == (3, 48, 48)
    assert last.error < 0.05  # nothing is used more often than its capacity
    contrast = image.diff(dim=2).abs().mean() / exemplar.diff(dim=2).abs().mean()
    assert 0.85 < float(contrast) < 1.15


def test_a_result_keeps_its_field_and_nothing_else_of_the_run() -> None:
    one = problem(photograph(64, 64), (64, 64))
    last = deque(states(one), maxlen=1).pop()
    result = last.result()
    key = weakref.ref(last._result.args[1].source)  # type: ignore[attr-defined]
    assert key() is not None
    del last
    gc.collect()
    assert key() is None
    again = pickle.loads(pickle.dumps(result))
    assert again.field is not None
    assert result.field is not None
    assert torch.equal(again.field, result.field)


def test_a_guide_tells_where_what_goes() -> None:
    """Of an exemplar half dark, half light, whose guide tells them apart, each goes where it is asked for."""
    exemplar = 0.3 * clouds(1, 64, 64, sigma=1)
    exemplar[:, :, 32:] += 0.6
    told = torch.zeros(1, 64, 64)
    told[:, :, 32:] = 2
    wanted = torch.zeros(1, 48, 48)
    wanted[:, 24:] = 2
    one = problem(exemplar, (48, 48), periodic=(False, False))
    guides = [torch.nn.functional.interpolate(wanted[None], size, mode="area")[0] for size in one.plan.sizes]
    scales = exemplar_pyramid(torch.cat([exemplar, told]), None, one.plan.n_scales)
    image = list(states(replace(one, scales=scales, guides=guides, finalise=None)))[-1].result().image
    assert image.shape == (1, 48, 48)
    assert float(image[:, :20].max()) < 0.35
    assert float(image[:, 28:].min()) > 0.55


def test_densities_tell_how_much_of_what() -> None:
    """What has nine tenths of the mass is taken more; a sheet of several exemplars has no field."""
    exemplar = photograph(32, 32, "gravel")
    density = torch.ones(32, 32)
    density[:, 16:] = 9
    one = problem(exemplar, (32, 32), n_scales=1)
    shares = []
    for densities in (None, [density]):
        *_, step = solve(replace(one, densities=densities), torch.Generator().manual_seed(0))
        shares.append(float((step.found % step.source.shape[1] >= 13).float().mean()))
    assert abs(shares[0] - 0.5) < 0.1
    assert shares[1] > 0.7
    one = replace(one, densities=[density])
    assert list(states(one))[-1].result().field is not None
    assert list(states(replace(one, traced=False)))[-1].result().field is None


@pytest.mark.parametrize("n_patches", [1024, 1025])
def test_results_of_many_patches_are_searched_by_compiled_loops(
    n_patches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("texot.field.compiled.prepare", lambda: asked.append(1))
    monkeypatch.setattr("texot.solver.run._COMPILED", n_patches)
    next(states(problem(clouds(1, 32, 32), (64, 64))))
    assert len(asked) == (n_patches == 1024)


def test_moments_hold_before_the_last_vote() -> None:
    exemplar = clouds(2, 40, 40) ** 3  # skewed: means of patches drift to the many dark ones
    one = replace(problem(exemplar, (40, 40)), finalise=None, moments=True)
    *images, last = solve(one, torch.Generator().manual_seed(0))
    assert images
    for step in images:
        target = one.scales[step.scale][0]
        torch.testing.assert_close(step.image.mean((1, 2)), target.mean((1, 2)), atol=1e-5, rtol=0)
        torch.testing.assert_close(step.image.std((1, 2)), target.std((1, 2)), atol=0, rtol=1e-3)
    torch.testing.assert_close(last.image, last.correspondence().image(exemplar))  # no correction
