"""Quilts: whole pieces of the exemplar, none of which continues its neighbour."""

import itertools

import numpy as np
import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.images.pyramid import Periodic
from texot.layout.cuts import least_cut
from texot.layout.quilt import _Pieces, quilt


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(height: int, width: int) -> Tensor:
    """Every pixel tells where it is from: two smooth waves and, in the third channel, its number."""
    number = torch.arange(height * width).view(1, height, width) / (height * width)
    return torch.cat([clouds(2, height, width), number])


def origins(image: Tensor, exemplar: Tensor) -> Tensor:
    """(2, H, W) position in a `numbered` exemplar of every pixel."""
    index = (image[2] * exemplar[0].numel()).round().long()
    assert torch.equal(exemplar.flatten(1)[:, index.flatten()].view_as(image), image)
    return torch.stack([index // exemplar.shape[2], index % exemplar.shape[2]])


def largest_shift(image: Tensor, exemplar: Tensor) -> float:
    """The largest share of pixels with one offset."""
    here = torch.stack(torch.meshgrid(*(torch.arange(n) for n in image.shape[1:]), indexing="ij"))
    offsets = origins(image, exemplar) - here
    size = torch.tensor(exemplar.shape[1:])[:, None, None]
    _, counts = (offsets % size).flatten(1).unique(dim=1, return_counts=True)
    return float(counts.max() / counts.sum())


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (20, 70), (9, 8)])
@pytest.mark.parametrize("periodic", [(True, True), (False, False), (True, False)])
def test_every_pixel_is_the_exemplars_and_no_shift_prevails(
    size: tuple[int, int], periodic: Periodic
) -> None:
    exemplar = numbered(32, 36)
    image = quilt(exemplar, size, 8, periodic=periodic, generator=generator())
    assert image.shape == (3, *size)
    if min(size) >= 32:
        assert largest_shift(image, exemplar) < 0.2
    else:
        origins(image, exemplar)


def test_its_generator_decides() -> None:
    exemplar = clouds(3, 30, 30)
    first, again, other = (quilt(exemplar, (32, 32), 8, generator=generator(k)) for k in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_neighbours_fit_also_across_the_wrapped_edge() -> None:
    exemplar = clouds(1, 40, 40, sigma=3)
    image = quilt(exemplar, (40, 40), 10, generator=generator())
    steps = (image - image.roll(1, 2)).abs().mean((0, 1))  # of every column to the one before
    assert float(steps[0]) < 2 * float(steps.median())
    unfit = quilt(noise(1, 40, 40), (40, 40), 10, generator=generator())
    assert float(steps.mean()) < 0.3 * float((unfit - unfit.roll(1, 2)).abs().mean())


@pytest.mark.slow
def test_a_large_result_uses_all_of_the_exemplar_and_none_of_it_twice_nearby() -> None:
    exemplar = numbered(32, 32)
    image = quilt(exemplar, (96, 96), 8, generator=generator())
    found = origins(image, exemplar)
    index = (found[0] * 32 + found[1]).flatten()
    used = torch.bincount(index, minlength=1024)
    assert float((used > 0).float().mean()) > 0.9
    for lag in range(4, 13):  # the same pixel again, to the right or below
        for axis in (0, 1):
            same = index.view(96, 96) == index.view(96, 96).roll(-lag, axis)
            assert float(same.float().mean()) < 0.05


def test_unknown_pixels_are_avoided() -> None:
    exemplar, known = numbered(32, 32), torch.ones(32, 32, dtype=torch.bool)
    known[10:14, 5:20] = False
    image = quilt(exemplar, (48, 40), 8, known=known, generator=generator())
    assert torch.isin(image[2], exemplar[2][known]).all()


def test_where_no_piece_is_known_whole_unknown_pixels_show_the_mean() -> None:
    exemplar, known = torch.rand(3, 20, 20), torch.ones(20, 20, dtype=torch.bool)
    known[::4, ::4] = False
    exemplar[:, ~known] = float("nan")
    image = quilt(exemplar, (24, 24), 5, known=known, generator=generator())
    assert image.isfinite().all()


def test_patterns_go_on() -> None:
    board = ((torch.arange(32)[:, None] // 2 + torch.arange(32) // 2) % 2).float()[None]
    image = quilt(board, (48, 40), 8, regular=1, generator=generator())
    assert torch.equal(image, image.roll((2, 2), (1, 2)))
    assert torch.equal(image, 1 - image.roll(2, 1))


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 2)])
@pytest.mark.parametrize("source", [(1, 1), (2, 9), (30, 4)])
def test_tiny_images(size: tuple[int, int], source: tuple[int, int]) -> None:
    image = quilt(noise(1, *source), size, 8, generator=generator())
    assert image.shape == (1, *size)
    assert image.isfinite().all()


def test_the_cut_is_the_least_of_all_paths() -> None:
    error = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    cost, found = {}, least_cut(error)
    for path in itertools.product(range(4), repeat=5):
        if all(abs(a - b) <= 1 for a, b in itertools.pairwise(path)):
            cost[path] = sum(float(error[row, column]) for row, column in enumerate(path))
    assert tuple(found) == min(cost, key=cost.__getitem__)
    assert least_cut(np.ones((3, 1), np.float32)).tolist() == [0, 0, 0]


def test_pieces_are_joined_where_they_agree() -> None:
    exemplar = clouds(1, 40, 40, sigma=2)
    image = quilt(exemplar, (40, 40), 12, generator=generator())
    own = max(float((exemplar - exemplar.roll(1, k)).abs().mean()) for k in (1, 2))
    assert max(float((image - image.roll(1, k)).abs().mean()) for k in (1, 2)) < 1.5 * own


def test_the_layout_kept_has_the_exemplars_share_of_light_and_dark() -> None:
    exemplar = clouds(3, 32, 32, sigma=4)
    exemplar[:, :, 16:] *= 0.2
    for seed in range(4):
        image = quilt(exemplar, (32, 32), 8, generator=generator(seed))
        assert float((image.mean((1, 2)) - exemplar.mean((1, 2))).abs().max()) < 0.12


@pytest.mark.parametrize("size", [(9, 14), (16, 16)])
def test_errors_of_pieces_are_sums_of_squares(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(2)
    source = torch.rand(3, *size, generator=generator) + 5
    goal = torch.rand(3, 4, 4, generator=generator) + 5
    mask = (torch.rand(4, 4, generator=generator) > 0.4).float()
    pieces = source.unfold(1, 4, 1).unfold(2, 4, 1)
    direct = ((pieces - goal[:, None, None]) ** 2 * mask).sum((0, 3, 4)) / mask.sum()
    assert torch.allclose(_Pieces(source, 4).errors(goal, mask), direct.flatten(), atol=1e-4)
