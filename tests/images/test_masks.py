"""Pyramids, distances and groups of holes."""

import pytest
import torch
from textures import clouds, noise

from texot.images.masks import (
    Box,
    around,
    distance,
    downsample_masked,
    fill_smoothly,
    groups,
    largest_square,
    masked_pyramid,
    opened,
    together,
)
from texot.images.pyramid import Periodic, downsample


@pytest.mark.parametrize("periodic", [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("size", [(16, 20), (17, 21), (5, 4)])
def test_known_everywhere_is_the_plain_pyramid(size: tuple[int, int], periodic: Periodic) -> None:
    image = noise(3, *size)
    coarse, known = downsample_masked(image, torch.ones(size, dtype=torch.bool), periodic=periodic)
    assert bool(known.all())
    assert torch.allclose(coarse, downsample(image, periodic=periodic), atol=1e-6)


def test_unknown_pixels_never_reach_known_ones() -> None:
    image, known = noise(2, 40, 40), torch.ones(40, 40, dtype=torch.bool)
    known[12:27, 9:30] = False
    other = torch.where(known, image, torch.tensor(torch.nan))
    pairs = zip(masked_pyramid(image, known, 3), masked_pyramid(other, known, 3), strict=True)
    for (a, known_a), (b, known_b) in pairs:
        assert bool((known_a == known_b).all())
        assert torch.equal(a[:, known_a], b[:, known_b])


def test_a_scratch_is_gone_at_the_next_scale() -> None:
    image, known = clouds(1, 32, 32), torch.ones(32, 32, dtype=torch.bool)
    known[15] = False
    assert bool(downsample_masked(image, known)[1].all())


def test_smooth_fill_keeps_known_pixels_and_the_range_of_a_ramp() -> None:
    image = torch.linspace(0, 1, 48).expand(1, 48, 48)
    known = torch.ones(48, 48, dtype=torch.bool)
    known[10:40, 8:40] = False
    found = fill_smoothly(torch.where(known, image, torch.tensor(7.0)), known)
    assert torch.equal(found[:, known], image[:, known])
    assert float((found - image).abs().max()) < 0.2


def test_smooth_fill_from_a_single_pixel() -> None:
    known = torch.zeros(20, 20, dtype=torch.bool)
    known[0, 3] = True
    assert torch.allclose(fill_smoothly(torch.full((1, 20, 20), 0.3), known), torch.tensor(0.3))


def test_largest_square() -> None:
    mask = torch.zeros(30, 40, dtype=torch.bool)
    assert largest_square(mask) == 0
    mask[3:12, 5:30] = True
    assert largest_square(mask) == 9
    assert largest_square(mask, 4) == 4
    assert largest_square(torch.ones(5, 3, dtype=torch.bool)) == 3


@pytest.mark.parametrize("periodic", [(False, False), (False, True), (True, True)])
def test_distance_is_exact_up_to_64_px(periodic: Periodic) -> None:
    mask = torch.zeros(23, 31, dtype=torch.bool)
    mask[4, 5] = mask[20, 11] = True
    y, x = torch.meshgrid(torch.arange(23.0), torch.arange(31.0), indexing="ij")
    shifts = [
        (dy, dx)
        for dy in ((-23, 0, 23) if periodic[0] else (0,))
        for dx in ((-31, 0, 31) if periodic[1] else (0,))
    ]
    expected = torch.stack(
        [torch.hypot(y - p - dy, x - q - dx) for p, q in ((4, 5), (20, 11)) for dy, dx in shifts]
    ).amin(0)
    assert torch.allclose(distance(mask, 10, periodic=periodic), expected.clamp_max(10))


def test_distance_of_nothing_is_the_bound() -> None:
    assert bool((distance(torch.zeros(9, 9, dtype=torch.bool), 5) == 5).all())


def test_far_distances_are_nearly_right() -> None:
    mask = torch.zeros(300, 300, dtype=torch.bool)
    mask[10, 10] = True
    found = distance(mask, 256)
    assert float(found[10, 200]) == pytest.approx(190, abs=8)
    assert found.shape == mask.shape


def test_groups_part_what_is_apart() -> None:
    hole = torch.zeros(100, 100, dtype=torch.bool)
    hole[2:5, 3:9] = hole[6:20, 3:5] = True
    hole[70:90, 60:99] = True
    found = groups(hole, 16)
    assert [box for box, _ in found] == [Box(2, 20, 3, 9), Box(70, 90, 60, 99)]
    rebuilt = torch.zeros_like(hole)
    for box, own in found:
        box.cut(rebuilt).logical_or_(own)
    assert torch.equal(rebuilt, hole)


def test_groups_of_overlapping_boxes_keep_their_own_pixels() -> None:
    hole = torch.zeros(120, 120, dtype=torch.bool)
    hole[0:120, 0:3] = hole[117:120, 0:120] = True  # an L around
    hole[30:40, 80:90] = True
    found = groups(hole, 8)
    assert [int(own.sum()) for _, own in found] == [120 * 3 + 117 * 3, 100]


def test_margins_end_at_the_image_and_span_what_wraps() -> None:
    assert around(Box(5, 9, 50, 60), 10, (100, 64)) == Box(0, 19, 40, 64)
    assert around(Box(5, 9, 50, 60), 10, (100, 64), (True, False)) == Box(0, 100, 40, 64)


@pytest.mark.parametrize("side", [1, 2, 5])
def test_opening_is_the_union_of_the_squares_inside(side: int) -> None:
    mask = noise(1, 14, 17)[0] > 0.25
    union = torch.zeros_like(mask)
    wide = torch.nn.functional.pad(mask[None].float(), (side,) * 4, mode="replicate")[0] > 0
    for y in range(-side, 14):
        for x in range(-side, 17):
            if bool(wide[y + side : y + 2 * side, x + side : x + 2 * side].all()):
                union[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)] = True
    assert torch.equal(opened(mask, side), union)


def test_opening_across_the_join_of_a_torus() -> None:
    mask = torch.zeros(12, 12, dtype=torch.bool)
    mask[[0, 1, 10, 11]] = True
    assert torch.equal(opened(mask, 4, periodic=(True, True)), mask)


def test_groups_are_joined_in_boxes_of_bounded_size_without_a_loss() -> None:
    hole = torch.zeros(90, 200, dtype=torch.bool)
    for top, left in ((3, 3), (20, 30), (60, 8), (5, 150), (80, 190)):
        hole[top : top + 4, left : left + 5] = True
    parts = together(groups(hole, 8), 64)
    assert len(parts) == 3
    again = torch.zeros_like(hole)
    for box, own in parts:
        assert max(box.bottom - box.top, box.right - box.left) <= 64
        assert not bool((box.cut(again) & own).any())
        box.cut(again).logical_or_(own)
    assert torch.equal(again, hole)
