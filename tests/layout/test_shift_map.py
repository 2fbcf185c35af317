"""The first fill of a large hole: every pixel a copy, connected, chosen by all at once."""

import pytest
import torch
from torch import Tensor

from texot.layout.shift_map import shift_map

BOTH = (True, True)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def square(size: int, first: int, last: int) -> Tensor:
    hole = torch.zeros(size, size, dtype=torch.bool)
    hole[first:last, first:last] = True
    return hole


def stripes(height: int, width: int, period: int = 8) -> Tensor:
    return torch.arange(width).remainder(period).div(period).expand(1, height, width)


def test_a_pattern_is_continued_exactly() -> None:
    rows, columns = torch.arange(48)[:, None], torch.arange(48)
    bricks = (((columns + 6 * (rows // 6 % 2)) % 12 > 1) & (rows % 6 > 0)).float()[None]
    hole = square(48, 16, 32)
    found = shift_map(torch.where(hole, 0.5, bricks), hole, bricks, ~hole, 12, generator=seeded())
    assert found is not None
    assert torch.equal(found[0], bricks)


def test_every_pixel_is_a_copy_of_what_may_be_copied() -> None:
    numbers = torch.randperm(40 * 40, generator=seeded(1)).float().view(1, 40, 40) / 1600
    hole, known = square(40, 12, 26), torch.ones(40, 40, dtype=torch.bool)
    known[12:26, 12:26] = False
    known[:, :8] = False
    found = shift_map(torch.where(hole, 7.0, numbers), hole, numbers, known, 8, generator=seeded())
    assert found is not None
    filled, origin = found
    assert torch.equal(filled[:, ~hole], numbers[:, ~hole])
    assert int(origin.sum()) == int(hole.sum())
    assert bool((origin[~known] == 0).all())
    copied = filled[:, hole].flatten()
    assert bool(torch.isin(copied, numbers[:, known]).all())
    sources = numbers[0].flatten().repeat_interleave(origin.flatten().long())
    assert torch.equal(copied.sort().values, sources.sort().values)


def test_it_goes_on_across_the_wrapped_edges() -> None:
    pattern = stripes(32, 32)
    hole = square(32, 10, 22).roll((16, 16), (0, 1))
    image = torch.where(hole, 0.0, pattern)
    found = shift_map(image, hole, image, ~hole, 8, periodic=BOTH, source_periodic=BOTH, generator=seeded())
    assert found is not None
    assert torch.equal(found[0], pattern)


@pytest.mark.slow
def test_a_hole_that_goes_all_around_an_axis_closes() -> None:
    pattern = stripes(40, 32)
    hole = torch.zeros(40, 32, dtype=torch.bool)
    hole[10:20] = True
    image = torch.where(hole, 0.0, pattern)
    found = shift_map(image, hole, image, ~hole, 8, periodic=BOTH, source_periodic=BOTH, generator=seeded())
    assert found is not None
    assert torch.equal(found[0], pattern)


@pytest.mark.slow
def test_texture_comes_from_another_image_of_any_size() -> None:
    image, source = stripes(40, 40), stripes(24, 30)[..., 3:]
    hole = square(40, 12, 28)
    everywhere = torch.ones(source.shape[1:], dtype=torch.bool)
    found = shift_map(torch.where(hole, 0.0, image), hole, source, everywhere, 8, generator=seeded())
    assert found is not None
    assert torch.equal(found[0], image)
    assert found[1].shape == source.shape[1:]


def test_each_side_of_two_textures_goes_on() -> None:
    left, right = stripes(48, 48), stripes(48, 48).mT * 0.5 + 2
    both = torch.where(torch.arange(48) < 24, left, right)
    hole = square(48, 16, 32)
    found = shift_map(torch.where(hole, 0.0, both), hole, both, ~hole, 12, generator=seeded())
    assert found is not None
    assert float(((found[0] - both).abs() < 1e-6)[:, hole].float().mean()) > 0.9


@pytest.mark.slow
def test_what_has_little_share_is_left_alone() -> None:
    image = torch.rand(1, 48, 48, generator=seeded(2))
    hole, share = square(48, 16, 32), torch.ones(48, 48)
    share[:, 24:] = 1e-6
    found = shift_map(image, hole, image, ~hole, 8, density=share, generator=seeded())
    free = shift_map(image, hole, image, ~hole, 8, generator=seeded())
    assert found is not None
    assert free is not None
    near, anywhere = (float(origin[:, 24:].sum() / origin.sum()) for _, origin in (found, free))
    assert near < 0.5 * anywhere


@pytest.mark.slow
def test_content_is_not_lost_to_what_is_dark() -> None:
    """Discs at random places: cuts alone cost least where there is little but ground, a quarter as bright."""
    random, image, centres = seeded(2), torch.zeros(1, 64, 64), torch.zeros(0, 2)
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    for place in torch.rand(400, 2, generator=random) * 64:
        if not bool(((centres - place).square().sum(1) <= 16**2).any()):
            centres = torch.cat([centres, place[None]])
    for place in centres:
        away = ((y - place[0]) ** 2 + (x - place[1]) ** 2).sqrt()
        image = torch.maximum(image, (7 - away).clamp(0, 1) * (0.4 + 0.6 * torch.rand((), generator=random)))
    hole = square(64, 16, 48)
    found = shift_map(torch.where(hole, 0.0, image), hole, image, ~hole, 16, generator=seeded())
    assert found is not None
    inside, outside = float(found[0][:, hole].mean()), float(image[:, ~hole].mean())
    assert inside > 0.6 * outside


@pytest.mark.slow
def test_the_same_seed_the_same_fill() -> None:
    image, hole = torch.rand(3, 40, 40, generator=seeded(3)), square(40, 10, 30)
    fills = []
    for seed in (5, 5, 6):
        found = shift_map(image, hole, image, ~hole, 8, generator=seeded(seed))
        assert found is not None
        fills.append(found[0])
    assert torch.equal(fills[0], fills[1])
    assert not torch.equal(fills[0], fills[2])


@pytest.mark.parametrize("size", [1200, 40])
def test_where_there_is_no_choice_it_says_so(size: int) -> None:
    image = torch.rand(1, size, size, generator=seeded(4))
    if size == 1200:  # too many pixels for enough offsets
        hole = square(size, 20, 1180)
        source, known = image, ~hole
    else:  # a small texture that many copies would have to cover
        hole = square(size, 1, 39)
        source, known = image[:, :8, :8], torch.ones(8, 8, dtype=torch.bool)
    assert shift_map(image, hole, source, known, 8, generator=seeded()) is None
