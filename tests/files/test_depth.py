"""Bit depths: every value becomes a pixel in [0, 1] and comes back, and what no file can hold is refused."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from texot.errors import InputError, OutputError
from texot.files.deep import encode_deep, read_deep, write_deep
from texot.files.deep_image import DeepImage
from texot.files.depth import Curve, Depth, common_depth
from texot.files.exemplar import read_exemplar
from texot.files.mask import read_mask
from texot.files.original import read_original
from texot.files.write import check_format, check_output, encode_image, write_image

W, H = 12, 9
RGB = ("R", "G", "B")


def deep(values: np.ndarray, alpha: int | None = None, kind: str = "PNG") -> DeepImage:
    names = {1: ("Y",), 2: ("Y", "A"), 3: RGB, 4: (*RGB, "A")}[values.shape[2]]
    return DeepImage(values, kind, names, alpha=alpha, premultiplied=kind == "OpenEXR")


def random(dtype: str, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype[0] == "f":
        return (rng.normal(size=(H, W, channels)) * 10.0 ** rng.uniform(-3, 4, (H, W, 1))).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (H, W, channels), dtype, endpoint=True)


# --------------------------------------------------------------------------------------------------- curve


@given(
    values=st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=2, max_size=40),
    scale=st.floats(1e-6, 1e6),
)
def test_the_curve_is_monotone_and_inverted(values: list[float], scale: float) -> None:
    given = np.sort(np.array(values))
    curve = Curve(given[0], given[-1], scale)
    pixels = curve.pixels(given)
    assert pixels.dtype == np.float32
    assert bool((np.diff(pixels) >= 0).all())
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    back = curve.values(pixels)
    reach = np.arcsinh(given[-1] / scale) - np.arcsinh(given[0] / scale)
    assert np.abs(np.arcsinh(back / scale) - np.arcsinh(given / scale)).max() <= 1e-6 * max(1, reach)


def test_one_bright_pixel_does_not_take_the_range() -> None:
    """A sky from 0.5 to 1.5 with a sun of 10000."""
    sky = np.linspace(0.5, 1.5, H * W).reshape(H, W, 1).astype(np.float32)
    sky[4, 4] = 10_000
    pixels = read_exemplar(sky).pixels
    others = pixels.flatten().sort().values[:-1]
    assert float(others.max() - others.min()) > 0.05  # on a linear scale: 0.0001
    assert float(pixels.max()) == 1


def test_all_levels_of_sixteen_bits_are_pixels() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    depth = Depth.of(deep(values), "it")
    planes, _ = depth.planes()
    assert np.array_equal(planes[0], (values[..., 0] / np.float32(65535)).astype(np.float32))
    rolled = torch.from_numpy(np.roll(planes, 1, 2))
    assert np.array_equal(depth.deep(rolled, "L").values, np.roll(values, 1, 1))


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_unchanged_pixels_keep_their_values(dtype: str, mode: str) -> None:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    values = random(dtype, channels)
    alpha = channels - 1 if mode.endswith("A") else None
    depth = Depth.of(deep(values, alpha), "it")
    planes, opacity = depth.planes()
    pixels = torch.from_numpy(planes if opacity is None else np.concatenate([planes, opacity[None]]))
    changed = pixels.clone()
    changed[:, 2:4, 3:5] = 0.5
    found = depth.deep(changed, mode)
    assert found.values.dtype == values.dtype
    kept = np.ones((H, W), bool)
    kept[2:4, 3:5] = False
    assert np.array_equal(found.values[kept], values[kept])
    colours = found.values[2:4, 3:5, : channels - (alpha is not None)].astype(np.float64)
    assert np.abs(colours - depth.curve.values(np.array(0.5))).max() <= max(0.5, 1e-3 * np.abs(colours).max())
    assert (found.alpha, found.names) == (alpha, depth.image.names)


def test_the_inverse_is_precise() -> None:
    """A hundred thousandth of a value, or of the median where that is more."""
    values = np.abs(random("f4"))
    depth = Depth.of(deep(values, kind="OpenEXR"), "it")
    pixels = torch.from_numpy(depth.planes()[0]).flip(2)
    found = depth.deep(pixels, "RGB").values
    np.testing.assert_allclose(found, values[:, ::-1], rtol=1e-5, atol=1e-5 * np.median(values))


def test_one_curve_for_several_images() -> None:
    low, high = (Depth.of(deep(np.full((2, 2, 3), v, np.float32)), "it") for v in (-1, 100))
    for order in ([low, high], [high, low]):
        joint = common_depth(order, "images")  # type: ignore[arg-type]
        assert joint is not None
        assert (joint.curve.low, joint.curve.high) == (-1, 100)
    sixteen = Depth.of(deep(random("u2")), "it")
    assert common_depth([None, sixteen], "images") is sixteen
    assert common_depth([None], "images") is None
    whole = [Depth.of(deep(np.full((2, 2, 3), v, np.uint32)), "it") for v in (5, 100_000)]
    joint = common_depth(whole, "images")  # type: ignore[arg-type]
    assert joint is not None
    assert joint.curve == Curve(5, 100_000)
    for mixed in ([low, None], [low, sixteen]):
        with pytest.raises(
            InputError, match="some images hold floats and some values of 8 or 16 bits: convert"
        ):
            common_depth(mixed, "images")  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize(
    ("name", "dtype", "channels"),
    [
        ("a.png", "u2", 2),
        ("a.png", "u2", 3),
        ("a.png", "u2", 4),
        ("a.tif", "u2", 3),
        ("a.tif", "u2", 4),
        ("a.tif", "u4", 3),
        ("a.tif", "f4", 1),
        ("a.exr", "f2", 3),
        ("a.exr", "f4", 4),
        ("a.hdr", "f4", 3),
    ],
)
def test_files_there_and_back(tmp_path: Path, name: str, dtype: str, channels: int) -> None:
    values = random(dtype, channels)
    kind = {".exr": "OpenEXR", ".hdr": "Radiance"}.get(name[-4:], "PNG")
    if kind == "Radiance":
        values = np.abs(values)
    if channels in (2, 4):
        values[..., -1] = np.abs(values[..., -1])
    path = tmp_path / name
    write_deep(deep(values, channels - 1 if channels in (2, 4) else None, kind), path)
    values = read_deep(path).values  # Radiance rounds
    for source in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        original = read_original(source)
        assert original.depth is not None
        assert original.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        planes = original.pixels if original.alpha is None else torch.cat([original.pixels, original.alpha])
        write_image(planes, tmp_path / f"b{name}", mode=original.mode, depth=original.depth)
        found = read_deep(tmp_path / f"b{name}")
        assert np.array_equal(found.values, values)
        assert found.values.dtype == values.dtype
    exemplar = read_exemplar(path, alpha="ignore")
    assert exemplar.mode == {1: "L", 2: "L", 3: "RGB", 4: "RGB"}[channels]
    assert torch.equal(exemplar.pixels, original.pixels)


def test_arrays_of_sixteen_bits_and_of_floats() -> None:
    values = random("u2", 4)
    found = read_exemplar(values, alpha="channel")
    assert found.mode == "RGBA"
    assert found.depth is not None
    assert np.array_equal(np.rint(found.pixels.numpy() * 65535), np.moveaxis(values, -1, 0))
    bright = np.abs(random("f4"))
    tensor = torch.from_numpy(bright).permute(2, 0, 1)
    for source in (bright, tensor, bright.astype(np.float64)):
        made = read_exemplar(source)
        assert made.depth is not None
        assert made.depth.floats
        assert np.array_equal(made.depth.image.values, bright)
    assert read_exemplar(random("u2", 1)).depth is None  # 16-bit grey needs none
    assert read_exemplar(np.full((4, 4), 0.5)).depth is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["a.exr", "a.tif"])
def test_values_that_are_not_finite(tmp_path: Path, value: float, name: str) -> None:
    values = random("f4")
    values[1, 2, 0] = value
    write_deep(deep(values, kind="OpenEXR"), tmp_path / name)
    for read in (read_exemplar, read_original):
        with pytest.raises(InputError, match=r"a\.(exr|tif)' holds NaN or infinite values") as info:
            read(tmp_path / name)
        assert "\n" not in str(info.value)


def test_profile_resolution_and_exif_go_along(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "a camera", 6
    image = deep(random("u2"))
    profile = b"profile of the image" * 10
    plain = encode_deep(DeepImage(image.values, "PNG", RGB, icc_profile=profile, dpi=(72, 72)))
    with Image.open(io.BytesIO(plain)) as opened:
        made = exif.tobytes().removeprefix(b"Exif\0\0")
        assert opened.mode == "RGB"
    from texot.files.png import chunk

    at = plain.index(b"IDAT") - 4
    original = read_original(plain[:at] + chunk(b"eXIf", made) + plain[at:])
    assert original.size == (H, W)  # turned
    assert original.icc_profile == profile
    assert original.dpi is not None
    for suffix in ("png", "tif"):
        path = tmp_path / f"a.{suffix}"
        write_image(
            original.pixels,
            path,
            mode="RGB",
            icc_profile=profile,
            dpi=original.dpi,
            exif=original.exif,
            depth=original.depth,
        )
        again = read_original(path)
        assert torch.equal(again.pixels, original.pixels)
        assert again.icc_profile == profile
        assert again.dpi == pytest.approx((72, 72), abs=0.1)
        assert again.exif is not None
        kept = Image.Exif()
        kept.load(again.exif)
        assert kept[0x010F] == "a camera"
        assert kept.get(0x0112, 1) == 1


def test_texts_are_in_pngs_of_sixteen_bits() -> None:
    depth = Depth.of(deep(random("u2")), "it")
    pixels = torch.from_numpy(depth.planes()[0])
    data = encode_image(pixels, mode="RGB", text={"texot": '{"seed": 1}'}, depth=depth)
    with Image.open(io.BytesIO(data)) as image:
        assert image.text == {"texot": '{"seed": 1}'}  # type: ignore[attr-defined]


def test_masks_and_weights_are_linear() -> None:
    """Floats of a mask or of a map of weights are no colours: half is half."""
    values = np.linspace(0, 2, H * W * 3, dtype=np.float32).reshape(H, W, 3)
    found = read_exemplar(values)
    np.testing.assert_allclose(found.linear().permute(1, 2, 0), values.clip(0, 1), atol=1e-5)
    assert bool((found.pixels != found.linear()).any())
    grey = read_exemplar(np.full((H, W), 0.3, np.float32))
    assert grey.linear() is grey.pixels
    mask = np.full((H, W), 0.0, np.float32)
    mask[2:5] = 3
    assert torch.equal(read_mask(mask, (W, H)), torch.from_numpy(mask > 0))


def test_other_tiffs_of_sixteen_bits_are_read_with_eight(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """CMYK of 16 bits, which Pillow reads."""
    data, cmyk = random("u2", 4).astype("<u2").tobytes(), 5
    tags = [
        (256, 4, 1, W), (257, 4, 1, H), (258, 3, 4, 8), (259, 3, 1, 1), (262, 3, 1, cmyk),
        (273, 4, 1, 16), (277, 3, 1, 4), (278, 4, 1, H), (279, 4, 1, len(data)),
    ]  # fmt: skip
    start = b"II*\0" + struct.pack("<I4H", 16 + len(data), *[16] * 4)
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path = tmp_path / "a.tif"
    path.write_bytes(start + data + directory)
    with caplog.at_level(logging.INFO, "texot"):
        assert read_exemplar(path).mode == "RGB"
    assert "it is read with 8" in caplog.text


# --------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("dtype", "name", "message"),
    [
        ("f4", "a.png", "PNG holds no floats of 32 bits; use .tif or .exr"),
        ("f2", "a.jpg", "JPEG holds no floats of 16 bits; use .exr"),
        ("f4", "a.webp", "WEBP holds no floats of 32 bits"),
        ("f4", "a.gif", "GIF holds no floats of 32 bits"),
        ("f4", "a.hdr", "Radiance HDR holds no negative values; use .exr"),
        ("u2", "a.exr", "OpenEXR holds no whole numbers of 16 bits; use .png or .tif"),
        ("u2", "a.xyz", r"ending in .png, .*\.exr, \.hdr, got the suffix '.xyz'"),
        ("u4", "a.jpg", "JPEG holds no whole numbers of 32 bits; use .tif or .exr"),
    ],
)
def test_formats_that_hold_less(tmp_path: Path, dtype: str, name: str, message: str) -> None:
    depth = Depth.of(deep(random(dtype)), "it")
    with pytest.raises(OutputError, match=message) as info:
        check_format(tmp_path / name, (W, H), "RGB", depth=depth)
    assert "\n" not in str(info.value)


def test_sixteen_bits_are_rounded_for_formats_of_eight(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    depth = Depth.of(deep(random("u2")), "it")
    pixels = torch.from_numpy(depth.planes()[0])
    path = tmp_path / "a.webp"
    check_output(path, depth)
    with caplog.at_level(logging.INFO, "texot"):
        check_format(path, (W, H), "RGB", depth=depth)
    assert "WEBP holds 8 bits a channel: 16 bits are rounded to 8" in caplog.text
    write_image(pixels, path, mode="RGB", depth=depth)
    with Image.open(path) as image:
        found = np.asarray(image)
    assert np.array_equal(found, np.rint(depth.image.values / 257))
