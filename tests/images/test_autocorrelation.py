"""Autocorrelation: closed forms, masks, and what counts as regular."""

import pytest
import torch
from textures import clouds, noise, photograph

from texot.images.autocorrelation import autocorrelation, correlation_length, regularity
from texot.images.pyramid import downsample_known


def stripes(height: int, width: int, period: int) -> torch.Tensor:
    return (torch.arange(width) % period < period // 2).float().expand(1, height, width)


def test_it_is_the_correlation_coefficient_of_the_overlap() -> None:
    image = noise(2, 9, 12)
    found = autocorrelation(image)
    assert found.shape == (18, 24)
    for y, x in ((0, 0), (2, 3), (-1, 4), (5, -6), (0, 1)):
        rows, columns = (slice(max(0, -k), n - max(0, k)) for k, n in ((y, 9), (x, 12)))
        moved_rows, moved_columns = (slice(max(0, k), n - max(0, -k)) for k, n in ((y, 9), (x, 12)))
        a, b = image[:, rows, columns].double(), image[:, moved_rows, moved_columns].double()
        a, b = (t - t.mean((1, 2), keepdim=True) for t in (a, b))
        expected = (a * b).sum() / ((a**2).sum() * (b**2).sum()).sqrt()
        assert float(found[y, x]) == pytest.approx(float(expected), abs=1e-9)
    assert float(found[0, 0]) == pytest.approx(1)


def test_it_is_symmetric_and_blind_to_brightness_and_contrast() -> None:
    image = clouds(1, 16, 20)
    found = autocorrelation(image)
    assert torch.allclose(found[1:, 1:], found[1:, 1:].flip(0, 1), atol=1e-9)
    assert torch.allclose(autocorrelation(0.1 + 0.5 * image), found, atol=1e-5)


def test_unknown_pixels_do_not_count() -> None:
    image, known = noise(1, 16, 20), torch.ones(16, 20, dtype=torch.bool)
    known[:, 12:] = False
    inside = autocorrelation(image[:, :, :12])
    image[:, :, 12:] = float("nan")
    found = autocorrelation(image, known)
    assert torch.allclose(found[:16, :11], inside[:16, :11], atol=1e-9)


def test_a_constant_image_correlates_with_nothing() -> None:
    assert not autocorrelation(torch.full((3, 8, 8), 0.3)).any()
    assert regularity(torch.full((3, 8, 8), 0.3)) == 0


@pytest.mark.parametrize("turned", [False, True])
def test_patterns_are_regular_and_grass_is_not(turned: bool) -> None:
    image = stripes(24, 40, 10)
    assert regularity(image.transpose(1, 2) if turned else image) > 0.99
    assert regularity(noise(3, 40, 40)) < 0.2
    assert regularity(noise(1, 2, 2)) <= 1  # no lag to look at


@pytest.mark.parametrize(
    ("name", "low", "high"), [("rug", 0.8, 1), ("brick_old", 0.3, 0.7), ("grass_gray", 0, 0.2)]
)
def test_regularity_of_samples(name: str, low: float, high: float) -> None:
    image = photograph(512, 512, name)
    while image.shape[1] > 96:
        image, _ = downsample_known(image)
    assert low < regularity(image) < high


def test_the_correlation_length_of_squares_is_theirs() -> None:
    """Squares of side s, each of its own level: r(x, y) = (1 - |x| / s) (1 - |y| / s) over many draws."""
    for side in (4, 8):
        squares = noise(1, 256 // side, 256 // side).repeat_interleave(side, 1).repeat_interleave(side, 2)
        # along an axis r falls to a fifth at .8 s, along a diagonal at .78 s
        assert correlation_length(squares) == pytest.approx(0.79 * side, rel=0.12)


def test_the_correlation_length_grows_with_the_image_and_not_with_its_contrast() -> None:
    small = clouds(1, 128, 128)
    large = torch.nn.functional.interpolate(small[None], scale_factor=2, mode="bilinear")[0]
    assert correlation_length(large) == pytest.approx(2 * correlation_length(small), rel=0.15)
    assert correlation_length(0.1 + 0.3 * small) == pytest.approx(correlation_length(small), rel=1e-3)
    assert correlation_length(noise(1, 64, 64)) < 1.5
    assert correlation_length(torch.full((1, 32, 32), 0.5)) == 0


def test_the_middle_of_a_large_image_tells_its_correlation_length() -> None:
    image = torch.zeros(1, 1100, 40)
    image[:, 38:1062] = clouds(1, 1024, 40)
    assert correlation_length(image) == correlation_length(image[:, 38:1062])


def test_the_correlation_length_leaves_out_unknown_pixels() -> None:
    image, known = clouds(1, 96, 96), torch.ones(96, 96, dtype=torch.bool)
    known[:, 64:] = False
    within = correlation_length(image[:, :, :64])
    image[:, :, 64:] = torch.nan
    assert correlation_length(image, known) == pytest.approx(within, rel=0.2)
