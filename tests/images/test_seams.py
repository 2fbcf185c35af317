"""Seam scores and even lighting."""

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.images.lighting import level
from texot.images.seams import repeated, seam_scores, worst_seam


@pytest.mark.parametrize(("image", "step"), [(clouds(3, 96, 96), 0.3), (noise(3, 96, 96), 1.0)])
def test_a_step_is_a_seam_and_other_lines_are_not(image: Tensor, step: float) -> None:
    inside = seam_scores(image, 2, [20, 40, 60])
    assert all(0.6 < score < 1.6 for score in inside)
    stepped = image.clone()
    stepped[:, :, 40:] += step
    scores = seam_scores(stepped, 2, [20, 40, 60])
    assert scores[1] > max(1.2 * inside[1], scores[0], scores[2])


def test_the_worst_of_the_axes_that_wrap() -> None:
    ramp = clouds(1, 64, 64)[:, :, :64] * 0.2 + torch.linspace(0, 0.8, 64)
    assert worst_seam(ramp, (False, True)) > 3 * worst_seam(ramp, (True, False))
    assert worst_seam(ramp, (True, True)) == worst_seam(ramp, (False, True))
    assert worst_seam(ramp, (False, False)) == 1


def test_a_flat_image_has_none() -> None:
    assert worst_seam(torch.full((3, 16, 16), 0.4), (True, True)) == 1


def test_repeated() -> None:
    image = noise(2, 5, 7)
    assert torch.equal(repeated(image, (2, 3))[:, 5:, 7:14], image)
    assert repeated(image, (2, 3)).shape == (2, 10, 21)


def test_level_takes_a_lamp_away_and_keeps_the_texture() -> None:
    texture = 0.2 + 0.5 * clouds(3, 96, 128, sigma=2)
    y, x = torch.linspace(-1, 1, 96)[:, None], torch.linspace(-1, 1, 128)
    lamp = 1.0 - 0.35 * x - 0.15 * y**2
    even = level((texture * lamp).clamp(0, 1))
    halves = [even[:, :, :64].mean(), even[:, :, 64:].mean()]
    assert abs(float(halves[0] - halves[1])) < 0.02
    correlation = torch.corrcoef(torch.stack([even.flatten(), texture.flatten()]))[0, 1]
    assert float(correlation) > 0.97
    assert abs(float(even.mean() - texture.mean())) < 0.03


def test_level_leaves_an_even_image_nearly_alone() -> None:
    image = 0.3 + 0.4 * noise(1, 80, 80)
    assert float((level(image) - image).abs().max()) < 0.05


def test_level_judges_known_pixels_only() -> None:
    image = torch.full((1, 64, 64), 0.5)
    known = torch.ones(64, 64, dtype=torch.bool)
    known[:, :20] = False
    dark = torch.where(known, image, 0.0)
    assert float((level(dark, known)[:, known] - 0.5).abs().max()) < 1e-4
