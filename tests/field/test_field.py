"""Patches on a grid, the image step and the search along the field: laws and cases with known answers."""

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.field.grid import Grid
from texot.field.search import distances, search
from texot.field.source import Source
from texot.field.vote import taper, vote
from texot.images.pyramid import Periodic

AXES: list[Periodic] = [(False, False), (True, False), (True, True)]


def grid_of(size: tuple[int, int], stride: int, periodic: Periodic, side: int = 5) -> Grid:
    return Grid(Grid.fitting(size, side, stride, periodic), side, stride, periodic)


def source_of(image: Tensor, known: Tensor | None = None, side: int = 5) -> Source:
    return Source.of(image, known, side, n_axes=1000)


def patches_of(grid: Grid, image: Tensor) -> Tensor:
    """All patches, one at a time, (n, C, side, side)."""
    rows, columns = grid.shape
    reach = torch.arange(grid.side)
    found = []
    for i in range(rows):
        for j in range(columns):
            y, x = ((k * grid.stride + reach) % n for k, n in zip((i, j), grid.size, strict=True))
            found.append(image[:, y[:, None], x])
    return torch.stack(found)


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(11, 14), (7, 5), (16, 9)])
def test_a_grid_covers_every_pixel(size: tuple[int, int], stride: int, periodic: Periodic) -> None:
    grid = grid_of(size, stride, periodic)
    count = grid.fold(
        torch.nn.functional.fold(
            torch.ones(1, 25, grid.shape[0] * grid.shape[1]), grid.extent, 5, stride=stride
        )[0]
    )
    assert count.shape[1:] == grid.size
    assert float(count.min()) >= 1
    for n, wanted, wraps in zip(grid.size, size, periodic, strict=True):
        assert n == wanted if wraps else wanted <= n < wanted + stride


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("stride", [1, 2])
def test_projections_are_those_of_the_patches_taken_one_by_one(stride: int, periodic: Periodic) -> None:
    source, grid = source_of(noise(2, 9, 10)), grid_of((8, 11), stride, periodic)
    image = noise(2, *grid.size, seed=1)
    expected = patches_of(grid, image).flatten(1) @ source.filters.flatten(1).T
    assert torch.allclose(grid.project(image, source.filters), expected, atol=1e-5)


def test_distances_in_all_axes_are_those_of_the_patches() -> None:
    source, grid = source_of(noise(3, 40, 41)), grid_of((9, 8), 1, (True, True))
    image = noise(3, 9, 8, seed=1)
    found = torch.arange(72) % len(source.key)
    x = source.rounded(grid.extend(image), 1)
    windows = source.image.unfold(1, 5, 1).unfold(2, 5, 1).flatten(1, 2).transpose(0, 1)[found]
    expected = (patches_of(grid, image) - windows).square().sum((1, 2, 3))
    assert torch.allclose(distances(x, source, found) * source.unit**2, expected, rtol=0.01)


@pytest.mark.parametrize("channels", [1, 3, 32])
def test_distances_of_rounded_patches_are_exact_in_any_order(channels: int) -> None:
    """Also of images that lie far from the exemplar."""
    source, grid = source_of(noise(channels, 12, 13)), grid_of((9, 8), 1, (True, True))
    x = source.rounded(grid.extend(5 * noise(channels, 9, 8, seed=1) - 2), 1)
    found = torch.arange(72) % len(source.coordinates)
    exact = (x.long() - source.coordinates[found].long()).square().sum(1)
    assert torch.equal(distances(x, source, found).long(), exact)
    assert int(exact.max()) < 2**24
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = (x[:, order] - source.coordinates[found][:, order]).float().square().sum(1)
    assert torch.equal(shuffled.long(), exact)


def weighted_cost(grid: Grid, source: Source, image: Tensor, found: Tensor, weights: Tensor) -> Tensor:
    """What the image step minimises."""
    windows = source.image.unfold(1, 5, 1).unfold(2, 5, 1).flatten(1, 2).transpose(0, 1)[found]
    errors = (patches_of(grid, image) - windows).square().sum(1) * taper(grid.side)
    return (weights * errors.sum((1, 2))).sum()


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("stride", [1, 2])
def test_the_image_step_is_the_minimum(stride: int, periodic: Periodic) -> None:
    source, grid = source_of(noise(2, 9, 10)), grid_of((8, 11), stride, periodic)
    generator = torch.Generator().manual_seed(0)
    n = grid.shape[0] * grid.shape[1]
    found = torch.randint(len(source.key), (n,), generator=generator)
    weights = 0.1 + torch.rand(n, generator=generator)
    image = vote(grid, source.image, found, weights).requires_grad_()
    cost = weighted_cost(grid, source, image, found, weights)
    (gradient,) = torch.autograd.grad(cost, image)
    assert (
        float(gradient.abs().max()) < 1e-3 * float(weights.mean()) * grid.side
    )  # zero, and the cost is convex
    moved = image.detach() + 0.01 * noise(2, *grid.size, seed=2)
    assert float(weighted_cost(grid, source, moved, found, weights)) > float(cost.detach())


def test_patches_of_one_image_vote_for_that_image() -> None:
    image = noise(3, 13, 17)
    source, grid = source_of(image), Grid((13, 17), 5, 2, (False, False))
    rows, columns = (2 * torch.arange(n) for n in grid.shape)
    found = (rows[:, None] * source.shape[1] + columns).flatten()
    assert torch.allclose(vote(grid, source.image, found), image, atol=1e-6)


@pytest.mark.parametrize("periodic", AXES)
def test_the_search_never_raises_a_cost(periodic: Periodic) -> None:
    source, grid = source_of(clouds(1, 24, 26)), grid_of((20, 22), 2, periodic)
    generator = torch.Generator().manual_seed(0)
    image = clouds(1, *grid.size, seed=1)
    x = source.rounded(grid.extend(image), 2)
    found = torch.randint(len(source.key), (len(x),), generator=generator)
    price = 0.1 / source.unit**2 * torch.rand(len(source.key), generator=generator)
    before = distances(x, source, found) + price[found]
    after, distance = search(
        grid, source, image, found, lambda *_: price, reach=(1, 4, 20), generator=generator
    )
    assert torch.equal(distance, distances(x, source, after))
    now = distance + price[after]
    assert bool((now <= before).all())
    assert float(now.mean()) < 0.7 * float(before.mean())


def test_the_search_finds_a_part_of_the_exemplar_from_a_few_good_places() -> None:
    exemplar = clouds(1, 40, 44)
    source, grid = source_of(exemplar), Grid((25, 27), 5, 2, (False, False))
    image = exemplar[:, 9:34, 11:38]
    rows, columns = (torch.arange(n) * 2 for n in grid.shape)
    wanted = ((rows[:, None] + 9) * source.shape[1] + columns + 11).flatten()
    generator = torch.Generator().manual_seed(0)
    found = torch.randint(len(source.key), wanted.shape, generator=generator)
    found[60] = wanted[60]
    for _ in range(12):
        found, distance = search(grid, source, image, found, None, reach=(1,), generator=generator)
    assert torch.equal(found, wanted)
    assert int(distance.max()) == 0


def test_unknown_pixels_are_in_no_target() -> None:
    known = torch.ones(20, 20, dtype=torch.bool)
    known[6:9, 5:12] = False
    source = source_of(noise(1, 20, 20), known)
    windows = known.unfold(0, 5, 1).unfold(1, 5, 1).flatten(0, 1)
    assert torch.equal(source.usable.flatten(), windows.flatten(1).all(1))  # type: ignore[union-attr]
    grid = grid_of((16, 16), 2, (True, True))
    generator = torch.Generator().manual_seed(0)
    found = source.targets[torch.randint(len(source.targets), (64,), generator=generator)]
    image = noise(1, 16, 16, seed=1)
    for _ in range(4):
        found, _ = search(grid, source, image, found, None, reach=(1, 3, 9), generator=generator)
    assert bool(windows[found].all())
