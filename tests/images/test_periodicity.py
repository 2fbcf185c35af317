"""Periods of regular textures: known patterns, at any resolution; none in others."""

import math

import pytest
import torch
import torch.nn.functional as F
from textures import clouds, noise
from torch import Tensor

from texot.images.periodicity import waves


def motifs(down: int, across: int, height: int = 160, width: int = 160) -> Tensor:
    """A random motif (1, down, across), repeated, with noise."""
    motif = clouds(1, down, across, seed=4)
    times = math.ceil(height / down), math.ceil(width / across)
    return (motif.tile(1, *times)[:, :height, :width] + 0.02 * noise(1, height, width)).clamp(0, 1)


def wall(row: int, height: int = 160, width: int = 160) -> Tensor:
    """Rows of bricks of random lengths, (1, height, width)."""
    generator, image = torch.Generator().manual_seed(2), torch.full((1, height, width), 0.7)
    for top in range(0, height, row):
        image[:, top : top + 3] = 0.2
        x = 0
        while x < width:
            x += int(torch.randint(18, 60, (), generator=generator))
            image[:, top : top + row, x : x + 3] = 0.2
    return image + 0.05 * noise(1, height, width)


@pytest.mark.parametrize("size", [(160, 160), (200, 150), (300, 320)])
def test_a_repeated_motif_has_its_periods(size: tuple[int, int]) -> None:
    down, across = waves(motifs(40, 31, *size))
    assert down == (pytest.approx(1 / 40, rel=0.015), 0)
    assert across == (0, pytest.approx(1 / 31, rel=0.015))


def test_rows_have_a_period_across_them_only() -> None:
    ((down, across),) = waves(wall(24))
    assert down == pytest.approx(1 / 24, rel=0.02)
    assert across == 0
    ((down, across),) = waves(wall(24).transpose(1, 2))
    assert down == 0
    assert across == pytest.approx(1 / 24, rel=0.02)


def test_periods_grow_with_the_image() -> None:
    image = motifs(40, 31)
    large = F.interpolate(image[None], scale_factor=2, mode="bicubic")[0]
    for (y, x), (large_y, large_x) in zip(waves(image), waves(large), strict=True):
        assert (large_y, large_x) == (pytest.approx(y / 2, rel=0.03), pytest.approx(x / 2, rel=0.03))


def test_unknown_pixels_do_not_count() -> None:
    image, known = motifs(40, 31), torch.ones(160, 160, dtype=torch.bool)
    known[30:60, 70:120] = False
    found = waves(torch.where(known, image, torch.nan), known)
    assert found == tuple((pytest.approx(y, rel=0.02), pytest.approx(x, rel=0.02)) for y, x in waves(image))


@pytest.mark.parametrize("image", [noise(3, 100, 100), clouds(3, 100, 120, sigma=6), torch.ones(1, 64, 64)])
def test_other_textures_have_none(image: Tensor) -> None:
    assert waves(image) == ()


@pytest.mark.parametrize("size", [(1, 1), (4, 60), (9, 9), (40, 300)])
def test_any_size_is_accepted(size: tuple[int, int]) -> None:
    assert isinstance(waves(noise(1, *size)), tuple)
