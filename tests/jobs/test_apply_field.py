"""A texture rebuilt from an image aligned with its exemplar: copies, interpolation, sizes, types."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import texot
from texot import InputError, apply_field
from texot.files.field import FieldFile, read_field, write_field
from texot.files.sizes import at_most
from texot.jobs import apply_field as module
from texot.jobs.apply_field import has_few_values, is_same_shape, rebuild

TYPES = ["u1", "u2", ">u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", ">f4", "f8", "?"]
TORCH = [torch.uint8, torch.uint16, torch.int16, torch.int64, torch.float16, torch.bfloat16, torch.float32]


def identity(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1).float()


def picture(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Random values over all of a type."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (rng.normal(size=shape) * 100).astype(kind)
    if kind.kind == "b":
        return rng.random(shape) > 0.5
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, kind.newbyteorder("="), endpoint=True).astype(kind)


def same(found: Any, want: Any) -> None:
    assert found.dtype == want.dtype
    assert np.array_equal(found, want)


# -------------------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize(
    ("dtype", "filter"),
    [(d, f) for d in TYPES for f in ("auto", "nearest", "linear") if f != "linear" or d not in ("u8", "i8")],
)
@pytest.mark.parametrize("shape", [(17, 13), (17, 13, 1), (17, 13, 3), (17, 13, 5), (1, 1)])
def test_identity_gives_the_image_back(shape: tuple[int, ...], dtype: str, filter: str) -> None:
    image = picture(shape, dtype)
    same(apply_field(identity(*shape[:2]), image, filter=filter), image)


@pytest.mark.parametrize("dtype", TORCH, ids=str)
@pytest.mark.parametrize("shape", [(9, 14), (3, 9, 14)])
def test_identity_on_tensors(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    image = torch.from_numpy(picture(shape, "i2").astype(np.int32) % 200).to(dtype)
    found = apply_field(identity(9, 14), image)
    assert (found.dtype, found.shape, found.device) == (image.dtype, image.shape, image.device)
    assert torch.equal(found.float(), image.float())
    assert found.is_contiguous()


def test_a_shift() -> None:
    image = picture((30, 40, 3), "u2")
    field = identity(30, 40).roll((-4, 7), (0, 1))
    same(apply_field(field, image), np.roll(image, (-4, 7), (0, 1)))
    same(apply_field(field.numpy().astype(np.int64), image), np.roll(image, (-4, 7), (0, 1)))


def test_a_larger_result() -> None:
    """Twice the size: four copies."""
    image = picture((30, 40), "u2")
    found = apply_field(identity(30, 40).repeat(2, 2, 1), image)
    same(found, np.tile(image, (2, 2)))


def test_values_that_are_all_distinct_stay_themselves() -> None:
    image = np.random.default_rng(0).permutation(2**16).astype(np.uint16).reshape(256, 256)
    field = torch.rand(300, 200, 2, generator=torch.Generator().manual_seed(0)) * 255
    found = apply_field(field, image, filter="nearest")
    near = np.floor(field.double().numpy() + 0.5).astype(int)
    same(found, image[near[..., 1], near[..., 0]])
    assert len(np.unique(found)) > 30_000


def test_what_is_no_number_is_copied_too() -> None:
    image = picture((20, 20), "f4")
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -np.inf
    found = apply_field(identity(20, 20), image, filter="linear")
    assert np.array_equal(found.view("u4"), image.view("u4"))
    field = identity(20, 20)
    field[5, 5, 1] = 4.5  # x is whole: the infinity to the right has no weight
    assert np.isfinite(apply_field(field, image, filter="linear")[5, 5])


@pytest.mark.parametrize("suffix", ["npz", "png"])
@pytest.mark.parametrize("size", [(40, 30), (4000, 2)])
def test_files_of_fields(tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    """Whole places are exact from a PNG too."""
    image = picture((size[1], size[0], 3), "u2")
    field = identity(size[1], size[0]).flip(0, 1)
    write_field(field, size, tmp_path / f"a.{suffix}")
    found = apply_field(read_field(tmp_path / f"a.{suffix}"), image, filter="linear")
    same(found, image[::-1, ::-1])


# ------------------------------------------------------------------------------------------- interpolation


def reference(field: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Bilinear interpolation of one pixel at a time."""
    found = np.zeros((*field.shape[:2], image.shape[2]))
    for i, j in np.ndindex(*field.shape[:2]):
        x, y = field[i, j]
        for row in range(image.shape[0]):
            for column in range(image.shape[1]):
                weight = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
                if weight:
                    found[i, j] += weight * image[row, column]
    return found


@pytest.mark.parametrize("dtype", ["u1", "u2", "i4", "f4", "f8"])
def test_bilinear_interpolation(dtype: str) -> None:
    image = picture((6, 5, 2), dtype)
    field = np.random.default_rng(1).random((8, 9, 2)) * (4, 5)
    want = reference(field.astype(np.float32), image.astype(float))
    found = apply_field(field, image, filter="linear")
    assert found.dtype == image.dtype
    if dtype[0] in "ui":
        assert np.abs(found - want).max() <= 0.5 + 1e-6 * np.abs(want).max()
    else:
        assert np.allclose(found, want, rtol=1e-5, atol=1e-4)
    assert found.min() >= image.min()
    assert found.max() <= image.max()


def test_a_ramp_is_interpolated_to_16_bits() -> None:
    image = np.arange(0, 64000, 640, dtype=np.uint16)[None].repeat(20, 0)
    field = torch.rand(30, 30, 2, generator=torch.Generator().manual_seed(3)) * torch.tensor([99, 19])
    found = apply_field(field, image, filter="linear")
    assert np.abs(found - 640.0 * field[..., 0].numpy()).max() < 1.3  # places near whole ones are whole


def test_blocks_join(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture((20, 30, 3), "f4")
    field = torch.rand(41, 17, 2, generator=torch.Generator().manual_seed(0)) * 19
    whole = apply_field(field, image)
    monkeypatch.setattr(module, "_AT_ONCE", 40)
    same(apply_field(field, image), whole)


def test_auto_copies_masks_and_labels() -> None:
    field = identity(64, 64) * 0.99
    labels = np.repeat(np.repeat(np.arange(64).reshape(8, 8), 8, 0), 8, 1)
    near = np.floor(field.numpy() + 0.5).astype(int)
    for image in (
        labels > 20,
        labels.astype(np.uint8),  # neighbouring levels, in areas
        labels.astype(np.uint16),
        labels.astype(np.int64) * 10**12,
        labels.astype(np.float32) / 63,
        (labels > 20).astype(np.uint8) * 255,
        np.stack([labels, labels * 3 % 64, labels * 7 % 64], -1).astype(np.uint8),
    ):
        same(apply_field(field, image), image[near[..., 1], near[..., 0]])


def test_auto_interpolates_photographs() -> None:
    rng = np.random.default_rng(0)
    for image in (
        rng.integers(0, 256, (64, 64), np.uint8),
        rng.integers(100, 140, (64, 64), np.uint8),
        rng.integers(0, 2**16, (64, 64), np.uint16),
        rng.integers(0, 256, (64, 64, 3), np.uint8),
        rng.random((64, 64), np.float32),
        np.arange(64, dtype=np.uint8)[None].repeat(64, 0) * 4 + rng.integers(0, 4, (64, 64), np.uint8),
    ):
        assert not has_few_values(image.reshape(64, 64, -1))
        assert not np.array_equal(
            apply_field(identity(64, 64) * 0.99, image),
            apply_field(identity(64, 64) * 0.99, image, filter="nearest"),
        )


def test_few_values_of_large_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rare values beyond the sample count too."""
    image = np.zeros((300, 300, 1), np.uint16)
    assert has_few_values(image)
    image.ravel()[1::200] = np.arange(450)
    assert not has_few_values(image)
    monkeypatch.setattr(module, "_AT_ONCE", 1000)
    assert not has_few_values(image)
    image.ravel()[1::200] //= 10
    assert has_few_values(image)


# -------------------------------------------------------------------------------------------------- sizes


def test_an_image_of_twice_the_size() -> None:
    """A pixel of the exemplar is the mean of the four that lie on it."""
    image = picture((20, 30, 3), "f8")
    found = apply_field(identity(10, 15), image, exemplar_size=(15, 10))
    want = image.reshape(10, 2, 15, 2, 3).mean((1, 3))
    assert np.allclose(found, want)
    assert found.shape == (10, 15, 3)


def test_an_image_of_three_times_the_size_is_copied() -> None:
    image = picture((30, 45, 3), "u2")
    field = FieldFile(identity(10, 15), (15, 10))
    same(apply_field(field, image, filter="linear"), image[1::3, 1::3])


def test_an_image_of_half_the_size() -> None:
    image = picture((10, 10), "f8")
    found = apply_field(identity(20, 20), image, exemplar_size=(20, 20), filter="nearest")
    same(found, image.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("size", "exemplar", "same"),
    [
        ((100, 100), (100, 100), True),
        ((6000, 4001), (4095, 2730), True),  # reduced, as texot does
        ((4096, 2731), (6000, 4001), True),
        ((200, 150), (100, 75), True),
        ((5, 3), (1, 1), True),
        ((100, 101), (100, 100), False),
        ((100, 100), (100, 50), False),
        ((100, 200), (200, 100), False),
        ((1000, 990), (500, 500), False),
        ((300, 200), (400, 300), False),
    ],
)
def test_aspect_ratios(size: tuple[int, int], exemplar: tuple[int, int], same: bool) -> None:
    assert is_same_shape(size, exemplar) is same


@settings(max_examples=200, deadline=None)
@given(st.integers(100, 9000), st.integers(100, 9000), st.integers(100, 6000))
def test_reduced_exemplars_have_the_same_shape(width: int, height: int, side: int) -> None:
    assert is_same_shape((width, height), at_most(side)((width, height)))


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (
            np.zeros((10, 30)),
            {"exemplar_size": (15, 10)},
            "the exemplar of 15x10 px, .* got 30x10: crop or scale",
        ),
        (np.zeros((9, 15)), {}, "y from 0 to 8 in an exemplar of 15x9 px, got 0 to 9"),
        (np.zeros((10, 15)), {"filter": "cubic"}, "filter must be one of auto, nearest, linear, not 'cubic'"),
        (np.zeros((10, 15)), {"exemplar_size": (15,)}, "a pair"),
        (np.zeros((10, 15), complex), {}, "numbers or booleans, got an array of type complex128"),
        (np.zeros((10, 15), object), {}, "numbers or booleans"),
        (np.zeros((10, 15), int), {"filter": "linear"}, "integers of 64 bits"),
        (np.zeros(10), {}, "two or three axes"),
        (np.zeros((0, 15)), {}, "two or three axes"),
        (np.zeros((2, 10, 15, 3)), {}, "two or three axes"),
        (torch.zeros(10, 15, device="meta"), {}, "dense"),
        (torch.zeros(10, 15).to_sparse(), {}, "dense"),
        (torch.zeros(10, 15, dtype=torch.complex64), {}, "dense"),
        (torch.zeros(10, 15).to(torch.float8_e5m2), {}, "convert it"),
        ("mask.png", {}, "got str"),
    ],
    ids=str,
)
def test_what_cannot_be_used(image: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as info:
        apply_field(identity(10, 15), image, **options)
    assert "\n" not in str(info.value)


def test_fields_that_cannot_be_used() -> None:
    for field in (
        torch.zeros(3, 3),
        torch.full((3, 3, 2), 99.0),
        torch.full((3, 3, 2), torch.nan),
        "field.npz",
    ):
        with pytest.raises(InputError):
            apply_field(field, np.zeros((10, 15)))  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------- normals


def normal_map(dtype: str) -> np.ndarray:
    """Bumps, as colours; in floats from -1 to 1 where the type is "signed"."""
    y, x = np.mgrid[:48, :48] / 1.2
    vectors = np.stack([0.5 * np.sin(x), 0.5 * np.cos(y), np.ones_like(x)], -1)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    if dtype == "signed":
        return vectors.astype(np.float32)
    top = 1 if dtype[0] == "f" else np.iinfo(dtype).max
    colours = (vectors + 1) / 2 * top
    return (np.rint(colours) if top > 1 else colours).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "signed"])
@pytest.mark.parametrize("channels", [3, 4])
def test_vectors_of_normal_maps_have_length_1(dtype: str, channels: int) -> None:
    image = normal_map(dtype)
    if channels == 4:
        image = np.concatenate([image, image[..., :1]], -1)
    field = torch.rand(40, 40, 2, generator=torch.Generator().manual_seed(0)) * 47
    field[:, ::2] = field[:, ::2].round()
    found, plain = (rebuild(field, image, (48, 48), normals=flag) for flag in (True, False))
    assert found.dtype == image.dtype
    same(found[:, ::2], plain[:, ::2])  # copies stay
    same(found[..., 3:], plain[..., 3:])
    top = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max

    def lengths(values: np.ndarray) -> np.ndarray:
        vectors = values[..., :3].astype(float) / top
        return np.linalg.norm(vectors if dtype == "signed" else 2 * vectors - 1, axis=-1)

    step = 2 / top if top > 1 else 1e-6
    assert np.abs(lengths(found) - 1).max() <= step
    assert np.abs(lengths(plain) - 1).max() > 2 * step


def test_other_images_are_no_normals() -> None:
    field = torch.rand(40, 40, 2, generator=torch.Generator().manual_seed(0)) * 47
    for image in (picture((48, 48, 3), "u2"), normal_map("u2")[..., :2], normal_map("u2")[..., [2, 0, 1]]):
        same(rebuild(field, image, (48, 48), normals=True), rebuild(field, image, (48, 48)))


# ------------------------------------------------------------------------------------------------ the rest


def test_nothing_of_the_callers_changes() -> None:
    image, field = picture((10, 15, 3), "f4"), identity(10, 15) + 1e-4
    kept = image.copy(), field.clone()
    found = apply_field(field.clamp_max(9), image)
    found[:] = 0
    assert np.array_equal(image, kept[0])
    assert torch.equal(field, kept[1])
    tensor = torch.rand(3, 10, 15, requires_grad=True)
    assert not apply_field(identity(10, 15), tensor).requires_grad


def test_the_example_of_the_docstring() -> None:
    assert doctest.testmod(module).failed == 0
    assert texot.apply_field is module.apply_field
