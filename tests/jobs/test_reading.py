"""How jobs read images: alpha, sizes of exemplars, normal maps."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from textures import SAMPLES, clouds
from torch import Tensor

import texot
from texot.errors import InputError
from texot.files.exemplar import read_exemplar
from texot.files.original import read_original
from texot.files.sizes import at_most, exemplar_side
from texot.generator.blend import read_textures
from texot.memory import memory_limit

QUICK: dict[str, Any] = {"quality": "draft", "n_iter": 3, "device": "cpu"}


def leaves(height: int = 40, width: int = 44) -> np.ndarray:
    """RGBA: spots of soft alpha (from 250 down to 0) on nothing."""
    spots = clouds(1, height, width, seed=3, sigma=3)[0]
    colours = (clouds(3, height, width, seed=4) * 255).round()
    alpha = ((spots - 0.3) * 8).clamp(0, 1) * 250
    return torch.cat([colours, alpha[None]]).permute(1, 2, 0).numpy().astype(np.uint8)


# ------------------------------------------------------------------------------------------ alpha


def test_soft_alpha_is_known() -> None:
    values = leaves()
    source = read_exemplar(values)
    assert source.mask is not None
    np.testing.assert_array_equal(source.mask.numpy(), values[..., 3] > 127)
    values[..., 3] = 250
    assert read_exemplar(values).mask is None
    result = texot.synthesize(values, **QUICK)
    assert float(result.image.std()) > 0.05


def test_much_that_is_left_out_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "texot"):
        texot.synthesize(leaves(), **QUICK)
    assert caplog.text.count("is transparent and left out") == 1


def test_known_pixels_of_soft_alpha_stay_to_the_byte() -> None:
    values = leaves()
    values[..., 3] = np.maximum(values[..., 3], 240)
    values[8:16, 8:16, 3] = 3
    back = np.asarray(texot.inpaint(Image.fromarray(values), **QUICK).to_pil())
    known = values[..., 3] >= 128
    assert (back[known] == values[known]).all()
    assert (back[~known][:, 3] == 255).all()


def test_ignored_alpha_is_dropped() -> None:
    values, spot = leaves(), np.zeros((40, 44), bool)
    spot[8:16, 8:16] = True
    for result in (
        texot.synthesize(values, alpha="ignore", **QUICK),
        texot.make_tileable(values, alpha="ignore", **QUICK),
        texot.inpaint(values, spot, alpha="ignore", **QUICK),
    ):
        assert result.mode == "RGB"
        assert result.settings["alpha"] == "ignore"
    clear = values.copy()
    clear[..., 3] = 0
    assert texot.synthesize(clear, alpha="ignore", **QUICK).mode == "RGB"
    with pytest.raises(InputError, match="--alpha ignore or channel"):
        texot.synthesize(clear, **QUICK)


@pytest.mark.parametrize("grey", [False, True])
def test_alpha_as_a_channel(grey: bool) -> None:
    values = leaves()[..., 2:] if grey else leaves()
    result = texot.synthesize(values, "48x40", alpha="channel", **QUICK)
    assert result.mode == ("LA" if grey else "RGBA")
    have, want = result.image[-1], torch.from_numpy(values[..., -1] / 255)
    assert float((have > 0.5).float().mean()) == pytest.approx(float((want > 0.5).float().mean()), abs=0.2)
    assert result.to_pil().mode == result.mode
    again = texot.make_variation(result, **QUICK)
    assert again.mode == result.mode


def test_an_opaque_channel_is_none() -> None:
    values = leaves()
    values[..., 3] = 255
    assert read_exemplar(values, alpha="channel").mode == "RGB"
    assert read_original(values, alpha="channel").pixels.shape[0] == 3


def test_tiles_of_transparent_images_have_no_opaque_frame() -> None:
    values = leaves(48, 48)
    values[:24, :, 3] = 0
    result = texot.make_tileable(values, **QUICK)
    assert result.mode == "RGBA"
    assert float(result.image[3, 4:18].mean()) < 0.2  # above was nothing, at the sides too
    assert (np.asarray(result.to_pil())[12:-12, 12:-12] == values[12:-12, 12:-12]).all()


def test_mixtures_with_and_without_alpha() -> None:
    values = leaves()
    result = texot.interpolate([values, values[..., :3], values[..., 0]], alpha="channel", **QUICK)
    assert result.mode == "RGBA"
    assert result.image.shape == (4, 40, 44)


@pytest.mark.parametrize("job", ["synthesize", "make_tileable", "interpolate"])
def test_what_is_no_alpha(job: str) -> None:
    source: Any = [leaves(), leaves()] if job == "interpolate" else leaves()
    with pytest.raises(InputError, match="alpha must be one of mask, ignore, channel, not 'keep'"):
        getattr(texot, job)(source, alpha="keep")


# ---------------------------------------------------------------------------------- exemplar size


@pytest.mark.parametrize("size", [(100, 100), (40, 250), (1, 10_000), (3000, 2), (99, 101)])
def test_reduced_sizes_keep_their_shape(size: tuple[int, int]) -> None:
    width, height = at_most(50)(size)
    assert width * height <= 2500
    assert width >= 1
    if min(width, height) > 5:
        assert width / height == pytest.approx(size[0] / size[1], rel=0.1)
    assert at_most(100)((100, 100)) == (100, 100)


@pytest.mark.parametrize(
    ("have", "side"), [(None, 4096), (2**40, 4096), (2**33, 2048), (2**30, 1024), (2**20, 512)]
)
def test_little_memory_means_smaller_exemplars(
    monkeypatch: pytest.MonkeyPatch, have: int | None, side: int
) -> None:
    monkeypatch.setattr("texot.files.sizes.memory_limit", lambda: have)
    assert exemplar_side(None) == side
    assert exemplar_side(100) == 100


@pytest.mark.parametrize("value", [0, 15, 10**7, 2.5, True, "64"])
def test_what_is_no_exemplar_size(value: Any) -> None:
    with pytest.raises(InputError, match="exemplar_size must be"):
        texot.synthesize(leaves(), exemplar_size=value)


@pytest.mark.parametrize("kind", ["file", "jpeg", "array", "mask"])
def test_a_large_exemplar_is_reduced_and_said(
    tmp_path: Any, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = (clouds(3, 120, 160, sigma=6) * 255).byte().permute(1, 2, 0).numpy()
    source: Any = values
    if kind == "mask":
        alpha = np.full((120, 160, 1), 255, np.uint8)
        alpha[:60] = 0
        values //= 2
        values[:60] = 255
        source = Image.fromarray(np.dstack([values, alpha]))
    elif kind != "array":
        source = tmp_path / ("a.jpg" if kind == "jpeg" else "a.png")
        Image.fromarray(values).save(source)
    with caplog.at_level(logging.INFO, "texot"):
        found = read_exemplar(source, fit=at_most(32))
    assert found.size == (36, 27)
    assert found.reduced
    assert caplog.text.count("160x120 px: reduced to 36x27 (see --exemplar-size)") == 1
    if kind == "mask":
        assert found.mask is not None
        assert abs(int(found.mask.sum()) - 36 * 13.5) <= 36
        assert float(found.pixels[:, found.mask].max()) < 0.6  # the white of what is transparent stayed out
    else:
        want = torch.nn.functional.interpolate(
            torch.from_numpy(values).permute(2, 0, 1)[None] / 255, size=(27, 36), mode="area"
        )[0]
        assert float((found.pixels - want).abs().mean()) < 0.03


@pytest.mark.slow
def test_jobs_reduce_and_record_it(monkeypatch: pytest.MonkeyPatch) -> None:
    image = clouds(3, 64, 64)
    result = texot.synthesize(image, exemplar_size=32, **QUICK)
    assert result.image.shape == (3, 32, 32)
    assert result.settings["exemplar_size"] == 32
    assert texot.synthesize(image, exemplar_size=64, **QUICK).image.shape == (3, 64, 64)
    monkeypatch.setattr("texot.files.sizes.MAX_EXEMPLAR", 32)
    monkeypatch.setattr("texot.files.sizes.MIN_EXEMPLAR", 32)
    by_itself = texot.synthesize(image, **QUICK)
    assert torch.equal(by_itself.image, result.image)
    assert by_itself.settings["exemplar_size"] == 32
    mixed = texot.interpolate([image, clouds(3, 24, 24)], **QUICK)
    assert (mixed.image.shape, mixed.settings["exemplar_size"]) == ((3, 32, 32), 32)
    hole = torch.zeros(40, 40)
    hole[8:20, 8:20] = 1
    filled = texot.inpaint(clouds(3, 40, 40), hole, exemplar=image, **QUICK)
    assert (filled.image.shape, filled.settings["exemplar_part"]) == ((3, 40, 40), 32)


def test_training_reduces_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("texot.files.sizes.MAX_EXEMPLAR", 32)
    monkeypatch.setattr("texot.files.sizes.MIN_EXEMPLAR", 32)
    with caplog.at_level(logging.INFO, "texot"):
        one = read_textures(clouds(3, 64, 64))[1]
        several = read_textures([clouds(3, 64, 64, seed=k) for k in range(2)])[1]
    assert [source.size for source in (*one, *several)] == [(32, 32)] * 3
    assert caplog.text.count("reduced to 32x32") == 3


def test_the_memory_of_a_control_group(tmp_path: Any) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    there = memory_limit(tmp_path)
    for line, folder, name in (
        ("0::/job/step\n", "sys/fs/cgroup/job", "memory.max"),
        ("4:cpu,memory:/job/step\n", "sys/fs/cgroup/memory/job", "memory.limit_in_bytes"),
    ):
        (tmp_path / "proc/self/cgroup").write_text("1:cpu:/other\n" + line)
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text("max\n")
        assert memory_limit(tmp_path) == there
        (tmp_path / folder / name).write_text("12345678\n")
        assert memory_limit(tmp_path) == 12345678
        (tmp_path / folder / name).unlink()


# ------------------------------------------------------------------------------------ normal maps


def normals() -> Tensor:
    """A piece of a normal map that ships."""
    with Image.open(SAMPLES / "pbr/brick_old/normal.png") as image:
        values = np.asarray(image.convert("RGB"))[200:248, 200:248]
    return torch.from_numpy(values.copy()).permute(2, 0, 1) / 255


@pytest.mark.slow
@pytest.mark.parametrize("job", ["synthesize", "make_tileable", "interpolate"])
def test_normal_maps_are_named(job: str, caplog: pytest.LogCaptureFixture) -> None:
    source: Any = [normals(), 1 - clouds(3, 48, 48)] if job == "interpolate" else normals()
    getattr(texot, job)(source, **QUICK)
    assert caplog.text.count("looks like a normal map") == 1


@pytest.mark.parametrize("name", sorted(p.name for p in SAMPLES.glob("*.[jp][pn]g")))
def test_photographs_are_no_normal_maps(name: str, caplog: pytest.LogCaptureFixture) -> None:
    texot.iter_synthesis(SAMPLES / name)
    assert "normal map" not in caplog.text


def test_a_blue_sky_is_no_normal_map(caplog: pytest.LogCaptureFixture) -> None:
    sky = torch.tensor([0.35, 0.55, 0.95])[:, None, None] + 0.02 * clouds(3, 40, 40)
    texot.iter_synthesis(sky)
    assert "normal map" not in caplog.text


def test_large_exemplars_of_a_generator_are_reduced() -> None:
    wide = clouds(1, 600, 800, sigma=4)
    (found,) = read_textures(wide)[1]
    width, height = found.size
    assert 508 * 508 < width * height <= 512**2
    assert width / height == pytest.approx(4 / 3, rel=0.01)
    (whole,) = read_textures(wide, 1024)[1]
    assert whole.size == (800, 600)
