"""The first fill of a hole: laid from its edge inwards, wrapping where the image does."""

import torch

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
