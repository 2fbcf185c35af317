"""Inpainting: known pixels stay, holes take the texture around them."""

import gc
import logging

import numpy as np
import pytest
import torch
from PIL import Image
from textures import clouds, noise, photograph
from torch import Tensor

import texot
from texot.errors import InputError
from texot.files.original import read_original
from texot.jobs.inpainting import find_hole
from texot.kernels import laguerre_cells

QUICK = {"quality": "draft", "n_iter": 8}


def square(height: int, width: int, top: int, left: int, side: int) -> Tensor:
    mask = torch.zeros(height, width)
    mask[top : top + side, left : left + side] = 1
    return mask


@pytest.mark.slow
def test_known_pixels_stay_and_the_hole_is_filled() -> None:
    image, mask = photograph(64, 80), square(64, 80, 20, 30, 24)
    found = texot.inpaint(torch.where(mask > 0, 0.0, image), mask, **QUICK)
    known = mask == 0
    assert torch.equal(found.image[:, known], image[:, known])
    assert float(found.image[:, ~known].std()) > 0.5 * float(image.std())
    assert found.settings["job"] == "inpaint"
    assert len(found.losses) == found.losses[-1].step * len({r.scale for r in found.losses})


@pytest.mark.slow
def test_what_the_hole_held_plays_no_part() -> None:
    image, mask = photograph(48, 48), square(48, 48, 10, 12, 16)
    a, b = (texot.inpaint(torch.where(mask > 0, value, image), mask, **QUICK).image for value in (0.0, 1.0))
    assert torch.equal(a, b)


@pytest.mark.slow
def test_same_seed_same_bytes() -> None:
    image, mask = photograph(48, 48), square(48, 48, 10, 12, 16)
    a, b, c = (texot.inpaint(image, mask, seed=seed, **QUICK).image for seed in (3, 3, 4))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.mark.slow
def test_each_side_is_continued_by_its_own_texture() -> None:
    top, bottom = 0.6 + 0.4 * clouds(3, 48, 96, seed=1), 0.4 * clouds(3, 48, 96, seed=2, sigma=3)
    image, mask = torch.cat([top, bottom], 1), square(96, 96, 32, 32, 32)
    found = texot.inpaint(image, mask, quality="draft").image
    inside = found[:, 32:64, 32:64].mean(0)
    assert float((inside[:12] > 0.5).float().mean()) > 0.9
    assert float((inside[20:] < 0.5).float().mean()) > 0.9


@pytest.mark.slow
def test_bricks_are_continued_whole_and_in_their_courses() -> None:
    rows, columns = torch.arange(128)[:, None], torch.arange(128)
    joints = ((columns + 16 * (rows // 16 % 2)) % 32 < 4) | (rows % 16 < 4)
    bricks = torch.where(joints, 0.2, 0.7)[None] + 0.1 * noise(1, 128, 128)
    mask = square(128, 128, 40, 40, 48)
    found = texot.inpaint(torch.where(mask > 0, 0.5, bricks), mask, quality="draft").image
    inside = (found < 0.5)[0, 40:88, 40:88]
    assert float((inside == joints[40:88, 40:88]).float().mean()) > 0.95


@pytest.mark.slow
def test_what_is_far_away_is_not_used() -> None:
    image = 0.3 * clouds(3, 64, 256)
    image[:, :, 160:] += 0.6
    found = texot.inpaint(image, square(64, 256, 20, 20, 24), reach=16, **QUICK).image
    assert float(found[:, 20:44, 20:44].max()) < 0.5


@pytest.mark.parametrize("name", ["gravel", "grass_gray"])
def test_no_seam(name: str) -> None:
    image, mask = photograph(96, 96, name), square(96, 96, 32, 32, 32)
    found = texot.inpaint(image, mask, quality="draft").image
    across = (found[:, :, 1:] - found[:, :, :-1]).abs().mean(0)
    down = (found[:, 1:] - found[:, :-1]).abs().mean(0)
    edge = torch.cat([across[32:64, [31, 63]].flatten(), down[[31, 63], 32:64].flatten()]).mean()
    outside = torch.cat([across[32:64, :31].flatten(), down[:31, 32:64].flatten()]).mean()
    assert 0.7 < float(edge / outside) < 1.4


@pytest.mark.slow
@pytest.mark.parametrize("tile", ["none", "both", "x"])
@pytest.mark.parametrize("corner", [(0, 0), (40, 0), (40, 44)])
def test_holes_at_the_border(corner: tuple[int, int], tile: str) -> None:
    image, mask = clouds(3, 56, 60), square(56, 60, *corner, 16)
    found = texot.inpaint(image, mask, tile=tile, **QUICK).image
    assert torch.equal(found[:, mask == 0], image[:, mask == 0])
    assert 0.5 < float(found[:, mask > 0].std() / image.std()) < 1.5


def test_one_pixel_in_the_corner() -> None:
    image, mask = clouds(1, 33, 31), square(33, 31, 32, 30, 1)
    image[0, 32, 30] = 5e-3
    found = texot.inpaint(image, mask, **QUICK).image
    assert abs(float(found[0, 32, 30] - image[0, 32, 29])) < 0.25


@pytest.mark.slow
def test_holes_far_apart_are_filled_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    image = clouds(3, 64, 640)
    mask = square(64, 640, 8, 8, 12) + square(64, 640, 40, 610, 12)
    states = []
    with caplog.at_level(logging.INFO, "texot"):
        found = texot.inpaint(torch.where(mask > 0, 0.0, image), mask, callback=states.append, **QUICK)
    assert "2 holes" in caplog.text
    assert [s.total_step for s in states] == list(range(1, states[0].total_steps + 1))
    assert len(found.losses) == states[-1].total_steps
    for part in (found.image[:, 8:20, 8:20], found.image[:, 40:52, 610:622]):
        assert float(part.mean()) > 0.2
    assert torch.equal(found.image[:, mask == 0], image[:, mask == 0])
    first = states[0].image  # a state kept from the first hole shows what was there then
    assert float(first[:, 40:52, 610:622].min()) > 0.1  # smooth as yet, for whoever stops here


def test_near_holes_are_one_problem() -> None:
    image, mask = clouds(1, 200, 200), torch.zeros(200, 200)
    for place in range(10, 190, 40):
        mask[place : place + 5, ::40] = 1
    states = list(texot.iter_inpaint(image, mask, quality="draft", n_iter=2))
    assert len(states) == states[0].n_scales * 2


def test_all_targets_are_searched_for_what_moves_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counting(x: Tensor, *rest: Tensor, **options: str) -> Tensor:
        asked.append(len(x))
        return laguerre_cells(x, *rest, **options)

    monkeypatch.setattr("texot.field.search.laguerre_cells", counting)
    image, mask = clouds(1, 256, 256), torch.zeros(256, 256)
    for place in range(20, 240, 40):
        mask[place : place + 4, 20:240:40] = 1
    texot.inpaint(image, mask, quality="draft", n_iter=1)
    assert asked
    assert max(asked) < 1024, "of some thousand patches, those away from the holes were searched too"


def _bytes_of_tensors(step: int, mask: Tensor, image: Tensor) -> int:
    """Bytes of all tensors that are alive at a step of a job."""
    alive = 0
    for state in texot.iter_inpaint(image, mask, quality="draft", n_iter=1):
        if state.total_step == step:
            gc.collect()
            alive = sum(t.numel() * t.element_size() for t in gc.get_objects() if type(t) is Tensor)
    return alive


@pytest.mark.slow
def test_memory_is_flat_in_the_number_of_holes() -> None:
    image, few, many = clouds(1, 24, 4800), torch.zeros(24, 4800), torch.zeros(24, 4800)
    many[8:12, 8::600] = 1
    few[8:12, 8:1300:600] = 1
    holes = int(many[8].sum())
    grown = _bytes_of_tensors(holes, many, image) - _bytes_of_tensors(int(few[8].sum()), few, image)
    assert grown < 0.5 * image.numel() * 4, "five more holes keep half a photograph more"


def test_dead_pixels_are_filled_from_around_without_a_search_for_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    laid = []
    monkeypatch.setattr("texot.jobs.hole.onion_fill", lambda *_, **__: laid.append(1))
    image = clouds(1, 64, 64, sigma=3)
    dead = torch.rand(64, 64, generator=torch.Generator().manual_seed(0)) < 0.03
    found = texot.inpaint(torch.where(dead, 1.0, image), dead, quality="draft").image
    assert not laid
    assert float((found - image)[:, dead].abs().mean()) < 0.05


@pytest.mark.parametrize(
    ("missing", "most"), [(0.5, 0.05), (0.8, 0.1), (0.9, 0.2), (0.95, 0.3), (0.999, 1.2)]
)
def test_most_pixels_may_be_missing(missing: float, most: float) -> None:
    """What is left unexplained, as a share of the photograph's variance."""
    image = photograph(256, 256)
    gone = torch.rand(256, 256, generator=torch.Generator().manual_seed(0)) < missing
    found = texot.inpaint(torch.where(gone, 0.0, image), gone, quality="draft").image
    assert torch.equal(found[:, ~gone], image[:, ~gone])
    assert float((found - image).square().mean() / image.var()) < most


def test_pixels_that_lie_apart_are_interpolated(caplog: pytest.LogCaptureFixture) -> None:
    """There is no patch of two known pixels a side."""
    image = clouds(3, 64, 64, sigma=4)
    gone = torch.ones(64, 64, dtype=torch.bool)
    gone[::2, 1::2] = gone[1::2, ::2] = False
    found = texot.inpaint(torch.where(gone, 0.0, image), gone)
    assert "they are interpolated" in caplog.text
    assert len(found.losses) == 1
    assert float((found.image - image).abs().mean()) < 0.02
    caplog.clear()
    corner = torch.ones(64, 64, dtype=torch.bool)
    corner[:20, :20] = False  # as few, but a texture
    texot.inpaint(image, corner, **QUICK)
    assert "interpolated" not in caplog.text


def test_a_photograph_that_memory_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its size, so it is not reduced: what is near the holes counts most."""
    monkeypatch.setattr("texot.solver.memory_checks.memory_limit", lambda: 400_000_000)
    image = torch.zeros(3, 700, 700)
    texot.inpaint(image, square(700, 700, 300, 300, 4), reach=8, **QUICK)
    refused = (
        r"700x700 px would take about 0\.5 GiB of memory and there are 0\.4 GiB: make it smaller, or cut"
    )
    with pytest.raises(InputError, match=refused):
        texot.inpaint(image, square(700, 700, 50, 50, 600))
    with pytest.raises(InputError, match=refused):
        texot.make_tileable(image, band=64)


@pytest.mark.slow
def test_odd_sizes() -> None:
    image, mask = clouds(3, 121, 133), square(121, 133, 80, 90, 40)
    found = texot.inpaint(image, mask, n_scales=2, **QUICK).image
    assert torch.equal(found[:, mask == 0], image[:, mask == 0])


def test_a_scratch_heals() -> None:
    image = clouds(1, 64, 64, sigma=3)
    mask = torch.zeros(64, 64)
    mask[31:33, 5:60] = 1
    found = texot.inpaint(torch.where(mask > 0, 1.0, image), mask, quality="draft").image
    assert float((found - image)[:, mask > 0].abs().mean()) < 0.05


@pytest.mark.slow
def test_only_the_neighbourhood_is_computed() -> None:
    image, mask = clouds(1, 1000, 1000), square(1000, 1000, 450, 450, 10)
    state = next(iter(texot.iter_inpaint(image, mask, **QUICK)))
    assert state._image.args[-1].numel() < 300**2  # type: ignore[attr-defined]
    assert state.image.shape == (1, 1000, 1000)


def test_transparent_pixels_are_filled_and_opaque_then() -> None:
    values = np.random.default_rng(0).integers(0, 256, (48, 48, 4), dtype=np.uint8)
    values[..., 3] = 255
    values[10:20, 10:20, 3] = 0
    found = texot.inpaint(Image.fromarray(values), **QUICK)
    assert found.mode == "RGBA"
    back = np.asarray(found.to_pil())
    known = values[..., 3] > 0
    assert (back[known] == values[known]).all()
    assert (back[..., 3] == 255).all()
    assert not (back[~known][:, :3] == values[~known][:, :3]).all()


def test_alpha_beside_a_mask_is_kept() -> None:
    values = np.random.default_rng(0).integers(0, 256, (48, 48, 4), dtype=np.uint8)
    values[:, :30, 3] = 255
    mask = square(48, 48, 8, 8, 12)
    back = np.asarray(texot.inpaint(values, mask, **QUICK).to_pil())
    known = mask.numpy() == 0
    assert (back[known] == values[known]).all()
    assert (back[~known][:, 3] == 255).all()


def test_16_bit_grey_is_kept() -> None:
    values = np.random.default_rng(0).integers(0, 65536, (40, 40), dtype=np.uint16)
    mask = square(40, 40, 8, 8, 12)
    found = texot.inpaint(values, mask, **QUICK)
    assert found.mode == "I;16"
    known = mask.numpy() == 0
    assert (np.asarray(found.to_pil())[known] == values[known]).all()


@pytest.mark.slow
def test_texture_from_a_source_mask_or_another_image() -> None:
    image = 0.3 * clouds(3, 64, 128)
    image[:, :, 64:] += 0.6
    hole, source = square(64, 128, 20, 10, 24), torch.zeros(64, 128)
    source[:, 70:] = 1
    there = texot.inpaint(image, hole, source=source, quality="draft").image[:, 24:40, 14:30]
    assert float(there.mean()) > 0.5
    other = texot.inpaint(image, hole, exemplar=0.6 + 0.4 * clouds(1, 40, 50), quality="draft").image
    assert float(other[:, 24:40, 14:30].mean()) > 0.5


def test_masks_are_inverted_and_thresholded(caplog: pytest.LogCaptureFixture) -> None:
    image, mask = noise(1, 40, 40), square(40, 40, 8, 8, 12)
    a = texot.inpaint(image, mask, **QUICK).image
    b = texot.inpaint(image, 1 - mask, invert_mask=True, **QUICK).image
    with caplog.at_level(logging.INFO, "texot"):
        c = texot.inpaint(image, mask * 0.2 + 0.35, **QUICK).image
    assert torch.equal(a, b)
    assert torch.equal(a, c)
    assert "1600 grey pixels" in caplog.text


@pytest.mark.parametrize(
    ("mask", "options", "word"),
    [
        (None, {}, "transparent"),
        (torch.zeros(40, 40), {}, "nothing to fill"),
        (torch.ones(40, 40), {}, "whole image"),
        (torch.zeros(40, 41), {}, "41x40"),
        (square(40, 40, 1, 1, 38), {}, "not enough"),
        (square(40, 40, 8, 8, 12), {"source": square(40, 40, 9, 9, 4)}, "source"),
        (square(40, 40, 8, 8, 12), {"source": square(40, 40, 1, 1, 4), "exemplar": noise(1, 9, 9)}, "one of"),
        (square(40, 40, 8, 8, 12), {"exemplar": noise(5, 20, 20)}, "5 channels"),
        (square(40, 40, 8, 8, 12), {"reach": 0}, "reach"),
        (square(40, 40, 8, 8, 12), {"tile": "z"}, "tile"),
        (square(40, 40, 8, 8, 12), {"n_scales": 9}, "n-scales"),
    ],
)
def test_wrong_input(mask: Tensor | None, options: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        texot.iter_inpaint(noise(3, 40, 40), mask, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_lies_near_but_does_not_go_on_in_the_hole_is_left_out() -> None:
    generator = torch.Generator().manual_seed(0)
    sky = torch.linspace(0.4, 0.6, 96).expand(1, 96, 96).clone()
    wall = slice(64, 96)
    sky[:, wall] = torch.rand(1, 32, 96, generator=generator)
    hole = torch.zeros(96, 96)
    hole[24:48, 30:60] = 1
    filled = texot.inpaint(sky, hole, quality="draft").image
    assert float((filled - sky)[:, hole > 0].square().mean().sqrt()) < 0.015


def test_a_difference_of_tint_has_no_edge() -> None:
    """A photograph brighter than what it is filled from: next to the hole's edge, the fill is too."""
    texture = 0.8 * photograph(96, 96, "gravel")
    bright, mask = texture + 0.15, square(96, 96, 30, 30, 36)
    found = texot.inpaint(bright, mask, exemplar=texture, quality="draft").image
    edge, outside = found[:, 30, 30:66].mean(), bright[:, 29, 30:66].mean()
    assert float((edge - outside).abs()) < 0.06


@pytest.mark.slow
def test_what_is_left_out_or_marked_by_mistake_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="texot")
    alpha = torch.ones(1, 64, 64)
    alpha[:, :, 40:] = 0
    image = torch.cat([clouds(3, 64, 64), alpha]).movedim(0, -1).numpy()
    mask = torch.zeros(1, 64, 64)
    mask[:, 20:30, 10:20] = 1
    texot.inpaint(image, mask, quality="draft", n_iter=1)
    assert "38% of it is transparent and left out" in caplog.text
    caplog.clear()
    texot.make_tileable(image, alpha="mask", quality="draft", n_iter=1)
    assert "38% of it is transparent and left out" in caplog.text
    black = torch.cat([torch.zeros_like(mask), 1 - mask]).movedim(0, -1).numpy()  # with a transparent hole
    hole = find_hole(read_original(image), black)
    assert "98% of the mask is painted: --invert-mask marks what is not" in caplog.text
    assert torch.equal(find_hole(read_original(image), black, invert=True), ~hole)


@pytest.mark.parametrize("job", ["inpaint", "make_tileable"])
def test_the_refusal_comes_before_all_pixels_are_looked_at(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_at(*_: object) -> None:
        raise AssertionError("work before the refusal")

    monkeypatch.setattr("texot.solver.memory_checks.memory_limit", lambda: 310_000_000)
    for module in ("inpainting", "tiling"):
        monkeypatch.setattr(f"texot.jobs.{module}.choose_palette", looked_at)
    monkeypatch.setattr("texot.jobs.tiling.tiling_axes", looked_at)
    image, hole = clouds(3, 400, 400), torch.zeros(400, 400)
    hole[100:120, 100:120] = 1
    with pytest.raises(texot.InputError, match=r"photograph of 400x400 px would take about .* GiB of memory"):
        texot.inpaint(image, hole) if job == "inpaint" else texot.make_tileable(image)
