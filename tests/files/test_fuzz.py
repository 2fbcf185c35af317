"""No bytes and no text make the reader or the size parser raise anything but InputError."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from texot.errors import InputError
from texot.files import decode as texot_decode
from texot.files.decode import read_png_text
from texot.files.exemplar import Exemplar, read_exemplar
from texot.files.sizes import MAX_PIXELS_OUT, parse_size

quick = settings(
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """One small valid file of each kind, with as much metadata as it holds."""
    rng = np.random.default_rng(3)
    rgb = Image.fromarray(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    extra: dict[str, Any] = {
        "exif": exif,
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    }
    return {
        "png": encode(rgb.convert("RGBA"), "PNG", **extra),
        "palette.png": encode(rgb.quantize(9), "PNG", transparency=2),
        "jpg": encode(rgb, "JPEG", **extra),
        "cmyk.jpg": encode(rgb.convert("CMYK"), "JPEG"),
        "progressive.jpg": encode(rgb, "JPEG", progressive=True),
        "webp": encode(rgb, "WEBP", **extra),
        "tif": encode(rgb, "TIFF", compression="tiff_adobe_deflate", **extra),
        "bmp": encode(rgb, "BMP"),
        "gif": encode(rgb.quantize(9), "GIF"),
        "tga": encode(rgb, "TGA"),
        "ppm": encode(rgb, "PPM"),
        "jp2": encode(rgb, "JPEG2000"),
        "dds": encode(rgb, "DDS"),
    }


SEEDS = seeds()


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutated header may honestly promise a gigabyte: not in a test."""
    monkeypatch.setattr(texot_decode, "MAX_PIXELS_IN", 4_000_000)


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """What a call returns; None where it refuses, in one line."""
    try:
        return call(*args)
    except InputError as error:
        message = str(error)
    assert message.strip()
    assert "\n" not in message
    return None


def read(path: Path, data: bytes) -> None:
    """Read as a user would, with Pillow's warnings ignored, and as this suite does, with them as errors."""
    path.write_bytes(data)
    for action in ("error", "ignore"):
        with warnings.catch_warnings():
            warnings.simplefilter(action)  # type: ignore[arg-type]
            well_formed(attempt(read_exemplar, path))
            attempt(read_png_text, path)


def well_formed(exemplar: Exemplar | None) -> None:
    if exemplar is None:
        return
    pixels = exemplar.pixels
    assert pixels.ndim == 3
    assert pixels.dtype == torch.float32
    assert pixels.numel() > 0
    assert 0 <= float(pixels.min()) <= float(pixels.max()) <= 1
    assert pixels.shape[0] == {"L": 1, "I;16": 1, "RGB": 3}.get(exemplar.mode, pixels.shape[0])
    if exemplar.mask is not None:
        assert exemplar.mask.shape == pixels.shape[1:]
        assert 0 < int(exemplar.mask.sum()) < exemplar.mask.numel()


SIGNATURES = [b"", *(data[:12] for data in SEEDS.values())]


@quick
@given(start=st.sampled_from(SIGNATURES), rest=st.binary(max_size=300), suffix=st.sampled_from(sorted(SEEDS)))
def test_random_bytes(tmp_path: Path, start: bytes, rest: bytes, suffix: str) -> None:
    read(tmp_path / f"a.{suffix}", start + rest)


@pytest.mark.slow
@settings(quick, max_examples=400)
@given(data=st.data(), suffix=st.sampled_from(sorted(SEEDS)))
def test_mutated_files(tmp_path: Path, data: st.DataObject, suffix: str) -> None:
    """Bytes overwritten, cut out and put in, and the end cut off."""
    content = bytearray(SEEDS[suffix])
    # Headers are where the branches are: half of the damage goes to the first 64 bytes.
    place = st.one_of(st.integers(0, min(64, len(content) - 1)), st.integers(0, len(content) - 1))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(place)
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    read(tmp_path / f"a.{suffix}", bytes(content[:end]))


@quick
@given(profile=st.binary(max_size=200), head=st.booleans())
def test_any_colour_profile(tmp_path: Path, profile: bytes, head: bool) -> None:
    """A broken profile never costs the picture."""
    good = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (3, 2), (10, 20, 30))
    image.info["icc_profile"] = good[: len(profile)] + profile if head else profile
    assert read_exemplar(image).pixels[0, 0, 0] == np.float32(10) / np.float32(255)


@quick
@given(
    array=hnp.arrays(
        st.one_of(
            hnp.boolean_dtypes(),
            hnp.unsigned_integer_dtypes(),
            hnp.integer_dtypes(),
            hnp.floating_dtypes(),
            hnp.complex_number_dtypes(),
        ),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    )
)
def test_any_array(array: np.ndarray) -> None:
    well_formed(attempt(read_exemplar, array))


sizes = st.one_of(
    st.text(alphabet="0123456789xX.eE+-× ", max_size=12),
    st.text(max_size=8),
    st.from_regex(r"[0-9]{1,6}x[0-9]{1,6}", fullmatch=True),
    st.from_regex(r"[0-9]{0,2}\.?[0-9]{0,2}(e[0-9]{1,4})?x", fullmatch=True),
    st.integers(),
    st.tuples(st.integers(), st.integers()),
    st.lists(st.one_of(st.integers(0, 9), st.floats(), st.none(), st.text(max_size=2)), max_size=3),
    st.none(),
    st.floats(),
)


@settings(quick, max_examples=300)
@given(size=sizes, exemplar=st.tuples(st.integers(1, 9000), st.integers(1, 9000)))
def test_any_size(size: Any, exemplar: tuple[int, int]) -> None:
    parsed = attempt(parse_size, size, exemplar)
    if parsed is not None:
        width, height = parsed
        assert type(width) is type(height) is int
        assert min(width, height) >= 1
        assert width * height <= MAX_PIXELS_OUT


@quick
@given(width=st.integers(1, 16384), height=st.integers(1, 16384))
def test_a_size_reads_back(width: int, height: int) -> None:
    assert parse_size(f"{width}x{height}", (5, 5)) == (width, height)
    assert parse_size((width, height), (5, 5)) == (width, height)
    assert parse_size("1x", (width, height)) == (width, height)
