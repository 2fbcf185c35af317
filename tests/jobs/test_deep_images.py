"""Images of more than 8 bits a channel in all jobs: results in their depth, copied pixels exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import texot
from texot.errors import InputError, OutputError
from texot.files.deep import read_deep, write_deep
from texot.files.deep_image import DeepImage
from texot.files.depth import Depth
from texot.files.write import write_image

SIDE = 40
QUICK: dict[str, Any] = {"quality": "draft", "n_scales": 2, "n_iter": 3, "patch_size": 3}


def distinct(dtype: str, channels: int = 3) -> np.ndarray:
    """A texture whose values are all distinct; floats from -1 to 10000."""
    rng = np.random.default_rng(0)
    count = SIDE * SIDE * channels
    values = rng.permutation(count).reshape(SIDE, SIDE, channels)
    if dtype == "u2":
        found: np.ndarray = (values * (65535 // count)).astype(np.uint16)
        assert len(np.unique(found)) == count
        return found
    return (10.0 ** (values / count * 4) - 2).astype(dtype)


def stands_in(found: np.ndarray, given: np.ndarray) -> bool:
    """Whether every pixel of an image is a pixel of another."""
    pixels = {tuple(pixel) for pixel in given.reshape(-1, given.shape[2]).tolist()}
    return {tuple(pixel) for pixel in found.reshape(-1, found.shape[2]).tolist()} <= pixels


def values_of(result: texot.Synthesis) -> np.ndarray:
    deep = result.deep_image()
    assert deep is not None
    return deep.values


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_copied_pixels_are_pixels_of_the_exemplar(dtype: str, tmp_path: Path) -> None:
    given = distinct(dtype)
    result = texot.synthesize(given, (48, 36), copy=True, **QUICK)
    found = values_of(result)
    assert found.dtype == given.dtype
    assert found.shape == (36, 48, 3)
    assert stands_in(found, given)
    assert result.settings["copy"] is True
    path = tmp_path / ("a.png" if dtype == "u2" else "a.exr")
    result.save(path)
    assert np.array_equal(read_deep(path).values, found)
    if dtype == "f4":
        assert np.array_equal(result.to_numpy(), found)
        with pytest.raises(OutputError, match="PNG holds no floats"):
            result.save(tmp_path / "a.png")
    else:
        assert np.array_equal(result.to_numpy(), found / np.float32(65535))


def test_copied_pixels_of_eight_bits() -> None:
    given = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    found = np.rint(texot.synthesize(given, copy=True, **QUICK).to_numpy() * 255)
    assert stands_in(found, given)


def test_copied_pixels_belong_to_the_texture() -> None:
    given = np.concatenate([distinct("u2"), np.full((SIDE, SIDE, 1), 65535, np.uint16)], 2)
    given[10:14, 20:30] = 0
    found = values_of(texot.synthesize(given, copy=True, **QUICK))
    assert stands_in(found, given[given[..., 3] > 0][None, :, :3])


def test_means_use_all_bits() -> None:
    given = distinct("u2")
    found = values_of(texot.synthesize(given, **QUICK))
    assert len(np.unique(found % 257)) > 200  # of 8 bits, all would be 0
    ordinary = texot.synthesize((given / np.float32(65535)).astype(np.float32), **QUICK)
    assert np.abs(ordinary.to_numpy() - found / 65535).max() < 1e-4  # the same work


@pytest.mark.parametrize("preset", ["paper"])
def test_copy_needs_a_field(preset: str) -> None:
    with pytest.raises(InputError, match="copy needs the correspondence field"):
        texot.synthesize(distinct("u2"), preset=preset, copy=True)


def test_adam_keeps_the_depth() -> None:
    result = texot.synthesize(distinct("u2"), "24x24", preset="paper", n_iter=2, psi_steps=1, n_scales=2)
    assert values_of(result).dtype == np.uint16


@pytest.mark.parametrize("dtype", ["u2", "f2", "f4"])
@pytest.mark.parametrize("channels", [3, 4])
def test_known_pixels_stay(dtype: str, channels: int) -> None:
    given = distinct(dtype, 3)
    kind = {"u2": "PNG"}.get(dtype, "OpenEXR")
    names: tuple[str, ...] = ("R", "G", "B")
    if channels == 4:
        opacity = np.full((SIDE, SIDE, 1), 65535 if dtype == "u2" else 1).astype(dtype)
        opacity[:3, :3] = 0
        given, names = np.concatenate([given, opacity], 2), (*names, "A")
    alpha = 3 if channels == 4 else None
    image = DeepImage(given, kind, names, alpha=alpha, premultiplied=kind == "OpenEXR")
    hole = np.zeros((SIDE, SIDE), bool)
    hole[16:22, 12:20] = True
    filled = values_of(texot.inpaint(image, hole, **QUICK))
    assert np.array_equal(filled[~hole], given[~hole])
    assert not np.array_equal(filled[hole], given[hole])
    inside = np.zeros((SIDE, SIDE), bool)
    inside[5:-5, 5:-5] = True
    tile = texot.make_tileable(image, band=10, **QUICK)
    assert np.array_equal(values_of(tile)[inside], given[inside])
    other = texot.make_variation(tile, frame=3, seed=1, **QUICK)
    border = np.zeros((SIDE, SIDE), bool)
    border[:3] = border[-3:] = border[:, :3] = border[:, -3:] = True
    assert np.array_equal(values_of(other)[border], values_of(tile)[border])


def test_floats_stay_in_their_range() -> None:
    given = distinct("f4")
    found = texot.synthesize(given, **QUICK).to_numpy()
    assert found.min() >= given.min()
    assert found.max() <= given.max()
    assert found.max() > 1


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_interpolation(dtype: str) -> None:
    one, other = distinct(dtype), distinct(dtype)[::-1, ::-1].copy()
    if dtype == "f4":
        other *= 3
    found = values_of(texot.interpolate([one, other], size=(32, 32), **QUICK))
    assert found.dtype == np.dtype(dtype)
    if dtype == "f4":
        assert min(one.min(), other.min()) <= found.min()
        assert 1 < found.max() <= max(one.max(), other.max())
    again = values_of(texot.interpolate([other, one], size=(32, 32), **QUICK))
    assert np.array_equal(found, again)
    alone = texot.interpolate([one, other], [1, 0], size=(32, 32), **QUICK)
    assert np.array_equal(values_of(alone), values_of(texot.synthesize(one, (32, 32), **QUICK)))


def test_floats_and_integers_do_not_mix() -> None:
    floats, whole = distinct("f4"), distinct("u2")
    hole = torch.zeros(SIDE, SIDE)
    hole[10:20, 10:20] = 1
    for call in (
        lambda: texot.interpolate([floats, whole]),
        lambda: texot.synthesize(floats, init=whole),
        lambda: texot.synthesize(whole, init=floats),
        lambda: texot.inpaint(floats, hole, exemplar=whole),
    ):
        with pytest.raises(
            InputError, match=r"floats and (some )?values of 8 or 16 bits|8 or 16 bits and floats"
        ) as info:
            call()
        assert "\n" not in str(info.value)


def test_a_start_and_another_texture_are_on_the_same_curve() -> None:
    floats = distinct("f4")
    result = texot.synthesize(floats, init=floats[:, ::-1].copy() / 2, **QUICK)
    assert values_of(result).dtype == np.float32
    hole = torch.zeros(SIDE, SIDE)
    hole[16:22, 12:20] = 1
    half = (floats / 2)[::-1].copy()
    filled = texot.inpaint(floats, hole, exemplar=half, **QUICK)
    curve = Depth.of(DeepImage(floats, "OpenEXR", ("R", "G", "B")), "it").curve
    ordinary = texot.inpaint(curve.pixels(floats), hole, exemplar=curve.pixels(half), **QUICK)
    np.testing.assert_allclose(filled.image, ordinary.image, atol=1e-5)


def test_a_reduced_exemplar_is_copied_too(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_deep(DeepImage(distinct("u2"), "PNG", ("R", "G", "B")), path)
    result = texot.synthesize(path, exemplar_size=32, copy=True, **QUICK)
    found = values_of(result)
    assert found.shape == (32, 32, 3)
    reduced = texot.synthesize(path, exemplar_size=32, novelty=0, tile="none", copy=True, **QUICK)
    assert stands_in(found, values_of(reduced)) or len(np.unique(found % 257)) > 100


@pytest.mark.slow
def test_a_part_of_a_large_exemplar(tmp_path: Path) -> None:
    path, large = tmp_path / "a.png", np.tile(distinct("u2"), (3, 52, 1))
    write_deep(DeepImage(large, "PNG", ("R", "G", "B")), path)
    result = texot.synthesize(path, "24x24", copy=True, **QUICK)
    assert "exemplar_part" in result.settings
    assert stands_in(values_of(result), large)


def test_training_refuses_floats(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a generator makes images of 8 bits"):
        texot.Trainer(distinct("f4"))


def test_display_has_eight_bits() -> None:
    result = texot.synthesize(distinct("f4"), **QUICK)
    assert result.to_pil().mode == "RGB"
    assert result._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(OutputError, match="PNG holds no floats"):
        write_image(result.image, "a.png", mode=result.mode, **result.metadata())
