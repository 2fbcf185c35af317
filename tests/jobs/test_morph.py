"""One texture in the layout of another: what corresponds, what is kept, the laws of morphs side by side."""

import pytest
import torch
import torch.nn.functional as F
from textures import clouds, photograph
from torch import Tensor

from texot.jobs.morph import in_layout, with_moments
from texot.jobs.side_by_side import SideBySide
from texot.solver.plan import Scale


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", ["pebbles", "brick_old"])
def test_an_exemplar_in_its_own_layout_is_itself(name: str) -> None:
    exemplar = photograph(96, 80, name)
    found = in_layout((exemplar, None), (exemplar, None), seed())
    assert found.shape == exemplar.shape
    assert float((found - exemplar).abs().mean()) < 0.02 * float(exemplar.std())


def test_a_change_of_tone_is_undone() -> None:
    """Colours are matched before: of a dark, low copy comes the exemplar, in every channel."""
    exemplar = photograph(64, 64)
    dark = 0.1 + torch.tensor([0.2, 0.3, 0.4])[:, None, None] * exemplar
    found = in_layout((dark, None), (exemplar, None), seed())
    assert float((found - exemplar).abs().mean()) < 0.02 * float(exemplar.std())


def test_the_layout_is_the_images() -> None:
    """Light and dark lie where they do in the image, in patches of the exemplar."""
    blobs = clouds(1, 96, 96, seed=3, sigma=8)
    grain = torch.where(clouds(1, 96, 96, seed=4, sigma=6) > 0.5, 0.7, 0.2) + 0.2 * clouds(1, 96, 96, sigma=1)

    def coarse(image: Tensor) -> Tensor:
        return F.avg_pool2d(image[None], 8).flatten()

    found = in_layout((blobs, None), (grain, None), seed())
    assert float(torch.corrcoef(torch.stack([coarse(found), coarse(blobs)]))[0, 1]) > 0.8
    assert abs(float(found.std() - grain.std())) < 0.25 * float(grain.std())
    assert float(found.min()) >= float(grain.min()) - 1e-6
    assert float(found.max()) <= float(grain.max()) + 1e-6


def test_nothing_unknown_is_taken() -> None:
    exemplar = clouds(1, 48, 64, seed=1) * 0.5
    known = torch.ones(48, 64, dtype=torch.bool)
    known[:, 40:] = False
    exemplar[:, ~known] = 1.0
    found = in_layout((clouds(1, 40, 40, seed=2), None), (exemplar, known), seed())
    assert float(found.max()) <= 0.5 + 1e-6


def test_moments_are_those_of_known_pixels() -> None:
    image, known = clouds(2, 20, 20), torch.rand(20, 20, generator=seed()) > 0.5
    mean, deviation = torch.tensor([0.2, 0.7])[:, None, None], torch.tensor([0.1, 0.3])[:, None, None]
    found = with_moments((image, known), mean, deviation)[:, known]
    assert torch.allclose(found.mean(1), mean.flatten(), atol=1e-5)
    assert torch.allclose(found.std(1, correction=0), deviation.flatten(), atol=1e-5)


# ------------------------------------------------------------------------------------- side by side


@pytest.fixture
def three() -> list[Scale]:
    known = torch.ones(40, 50, dtype=torch.bool)
    known[:9, :9] = False
    return [(clouds(1, 33, 47), None), (clouds(1, 40, 50, seed=1), known), (clouds(1, 64, 24, seed=2), None)]


@pytest.mark.parametrize("n_scales", [1, 3, 4])
def test_no_patch_reaches_into_another_image(three: list[Scale], n_scales: int) -> None:
    several = SideBySide(three, n_scales)
    assert len(several.scales) == n_scales
    for scale, (image, known) in enumerate(several.scales):
        assert known is not None
        assert image.shape[1:] == known.shape
        numbers = several.plane([1, 2, 3], scale)
        assert bool((numbers[known] > 0).all())
        for side in (2, 3):
            whole = F.max_pool2d((~known).float()[None], side, stride=1)[0] == 0
            highest = F.max_pool2d(numbers[None], side, stride=1)[0]
            lowest = -F.max_pool2d(-numbers[None], side, stride=1)[0]
            assert torch.equal(highest[whole], lowest[whole])


def test_all_pixels_are_there(three: list[Scale]) -> None:
    several = SideBySide(three, 3)
    image, known = several.scales[0]
    assert known is not None
    numbers = several.plane([1, 2, 3], 0)
    for number, (pixels, there) in enumerate(three, start=1):
        inside = torch.ones(pixels.shape[1:], dtype=torch.bool) if there is None else there
        assert torch.equal(image[:, known & (numbers == number)], pixels[:, inside])


@pytest.mark.parametrize("scale", [0, 1, 2])
def test_masses_of_images_are_those_wanted_at_every_scale(three: list[Scale], scale: int) -> None:
    several, side = SideBySide(three, 3), 5
    density = several.densities([0.2, 0.5, 0.3], side)[scale]
    known = several.scales[scale][1]
    assert known is not None
    whole = F.max_pool2d((~known).float()[None], side, stride=1)[0] == 0
    middle = (slice(2, 2 + whole.shape[0]), slice(2, 2 + whole.shape[1]))
    numbers = several.plane([1, 2, 3], scale)[middle]
    for number, mass in enumerate((0.2, 0.5, 0.3), start=1):
        assert float(density[middle][whole & (numbers == number)].sum()) == pytest.approx(mass, abs=1e-5)
