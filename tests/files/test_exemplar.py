"""Every kind of source by value, and every refusal."""

from __future__ import annotations

import csv
import hashlib
import logging
import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import GREY_LINEAR, SAMPLES, ink_profile, levels, matrix_profile, one_line, saved
from PIL import Image, ImageCms

from texot.errors import InputError, OutputError
from texot.files.decode import read_png_text
from texot.files.exemplar import read_exemplar
from texot.files.write import check_output, write_image


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


@pytest.mark.parametrize("transparency", [3, bytes([255, 128, 127, 0, 255])])
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
    alpha[2:5, 3:9] = 127
    image.putalpha(Image.fromarray(alpha))
    exemplar = read_exemplar(image)
    assert exemplar.mask is not None
    np.testing.assert_array_equal(exemplar.mask.numpy(), alpha == 255)


def test_alpha_masks_what_is_not_above_one_half(tmp_path: Path, rgb: np.ndarray, grey: np.ndarray) -> None:
    alpha = np.full((12, 17), 255, np.uint8)
    alpha[1, 2], alpha[3, 4], alpha[5, 6] = 0, 127, 1
    alpha[7, 8], alpha[9, 10] = 128, 250
    usable = alpha > 127
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
    clear = np.dstack([rgb, np.full((12, 17), 127, np.uint8)])
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
        (np.full((4, 4), 1e39), r"expected floats of up to 3\.4e\+38, got 1e\+39"),
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
        (tmp_path / "note.png", "is not a readable image"),
        (tmp_path / "figure.eps", "is not a readable image"),  # Pillow would start Ghostscript
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


@pytest.mark.slow
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
