"""Photographs made straight: parts, turns, corners, bit depth and light."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import texot
from texot import InputError, straighten


@pytest.fixture
def photo() -> Tensor:
    return (torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(1)) * 255).round() / 255


def test_nothing_asked_gives_the_same_bytes(photo: Tensor) -> None:
    assert (straighten(photo).image == photo).all()
    assert (straighten(photo, quad=[0, 0, 40, 0, 40, 30, 0, 30]).image == photo).all()
    assert (straighten(photo, crop=(40, 30, 0, 0)).image == photo).all()


def test_crops_and_quarter_turns_copy(photo: Tensor) -> None:
    assert (straighten(photo, crop=(20, 11, 7, 5)).image == photo[:, 5:16, 7:27]).all()
    assert (straighten(photo, rotate=90).image == torch.rot90(photo, 1, (1, 2))).all()
    turned = straighten(photo, crop=(10, 10, 5, 5), rotate=-90).image
    assert (turned == torch.rot90(photo[:, 5:15, 5:15], -1, (1, 2))).all()


def test_corners_are_pairs_or_numbers_and_the_size_is_theirs(photo: Tensor) -> None:
    flat = [2, 1, 32, 3, 30, 23, 4, 21]
    pairs = [(2, 1), (32, 3), (30, 23), (4, 21)]
    one, other = straighten(photo, quad=flat), straighten(photo, quad=pairs)
    assert (one.image == other.image).all()
    assert one.image.shape == (3, 20, 28)
    assert one.settings["quad"] == flat
    assert straighten(photo, quad=flat, size="2x").image.shape == (3, 40, 56)
    assert straighten(photo, quad=flat, size=(9, 7)).image.shape == (3, 7, 9)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_bit_depth_is_kept(dtype: type, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    values = random.integers(0, 65536, (30, 40, 3), np.uint16)
    array = values if dtype is np.uint16 else (values / 4096).astype(np.float32)
    found = straighten(array, crop=(20, 11, 7, 5)).deep_image()
    assert found is not None
    assert found.values.dtype == dtype
    assert (found.values == array[5:16, 7:27]).all()
    slanted = straighten(array, quad=[2, 1, 32, 3, 30, 23, 4, 21]).deep_image()
    assert slanted is not None
    assert slanted.values.dtype == dtype
    assert len(np.unique(slanted.values)) > 1000


def test_transparent_pixels_do_not_bleed(photo: Tensor) -> None:
    planes = torch.full((4, 30, 40), 0.5)
    planes[3] = 1
    planes[:3, 10:20, 10:20], planes[3, 10:20, 10:20] = 1.0, 0.0
    found = straighten(planes, quad=[2, 1, 32, 3, 30, 23, 4, 21]).image
    assert found.shape == (4, 20, 28)
    seen = found[3] > 0.5
    assert 0.5 < float(seen.float().mean()) < 1
    assert float((found[:3, seen] - 0.5).abs().max()) < 0.02


def test_flatten_levels_the_part(photo: Tensor) -> None:
    lamp = torch.linspace(0.4, 1, 40) * (0.5 + 0.1 * photo)
    found = straighten(lamp, crop=(36, 26, 2, 2), flatten=True).image
    left, right = found[:, :, :9].mean(), found[:, :, -9:].mean()
    assert float((left - right).abs()) < 0.02 < float((lamp[:, :, :9].mean() - lamp[:, :, -9:].mean()).abs())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quad": [0, 0, 1, 1]}, "four corners"),
        ({"quad": [0, 0, 0, 30, 40, 30, 40, 0]}, "clockwise"),
        ({"quad": [0, 0, 41, 0, 40, 30, 0, 30]}, "leaves the image of 40x30 px by 1.0 px"),
        ({"crop": (20, 20, 30, 0)}, "leaves the image"),
        ({"crop": (40, 30, 0, 0), "rotate": 5}, "leaves the image"),
        ({"crop": "5x5"}, "crop must be"),
        ({"quad": [0, 0, 40, 0, 40, 30, 0, 30], "rotate": 3}, "leave out crop and rotate"),
    ],
)
def test_what_is_no_part_is_refused(photo: Tensor, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        texot.straighten(photo, **options)


def test_a_profile_and_a_mode_stay(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50)
    grey.save(tmp_path / "grey.png")
    result = straighten(tmp_path / "grey.png", rotate=3)
    result.save(tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode.startswith("I;16")
