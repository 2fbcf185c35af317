"""Courses: rows of a regular texture stay straight and whole, whatever the size, and are not the same."""

import numpy as np
import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.images.pyramid import Periodic
from texot.layout.courses import courses
from texot.layout.cuts import least_cut
from texot.layout.score import LayoutScore

COURSE, BRICK = 12, 16


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def wall(height: int, width: int, seed: int = 0) -> Tensor:
    """(3, H, W): bricks of many greys, in courses under dark joints, and where each pixel is from."""
    random = generator(seed)
    image = torch.zeros(height, width)
    for top in range(0, height, COURSE):
        shift = int(torch.randint(BRICK, (), generator=random))
        for left in range(-shift, width, BRICK):
            grey = 0.6 + 0.3 * torch.rand((), generator=random)
            image[top + 2 : top + COURSE, max(0, left + 2) : max(0, left + BRICK)] = grey
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([image, 1e-3 * y / height, 1e-3 * x / width])


def origins(image: Tensor, exemplar: Tensor) -> Tensor:
    """(2, H, W) where in a `wall` every pixel is from."""
    height, width = exemplar.shape[1:]
    return torch.stack([image[1] * 1e3 * height, image[2] * 1e3 * width]).round().long()


def laid(
    exemplar: Tensor,
    size: tuple[int, int],
    *,
    longest: float = 0.5,
    known: Tensor | None = None,
    periodic: Periodic = (True, True),
    seed: int = 0,
) -> Tensor:
    known = torch.ones(exemplar.shape[1:], dtype=torch.bool) if known is None else known
    score = LayoutScore.of(exemplar, known, generator=generator())
    assert score is not None
    found = courses(exemplar, size, longest, known=known, periodic=periodic, generator=generator(seed))
    assert 1 <= len(found) <= 4
    return min(found, key=lambda image: score.loss(image, periodic=periodic))


def longest_run(same: Tensor) -> int:
    """The most trues beside each other in a row."""
    run, most = torch.zeros(len(same), dtype=torch.int64), 0
    for column in same.T:
        run = torch.where(column, run + 1, 0)
        most = max(most, int(run.max()))
    return most


def bent(image: Tensor) -> float:
    """Share of the pixels that are dark in a bright row, or bright in a dark one, but for upright joints."""
    rows = (image[0] < 0.3).float().mean(1)
    upright = 2 / BRICK
    return float(torch.minimum((rows - upright).clamp_min(0), 1 - rows).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "periodic"),
    [
        *(((72, 64), (y, x)) for y in (True, False) for x in (True, False)),
        ((100, 150), (True, True)),
        ((100, 150), (False, False)),
        ((60, 131), (True, False)),
        ((60, 131), (False, True)),
    ],
)
def test_courses_are_straight_and_whole(size: tuple[int, int], periodic: Periodic) -> None:
    exemplar = wall(72, 64)
    image = laid(exemplar, size, periodic=periodic)
    assert image.shape == (3, *size)
    y, x = origins(image, exemplar)
    assert torch.equal(image, exemplar[:, y, x])
    assert bent(exemplar) < 0.01
    assert bent(image) < 0.06
    upright = laid(exemplar.mT, (size[1], size[0]), periodic=(periodic[1], periodic[0]))
    assert bent(upright.mT) < 0.06


@pytest.mark.slow
def test_they_go_on_around_the_torus() -> None:
    """Ends of smooth waves, whose period divides neither side, meet as their inside does, if they are to."""
    rows = torch.sin(torch.arange(72) * 2 * torch.pi / 16)[:, None]
    exemplar = (0.5 + 0.3 * rows + 0.2 * (clouds(1, 72, 64, sigma=4) - 0.5)).float()
    images = [laid(exemplar, (100, 90), periodic=(wraps, wraps)) for wraps in (True, False)]
    for axis in (1, 2):
        rough = []
        for image in images:
            step = (image - image.roll(1, axis)).abs().mean((0, 3 - axis))
            rough.append(float(step[0] / step[1:].max()))
        assert rough[0] <= 1
        assert rough[1] > 1.2, axis


@pytest.mark.slow
def test_no_two_courses_are_the_same_and_the_seed_decides() -> None:
    exemplar = wall(72, 64)
    image, again, other = (laid(exemplar, (72, 64), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(image, again)
    assert not torch.equal(image, other)
    for found in (image, other):
        y, x = origins(found, exemplar)
        here = torch.stack(torch.meshgrid(torch.arange(72), torch.arange(64), indexing="ij"))
        offsets = (torch.stack([y, x]) - here) % torch.tensor([72, 64])[:, None, None]
        _, counts = offsets.flatten(1).unique(dim=1, return_counts=True)
        assert int(counts.max()) < 0.4 * 72 * 64


@pytest.mark.slow
def test_all_of_the_exemplar_is_used() -> None:
    exemplar = wall(72, 64)
    y, x = origins(laid(exemplar, (144, 128)), exemplar)
    use = torch.zeros(72, 64).index_put_((y, x), torch.ones(144, 128), accumulate=True)
    inside = use[6:-6, 6:-6]
    assert float((inside == 0).float().mean()) < 0.15
    assert float(inside.max()) <= 16


@pytest.mark.slow
def test_the_longest_piece() -> None:
    """As much longer as both cuts may wander: to either side by the overlap, of 2 pixels."""
    exemplar = wall(72, 64)
    for longest in (0.125, 0.25, 0.5):
        y, x = origins(laid(exemplar, (48, 96), longest=longest), exemplar)
        goes_on = (x[:, 1:] == x[:, :-1] + 1) & (y[:, 1:] == y[:, :-1])
        assert longest_run(goes_on) + 1 <= 2 * longest * 64 + 4


@pytest.mark.slow
def test_unknown_pixels_are_avoided() -> None:
    exemplar, known = wall(72, 64), torch.ones(72, 64, dtype=torch.bool)
    known[40:60, 20:34] = False
    y, x = origins(laid(torch.where(known, exemplar, torch.nan), (72, 64), known=known), exemplar)
    assert float((~known[y, x]).float().mean()) < 0.01


def test_no_room() -> None:
    for source, size in (((64, 64), (9, 9)), ((520, 64), (64, 64))):
        exemplar = noise(1, *source)
        known = torch.ones(source, dtype=torch.bool)
        found = courses(exemplar, size, 0.5, known=known, generator=generator())
        assert not found, source


def test_a_closed_cut_meets_itself() -> None:
    for seed in range(20):
        path = least_cut(noise(1, 40, 6, seed=seed)[0].numpy(), closed=True)
        assert np.abs(np.diff(path, append=path[:1])).max() <= 1
