"""EXIF data of a photograph goes along: all of it, but upright and without the preview of what was."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import texot
from texot.files.exif import upright
from texot.files.original import read_original

QUICK = {"quality": "draft", "n_iter": 2, "device": "cpu"}
WORDS = {0x010F: "Maker", 0x0110: "Camera 5", 0x0132: "2024:05:06 07:08:09", 0x8298: "(c) A. Nobody"}
PLACE = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 20.0, 0.0)}


def tagged(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in WORDS.items():
        exif[tag] = value
    exif[0x0112] = orientation
    exif[0x8769] = {0x9003: "2024:05:06 07:08:09", 0x829A: 0.004}
    exif[0x8825] = PLACE
    return exif


def told(path: Path) -> tuple[dict[int, object], dict[int, object], dict[int, object], int]:
    with Image.open(path) as image:
        exif = image.getexif()
        own = {tag: exif.get(tag) for tag in WORDS}
        return own, dict(exif.get_ifd(0x8769)), dict(exif.get_ifd(0x8825)), exif.get(0x0112, 1)


@pytest.fixture
def hole() -> np.ndarray:
    found = np.zeros((32, 40), bool)
    found[10:18, 12:22] = True
    return found


@pytest.mark.parametrize("source", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tif"])
def test_every_tag_is_kept(
    tmp_path: Path, rng: np.random.Generator, hole: np.ndarray, source: str, target: str
) -> None:
    values = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / f"a.{source}", exif=tagged().tobytes())
    result = texot.inpaint(tmp_path / f"a.{source}", hole, **QUICK)
    result.save(tmp_path / f"out.{target}")
    before, after = told(tmp_path / f"a.{source}"), told(tmp_path / f"out.{target}")
    assert before[0] == WORDS
    assert before[2] == PLACE
    assert after == before
    with Image.open(tmp_path / f"out.{target}") as image:
        assert image.size == (40, 32)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_the_pixels_are_upright_and_told_so(tmp_path: Path, rng: np.random.Generator, suffix: str) -> None:
    values = rng.integers(0, 256, (40, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}", exif=tagged(6).tobytes())
    texot.make_tileable(tmp_path / f"a.{suffix}", **QUICK).save(tmp_path / "out.png")
    own, _, place, orientation = told(tmp_path / "out.png")
    assert (own, place, orientation) == (WORDS, PLACE, 1)
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (40, 32)


def test_nothing_is_invented(tmp_path: Path, rng: np.random.Generator, hole: np.ndarray) -> None:
    Image.fromarray(rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    result = texot.inpaint(tmp_path / "a.png", hole, **QUICK)
    assert result.exif is None
    result.save(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert not image.getexif()


def test_variations_of_a_tile_keep_it(tmp_path: Path, rng: np.random.Generator) -> None:
    Image.fromarray(rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)).save(tmp_path / "a.png", exif=tagged())
    tile = texot.make_tileable(tmp_path / "a.png", **QUICK)
    assert tile.exif
    assert texot.make_variation(tile, **QUICK).exif == tile.exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_preview_is_blanked_and_the_rest_stays(order: str) -> None:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order]
    first = struct.pack(f"{order}H", 1) + struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0)
    second = struct.pack(f"{order}H", 2)
    second += struct.pack(f"{order}HHII", 0x0201, 4, 1, 60) + struct.pack(f"{order}HHII", 0x0202, 4, 1, 7)
    data = start + struct.pack(f"{order}I", 8) + first + struct.pack(f"{order}I", 26)
    data += second + bytes(4)
    data = data.ljust(60, b"m") + b"PREVIEW" + b"maker note"
    found = upright(data)
    assert found is not None
    found = found.removeprefix(b"Exif\0\0")
    assert len(found) == len(data)
    assert b"PREVIEW" not in found
    assert found.endswith(b"maker note")
    assert struct.unpack_from(f"{order}H", found, 18) == (1,)
    assert struct.unpack_from(f"{order}I", found, 22) == (0,)


@pytest.mark.parametrize(
    "data", [b"", b"Exif\0\0", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff", b"x" * 90]
)
def test_damaged_data_is_left_out(data: bytes) -> None:
    assert upright(data) is None


def test_damaged_data_costs_no_photograph(tmp_path: Path, rgb: np.ndarray) -> None:
    Image.fromarray(rgb).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f\1\2\3")
    assert read_original(tmp_path / "a.png").exif is None
