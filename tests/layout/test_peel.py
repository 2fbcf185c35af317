"""The first fill of a hole: laid from its edge inwards, wrapping where the image does."""

import torch

from texot.layout.peel import peel


def test_the_first_fill_continues_stripes() -> None:
    stripes = torch.arange(48).remainder(6).lt(3).float().expand(1, 48, 48)
    hole = torch.zeros(48, 48, dtype=torch.bool)
    hole[12:36, 12:36] = True
    source, known = stripes, ~hole
    found, _ = peel(
        torch.where(hole, 0.5, stripes), hole, source, known, 10, generator=torch.Generator().manual_seed(0)
    )
    assert float((found - stripes).abs().mean()) < 0.01


def test_it_goes_on_across_the_wrapped_edge() -> None:
    waves = (torch.arange(32) / 16 * 2 * torch.pi).sin().expand(1, 32, 32) / 2 + 0.5
    hole = torch.zeros(32, 32, dtype=torch.bool)
    hole[:, :5], hole[:, -5:] = True, True
    image = torch.where(hole, 0.0, waves)
    found, _ = peel(
        image, hole, image, ~hole, 8, periodic=(True, True), generator=torch.Generator().manual_seed(0)
    )
    assert float((found[..., 0] - found[..., -1]).abs().max()) < 0.25
    assert float((found - waves).abs().mean()) < 0.03


def test_only_the_edge_is_laid_and_goes_on_from_what_is_known() -> None:
    stripes = torch.arange(48).remainder(6).lt(3).float().expand(1, 48, 48)
    hole = torch.zeros(48, 48, dtype=torch.bool)
    hole[12:36, 12:36] = True
    guess = torch.where(hole, 0.5, stripes)
    found, _ = peel(guess, hole, stripes, ~hole, 8, depth=3, generator=torch.Generator().manual_seed(0))
    deep = torch.zeros_like(hole)
    deep[15:33, 15:33] = True
    assert bool((found[:, deep] == 0.5).all())
    assert float((found - stripes)[:, ~deep].abs().max()) < 1e-6


def test_what_is_guessed_chooses_between_pieces_that_go_on_equally() -> None:
    flat, dark = torch.full((1, 16, 32), 0.5), torch.full((1, 16, 32), 0.2)
    source = torch.cat([flat, dark, flat, flat - 0.1], 1)
    image, hole = torch.full((1, 24, 24), 0.5), torch.zeros(24, 24, dtype=torch.bool)
    hole[8:16, 8:16] = True
    known = torch.ones(source.shape[1:], dtype=torch.bool)
    means = []
    for guess in (0.2, 0.5):
        image[:, hole] = guess
        found, _ = peel(image, hole, source, known, 6, depth=2, generator=torch.Generator().manual_seed(0))
        means.append(float(found[:, hole].mean()))
    assert means[0] < means[1] - 0.05


def test_what_the_hole_held_plays_no_part_where_the_image_wraps() -> None:
    image = torch.rand(3, 20, 16, generator=torch.Generator().manual_seed(1))
    hole = torch.zeros(20, 16, dtype=torch.bool)
    hole[-3:, :], hole[:3, :] = True, True
    fills = []
    for held in (0.0, 1.0):
        start = torch.where(hole, held, image)
        found, origin = peel(
            start, hole, image, ~hole, 7, periodic=(True, False), generator=torch.Generator().manual_seed(0)
        )
        assert bool((found[:, ~hole] == image[:, ~hole]).all())
        assert float(origin.sum()) == float(hole.sum())
        assert not bool((origin[hole] > 0).any())
        fills.append(found)
    assert torch.equal(*fills)
