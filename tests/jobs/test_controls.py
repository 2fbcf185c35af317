"""What goes where: proportions, weights, labels, guides, symmetry."""

from typing import Any

import numpy as np
import pytest
import torch
from textures import clouds, noise, photograph
from torch import Tensor

import texot
from texot import InputError, Synthesis
from texot.files.exemplar import read_exemplar
from texot.jobs.controls import SYMMETRIES, read_controls
from texot.jobs.directed import _simplex

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 3}
BARS = torch.arange(64).remainder(8).lt(4).float().expand(1, 64, 64)


def dark_and_light() -> tuple[Tensor, Tensor]:
    """Two textures that a threshold of one half tells apart."""
    return 0.1 + 0.2 * noise(1, 64, 64), 0.7 + 0.2 * clouds(1, 64, 64)


def made(exemplar: Any, size: Any = "64x64", **options: Any) -> Synthesis:
    return texot.synthesize(exemplar, size, **{**QUICK, **options})


def light_share(result: Synthesis) -> float:
    return float((result.image.mean(0) > 0.5).float().mean())


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_every_exemplar_has_its_share_of_the_result(share: float) -> None:
    dark, light = dark_and_light()
    result = made([light, dark], "96x96", proportions=[share, 1 - share])
    assert light_share(result) == pytest.approx(share, abs=0.03)


def test_without_proportions_shares_are_by_area() -> None:
    dark, light = dark_and_light()
    result = made([dark, light[:, :32]], "96x96")
    assert light_share(result) == pytest.approx(1 / 3, abs=0.03)
    assert result.field is None


def test_an_exemplar_with_all_the_share_is_alone() -> None:
    dark, light = dark_and_light()
    both, alone = made([dark, light], proportions=[0, 2]), made(light)
    assert torch.equal(both.image, alone.image)
    assert both.settings["proportions"] == [0, 1]


def test_the_order_of_exemplars_does_not_matter() -> None:
    dark, light = dark_and_light()
    a = made([dark, light], proportions=[0.3, 0.7])
    b = made([light, dark], proportions=[0.7, 0.3])
    assert torch.equal(a.image, b.image)
    assert a.settings["exemplar_sha256"] == b.settings["exemplar_sha256"][::-1]


def test_larger_areas_have_shorter_borders() -> None:
    def border(scale: float) -> float:
        light = made(list(dark_and_light()), "128x128", blend_scale=scale).image.mean(0) > 0.5
        return float((light != light.roll(1, 0)).float().mean() + (light != light.roll(1, 1)).float().mean())

    assert border(1) < 0.7 * border(0)


def test_texture_is_taken_from_the_source_only() -> None:
    dark, light = dark_and_light()
    whole = torch.cat([dark, light], 2)
    mask = np.zeros((64, 128), np.uint8)
    mask[:, 64:] = 255
    result = made(whole, source=mask)
    assert float(result.image.min()) > 0.5
    assert result.field is not None
    assert float(result.field[..., 0].min()) >= 64


@pytest.mark.slow
def test_bright_regions_of_a_weights_map_are_used_more_and_black_ones_never() -> None:
    exemplar = photograph(128, 128)

    def used(weight: float) -> float:
        """The share of the result that is from the left half."""
        weights = torch.cat([torch.full((128, 64), weight), torch.ones(128, 64)], 1)
        field = made(exemplar, "256x256", n_iter=8, weights_map=weights).field
        assert field is not None
        return float((field[..., 0] < 64).float().mean())

    none, few, half = used(0.0), used(0.25), used(1.0)
    assert none == 0
    assert few == pytest.approx(0.2, abs=0.08)
    assert half == pytest.approx(0.5, abs=0.08)


def test_every_region_gets_the_texture_of_its_label() -> None:
    dark, light = dark_and_light()
    labels = np.zeros((64, 128, 3), np.uint8)
    labels[:, 64:] = 200, 10, 10
    target = np.zeros((96, 64, 3), np.uint8)
    target[40:, 10:] = 200, 10, 10
    result = made(torch.cat([dark, light], 2), None, labels=labels, target_labels=target)
    assert result.image.shape[1:] == (96, 64)
    wanted = torch.from_numpy(target[..., 0] > 0)
    assert float(((result.image.mean(0) > 0.5) == wanted).float().mean()) > 0.95


def test_a_finished_result_does_not_record_that_it_was_stopped() -> None:
    """Also where the texture needs fewer scales than its size allows."""
    half = torch.zeros(36, 40)
    half[:, 20:] = 1
    image = 0.3 * noise(3, 36, 40) + 0.6 * half
    *_, state = texot.iter_synthesis(image, "48x32", quality="draft", labels=half, target_labels=half.T)
    assert state.total_step == state.total_steps
    assert "stopped_at" not in state.result().settings


def test_a_guide_is_followed_the_more_the_stronger() -> None:
    exemplar = photograph(64, 64)
    slope = torch.linspace(0, 1, 64).expand(64, 64)

    def likeness(strength: float) -> float:
        image = made(exemplar, guide=slope, guide_strength=strength).image.mean(0)
        return float(torch.corrcoef(torch.stack([image.flatten(), slope.flatten()]))[0, 1])

    none, some, much = likeness(0), likeness(0.4), likeness(1)
    assert abs(none) < 0.4
    assert none < some < much
    assert much > 0.6


@pytest.mark.slow
def test_no_strength_and_a_guide_of_one_colour_change_nothing() -> None:
    exemplar = photograph(48, 48)
    plain = made(exemplar, "48x48").image
    slope, grey = torch.linspace(0, 1, 48).expand(48, 48), torch.full((48, 48), 0.3)
    assert torch.equal(made(exemplar, "48x48", guide=slope, guide_strength=0).image, plain)
    assert torch.equal(made(exemplar, "48x48", guide=grey).image, plain)


def test_a_guide_exemplar_says_what_the_guide_means() -> None:
    dark, light = dark_and_light()
    whole = torch.cat([dark, light], 2)
    reverse = torch.cat([torch.ones(64, 64), torch.zeros(64, 64)], 1)  # dark texture where the guide is white
    guide = torch.zeros(64, 64)
    guide[:, :32] = 1
    result = made(whole, "64x64", guide=guide, guide_exemplar=reverse, guide_strength=1)
    image = result.image.mean(0)
    assert float(image[:, 4:28].mean()) < 0.4 < 0.6 < float(image[:, 36:60].mean())


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_classes_are_equally_far_from_each_other(count: int) -> None:
    corners = _simplex(count).T
    assert torch.allclose(torch.cdist(corners, corners), 1 - torch.eye(count), atol=1e-5)


@pytest.mark.parametrize(("symmetry", "copies"), [("flips", 4), ("rotations", 4), ("both", 8)])
def test_symmetry_gives_different_copies(symmetry: str, copies: int) -> None:
    part = read_controls(symmetry=symmetry).direct(
        [read_exemplar(noise(1, 8, 8))], [1.0], (8, 8), (True, True), torch.Generator()
    )
    assert part is not None
    images = {one.pixels.numpy().tobytes() for one in part.parts}
    assert len(images) == len(part.parts) == copies == len(SYMMETRIES[symmetry])


def test_turned_copies_are_used() -> None:
    scratches = clouds(1, 64, 512, sigma=3)[:, :, ::8]  # longer than wide, along y

    def across(symmetry: str) -> float:
        image = made(scratches, "128x128", symmetry=symmetry).image[0]
        return float(image.diff(dim=0).abs().mean() / image.diff(dim=1).abs().mean())

    assert across("rotations") > 1.3 * across("none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proportions": [1]}, "for several exemplars"),
        ({"blend_scale": 0.5}, "for several exemplars"),
        ({"labels": BARS}, "belong together"),
        ({"guide_strength": 0.5}, "belong to a guide"),
        ({"guide": BARS, "guide_strength": 2}, "guide_strength"),
        ({"symmetry": "all"}, "symmetry must be one of"),
        ({"source": torch.ones(9, 64)}, "give one of the exemplar's size"),
        ({"weights_map": torch.zeros(64, 64)}, "leave nothing of the exemplar"),
        ({"symmetry": "flips", "preset": "paper"}, "take no preset"),
        ({"symmetry": "flips", "copy": True}, "copy takes one exemplar"),
        ({"symmetry": "flips", "attempts": 2}, "attempts are compared"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        made(BARS, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proportions": [1]}, "1 weights for 2 exemplars"),
        ({"proportions": [0, 0]}, "all weights are 0"),
        ({"source": BARS}, "source is for one exemplar"),
        ({"blend_scale": -1}, "blend_scale"),
    ],
)
def test_what_does_not_fit_several_exemplars_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made([BARS, 1 - BARS], **options)


def test_a_copy_with_a_weights_map_has_values_of_the_exemplar() -> None:
    exemplar = photograph(48, 48)
    weights = torch.linspace(0.1, 1, 48).expand(48, 48)
    result = made(exemplar, "40x40", weights_map=weights, copy=True)
    colours = {tuple(c) for c in exemplar.flatten(1).T.tolist()}
    assert {tuple(c) for c in result.image.flatten(1).T.tolist()} <= colours
