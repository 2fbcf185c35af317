"""The first fill of a hole: laid from its edge inwards, wrapping where the image does."""

import torch

from texot.layout.onion_fill import onion_fill


def test_the_first_fill_continues_stripes() -> None:
    stripes = torch.arange(48).remainder(6).lt(3).float().expand(1, 48, 48)
    hole = torch.zeros(48, 48, dtype=torch.bool)
    hole[12:36, 12:36] = True
    source, known = stripes, ~hole
    found, _ = onion_fill(
        torch.where(hole, 0.5, stripes), hole, source, known, 10, generator=torch.Generator().manual_seed(0)
    )
    assert float((found - stripes).abs().mean()) < 0.01


def test_it_goes_on_across_the_wrapped_edge() -> None:
    waves = (torch.arange(32) / 16 * 2 * torch.pi).sin().expand(1, 32, 32) / 2 + 0.5
    hole = torch.zeros(32, 32, dtype=torch.bool)
    hole[:, :5], hole[:, -5:] = True, True
    image = torch.where(hole, 0.0, waves)
    found, _ = onion_fill(
        image, hole, image, ~hole, 8, periodic=(True, True), generator=torch.Generator().manual_seed(0)
    )
    assert float((found[..., 0] - found[..., -1]).abs().max()) < 0.25
    assert float((found - waves).abs().mean()) < 0.03


def test_what_the_hole_held_plays_no_part_where_the_image_wraps() -> None:
    image = torch.rand(3, 20, 16, generator=torch.Generator().manual_seed(1))
    hole = torch.zeros(20, 16, dtype=torch.bool)
    hole[-3:, :], hole[:3, :] = True, True
    fills = []
    for held in (0.0, 1.0):
        start = torch.where(hole, held, image)
        found, origin = onion_fill(
            start, hole, image, ~hole, 7, periodic=(True, False), generator=torch.Generator().manual_seed(0)
        )
        assert bool((found[:, ~hole] == image[:, ~hole]).all())
        assert float(origin.sum()) == float(hole.sum())
        assert not bool((origin[hole] > 0).any())
        fills.append(found)
    assert torch.equal(*fills)
