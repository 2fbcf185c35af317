"""The first fill of a hole: laid from its edge inwards, wrapping where the image does."""

import torch
from textures import clouds

from texot.images.peel import peel


def test_the_first_fill_continues_stripes() -> None:
    stripes = torch.arange(48).remainder(6).lt(3).float().expand(1, 48, 48)
    hole = torch.zeros(48, 48, dtype=torch.bool)
    hole[12:36, 12:36] = True
    source, known = stripes, ~hole
    found = peel(
        torch.where(hole, 0.5, stripes), hole, source, known, 10, generator=torch.Generator().manual_seed(0)
    )
    assert float((found - stripes).abs().mean()) < 0.01


def test_it_goes_on_across_the_wrapped_edge() -> None:
    waves = (torch.arange(32) / 16 * 2 * torch.pi).sin().expand(1, 32, 32) / 2 + 0.5
    hole = torch.zeros(32, 32, dtype=torch.bool)
    hole[:, :5], hole[:, -5:] = True, True
    image = torch.where(hole, 0.0, waves)
    found = peel(
        image, hole, image, ~hole, 8, periodic=(True, True), generator=torch.Generator().manual_seed(0)
    )
    assert float((found[..., 0] - found[..., -1]).abs().max()) < 0.25
    assert float((found - waves).abs().mean()) < 0.03


def test_nothing_is_taken_from_its_own_place() -> None:
    image = clouds(1, 40, 40, sigma=2)
    hole = torch.zeros(40, 40, dtype=torch.bool)
    hole[8:32, 8:32] = True
    known = torch.ones_like(hole)
    same, new = (
        peel(image, hole, image, known, 8, own=own, generator=torch.Generator().manual_seed(0))
        for own in (None, (0, 0))
    )
    assert torch.equal(torch.where(hole, 0, new), torch.where(hole, 0, image))
    distance = [float((found - image)[:, hole].abs().mean() / image.std()) for found in (same, new)]
    assert distance[0] < 0.3  # the image's own pixels continue it best
    assert distance[1] > 2 * distance[0]
