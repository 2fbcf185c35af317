"""What counts as a mask, and what is a photograph that was given for one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from pictures import SAMPLES, one_line, saved
from PIL import Image

import texot
from texot.errors import InputError
from texot.files.mask import read_mask

SIZE = (40, 30)


@pytest.fixture
def marked() -> np.ndarray:
    """(30, 40) bool: what the masks here mark."""
    found = np.zeros((30, 40), bool)
    found[5:14, 8:20] = True
    return found


def photo(name: str) -> Image.Image:
    path = next(SAMPLES.glob(f"{name}.*"))
    with Image.open(path) as image:
        return image.convert("RGB").crop((20, 20, 60, 50))


@pytest.mark.parametrize("name", sorted(p.stem for p in SAMPLES.glob("*.[jp][pn]g")))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_photographs_are_refused(name: str, mode: str) -> None:
    with pytest.raises(InputError, match=r"neither black nor white.*like a photograph") as error:
        read_mask(photo(name).convert(mode), SIZE)
    assert "white where it marks" in one_line(error)


def test_a_photograph_with_a_white_hole_is_refused(marked: np.ndarray) -> None:
    values = np.array(photo("pebbles"))
    values[marked] = 255
    with pytest.raises(InputError, match="like a photograph"):
        read_mask(values, SIZE)


def test_one_with_transparent_holes_offers_its_alpha(marked: np.ndarray) -> None:
    values = np.dstack([np.array(photo("pebbles")), np.where(marked, 0, 255).astype(np.uint8)])
    with pytest.raises(InputError, match=r"9\.0% of it is transparent: to fill that, give it as the image"):
        read_mask(values, SIZE)


@pytest.mark.parametrize("kind", ["uint8", "I;16", "palette", "RGB"])
def test_values_of_0_and_1(
    tmp_path: Path, marked: np.ndarray, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    image = Image.fromarray(marked.astype(np.uint16 if kind == "I;16" else np.uint8))
    if kind == "palette":
        image = image.convert("P")
    elif kind == "RGB":
        image = image.convert("RGB")
    path = saved(image, tmp_path / "mask.png")
    with caplog.at_level(logging.INFO, "texot"):
        np.testing.assert_array_equal(read_mask(path, SIZE).numpy(), marked)
    assert "values 0 and 1: read as a mask of 0 and 255" in caplog.text


@pytest.mark.parametrize("kind", ["bool", "float", "white"])
def test_plain_masks_are_not_remarked_on(
    marked: np.ndarray, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    mask = {"bool": marked, "float": marked.astype(np.float32), "white": marked.astype(np.uint8) * 255}[kind]
    with caplog.at_level(logging.INFO, "texot"):
        np.testing.assert_array_equal(read_mask(mask, SIZE).numpy(), marked)
    assert not caplog.records


@pytest.mark.parametrize("colour", [(220, 20, 30), (0, 0, 0), (10, 60, 200)])
def test_paint_on_a_transparent_ground(
    marked: np.ndarray, caplog: pytest.LogCaptureFixture, colour: tuple[int, int, int]
) -> None:
    values = np.zeros((30, 40, 4), np.uint8)
    values[marked] = (*colour, 255)
    with caplog.at_level(logging.INFO, "texot"):
        np.testing.assert_array_equal(read_mask(values, SIZE).numpy(), marked)
    assert "paint on a transparent ground" in caplog.text


def test_white_paint_and_black_with_white_stay_what_they_were(
    marked: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    values = np.zeros((30, 40, 4), np.uint8)
    values[marked] = 255
    np.testing.assert_array_equal(read_mask(values, SIZE).numpy(), marked)
    values[:, :30, 3] = 255
    np.testing.assert_array_equal(read_mask(values, SIZE).numpy(), marked)


def test_soft_edges_and_jpeg_noise_are_masks(tmp_path: Path, marked: np.ndarray) -> None:
    from PIL import ImageFilter

    image = Image.fromarray(marked.astype(np.uint8) * 255)
    path = saved(image, tmp_path / "a.jpg", quality=60)
    assert (read_mask(path, SIZE).numpy() != marked).mean() < 0.02
    soft = image.filter(ImageFilter.GaussianBlur(2))
    assert (read_mask(soft, SIZE).numpy() != marked).mean() < 0.05


def test_a_transparent_mask_is_refused() -> None:
    with pytest.raises(InputError, match="transparent everywhere: paint white on it"):
        read_mask(np.zeros((30, 40, 4), np.uint8), SIZE)


def test_swapped_arguments_and_sources_are_refused(marked: np.ndarray) -> None:
    mask, picture = marked.astype(np.uint8) * 255, np.array(photo("gravel"))
    with pytest.raises(InputError, match="the image comes before its mask"):
        texot.inpaint(mask, picture)
    with pytest.raises(InputError, match="the source mask is neither black nor white"):
        texot.inpaint(picture, mask, source=picture)
