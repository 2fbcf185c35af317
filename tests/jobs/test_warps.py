"""Maps of rotation and scale: copies are turned and resized as named, and are where the maps say."""

import math
from typing import Any

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

import texot
from texot import InputError, Synthesis
from texot.images.autocorrelation import autocorrelation, correlation_length
from texot.jobs.directed import Part
from texot.jobs.warps import SIZES, TURNS, Warp, warped

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 3}


def part_of(pixels: Tensor, known: Tensor | None = None, weight: Tensor | None = None) -> Part:
    return Part(pixels, known, torch.zeros(pixels.shape[1:], dtype=torch.int64), weight)


def waves(turn: float, size: int = 72, period: float = 8) -> Tensor:
    """Stripes that are level at a turn of 0."""
    y, x = torch.meshgrid(*(torch.arange(size, dtype=torch.float32),) * 2, indexing="ij")
    across = math.cos(2 * math.pi * turn) * y + math.sin(2 * math.pi * turn) * x
    return 0.5 + 0.4 * torch.sin(2 * math.pi * across / period)[None]


def made(exemplar: Tensor, size: Any = None, **options: Any) -> Synthesis:
    return texot.synthesize(exemplar, size, **{**QUICK, **options})


def test_quarters_are_exact() -> None:
    pixels = noise(3, 20, 24)
    for quarters in range(4):
        own = warped(part_of(pixels), quarters / 4, 1)
        assert torch.allclose(own.pixels, torch.rot90(pixels, quarters, (1, 2)), atol=1e-6)
        assert own.known is None


@pytest.mark.parametrize("turn", [1 / 24, 0.1, 0.3, 0.7])
def test_turned_stripes_are_those_of_the_angle(turn: float) -> None:
    own = warped(part_of(waves(0)), turn, 1)
    assert own.known is not None
    assert 0.6 < float(own.known.float().mean()) < 1
    phase = waves(turn)  # about the middle both have the same phase up to a shift: compare the spectra
    found, expected = (autocorrelation(plane[:, 12:-12, 12:-12])[:24, :24] for plane in (own.pixels, phase))
    assert torch.allclose(found, expected, atol=0.1)


def test_there_and_back_is_the_middle() -> None:
    pixels = clouds(3, 60, 60, sigma=3)
    back = warped(warped(part_of(pixels), 0.1, 1), 0.9, 1)
    assert torch.allclose(back.pixels[:, 20:40, 20:40], pixels[:, 20:40, 20:40], atol=0.02)


@pytest.mark.parametrize("factor", [0.5, 2**0.5, 2])
def test_sizes_scale_the_features(factor: float) -> None:
    pixels = clouds(1, 120, 120, sigma=4)
    own = warped(part_of(pixels), 0, factor)
    assert own.pixels.shape == (1, round(120 * factor), round(120 * factor))
    ratio = correlation_length(own.pixels) / correlation_length(pixels)
    assert ratio == pytest.approx(factor, rel=0.05)


@pytest.mark.parametrize("turn", [0.0, 0.25, 0.1])
def test_unknown_pixels_stay_unknown(turn: float) -> None:
    known = torch.ones(40, 40, dtype=torch.bool)
    known[10:20, 5:15] = False
    pixels = torch.where(known, 0.5, torch.nan).nan_to_num(9.0)[None]
    own = warped(part_of(pixels, known), turn, 1)
    assert own.known is not None
    assert torch.allclose(own.pixels[0][own.known], torch.tensor(0.5), atol=0.02)


def test_weights_follow() -> None:
    weight = torch.zeros(30, 30)
    weight[:15] = 1
    own = warped(part_of(noise(1, 30, 30), None, weight), 0.25, 2)
    assert own.weight is not None
    assert float(own.weight[:, :25].mean()) > 0.95  # the top is on the left now
    assert float(own.weight[:, 35:].mean()) < 0.05


def test_only_the_copies_that_occur_are_made() -> None:
    rotation, scale = torch.zeros(8, 10), torch.full((8, 10), 0.5)
    rotation[:, 5:] = 0.25
    parts, areas = Warp.of(rotation, None).applied(part_of(noise(1, 20, 20)), (8, 10))
    assert len(parts) == 2
    assert torch.equal(areas, (rotation > 0).long())
    assert [int(part.classes.max()) for part in parts] == [0, 1]
    parts, areas = Warp.of(rotation, scale).applied(part_of(noise(1, 20, 20)), (8, 10))
    assert [part.pixels.shape[1:] for part in parts] == [(20, 20)] * 2
    ramp = torch.linspace(0, 1, 200).expand(4, 200)
    assert len(Warp.of(ramp, None).applied(part_of(noise(1, 20, 20)), (4, 200))[0]) == TURNS
    assert len(Warp.of(None, ramp).applied(part_of(noise(1, 20, 20)), (4, 200))[0]) == SIZES


def test_angles_wrap_around_where_a_map_is_resized() -> None:
    rotation = torch.tensor([[0.98, 0.02]])
    parts, areas = Warp.of(rotation, None).applied(part_of(noise(1, 20, 20)), (6, 60))
    assert len(parts) <= 3  # near 0; never the half turn between the values
    assert areas.shape == (6, 60)


def direction(image: Tensor) -> float:
    """The share of the gradient's energy that is across level stripes."""
    down, across = image[:, 1:, :-1] - image[:, :-1, :-1], image[:, :-1, 1:] - image[:, :-1, :-1]
    return float(down.square().sum() / (down.square().sum() + across.square().sum()))


def test_the_result_turns_where_the_map_says() -> None:
    stripes = (waves(0) + 0.05 * noise(1, 72, 72)).clamp(0, 1)
    rotation = torch.zeros(1, 96, 96)
    rotation[:, :, 48:] = 0.25
    image = made(stripes, rotation_map=rotation).image
    assert image.shape == (1, 96, 96)
    assert direction(image[:, :, 8:40]) > 0.85
    assert direction(image[:, :, 56:88]) < 0.15


def test_the_result_grows_where_the_map_says() -> None:
    grain = clouds(1, 72, 72, sigma=1.5)
    scale = torch.zeros(1, 128, 128)
    scale[:, :, 64:] = 1
    image = made(grain, scale_map=scale).image
    small, large = (correlation_length(image[:, :, part]) for part in (slice(4, 60), slice(68, 124)))
    assert large / small > 2.5


def test_maps_of_nothing_are_the_exemplar() -> None:
    pixels = noise(1, 20, 24)
    parts, areas = Warp.of(torch.zeros(4, 4), torch.full((4, 4), 0.5)).applied(part_of(pixels), (8, 8))
    assert len(parts) == 1
    assert torch.allclose(parts[0].pixels, pixels, atol=1e-6)
    assert parts[0].known is None
    assert not areas.any()
    result = made(pixels, rotation_map=torch.zeros(1, 30, 40), seed=1)
    assert result.image.shape == (1, 30, 40)
    assert "rotation_map_sha256" in result.settings


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"symmetry": "flips"}, "rotation_map"),
        ({"guide": noise(1, 16, 16)}, "rotation_map"),
        ({"labels": noise(1, 16, 16).round(), "target_labels": noise(1, 16, 16).round()}, "rotation_map"),
        ({"copy": True}, "neither turned nor resized"),
        ({"preset": "paper"}, "no preset"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], word: str) -> None:
    with pytest.raises(InputError, match=word):
        made(noise(1, 40, 40), rotation_map=torch.rand(1, 16, 16), **options)


def test_several_exemplars_are_refused() -> None:
    with pytest.raises(InputError, match="scale_map"):
        texot.synthesize([noise(1, 40, 40), noise(1, 40, 40, seed=1)], scale_map=noise(1, 16, 16), **QUICK)
