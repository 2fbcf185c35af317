"""Photographs made to tile, and sets of tiles that fit in any order."""

import pytest
import torch
from textures import clouds, photograph

import texot
from texot.errors import InputError
from texot.evaluation import seam_score
from texot.images.seams import tiling_axes
from texot.jobs.tiling import lay_out

QUICK = {"quality": "draft", "n_iter": 8}


@pytest.mark.parametrize("name", ["pebbles", "grass_gray"])
def test_the_seam_goes_and_the_rest_stays(name: str) -> None:
    image = photograph(128, 112, name)
    found = texot.make_tileable(image, band=32, quality="draft").image
    assert torch.equal(found[:, 16:-16, 16:-16], image[:, 16:-16, 16:-16])
    before, after = seam_score(image), seam_score(found)
    assert after < max(1.5, 0.5 * before)
    assert after < before
    for line in (16, -16):  # where the bands end
        assert seam_score(found.roll((line, line), (1, 2))) < max(1.5, 0.5 * before)


@pytest.mark.slow
def test_an_image_that_tiles_comes_back() -> None:
    results = [
        texot.synthesize(photograph(128, 128, name), quality="draft", seed=seed).image
        for name in ("pebbles", "gravel", "stonewall")
        for seed in range(3)
    ]
    axes = [tiling_axes(image) for image in results]
    assert sum(y + x for y, x in axes) >= 15  # of 18 axes
    tiles = results[axes.index((True, True))]
    assert torch.equal(texot.make_tileable(tiles).image, tiles)
    alpha = torch.cat([tiles, torch.linspace(0.6, 1, 128)[:, None].expand(1, 128, 128)])
    found = texot.make_tileable(alpha.movedim(0, -1).numpy(), tile="x")
    assert found.mode == "RGBA"
    assert torch.equal(found.image, alpha)
    assert not torch.equal(texot.make_tileable(tiles, band=16, quality="draft").image, tiles)


def test_only_edges_that_show_are_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="texot")
    wraps = texot.synthesize(photograph(128, 128, "gravel"), "96x96", tile="x", quality="draft").image
    found = texot.make_tileable(wraps, quality="draft").image
    assert "tiles along x already" in caplog.text
    assert torch.equal(found[:, 12:-12], wraps[:, 12:-12])  # bands of 24 px at top and bottom alone
    assert seam_score(found) < seam_score(wraps)
    assert tiling_axes(found) == (True, True)


@pytest.mark.parametrize("name", ["pebbles", "rug", "stonewall", "gravel"])
def test_crops_do_not_tile(name: str) -> None:
    assert tiling_axes(photograph(256, 256, name)) == (False, False)


@pytest.mark.slow
@pytest.mark.parametrize("tile", ["x", "y"])
def test_one_axis(tile: str) -> None:
    image = 0.8 * clouds(3, 96, 80) + 0.2 * torch.linspace(0, 1, 80) * torch.linspace(0, 1, 96)[:, None]
    found = texot.make_tileable(image, band=24, tile=tile, quality="draft").image
    wraps = (tile == "y", tile == "x")
    assert seam_score(found, periodic=wraps) < seam_score(image, periodic=wraps)
    middle = (slice(None), slice(None), slice(12, -12)) if tile == "x" else (slice(None), slice(12, -12))
    assert torch.equal(found[middle], image[middle])


@pytest.mark.slow
@pytest.mark.parametrize("size", [(101, 131), (99, 98)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    image = photograph(*size)
    found = texot.make_tileable(image, n_scales=2, quality="draft")
    assert found.image.shape == image.shape
    assert seam_score(found.image) < seam_score(image)
    assert texot.make_variation(found, n_scales=2, **QUICK).image.shape == image.shape


def test_same_seed_same_bytes_and_settings() -> None:
    image = photograph(64, 64)
    a, b, c = (texot.make_tileable(image, band=16, seed=seed, **QUICK) for seed in (3, 3, 4))
    assert torch.equal(a.image, b.image)
    assert not torch.equal(a.image, c.image)
    assert (a.settings["job"], a.settings["band"]) == ("tile", 16)


def test_flatten_takes_the_slope_away() -> None:
    slope = torch.linspace(0.2, 0.8, 64)
    image = (0.6 * clouds(1, 64, 64, sigma=2) + 0.4) * slope
    found = texot.make_tileable(image, flatten=True, **QUICK).image
    left, right = found[:, :, 8:28].mean(), found[:, :, 36:56].mean()
    assert abs(float(left - right)) < 0.3 * abs(float(image[:, :, 8:28].mean() - image[:, :, 36:56].mean()))


def test_alpha_and_mode_are_kept() -> None:
    image = torch.cat([photograph(64, 64), torch.ones(1, 64, 64)])
    found = texot.make_tileable(image.movedim(0, -1).numpy(), **QUICK)
    assert found.mode == "RGBA"
    assert torch.equal(found.image[3], torch.ones(64, 64))


@pytest.mark.slow
def test_every_tile_continues_every_other() -> None:
    first = texot.make_tileable(photograph(96, 96), quality="draft")
    tiles = [first, *(texot.make_variation(first, seed=seed, quality="draft") for seed in (1, 2))]
    frame = tiles[1].settings["frame"]
    inside = slice(frame, -frame)
    for other in tiles[1:]:
        same = (other.image == first.image).all(0)
        assert bool(same[:frame].all() and same[-frame:].all())
        assert bool(same[:, :frame].all() and same[:, -frame:].all())
        assert float((other.image - first.image)[:, inside, inside].abs().mean()) > 0.02
    assert not torch.equal(tiles[1].image, tiles[2].image)
    own = seam_score(first.image)
    for a in tiles:
        for b in tiles:  # b on the right of a, and below it: rolled, the join is where copies meet
            for axis, wraps in ((2, (False, True)), (1, (True, False))):
                pair = torch.cat([b.image, a.image], axis)
                assert seam_score(pair, periodic=wraps) < max(1.5, 1.3 * own)


def test_variations_of_what_was_synthesised() -> None:
    first = texot.synthesize(clouds(3, 48, 48), "48x40", **QUICK)
    found = texot.make_variation(first, frame=6, **QUICK)
    assert found.image.shape == (3, 40, 48)
    assert torch.equal(found.image[:, :6], first.image[:, :6])
    assert found.mode == first.mode


def test_lay_out() -> None:
    tiles = [torch.full((1, 4, 6), float(i)) for i in range(4)]
    found = lay_out(tiles, (27, 10), seed=1)
    assert found.shape == (1, 10, 27)
    cells = found[0, ::4, ::6]
    assert bool((cells[1:] != cells[:-1]).all())
    assert bool((cells[:, 1:] != cells[:, :-1]).all())
    assert torch.equal(found, lay_out(tiles, (27, 10), seed=1))
    assert torch.equal(lay_out(tiles[:1], (6, 8)), torch.zeros(1, 8, 6))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile": "none"}, "tile must be one of both, x, y"),
        ({"band": 61}, "band must be a whole number from 2 to 56"),
        ({"band": "wide"}, "band must be a whole number"),
        ({"quality": "best"}, "quality must be one of"),
        ({"patch_size": 80, "band": 16}, "not enough is left to take texture from|patch"),
    ],
)
def test_wrong_options(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        texot.make_tileable(clouds(1, 64, 64), **options)


def dark_and_bright() -> tuple[torch.Tensor, torch.Tensor]:
    """An image that is dark in its left half and bright in its right one, and a mask of the left one."""
    image = 0.1 + 0.2 * clouds(1, 80, 96, seed=1)
    image[:, :40] = image[:, :40].flip(1)  # so that it does not tile
    source = torch.ones(80, 96)
    image[..., 48:] += 0.6
    source[:, 44:] = 0
    return image, source


def test_new_texture_is_taken_from_the_source_only() -> None:
    image, source = dark_and_bright()
    options = {"band": 24, "tile": "y", **QUICK}
    found, plain = (texot.make_tileable(image, source=mask, **options) for mask in (source, None))
    assert torch.equal(found.image[:, 12:-12], image[:, 12:-12])
    seam = [one.image[0, [-2, -1, 0, 1], 60:90] for one in (found, plain)]
    assert float(seam[0].max()) < 0.5 < float(seam[1].min())
    assert found.settings["source_sha256"]
    assert plain.settings["source_sha256"] is None


def test_variations_take_texture_from_the_source_only() -> None:
    image, source = dark_and_bright()
    found = texot.make_variation(image, source=source, frame=4, **QUICK).image
    assert torch.equal(found[:, :4], image[:, :4])
    assert float(found[:, 12:-12, 12:-12].max()) < 0.5


def test_a_source_of_everything_changes_nothing_and_one_of_nothing_is_refused() -> None:
    image = photograph(64, 64)
    plain = texot.make_tileable(image, band=16, **QUICK)
    assert torch.equal(
        texot.make_tileable(image, band=16, source=torch.ones(64, 64), **QUICK).image, plain.image
    )
    with pytest.raises(InputError, match="leaves nothing to take texture from"):
        texot.make_tileable(image, band=16, source=torch.zeros(64, 64), **QUICK)
    with pytest.raises(InputError, match="source mask is 8x8 px"):
        texot.make_tileable(image, band=16, source=torch.ones(8, 8), **QUICK)


def test_images_too_small() -> None:
    with pytest.raises(InputError, match="12x40 px: at least 16 px"):
        texot.make_tileable(clouds(1, 40, 12))
