"""Where synthesis starts: new layouts, in whole rows where there are rows."""

import pytest
import torch
from textures import clouds, noise, photograph
from torch import Tensor

from texot.images.autocorrelation import LOOSE, regularity
from texot.images.patches import extract_patches
from texot.images.pyramid import downsample_known
from texot.layout.quilt import quilt
from texot.layout.start import first_layout, piece_side


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def board(side: int, square: int = 4) -> Tensor:
    """A chessboard."""
    at = torch.arange(side) // square
    return ((at[:, None] + at) % 2).float()[None]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (48, 80)])
def test_a_pattern_that_fits_goes_on_all_around(size: tuple[int, int]) -> None:
    image = first_layout(board(32), size, 0.5, generator=generator())
    assert torch.equal(image, 1 - image.roll(4, 1))
    assert torch.equal(image, 1 - image.roll(4, 2))


@pytest.mark.slow
def test_a_pattern_that_does_not_fit_gives_a_little_everywhere() -> None:
    """11 squares of 4 pixels are not 50: some have 3 to 6, and they all stand in rows."""
    image = first_layout(board(32), (50, 50), 0.5, generator=generator())[0]
    for lines in (image, image.T):
        edges = lines != lines.roll(1, 0)
        assert int(edges.any(1).sum()) <= 30
        runs = torch.diff(edges[:, 0].nonzero()[:, 0])
        assert int(runs.min()) >= 2
        assert int(runs.max()) <= 8


def test_novelty_names_the_pieces() -> None:
    assert [piece_side(64, x) for x in (0, 0.25, 0.5, 1)] == [64, 32, 16, 4]
    assert piece_side(3, 1) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exemplar", "side", "piece"),
    [
        (noise(3, 32, 32), 32, 8),  # a quarter of the side
        (noise(3, 32, 32), 48, 5),  # larger results: smaller
        (noise(3, 32, 32), 128, 4),  # down to half
        (clouds(3, 64, 64, sigma=1.7), 64, 18),  # a correlation length of 4.4 pixels: four times that
        (clouds(3, 64, 64, sigma=4), 64, 24),  # up to half as large again
        (clouds(3, 64, 64, sigma=4), 128, 12),
    ],
)
def test_pieces_of_loose_textures(exemplar: Tensor, side: int, piece: int) -> None:
    found = first_layout(exemplar, (side, side), 0.5, generator=generator())
    regular = regularity(exemplar)
    assert regular < LOOSE
    expected = quilt(exemplar, (side, side), piece, regular=regular, generator=generator())
    assert torch.equal(found, expected)


@pytest.mark.slow
def test_rows_of_the_rug_stay_straight() -> None:
    exemplar = photograph(512, 512, "rug")
    while exemplar.shape[1] > 96:
        exemplar, _ = downsample_known(exemplar)
    for seed in range(3):
        image = first_layout(exemplar, (64, 64), 0.5, generator=generator(seed))
        red = (image[0] - image[1]) > 0.2
        rows = red.float().mean(1)  # a straight row is red all along, or not at all
        bent = torch.minimum(rows, 1 - rows).mean()
        own = ((exemplar[0] - exemplar[1]) > 0.2).float().mean(1)
        assert float(bent) < 1.3 * float(torch.minimum(own, 1 - own).mean()) + 0.02


def test_without_novelty_the_layout_is_the_exemplars() -> None:
    exemplar = noise(3, 64, 64)
    coarse, _ = downsample_known(exemplar)  # (3, 31, 31), which begins one pixel inside
    image = first_layout(coarse, (32, 32), 0, generator=generator())
    assert torch.equal(image[:, :31, :31], coarse) or torch.equal(image[:, 1:, 1:], coarse)
    twice = first_layout(coarse, (64, 50), 0, generator=generator())
    assert torch.equal(extract_patches(twice[:, :31, :31], 31)[0], coarse.flatten())
    assert torch.equal(twice[:, 31:62, :31], coarse)
