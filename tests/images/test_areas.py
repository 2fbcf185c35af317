"""Random areas, histograms matched by rank, local means."""

import pytest
import torch

from texot.images.areas import local_mean, matched_histogram, random_areas
from texot.images.pyramid import Periodic


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shares", [[0.1, 0.9], [0.05, 0.25, 0.7], [0.0, 1.0], [1.0]])
@pytest.mark.parametrize("length", [4.0, 1000.0])
def test_areas_have_their_shares_to_a_pixel(shares: list[float], length: float) -> None:
    areas = random_areas((40, 60), shares, length, generator=generator())
    counts = torch.bincount(areas.flatten(), minlength=len(shares))
    wanted = torch.tensor(shares) * areas.numel()
    assert bool(((counts - wanted).abs() <= 1).all())


def test_long_areas_have_short_borders() -> None:
    def border(length: float) -> int:
        areas = random_areas((64, 64), [0.5, 0.5], length, generator=generator())
        return int((areas != areas.roll(1, 0)).sum() + (areas != areas.roll(1, 1)).sum())

    assert border(32) < 0.5 * border(4)


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, False)])
def test_areas_wrap_around_on_periodic_axes_only(periodic: Periodic) -> None:
    seams = torch.zeros(2)
    for seed in range(8):
        areas = random_areas((64, 64), [0.5, 0.5], 16, periodic=periodic, generator=generator(seed))
        for axis in (0, 1):
            change = (areas != areas.roll(1, axis)).float()
            seams[axis] += change.select(axis, 0).mean() / change.narrow(axis, 1, 63).mean()
    for axis in (0, 1):
        assert (seams[axis] / 8 < 2.5) == periodic[axis]


def test_a_matched_histogram_is_the_wanted_one_in_the_own_order() -> None:
    values, wanted = torch.rand(8, 8, generator=generator()), torch.randn(64, generator=generator(1))
    found = matched_histogram(values, wanted)
    assert torch.equal(found.flatten().sort().values, wanted.sort().values)
    assert torch.equal(found.flatten().argsort(), values.flatten().argsort())


def test_equal_values_stay_equal_and_constants_become_the_median() -> None:
    wanted = torch.arange(11.0)
    assert torch.equal(matched_histogram(torch.full((3, 5), 0.7), wanted), torch.full((3, 5), 5.0))
    two = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    found = matched_histogram(two, wanted)
    assert found[0, 0] == found[1, 1] < found[0, 1] == found[1, 0]


def test_local_means_are_those_of_squares() -> None:
    plane = torch.rand(7, 9, generator=generator())
    found = local_mean(plane, 3)
    assert torch.allclose(found[3, 4], plane[2:5, 3:6].mean())
    around = local_mean(plane, 3, periodic=(True, True))
    rolls = [plane.roll((y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    assert torch.allclose(around, torch.stack(rolls).mean(0))
    assert torch.equal(local_mean(plane, 1), plane)
