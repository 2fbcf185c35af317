"""Images of few colours, and results that have no others."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from textures import clouds, photograph
from torch import Tensor

import texot
from texot.errors import InputError
from texot.images.palette import choose_palette, in_palette

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 4, "device": "cpu"}
COLOURS = torch.tensor([[0.1, 0.1, 0.2], [0.9, 0.8, 0.1], [0.2, 0.7, 0.3], [0.8, 0.1, 0.1]])


def pixel_art(height: int = 48, width: int = 48) -> Tensor:
    """Blobs of four colours, of 4x4 px."""
    labels = (clouds(1, height // 4, width // 4)[0] * 3.999).long()
    return COLOURS[labels.repeat_interleave(4, 0).repeat_interleave(4, 1)].permute(2, 0, 1).contiguous()


def labels(height: int = 48, width: int = 48) -> np.ndarray:
    """A map of five labels far apart, of 16 bits."""
    found = (clouds(1, height, width, sigma=3)[0] * 4.999).long().numpy()
    return np.array([0, 7, 300, 20000, 65535], np.uint16)[found]


def colours_of(image: Tensor) -> set[tuple[float, ...]]:
    return {tuple(pixel) for pixel in image.flatten(1).t().tolist()}


def test_the_nearest_of_the_colours() -> None:
    image = torch.rand(3, 20, 30)
    found = in_palette(image, COLOURS)
    wanted = torch.cdist(image.flatten(1).t(), COLOURS).argmin(1)
    assert torch.equal(found, COLOURS[wanted].t().reshape(3, 20, 30))
    assert torch.equal(in_palette(found, COLOURS), found)


def test_colours_are_those_of_known_pixels() -> None:
    image = pixel_art()
    found = choose_palette(image, None, "exemplar")
    assert found is not None
    assert colours_of(found.t()[..., None]) == colours_of(image)
    known = ~(image == COLOURS[1][:, None, None]).all(0)
    found = choose_palette(image, known, "exemplar")
    assert found is not None
    assert len(found) == 3


@pytest.mark.parametrize(
    ("image", "count"),
    [
        (pixel_art(), 4),
        (torch.rand(3, 40, 40), None),
        (photograph(64, 64), None),
        (photograph(64, 64, "grass_gray"), None),  # 8 bits hold no more levels
        (pixel_art(12, 12).repeat(1, 1, 1), 4),
        (torch.rand(3, 8, 8), None),  # few pixels, not few colours
        (torch.full((1, 20, 20), 0.5), None),
    ],
)
def test_a_palette_is_found_where_colours_are_few(
    image: Tensor, count: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "texot"):
        found = choose_palette(image, None, None)
    assert (None if found is None else len(found)) == count
    assert ("colours: the result has no others" in caplog.text) == (count is not None)


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_pixel_art_keeps_its_colours(preset: str, caplog: pytest.LogCaptureFixture) -> None:
    image = pixel_art()
    with caplog.at_level(logging.INFO, "texot"):
        result = texot.synthesize(image, "40x52", preset=preset, **{**QUICK, "n_iter": 2})
    assert result.settings["palette"] == "exemplar"
    assert "the exemplar has 4 colours" in caplog.text
    assert colours_of(result.image) <= colours_of(image)
    assert len(colours_of(result.image)) > 1
    free = texot.synthesize(image, "40x52", palette="none", preset=preset, **{**QUICK, "n_iter": 2})
    assert free.settings["palette"] == "none"
    assert len(colours_of(free.image)) > 4


@pytest.mark.slow
def test_maps_of_labels_gain_none() -> None:
    values = labels()
    result = texot.synthesize(values, **QUICK)
    assert set(np.unique(np.asarray(result.to_pil()))) <= set(np.unique(values))
    hole = np.zeros(values.shape, bool)
    hole[16:28, 16:28] = True
    filled = texot.inpaint(values, hole, **QUICK)
    assert set(np.unique(np.asarray(filled.to_pil()))) <= set(np.unique(values))
    tile = texot.make_tileable(values, **QUICK)
    again = texot.make_variation(tile, **QUICK)
    for found in (tile, again):
        assert set(np.unique(np.asarray(found.to_pil()))) <= set(np.unique(values))
        assert found.settings["palette"] == "exemplar"


@pytest.mark.slow
def test_a_photograph_keeps_its_own_when_told(caplog: pytest.LogCaptureFixture) -> None:
    image = photograph(24, 24)
    result = texot.synthesize(image, palette="exemplar", **QUICK)
    assert colours_of(result.image) <= colours_of(image)
    assert texot.synthesize(image, **QUICK).settings["palette"] == "none"


def test_what_is_no_palette() -> None:
    with pytest.raises(InputError, match="palette must be one of exemplar, none, not 'few'"):
        texot.synthesize(pixel_art(), palette="few")
    with pytest.raises(InputError, match="takes 4096 colours"):
        texot.synthesize(torch.rand(3, 80, 80), palette="exemplar")


def test_a_map_of_labels_is_made_of_pieces_of_it() -> None:
    """The colours are those of the places that the field names; no correction moves them to a neighbour."""
    labels = (clouds(1, 64, 64, sigma=4) * 4).floor().clamp(0, 3) / 3
    result = texot.synthesize(labels, "72x60", palette="exemplar", device="cpu")
    assert result.field is not None
    x, y = result.field.round().long().unbind(-1)
    agree = (labels[:, y, x] - result.image).abs() < 1e-3
    assert float(agree.float().mean()) > 0.98


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colours_found_in_pieces_are_the_same(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(channels)
    image = torch.rand(channels, 60, 80, generator=random).mul(3).floor() / 3
    image += 1e-6 * torch.rand(channels, 60, 80, generator=random)  # of one level, but not the same
    at_once = choose_palette(image, None, "exemplar")
    monkeypatch.setattr("texot.images.palette._PIXELS_AT_ONCE", 77)
    in_pieces = choose_palette(image, None, "exemplar")
    assert at_once is not None
    assert in_pieces is not None
    assert len(at_once) == 3**channels
    assert torch.equal(in_pieces, at_once)
    levels = (at_once * 65535).round().long().tolist()
    assert levels == sorted(levels)
