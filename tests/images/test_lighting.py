"""Even lighting: slow brightness goes, texture stays."""

import torch
from textures import clouds, noise

from texot.images.lighting import level


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
