"""Plans: sizes, scales chosen and refused, steps by quality, every option honoured."""

import math

import pytest
import torch

from texot.errors import InputError
from texot.images.pyramid import downsample, downsample_known
from texot.solver.adam.plan import (
    EFFORT,
    MIN_EXEMPLAR,
    MIN_HALF,
    MIN_ROOM,
    Plan,
    default_plan,
    exemplar_side,
    paper_plan,
    resolve_n_scales,
    resolve_patch_size,
    scale_sizes,
    step_work,
    until_big,
)

SIZES = [(1, 1), (5, 7), (16, 16), (31, 64), (97, 101), (128, 128), (300, 200)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_sizes_are_those_of_the_pyramids(size: tuple[int, int]) -> None:
    image = torch.zeros(1, *size)
    sizes = scale_sizes(size, 4)
    assert sizes[0] == size
    for scale in range(1, 4):
        image = downsample(image)
        assert image.shape[1:] == sizes[scale]
    exemplar = torch.zeros(1, *size)
    for scale in range(4):
        sides = tuple(exemplar_side(n, scale) for n in size)
        if min(sides) < 1:
            break
        assert exemplar.shape[1:] == sides
        if min(sides) >= 4:
            exemplar, _ = downsample_known(exemplar)


def test_exemplar_side_ends_at_zero() -> None:
    assert [exemplar_side(16, k) for k in range(5)] == [16, 7, 2, 0, 0]
    assert exemplar_side(3, 1) == 0


# -------------------------------------------------------------------------------- patch size


def test_patch_size_is_four_or_what_fits() -> None:
    assert resolve_patch_size(None, (64, 64), (64, 64)) == 4
    assert resolve_patch_size(None, (64, 3), (64, 64)) == 3
    assert resolve_patch_size(None, (64, 64), (1, 64)) == 1
    assert resolve_patch_size(7, (64, 64), (8, 7)) == 7


@pytest.mark.parametrize(
    ("exemplar", "size", "message"),
    [
        ((9, 12), (64, 64), "patch_size 16 exceeds the 12x9 px exemplar: use --patch-size 9 or less"),
        ((64, 64), (8, 30), "patch_size 16 exceeds the 30x8 px result: use --patch-size 8 or less"),
    ],
)
def test_patch_too_large_is_an_error_with_its_remedy(
    exemplar: tuple[int, int], size: tuple[int, int], message: str
) -> None:
    for plan in (default_plan, paper_plan):
        with pytest.raises(InputError, match=message):
            plan(exemplar, size, patch_size=16)
    best = int(message.split()[-3])
    assert default_plan(exemplar, size, patch_size=best).patch_size == best


# ------------------------------------------------------------------------------------ scales


@pytest.mark.parametrize("exemplar", SIZES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("make", [default_plan, paper_plan])
def test_scales_chosen_have_room_for_every_patch(
    exemplar: tuple[int, int], size: tuple[int, int], make: object
) -> None:
    assert callable(make)
    plan: Plan = make(exemplar, size)
    assert plan.n_scales == len(plan.sizes) >= 1
    assert plan.sizes == scale_sizes(size, plan.n_scales)
    for stage in plan.stages:
        assert stage.n_iter >= 1
        assert stage.terms
        for term in stage.terms:
            assert stage.scale <= term.scale < plan.n_scales
            assert min(*plan.sizes[term.scale], *(exemplar_side(n, term.scale) for n in exemplar)) >= (
                term.patch_size
            )
            assert 1 <= term.stride <= term.patch_size
            assert term.weight > 0
        for scale in stage.sliced:
            assert stage.scale <= scale < plan.n_scales
    coarsest = min(exemplar_side(n, plan.n_scales - 1) for n in exemplar)
    least = MIN_ROOM if plan.published else min(MIN_EXEMPLAR, max(MIN_HALF, exemplar_side(min(exemplar), 1)))
    assert coarsest >= min(least, *exemplar)


def test_more_pixels_more_scales() -> None:
    counts = [default_plan((n, n), (n, n)).n_scales for n in (8, 16, 32, 64, 128, 256, 512)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] > counts[2]
    assert paper_plan((128, 128), (128, 128)).n_scales == 4
    assert paper_plan((512, 512), (512, 512)).n_scales == 4
    assert paper_plan((20, 20), (512, 512)).n_scales < 4


def test_features_are_visible_at_the_coarsest_scale() -> None:
    for exemplar, size in (((512, 512), (512, 512)), ((512, 512), (256, 256)), ((300, 400), (1200, 900))):
        plan = default_plan(exemplar, size)
        coarsest = min(exemplar_side(n, plan.n_scales - 1) for n in exemplar)
        assert MIN_EXEMPLAR <= coarsest < 2 * MIN_EXEMPLAR + 4
        assert min(plan.sizes[-1]) >= 24


def test_large_patches_by_scale() -> None:
    assert [until_big(scale, 4) for scale in range(4)] == [0.0, 0.6, 1.0, 1.0]
    assert [until_big(scale, 2) for scale in range(2)] == [0.0, 1.0]
    assert until_big(0, 1) == 1.0


def test_large_patches_everywhere_but_at_the_finest_scales() -> None:
    plan = default_plan((512, 512), (512, 512))
    big = {(t.scale, t.until) for stage in plan.stages for t in stage.terms if t.patch_size == 8}
    assert big == {(3, 1.0), (2, 1.0), (1, 0.6)}
    coarsest_is_finest = default_plan((128, 128), (128, 128), n_scales=1)
    assert {(t.patch_size, t.until) for t in coarsest_is_finest.stages[0].terms} == {(4, 1.0), (8, 1.0)}
    assert default_plan((64, 64), (64, 64)).n_scales == 2  # small exemplars have two as well
    assert {t.patch_size for t in default_plan((40, 40), (40, 40)).stages[0].terms} == {4}


@pytest.mark.parametrize("exemplar", [(64, 64), (40, 90), (128, 33)], ids=str)
@pytest.mark.parametrize("size", [(64, 64), (20, 300)], ids=str)
@pytest.mark.parametrize("patch_size", [2, 4, 7])
def test_too_many_scales_are_refused_with_the_number_that_works(
    exemplar: tuple[int, int], size: tuple[int, int], patch_size: int
) -> None:
    with pytest.raises(
        InputError, match=r"exceeds scale \d+ \(\d+x\d+ px\): use --n-scales \d+ or fewer"
    ) as info:
        resolve_n_scales(12, patch_size, exemplar, size)
    most = int(str(info.value).split("--n-scales ")[1].split()[0])
    for n_scales in range(1, most + 1):
        for make in (default_plan, paper_plan):
            assert make(exemplar, size, patch_size=patch_size, n_scales=n_scales).n_scales == n_scales
    with pytest.raises(InputError, match=f"use --n-scales {most} or fewer"):
        default_plan(exemplar, size, patch_size=patch_size, n_scales=most + 1)
    width, height = map(int, str(info.value).split("(")[1].split(" px")[0].split("x"))
    assert min(width, height) < patch_size


# ------------------------------------------------------------------------ stages and options


def test_the_default_is_the_finest_stage() -> None:
    plan = default_plan((128, 128), (256, 200))
    (stage,) = plan.stages
    assert (stage.scale, stage.sliced) == (0, (0, 1))
    assert {term.scale for term in stage.terms} == set(range(plan.n_scales))  # coarser scales stay as well
    assert any(t.patch_size == 4 and t.scale == 0 for t in stage.terms)  # small patches finish
    assert any(t.patch_size > 4 for t in stage.terms)  # large ones hold structure
    assert not plan.published


def test_paper_plan_is_as_published() -> None:
    plan = paper_plan((128, 128), (128, 128))
    (stage,) = plan.stages
    assert (stage.scale, stage.n_iter, stage.sliced) == (0, 500, ())
    assert [(t.scale, t.patch_size, t.stride) for t in stage.terms] == [(k, 4, 1) for k in range(4)]
    assert len({t.weight for t in stage.terms}) == 1
    assert (plan.lr, plan.psi_steps, plan.published_step, plan.max_patches) == (0.01, 10, 1.0, 2000)
    assert plan.entropy == 0
    assert plan.published


def test_quality_trades_steps_for_distance() -> None:
    plans = [default_plan((256, 256), (256, 256), quality=q) for q in ("draft", "normal", "high")]
    steps = [plan.n_steps for plan in plans]
    assert steps == sorted(set(steps))
    targets = [plan.max_patches for plan in plans]
    assert targets == sorted(targets)
    assert all(plan.n_steps == sum(stage.n_iter for stage in plan.stages) for plan in plans)
    work = [
        sum(step_work(p, s, dict.fromkeys(range(p.n_scales), 10000)) * s.n_iter for s in p.stages)
        for p in plans
    ]
    assert work[0] <= work[1] / 2 < work[1] < work[2]
    assert set(EFFORT) == {"draft", "normal", "high"}


@pytest.mark.parametrize("make", [default_plan, paper_plan])
def test_options_for_those_who_know_are_honoured(make: object) -> None:
    assert callable(make)
    plan: Plan = make(
        (64, 64), (64, 80), n_scales=2, patch_size=5, n_iter=7, psi_steps=3, lr=0.5, entropy=0.25
    )
    assert (plan.n_scales, plan.patch_size, plan.psi_steps) == (2, 5, 3)
    assert (plan.lr, plan.entropy) == (0.5, 0.25)
    assert all(stage.n_iter == 7 for stage in plan.stages)
    assert any(t.patch_size == 5 for stage in plan.stages for t in stage.terms)
    zero: Plan = make((64, 64), (64, 64), psi_steps=0, entropy=0.0)
    assert (zero.psi_steps, zero.entropy) == (0, 0)


def test_work_grows_with_what_a_step_does() -> None:
    small, large = default_plan((64, 64), (64, 64)), default_plan((64, 64), (256, 256))
    targets = dict.fromkeys(range(large.n_scales), 4000)
    assert step_work(small, small.stages[-1], targets) < step_work(large, large.stages[-1], targets)
    more = dict.fromkeys(range(large.n_scales), 16000)
    assert step_work(large, large.stages[-1], targets) < step_work(large, large.stages[-1], more)
    twice = default_plan((64, 64), (256, 256), psi_steps=4)
    assert step_work(large, large.stages[-1], targets) < step_work(twice, twice.stages[-1], targets)
    assert math.isfinite(step_work(large, large.stages[0], targets))
