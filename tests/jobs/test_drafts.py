"""Drafts of photographs: reduced, and results that start from them and keep their layout."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import texot
from texot import InputError
from texot.evaluation import seam_score
from texot.files.exemplar import read_exemplar

GRAVEL = Path(__file__).parents[2] / "samples" / "gravel.jpg"
SIDE = 256


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return read_exemplar(GRAVEL).pixels[:, :SIDE, :SIDE].contiguous()


@pytest.fixture(scope="module")
def hole() -> Tensor:
    found = torch.zeros(SIDE, SIDE)
    found[60:180, 70:190] = 1
    return found


def blurred(image: Tensor, sigma: float = 2.0) -> Tensor:
    """The grey image (H, W), blurred."""
    steps = torch.arange(-6, 7)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    grey = F.pad(image.mean(0)[None, None], (6, 6, 6, 6), mode="reflect")
    return F.conv2d(F.conv2d(grey, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[0, 0]


def correlation(one: Tensor, other: Tensor, where: Tensor) -> float:
    """Of two images, blurred, in a mask (H, W) bool."""
    return float(torch.corrcoef(torch.stack([blurred(one)[where], blurred(other)[where]]))[0, 1])


def small(image: Tensor, side: int) -> Tensor:
    return F.interpolate(image[None], size=(side, side), mode="area")[0]


@pytest.mark.slow
@pytest.mark.parametrize("side", [SIDE, SIDE // 2])
def test_a_fill_keeps_the_layout_of_its_draft(photo: Tensor, hole: Tensor, side: int) -> None:
    inner = F.max_pool2d(1 - hole[None], 9, 1, 4)[0] == 0
    draft = texot.inpaint(photo, hole, quality="draft", seed=3, image_size=side)
    assert draft.image.shape == (3, side, side)
    shown = F.interpolate(draft.image[None], size=(SIDE, SIDE), mode="bicubic")[0]
    final = texot.inpaint(photo, hole, seed=3, init=draft.image, n_scales=1 if side == SIDE else 2)
    assert correlation(final.image, shown, inner) > 0.9
    assert (final.image[:, hole == 0] == photo[:, hole == 0]).all()
    if side < SIDE:  # the same seed in another size is another layout
        other = texot.inpaint(photo, hole, seed=3)
        assert correlation(other.image, shown, inner) < 0.8


@pytest.mark.slow
@pytest.mark.parametrize("side", [SIDE, SIDE // 2])
def test_a_tile_keeps_the_layout_of_its_draft(photo: Tensor, side: int) -> None:
    draft = texot.make_tileable(photo, quality="draft", seed=3, image_size=side)
    assert draft.image.shape == (3, side, side)
    final = texot.make_tileable(photo, seed=3, init=draft.image, n_scales=1 if side == SIDE else 2)
    there = (small(photo, side) - draft.image).abs().amax(0)
    moved = F.interpolate((there > 0.1).float()[None, None], size=(SIDE, SIDE))[0, 0] > 0
    assert 0.01 < float(moved.float().mean()) < 0.5
    shown = F.interpolate(draft.image[None], size=(SIDE, SIDE), mode="bicubic")[0]
    assert correlation(final.image, shown, moved) > 0.9
    assert (final.image[:, 40:-40, 40:-40] == photo[:, 40:-40, 40:-40]).all()
    assert seam_score(final.image, periodic=(True, True)) < 1.6


def test_a_reduced_photograph_is_its_mean(photo: Tensor, hole: Tensor) -> None:
    result = texot.inpaint(photo, hole, quality="draft", image_size=64, n_scales=1, n_iter=1)
    near = F.max_pool2d(hole[None], 4)[0] > 0
    assert torch.allclose(result.image[:, ~near], small(photo, 64)[:, ~near])
    assert result.settings["image_size"] == 64
    same = texot.inpaint(photo, hole, quality="draft", image_size=SIDE, n_scales=1, n_iter=1)
    assert (same.image[:, hole == 0] == photo[:, hole == 0]).all()


def test_transparent_pixels_do_not_bleed_into_a_reduced_photograph() -> None:
    photo = torch.full((4, 64, 64), 0.5)
    photo[3] = 1
    photo[3, 10:21, 10:21] = 0
    photo[:3, 10:21, 10:21] = 1.0
    result = texot.inpaint(photo, quality="draft", image_size=32, n_scales=1, n_iter=1)
    assert float((result.image[:3] - 0.5).abs().max()) < 1e-3


def test_a_start_image_of_another_kind_is_refused(photo: Tensor, hole: Tensor) -> None:
    with pytest.raises(InputError, match="init has 5 channels"):
        texot.inpaint(photo, hole, init=torch.rand(5, 8, 8))
    with pytest.raises(InputError, match="whole number"):
        texot.make_tileable(photo, image_size=1.5)  # type: ignore[arg-type]
