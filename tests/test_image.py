"""texot.image by value: every kind of source, every output format, every refusal, and sizes."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import logging
import os
import stat
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, PngImagePlugin

from texot import image as texot_image
from texot.errors import InputError, OutputError
from texot.image import (
    Exemplar,
    check_output,
    parse_size,
    read_exemplar,
    read_png_text,
    to_pil,
    write_image,
    write_whole,
)

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def rgb(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17, 3), dtype=np.uint8)


@pytest.fixture
def grey(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (12, 17), dtype=np.uint8)


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may do anything: step down to meet a real permission error."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def levels(exemplar: Exemplar, top: int = 255) -> np.ndarray:
    """Pixels as (H, W[, C]) integers; fails where they are no exact level."""
    values = exemplar.pixels.numpy().astype(np.float64) * top
    np.testing.assert_allclose(values, np.round(values), atol=1e-3 * top / 255)
    planes = np.moveaxis(np.round(values).astype(int), 0, -1)
    return planes[..., 0] if planes.shape[-1] == 1 else planes


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert text.strip()
    assert "\n" not in text
    return text


# --------------------------------------------------------------- PIL and files


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "tga"])
def test_lossless_rgb_files_keep_every_level(tmp_path: Path, rgb: np.ndarray, suffix: str) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / f"a.{suffix}")
    exemplar = read_exemplar(path)
    assert exemplar.pixels.shape == (3, 12, 17)
    assert exemplar.pixels.dtype == torch.float32
    assert exemplar.pixels.is_contiguous()
    assert (exemplar.mode, exemplar.mask, exemplar.icc_profile) == ("RGB", None, None)
    assert (exemplar.name, exemplar.size) == (f"a.{suffix}", (17, 12))
    np.testing.assert_array_equal(levels(exemplar), rgb)


def test_every_kind_of_source_gives_the_same_exemplar(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / "a.png")
    chw = torch.from_numpy(rgb).permute(2, 0, 1)
    sources = [
        path,
        str(path),
        Image.open(path),
        Image.fromarray(rgb),
        rgb,
        (rgb / 255).astype(np.float64),
        (rgb / 255).astype(np.float32),
        np.asfortranarray(rgb),
        rgb.astype(np.uint16) * 257,
        chw,
        chw.double() / 255,
        (chw.float() / 255).requires_grad_(),
    ]
    exemplars = [read_exemplar(source) for source in sources]
    assert len({exemplar.sha256 for exemplar in exemplars}) == 1
    assert {exemplar.mode for exemplar in exemplars} == {"RGB"}
    assert len(exemplars[0].sha256) == 64
    assert read_exemplar(exemplars[0]) is exemplars[0]
    assert not any(exemplar.pixels.requires_grad for exemplar in exemplars)
    sources[2].close()  # type: ignore[union-attr]


def test_the_hash_sees_pixels_shape_and_mask(rgb: np.ndarray) -> None:
    other = rgb.copy()
    other[3, 4, 1] ^= 1
    alpha = np.full((12, 17, 1), 255, np.uint8)
    hole = alpha.copy()
    hole[0, 0] = 0
    sources = [rgb, other, rgb.reshape(17, 12, 3), np.concatenate([rgb, hole], 2)]
    assert len({read_exemplar(source).sha256 for source in sources}) == 4
    assert read_exemplar(np.concatenate([rgb, alpha], 2)).sha256 == read_exemplar(rgb).sha256


def test_sources_are_copied(rgb: np.ndarray) -> None:
    planes = torch.rand(3, 4, 5)
    kept = planes.clone()
    exemplar = read_exemplar(planes)
    planes.zero_()
    assert torch.equal(exemplar.pixels, kept)


def test_greyscale_stays_greyscale(tmp_path: Path, grey: np.ndarray) -> None:
    for suffix in ("png", "bmp", "tif", "pgm"):
        exemplar = read_exemplar(saved(Image.fromarray(grey), tmp_path / f"a.{suffix}"))
        assert exemplar.mode == "L"
        assert exemplar.pixels.shape == (1, 12, 17)
        np.testing.assert_array_equal(levels(exemplar), grey)


def test_bilevel(tmp_path: Path, grey: np.ndarray) -> None:
    bits = Image.fromarray(grey).convert("1")
    exemplar = read_exemplar(saved(bits, tmp_path / "a.png"))
    assert exemplar.mode == "L"
    np.testing.assert_array_equal(levels(exemplar), np.asarray(bits) * 255)


def test_palette(tmp_path: Path, rgb: np.ndarray) -> None:
    palette = Image.fromarray(rgb).quantize(16)
    for suffix in ("png", "gif", "bmp"):
        exemplar = read_exemplar(saved(palette, tmp_path / f"a.{suffix}"))
        assert (exemplar.mode, exemplar.mask) == ("RGB", None)
        np.testing.assert_array_equal(levels(exemplar), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("transparency", [3, bytes([255, 255, 254, 0, 255])])
def test_palette_with_transparency(tmp_path: Path, rgb: np.ndarray, transparency: int | bytes) -> None:
    palette = Image.fromarray(rgb).quantize(16)
    exemplar = read_exemplar(saved(palette, tmp_path / "a.png", transparency=transparency))
    gone = [3] if transparency == 3 else [2, 3]
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), ~np.isin(np.asarray(palette), gone))
    np.testing.assert_array_equal(levels(exemplar), np.asarray(palette.convert("RGB")))
    assert exemplar.mode == "RGB"


def test_palette_with_alpha_channel(rgb: np.ndarray) -> None:
    image = Image.fromarray(rgb).quantize(16).convert("PA")
    alpha = np.full((12, 17), 255, np.uint8)
    alpha[2:5, 3:9] = 128
    image.putalpha(Image.fromarray(alpha))
    exemplar = read_exemplar(image)
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), alpha == 255)


def test_alpha_masks_what_is_not_opaque(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray) -> None:
    alpha = np.full((12, 17), 255, np.uint8)
    alpha[1, 2], alpha[3, 4], alpha[5, 6] = 0, 254, 1
    usable = alpha == 255
    rgba = np.dstack([rgb, alpha])
    la = np.dstack([grey, alpha])
    for suffix in ("png", "tif", "webp"):
        path = saved(Image.fromarray(rgba), tmp_path / f"a.{suffix}", lossless=True, exact=True)
        exemplar = read_exemplar(path)
        assert exemplar.mode == "RGB"
        assert exemplar.mask is not None
        assert exemplar.mask.dtype == torch.bool
        np.testing.assert_array_equal(exemplar.mask.numpy(), usable)
        np.testing.assert_array_equal(levels(exemplar), rgb)
    exemplar = read_exemplar(saved(Image.fromarray(la), tmp_path / "la.png"))
    assert exemplar.mode == "L"
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), usable)
    np.testing.assert_array_equal(levels(exemplar), grey)
    for array in (rgba, la, rgba / 255, rgba.astype(np.uint16) * 257):
        exemplar = read_exemplar(array)
        assert exemplar.mask is not None
        np.testing.assert_array_equal(exemplar.mask.numpy(), usable)
        assert exemplar.pixels.shape[0] == array.shape[2] - 1
    tensor = read_exemplar(torch.from_numpy(rgba).permute(2, 0, 1))
    assert tensor.mask is not None
    np.testing.assert_array_equal(tensor.mask.numpy(), usable)
    for premultiplied in (Image.fromarray(rgba).convert("RGBa"), Image.fromarray(la).convert("La")):
        exemplar = read_exemplar(premultiplied)
        assert exemplar.mask is not None
        np.testing.assert_array_equal(exemplar.mask.numpy(), usable)


def test_opaque_alpha_is_no_mask(rgb: np.ndarray) -> None:
    exemplar = read_exemplar(Image.fromarray(rgb).convert("RGBA"))
    assert exemplar.mask is None
    np.testing.assert_array_equal(levels(exemplar), rgb)


def test_transparent_everywhere_is_refused(rgb: np.ndarray) -> None:
    clear = np.dstack([rgb, np.full((12, 17), 254, np.uint8)])
    for source in (clear, Image.fromarray(clear), torch.from_numpy(clear).permute(2, 0, 1)):
        with pytest.raises(InputError, match="transparent everywhere"):
            read_exemplar(source)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_colour_key(tmp_path: Path, mode: str) -> None:
    colours = {"1": (0, 255), "L": (10, 200), "RGB": ((10, 20, 30), (40, 50, 60))}[mode]
    image = Image.new(mode, (4, 3), colours[0])
    image.putpixel((1, 2), colours[1])
    key = 1 if mode == "1" else colours[1]
    exemplar = read_exemplar(saved(image, tmp_path / "a.png", transparency=key))
    expected = np.ones((3, 4), bool)
    expected[2, 1] = False
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), expected)
    assert exemplar.mode == ("RGB" if mode == "RGB" else "L")


def test_sixteen_bit_grey_round_trip(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for suffix in ("png", "tif"):
        path = saved(Image.fromarray(values), tmp_path / f"a.{suffix}")
        exemplar = read_exemplar(path)
        assert (exemplar.mode, exemplar.pixels.shape) == ("I;16", (1, 256, 256))
        np.testing.assert_array_equal(levels(exemplar, 65535), values)
        write_image(exemplar.pixels, tmp_path / f"b.{suffix}", mode=exemplar.mode)
        with Image.open(tmp_path / f"b.{suffix}") as back:
            np.testing.assert_array_equal(np.asarray(back), values)
    np.testing.assert_array_equal(levels(read_exemplar(values), 65535), values)
    assert read_exemplar(values).mode == "I;16"
    assert read_exemplar(values.astype(">u2")).sha256 == read_exemplar(values).sha256


def test_sixteen_bit_grey_with_a_colour_key(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    path = tmp_path / "a.png"
    Image.fromarray(values).save(path)
    data = path.read_bytes()
    chunk = b"tRNS" + struct.pack(">H", 15000)
    framed = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(data[:33] + framed + data[33:])
    exemplar = read_exemplar(path)
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), values != 15000)


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N"])
def test_sixteen_bit_of_any_byte_order(mode: str) -> None:
    values = np.array([[0, 1, 255], [256, 40000, 65535]], np.uint16)
    order = {"I;16B": ">u2", "I;16N": "=u2"}.get(mode, "<u2")
    image = Image.frombytes(mode, (3, 2), values.astype(order).tobytes(), "raw", mode)
    exemplar = read_exemplar(image)
    assert exemplar.mode == "I;16"
    np.testing.assert_array_equal(levels(exemplar, 65535), values)


def test_integers_and_floats_beyond_sixteen_bits() -> None:
    values = np.array([[0, 300, 65535]], np.int32)
    np.testing.assert_array_equal(levels(read_exemplar(Image.fromarray(values)), 65535), values)
    floats = np.array([[0, 0.25, 1]], np.float32)
    exemplar = read_exemplar(Image.fromarray(floats))
    assert exemplar.mode == "I;16"
    np.testing.assert_array_equal(exemplar.pixels[0].numpy(), floats)
    for bad in (values + 1, values - 1, floats * 255, floats - 0.5, floats * np.nan):
        with pytest.raises(InputError, match="rescale it"):
            read_exemplar(Image.fromarray(bad))


@pytest.mark.parametrize("mode", ["YCbCr", "HSV", "LAB", "RGBX"])
def test_other_colour_spaces_read_as_they_look(rgb: np.ndarray, mode: str) -> None:
    smooth = Image.fromarray(rgb // 3 + 80)
    exemplar = read_exemplar(smooth.convert(mode))
    assert exemplar.mode == "RGB"
    error = np.abs(levels(exemplar) - np.asarray(smooth, int)).max()
    assert error <= {"RGBX": 0, "YCbCr": 3}.get(mode, 6)


def test_cmyk_without_profile(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red ink
    for path in (tmp_path / "a.tif", tmp_path / "a.jpg"):
        exemplar = read_exemplar(saved(image, path))
        assert exemplar.mode == "RGB"
        np.testing.assert_allclose(levels(exemplar)[0, 0], [255, 0, 0], atol=3)
    # Photoshop writes inverted inks and says so with an Adobe marker; Pillow's writer does the same.
    assert b"Adobe" in (tmp_path / "a.jpg").read_bytes()


# ------------------------------------------------------------- colour profiles


def s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(s15, values))


def icc(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 ICC profile of the given tags."""
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), **tags}
    offset = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = b"\0\0\0\0" + struct.pack(">I", 0x02400000) + device + space + connection + b"\0" * 12
    head += b"acsp" + b"\0" * 28 + s15(0.9642) + s15(1.0) + s15(0.8249) + b"\0" * 48
    assert len(head) == 124
    return struct.pack(">I", 4 + 124 + len(table) + len(body)) + head + table + body


PRIMARIES = {b"r": (0.4360, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7141)}


def matrix_profile(gamma: float, order: bytes = b"rgb") -> bytes:
    """sRGB's primaries, given to the channels in any order, with a pure power law."""
    tags = {}
    for channel, primary in zip(b"rgb", order, strict=True):
        tags[bytes([channel]) + b"XYZ"] = xyz(*PRIMARIES[bytes([primary])])
        tags[bytes([channel]) + b"TRC"] = curve(gamma)
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


def ink_profile(lab: tuple[int, int, int]) -> bytes:
    """A CMYK profile in which every ink mixture is one and the same 8-bit Lab colour."""
    ramp = bytes(range(256))
    identity = b"".join(map(s15, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + bytes(lab) * 16 + ramp * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table, b"A2B1": table})


GREY_LINEAR = icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve(1.0)})


def test_rgb_profile_with_swapped_primaries(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 3), (255, 0, 0))
    profile = matrix_profile(2.2, b"bgr")
    for suffix in ("png", "jpg", "tif", "webp"):
        exemplar = read_exemplar(saved(image, tmp_path / f"a.{suffix}", icc_profile=profile))
        assert exemplar.icc_profile is None
        np.testing.assert_allclose(levels(exemplar)[0, 0], [0, 0, 255], atol=3)


def test_linear_profiles_brighten_to_srgb(tmp_path: Path) -> None:
    linear = matrix_profile(1.0)
    rgba = Image.new("RGBA", (4, 3), (55, 55, 55, 255))
    rgba.putpixel((0, 0), (55, 55, 55, 0))
    exemplar = read_exemplar(saved(rgba, tmp_path / "a.png", icc_profile=linear))
    np.testing.assert_allclose(levels(exemplar)[1, 1], [128] * 3, atol=1)  # sRGB's curve at 55/255
    assert exemplar.mask is not None
    assert exemplar.mask.sum() == 11
    for profile in (GREY_LINEAR, linear):  # editors tag greyscale files with either kind
        exemplar = read_exemplar(saved(Image.new("L", (4, 3), 55), tmp_path / "l.png", icc_profile=profile))
        assert exemplar.mode == "L"
        np.testing.assert_allclose(levels(exemplar), 128, atol=1)


def test_srgb_profile_leaves_pixels_alone(
    tmp_path: Path, rgb: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exemplar = read_exemplar(saved(Image.fromarray(rgb), tmp_path / "a.png", icc_profile=srgb))
    np.testing.assert_array_equal(levels(exemplar), rgb)
    assert not caplog.records


def test_cmyk_profile_decides_the_colour(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    profile = ink_profile((137, 128, 128))  # L* = 53.7: middle grey
    for path in (tmp_path / "a.tif", tmp_path / "a.jpg"):
        exemplar = read_exemplar(saved(image, path, icc_profile=profile))
        assert exemplar.mode == "RGB"
        np.testing.assert_allclose(levels(exemplar)[3, 3], [128] * 3, atol=2)


@pytest.mark.parametrize(
    "profile", [b"", b"no profile", matrix_profile(1.0)[:200], GREY_LINEAR, ink_profile((137, 128, 128))]
)
def test_unusable_profile_is_ignored_with_a_warning(
    tmp_path: Path, rgb: np.ndarray, caplog: pytest.LogCaptureFixture, profile: bytes
) -> None:
    exemplar = read_exemplar(saved(Image.fromarray(rgb), tmp_path / "a.tif", icc_profile=profile))
    np.testing.assert_array_equal(levels(exemplar), rgb)
    assert [record.levelno for record in caplog.records] == ([logging.WARNING] if profile else [])


def test_sixteen_bit_grey_carries_its_profile_along(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    exemplar = read_exemplar(saved(Image.fromarray(values), tmp_path / "a.png", icc_profile=GREY_LINEAR))
    assert exemplar.icc_profile == GREY_LINEAR
    np.testing.assert_array_equal(levels(exemplar, 65535), values)
    write_image(exemplar.pixels, tmp_path / "b.png", mode="I;16", icc_profile=exemplar.icc_profile)
    assert read_exemplar(tmp_path / "b.png").icc_profile == GREY_LINEAR


# --------------------------------------------------------- rotation and frames


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    for suffix in ("png", "tif"):
        exemplar = read_exemplar(saved(image, tmp_path / f"a.{suffix}", exif=exif))
        np.testing.assert_array_equal(levels(exemplar), upright)
    big = Image.fromarray(np.kron(np.ascontiguousarray(stored), np.ones((16, 16), np.uint8)))
    exemplar = read_exemplar(saved(big, tmp_path / "a.jpg", exif=exif, quality=100))
    assert exemplar.size == (48, 32)
    np.testing.assert_allclose(levels(exemplar)[8::16, 8::16], upright, atol=2)


def test_damaged_exif_is_ignored(tmp_path: Path, rgb: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f\1\2\3")
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    path = saved(Image.fromarray(rgb), tmp_path / "a.png", exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    assert "damaged EXIF" in caplog.text


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "mpo"])
def test_first_of_several_frames_is_used_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    first, second = Image.new("RGB", (20, 20), (200, 10, 10)), Image.new("RGB", (20, 20), (10, 10, 200))
    path = saved(first, tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    with caplog.at_level(logging.INFO, "texot"):
        exemplar = read_exemplar(path)
    np.testing.assert_allclose(levels(exemplar)[5, 5], [200, 10, 10], atol=8)
    assert len(caplog.records) == 1
    assert "holds 2 images: the first is used" in caplog.text


# ---------------------------------------------------------- arrays and tensors


def test_array_shapes_and_modes(rgb: np.ndarray, grey: np.ndarray) -> None:
    assert read_exemplar(grey).mode == "L"
    assert read_exemplar(grey[:, :, None]).sha256 == read_exemplar(grey).sha256
    assert read_exemplar(torch.from_numpy(grey)).sha256 == read_exemplar(grey).sha256
    assert read_exemplar(torch.from_numpy(grey)[None]).sha256 == read_exemplar(grey).sha256
    np.testing.assert_array_equal(levels(read_exemplar(grey > 99)), (grey > 99) * 255)
    np.testing.assert_array_equal(levels(read_exemplar(torch.from_numpy(grey > 99))), (grey > 99) * 255)
    assert read_exemplar(rgb[::-2, ::-1]).pixels.shape == (3, 6, 17)
    np.testing.assert_array_equal(levels(read_exemplar(rgb[::-2, ::-1])), rgb[::-2, ::-1])
    assert read_exemplar(rgb[:, :1]).size == (1, 12)


def test_tensor_stacks_of_maps() -> None:
    stack = torch.rand(7, 5, 6, dtype=torch.float64)
    exemplar = read_exemplar(stack)
    assert (exemplar.mode, exemplar.mask) == ("multi", None)
    assert torch.equal(exemplar.pixels, stack.float())
    for half in (torch.float16, torch.bfloat16):
        assert torch.equal(read_exemplar(stack.to(half)).pixels, stack.to(half).float())


def test_float_rounding_noise_is_clipped() -> None:
    exemplar = read_exemplar(np.array([[-1e-6, 0.5, 1 + 1e-6]]))
    assert exemplar.pixels.tolist() == [[[0, 0.5, 1]]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((0, 4)), "empty"),
        (np.zeros((4, 0, 3), np.uint8), "empty"),
        (torch.zeros(3, 0, 4), "empty"),
        (torch.zeros(0, 4, 4), "empty"),
        (Image.new("RGB", (0, 3)), "empty"),
        (np.zeros(4), r"expected an array \(H, W\)"),
        (np.zeros((3, 8, 8)), r"numpy\.moveaxis"),
        (np.zeros((1, 8, 8, 3)), r"expected an array \(H, W\)"),
        (np.array(1.0), r"expected an array \(H, W\)"),
        (torch.zeros(1, 3, 8, 8), "one image of the batch"),
        (torch.zeros(64, 64, 3), r"tensor\.permute"),
        (torch.zeros(3), r"expected a tensor \(H, W\)"),
        (torch.zeros(4, 4).to_sparse(), "dense"),
        (torch.zeros(4, 4, device="meta"), "dense"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.array([[0, np.inf]]), "NaN or infinite"),
        (torch.tensor([[0, -torch.inf]]), "NaN or infinite"),
        (np.full((4, 4), 255.0), r"floats in \[0, 1\], got 255"),
        (np.full((4, 4), -0.1), r"floats in \[0, 1\]"),
        (np.zeros((4, 4), np.int64), "uint8, uint16, bool or floats"),
        (np.zeros((4, 4), np.uint32), "uint8, uint16, bool or floats"),
        (np.zeros((4, 4), complex), "uint8, uint16, bool or floats"),
        (np.array([["a"]]), "uint8, uint16, bool or floats"),
        (np.array([[None]]), "uint8, uint16, bool or floats"),
        (torch.zeros(4, 4, dtype=torch.int32), "uint8, uint16, bool or floats"),
        ([[0.0]], "got list"),
        (None, "got NoneType"),
        (3, "got int"),
    ],
)
def test_unusable_sources(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_exemplar(source)  # type: ignore[arg-type]
    one_line(error)


# -------------------------------------------------------------- unusable files


def test_missing_empty_folder_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "note.png").write_text("not an image at all")
    (tmp_path / "figure.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    for path, message in [
        (tmp_path / "absent.png", "no such file"),
        (tmp_path / "note.png" / "a.png", "cannot read"),
        (tmp_path, "is a directory"),
        (tmp_path / "empty.png", "is empty"),
        (tmp_path / "note.png", "is no image that can be read"),
        (tmp_path / "figure.eps", "is no image that can be read"),  # Pillow would start Ghostscript
        (tmp_path / ("x" * 400), "cannot read"),
        ("nul\0byte.png", "not a file name"),
        ("", "no such file"),
    ]:
        for read in (read_exemplar, read_png_text):
            with pytest.raises(InputError, match=message) as error:
                read(path)
            one_line(error)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="pipe or device"):
        read_exemplar(tmp_path / "a.png")
    with pytest.raises(OutputError, match="pipe or device"):
        check_output(tmp_path / "a.png")


def test_unreadable_file(tmp_path: Path, rgb: np.ndarray, unprivileged: None) -> None:
    os.seteuid(os.getuid())
    path = saved(Image.fromarray(rgb), tmp_path / "a.png")
    path.chmod(0)
    if os.getuid() == 0:
        os.seteuid(65534)
    with pytest.raises(InputError, match="no permission"):
        read_exemplar(path)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("png", {}),
        ("png", {"bits": 4}),
        ("jpg", {}),
        ("jpg", {"progressive": True}),
        ("webp", {"lossless": True}),
        ("webp", {}),
        ("tif", {}),
        ("tif", {"compression": "tiff_adobe_deflate"}),
        ("bmp", {}),
        ("gif", {}),
        ("ppm", {}),
        ("tga", {}),
        ("jp2", {}),
    ],
)
def test_a_truncated_file_is_never_accepted_in_part(
    tmp_path: Path, rng: np.random.Generator, suffix: str, options: dict[str, object]
) -> None:
    """Cut anywhere: refused, or nothing but a trailer was lost and every pixel is there."""
    image = Image.fromarray(rng.integers(0, 256, (23, 31, 3), dtype=np.uint8))
    if "bits" in options:
        image = image.quantize(16)
    path = saved(image, tmp_path / f"a.{suffix}", **options)
    data, whole = path.read_bytes(), read_exemplar(path)
    cuts = {*range(1, len(data), 1 + len(data) // 60), *range(len(data) - 20, len(data))}
    refused = 0
    for cut in sorted(cuts):
        path.write_bytes(data[:cut])
        try:
            part = read_exemplar(path)
        except InputError:
            refused += 1
        else:
            assert torch.equal(part.pixels, whole.pixels), f"cut at {cut} of {len(data)}"
    assert refused >= len(cuts) - 24


def bomb(width: int, height: int) -> bytes:
    """A PNG that promises many pixels in a few bytes."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")):
        parts += [struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(kind + body))]
    return b"".join(parts)


def test_decompression_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bomb(60000, 50000))
    with pytest.raises(InputError, match="60000x50000 pixels, over the limit of 300 million"):
        read_exemplar(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "webp", "gif"])
def test_large_images_open_without_pillows_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rgb: np.ndarray, suffix: str
) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / f"a.{suffix}")
    # As if 204 pixels lay between the sizes at which Pillow warns and refuses; warnings are errors here.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    assert read_exemplar(path).size == (17, 12)
    assert Image.MAX_IMAGE_PIXELS == 150


def test_an_8k_photograph_opens(tmp_path: Path) -> None:
    path = saved(Image.new("L", (8192, 8192), 7), tmp_path / "a.png", compress_level=1)
    exemplar = read_exemplar(path)
    assert exemplar.size == (8192, 8192)
    assert exemplar.pixels[0, 5000, 6000] == np.float32(7) / np.float32(255)


def test_reading_in_threads(tmp_path: Path, rgb: np.ndarray) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / "a.png")
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(read_exemplar(path).sha256)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [read_exemplar(rgb).sha256] * 8


def test_samples_read() -> None:
    modes = {path.name: read_exemplar(path).mode for path in SAMPLES.glob("*.[jp][pn]g")}
    assert modes.pop("grass_gray.png") == "L"
    assert set(modes.values()) == {"RGB"}


def test_every_sample_is_credited_and_unchanged() -> None:
    credits = (SAMPLES / "LICENSES.md").read_text(encoding="utf-8")
    with open(SAMPLES / "SOURCES.tsv", encoding="utf-8", newline="") as stream:
        sources = {row["file"]: row for row in csv.DictReader(stream, delimiter="\t")}
    files = {path.relative_to(SAMPLES).as_posix(): path for path in SAMPLES.rglob("*.[jp][pn]g")}
    assert files.keys() == sources.keys()
    for name, path in files.items():
        assert f"| `{name}` |" in credits
        assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(sources[name]["sha256"])
        assert read_exemplar(path).size == (int(sources[name]["width"]), int(sources[name]["height"]))


# --------------------------------------------------------------------- writing


def planes_of(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1).float() / 255


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".tif", ".tiff", ".webp", ".bmp"])
def test_lossless_writing(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(planes_of(rgb), path)
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    write_image(torch.from_numpy(grey)[None].double() / 255, path)
    back = read_exemplar(path)
    assert back.mode == ("RGB" if suffix == ".webp" else "L")
    np.testing.assert_array_equal(back.pixels[0].mul(255).round().numpy(), grey)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_keeps_colour_edges(tmp_path: Path, suffix: str) -> None:
    stripes = np.zeros((32, 32, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    stripes[:, 1::2] = (0, 0, 255)
    path = tmp_path / f"a{suffix}"
    write_image(planes_of(stripes), path)
    assert np.abs(levels(read_exemplar(path)) - stripes.astype(int)).mean() < 6  # 4:2:0 gives over 60
    with Image.open(path) as image:
        assert image.format == "JPEG"


def test_alpha_is_written_where_it_can_be(tmp_path: Path, rgb: np.ndarray) -> None:
    rgba = np.dstack([rgb, rgb[..., 0]])
    la = rgba[..., 2:]
    for suffix in ("png", "tif", "webp"):
        write_image(planes_of(rgba), tmp_path / f"a.{suffix}")
        with Image.open(tmp_path / f"a.{suffix}") as image:
            np.testing.assert_array_equal(np.asarray(image), rgba)
        write_image(planes_of(la), tmp_path / f"la.{suffix}")
        with Image.open(tmp_path / f"la.{suffix}") as image:
            np.testing.assert_array_equal(np.asarray(image.convert("LA")), la)
    for suffix in ("jpg", "bmp"):
        with pytest.raises(OutputError, match="holds no transparency"):
            write_image(planes_of(rgba), tmp_path / f"a.{suffix}")


def test_quantisation_clamps_and_rounds_half_to_even() -> None:
    halves = (torch.arange(255) + 0.5) / 255
    exact = halves[halves * 255 == torch.arange(255) + 0.5]  # those a float32 product hits
    assert len(exact) > 100
    expected = np.rint(exact.numpy() * np.float32(255))
    np.testing.assert_array_equal(np.asarray(to_pil(exact[None]))[0], expected)
    beyond = torch.tensor([[-torch.inf, -0.1, 0, 1, 1.1, torch.inf]])
    assert np.asarray(to_pil(beyond)).tolist() == [[0, 0, 0, 255, 255, 255]]
    assert np.asarray(to_pil(torch.tensor([[0.5]]))).tolist() == [[128]]  # 127.5
    assert np.asarray(to_pil(torch.tensor([[[0.5]]]), "I;16")).tolist() == [[32768]]  # 32767.5
    assert to_pil(torch.rand(3, 4, 5).to(torch.bfloat16)).size == (5, 4)


def test_sixteen_bit_grey_in_eight_bit_formats(tmp_path: Path, grey: np.ndarray) -> None:
    for suffix in ("bmp", "webp", "jpg"):
        write_image(torch.from_numpy(grey)[None] / 255, tmp_path / f"a.{suffix}", mode="I;16")
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.mode in ("L", "RGB")


def test_every_exemplar_can_be_written_back(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray) -> None:
    for source in (rgb, grey, grey.astype(np.uint16) * 257):
        exemplar = read_exemplar(source)
        write_image(exemplar.pixels, tmp_path / "a.png", mode=exemplar.mode)
        assert read_exemplar(tmp_path / "a.png").sha256 == exemplar.sha256
        assert read_exemplar(tmp_path / "a.png").mode == exemplar.mode


@pytest.mark.parametrize(
    ("image", "mode", "message"),
    [
        (torch.full((3, 2, 2), torch.nan), None, "NaN"),
        (torch.rand(7, 2, 2), "multi", "7 channels"),
        (torch.rand(7, 2, 2), None, "7 channels"),
        (torch.rand(1, 2, 2), "RGB", "cannot be mode RGB"),
        (torch.rand(3, 2, 2), "I;16", "cannot be mode I;16"),
        (torch.rand(3, 2, 2), "CMYK", "cannot be mode CMYK"),
        (torch.rand(3, 0, 2), None, "expected float planes"),
        (torch.rand(2), None, "expected float planes"),
        (torch.zeros(3, 2, 2, dtype=torch.uint8), None, "expected float planes"),
    ],
)
def test_images_that_fit_no_file(tmp_path: Path, image: torch.Tensor, mode: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        write_image(image, tmp_path / "a.png", mode=mode)
    one_line(error)
    assert not os.listdir(tmp_path)


TEXT = {
    "texot": "0.1.0",
    "seed": "7",
    "exemplar": "gr\u00e4s \u8349 \U0001f33f.png",
    "settings": '{"size": [512, 512],\n "entropy": null}',
    "empty": "",
}


def test_png_text_round_trip_and_identical_bytes(tmp_path: Path, rgb: np.ndarray) -> None:
    for name in ("a.png", "b.png"):
        write_image(planes_of(rgb), tmp_path / name, text=TEXT)
    assert read_png_text(tmp_path / "a.png") == TEXT
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["seed"] == "7"
    np.testing.assert_array_equal(levels(read_exemplar(tmp_path / "a.png")), rgb)
    for suffix in ("jpg", "tif", "webp", "bmp"):
        pair = []
        for folder in ("x", "y"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_image(planes_of(rgb), tmp_path / folder / f"a.{suffix}", text=TEXT)
            pair.append((tmp_path / folder / f"a.{suffix}").read_bytes())
        assert pair[0] == pair[1]
        with pytest.raises(InputError, match="expected PNG"):
            read_png_text(tmp_path / "x" / f"a.{suffix}")


def test_png_text_never_fails_over_odd_characters(tmp_path: Path) -> None:
    text = {"file": os.fsdecode(b"stone\xff.png"), "nul": "a\0b"}
    write_image(torch.rand(1, 2, 2), tmp_path / "a.png", text=text)
    assert read_png_text(tmp_path / "a.png") == {"file": "stone\\udcff.png", "nul": "a\\x00b"}
    assert read_png_text(saved(Image.new("L", (2, 2)), tmp_path / "plain.png")) == {}
    for key in ("", "x" * 80, "a\0b", " lead", "trail ", "\u8349", "two\nlines"):
        with pytest.raises(InputError, match="PNG keyword"):
            write_image(torch.rand(1, 2, 2), tmp_path / "b.png", text={key: "v"})
    assert not (tmp_path / "b.png").exists()


def test_png_text_written_by_others(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("z", "compressed " * 50, zip=True)
    info.add_itxt("i", "\u8349", "zh", "\u5b57")
    path = saved(Image.new("L", (2, 2)), tmp_path / "a.png", pnginfo=info)
    assert read_png_text(path) == {"z": "compressed " * 50, "i": "\u8349"}
    assert {type(value) for value in read_png_text(path).values()} == {str}


def test_icc_profile_is_embedded(tmp_path: Path, rgb: np.ndarray) -> None:
    profile = matrix_profile(1.8)
    for suffix in ("png", "jpg", "tif", "webp", "bmp"):
        write_image(planes_of(rgb), tmp_path / f"a.{suffix}", icc_profile=profile)
        with Image.open(tmp_path / f"a.{suffix}") as image:
            assert image.info.get("icc_profile") == (None if suffix == "bmp" else profile)


# --------------------------------------------------------- whole or not at all


def test_permissions_are_those_of_an_ordinary_open(tmp_path: Path, rgb: np.ndarray) -> None:
    old = os.umask(0o027)
    try:
        write_image(planes_of(rgb), tmp_path / "a.png")
        (tmp_path / "plain").touch()
    finally:
        os.umask(old)
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "a.png").chmod(0o604)
    write_image(planes_of(rgb), tmp_path / "a.png")
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o604


def test_a_link_is_written_through(tmp_path: Path, rgb: np.ndarray) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "a.png")
    write_image(planes_of(rgb), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert os.listdir(tmp_path / "real") == ["a.png"]


def test_relative_and_long_names(tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(planes_of(rgb), "a.png")
    long = "y" * 250 + ".png"  # leaves no room for a longer temporary name
    write_image(planes_of(rgb), long)
    assert sorted(os.listdir(tmp_path)) == ["a.png", long]
    with pytest.raises(OutputError, match="too long"):
        write_image(planes_of(rgb), "y" * 300 + ".png")
    assert sorted(os.listdir(tmp_path)) == ["a.png", long]


def test_check_output(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.png").symlink_to("loop.png")
    check_output(tmp_path / "a.png")
    (tmp_path / "a.png").touch()
    check_output(tmp_path / "a.png")
    for path, message in [
        (tmp_path / "a.xyz", r"\.png, \.jpg, \.jpeg, \.webp, \.tif, \.tiff, \.bmp, got the suffix '\.xyz'"),
        (tmp_path / "a", "got no suffix"),
        ("", "got no suffix"),
        (tmp_path / ".png", "got no suffix"),
        (tmp_path / "absent" / "a.png", "no such folder"),
        (tmp_path / "file" / "a.png", "is not a folder"),
        (tmp_path / "folder.png", "is a directory"),
        (tmp_path / "loop.png", "cannot write"),
        ("nul\0.png", "not a file name"),
    ]:
        with pytest.raises(OutputError, match=message) as error:
            check_output(path)
        one_line(error)
        with pytest.raises(OutputError, match=message):
            write_image(torch.rand(3, 4, 4), path)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "file", "folder.png", "loop.png"]


def test_unwritable_folder_and_read_only_file(tmp_path: Path, unprivileged: None) -> None:
    with pytest.raises(OutputError, match="no permission to write in '/usr'"):
        check_output("/usr/texot-test.png")
    with pytest.raises(OutputError, match="no permission to write in '/usr'"):
        write_whole("/usr/texot-test.png", b"x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk(tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel itself says ENOSPC: the temporary file's descriptor is one of /dev/full."""
    (tmp_path / "old.png").write_bytes(b"old")
    ordinary = open

    def full(path: str, mode: str) -> io.IOBase:
        with ordinary(path, mode):
            return ordinary("/dev/full", "wb")

    monkeypatch.setattr(texot_image, "open", full, raising=False)
    for name in ("new.png", "old.png"):
        with pytest.raises(OutputError, match="the disk is full; free some space") as error:
            write_image(planes_of(rgb), tmp_path / name)
        assert error.value.__cause__.errno == errno.ENOSPC  # type: ignore[union-attr]
    assert os.listdir(tmp_path) == ["old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_file_size_limit_in_a_real_process(tmp_path: Path) -> None:
    """A write that fails half-way, without any stand-in, leaves the old file and nothing else."""
    (tmp_path / "a.png").write_bytes(b"old")
    code = (
        "import resource, sys, torch\n"
        "from texot.image import write_image\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "try:\n"
        "    write_image(torch.rand(3, 200, 200), sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("OutputError cannot write")
    assert "File too large" in done.stdout
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_failing_rename_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        write_image(torch.rand(3, 4, 4), tmp_path / "a.png")
    assert not os.listdir(tmp_path)


def test_what_an_encoder_cannot_do(tmp_path: Path) -> None:
    for name, width in (("a.webp", 20000), ("a.jpg", 70000)):
        with pytest.raises(OutputError, match=r"cannot write .* try \.png") as error:
            write_image(torch.zeros(3, 1, width), tmp_path / name)
        one_line(error)
    assert not os.listdir(tmp_path)


# ----------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("512x384", (512, 384)),
        ("512X384", (512, 384)),
        ("512×384", (512, 384)),
        (" 7 x 13 ", (7, 13)),
        ("1e3x1", (1000, 1)),
        ("1x1", (1, 1)),
        ("2x", (202, 128)),
        ("2.0x", (202, 128)),
        ("0.5x", (51, 32)),
        (".5x", (51, 32)),
        ("1.5x", (152, 96)),
        ("1x", (101, 64)),
        ((30, 40), (30, 40)),
        ([30, 40], (30, 40)),
        ((np.int64(30), 40), (30, 40)),
        (256, (256, 256)),
        (None, (101, 64)),
        ("16384x16384", (16384, 16384)),
    ],
)
def test_sizes(size: object, expected: tuple[int, int]) -> None:
    result = parse_size(size, exemplar_size=(101, 64))  # type: ignore[arg-type]
    assert result == expected
    assert [type(side) for side in result] == [int, int]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("0x0", "at least 1x1"),
        ("0x5", "at least 1x1"),
        ("-5x5", "at least 1x1"),
        ("-5", "not understood"),
        ("0x", "at least 1x1"),
        ("-2x", "at least 1x1"),
        ("0.001x", "at least 1x1"),
        ("", "not understood"),
        ("x", "not understood"),
        ("x5", "not understood"),
        ("256", "not understood"),
        ("big", "not understood"),
        ("nanxnan", "not understood"),
        ("infx1", "not understood"),
        ("5x5x5", "not understood"),
        ("5.5x5", "whole pixels"),
        ("1e9x1e9", "would take 12 EB of memory"),
        ("1000000x1000000", "would take 12 TB of memory"),
        ("16385x16384", r"would take 3\.22 GB of memory"),
        ("10000x", "would take 77.7 TB of memory"),
        ("1e300x1e300", "over 1000 EB"),
        ("1e999x1", "over 1000 EB"),
        ("1e999x", "over 1000 EB"),
        ("1e999x0", "at least 1x1"),
        pytest.param("9" * 5000 + "x1", "over 1000 EB", id="digits"),
        pytest.param(10**5000, "over 1000 EB", id="int"),
        pytest.param((10**5000, 1), "over 1000 EB", id="pair"),
        pytest.param((-(10**400), 1), "at least 1x1", id="negative"),
        (0, "at least 1x1"),
        (-3, "at least 1x1"),
        ((3, 0), "at least 1x1"),
        ((3,), "whole numbers"),
        ((3, 4, 5), "whole numbers"),
        ((3.0, 4), "whole numbers"),
        (True, "whole numbers"),
        (2.0, "whole numbers"),
        ({}, "whole numbers"),
    ],
)
def test_refused_sizes(size: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        parse_size(size, exemplar_size=(256, 256 - 3))  # type: ignore[arg-type]
    assert len(one_line(error)) < 260
