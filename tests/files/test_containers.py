"""What stands around the pixels of a file: damage beside them, depth, frames, colours, implausible sizes."""

from __future__ import annotations

import io
import logging
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import levels, matrix_profile, one_line, saved
from PIL import Image, PngImagePlugin

from texot.errors import InputError
from texot.files.decode import read_png_text
from texot.files.exemplar import read_exemplar
from texot.files.original import read_original


def chunk(kind: bytes, body: bytes, *, good: bool = True) -> bytes:
    check = zlib.crc32(kind + body) ^ (0 if good else 1)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def with_chunk(path: Path, extra: bytes, *, last: bool = False) -> Path:
    """The PNG with a chunk after its header, or before its end."""
    data = path.read_bytes()
    at = len(data) - 12 if last else 33
    path.write_bytes(data[:at] + extra + data[at:])
    return path


LARGE = b"x" * (3 << 20)
DAMAGED = {
    "long text": chunk(b"tEXt", b"note\0" + LARGE),
    "long packed text": chunk(b"zTXt", b"note\0\0" + zlib.compress(LARGE)),
    "long packed unicode": chunk(b"iTXt", b"note\0\1\0\0\0" + zlib.compress(LARGE)),
    "text with a bad checksum": chunk(b"tEXt", b"note\0text", good=False),
    "time with a bad checksum": chunk(b"tIME", b"\x07\xe8\1\1\1\1\1", good=False),
    "profile with a bad checksum": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"x" * 200), good=False),
    "profile of unknown compression": chunk(b"iCCP", b"icc\0\x07" + b"x" * 200),
    "short resolution": chunk(b"pHYs", b"1"),
    "short gamma": chunk(b"gAMA", b"1"),
    "no colour space": chunk(b"sRGB", b""),
    "short chromaticities": chunk(b"cHRM", b"\0" * 12),
    "short animation": chunk(b"acTL", b"1"),
    "unknown kind with a bad checksum": chunk(b"teSt", b"1234", good=False),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_beside_the_pixels_costs_no_pixels(
    tmp_path: Path, rgb: np.ndarray, caplog: pytest.LogCaptureFixture, kind: str, last: bool
) -> None:
    last = last and "profile" not in kind  # which stands before the pixels
    info = PngImagePlugin.PngInfo()
    info.add_text("texot", "{}")
    path = with_chunk(saved(Image.fromarray(rgb), tmp_path / "a.png", pnginfo=info), DAMAGED[kind], last=last)
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    if kind != "long text":
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "skipped its" in caplog.text
    assert read_png_text(path)["texot"] == "{}"


def test_damage_of_the_pixels_is_still_refused(tmp_path: Path, rgb: np.ndarray) -> None:
    image = Image.fromarray(rgb).quantize(8)
    path = saved(image, tmp_path / "a.png")
    data = bytearray(path.read_bytes())
    data[data.index(b"PLTE") + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="broken PNG file") as error:
        read_exemplar(path)
    one_line(error)


def test_a_large_colour_profile_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    profile = matrix_profile(1.0)
    profile = struct.pack(">I", len(profile) + (2 << 20)) + profile[4:] + bytes(2 << 20)
    image = Image.new("RGB", (4, 3), (55, 55, 55))
    path = with_chunk(saved(image, tmp_path / "a.png"), chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile)))
    np.testing.assert_allclose(levels(read_exemplar(path)), 128, atol=1)
    assert not caplog.records
    assert read_original(path).icc_profile == profile


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 2}, {"restart_marker_rows": 1}]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_end(
    tmp_path: Path,
    rng: np.random.Generator,
    caplog: pytest.LogCaptureFixture,
    lost: int,
    options: dict[str, object],
    mode: str,
) -> None:
    image = Image.fromarray(rng.integers(0, 256, (23, 31, 3), dtype=np.uint8)).convert(mode)
    path = saved(image, tmp_path / "a.jpg", **options)
    whole, data = read_exemplar(path), path.read_bytes()
    path.write_bytes(data[:-lost])
    assert torch.equal(read_exemplar(path).pixels, whole.pixels)
    assert "last two bytes" in caplog.text
    path.write_bytes(data[: len(data) - 40])
    with pytest.raises(InputError, match="truncated"):
        read_exemplar(path)


def test_a_progressive_jpeg_without_its_last_scan_is_refused(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    image = Image.fromarray(rng.integers(0, 256, (48, 48, 3), dtype=np.uint8))
    path = saved(image, tmp_path / "a.jpg", progressive=True)
    data = path.read_bytes()
    for cut in range(2, len(data)):
        if data[cut : cut + 2] in (b"\xff\xda", b"\xff\xc4"):  # a scan, or its tables
            path.write_bytes(data[:cut])
            with pytest.raises(InputError, match=r"truncated|not a readable image"):
                read_exemplar(path)


# ------------------------------------------------------------------------------------------ depth


def deep_png(path: Path, values: np.ndarray) -> Path:
    """A PNG of 16 bits a channel: (H, W, C) with C from 2 to 4, which Pillow does not write."""
    height, width, channels = values.shape
    rows = values.astype(">u2").tobytes()
    step = width * channels * 2
    lines = b"".join(b"\0" + rows[k * step : (k + 1) * step] for k in range(height))
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def deep_ppm(path: Path, values: np.ndarray) -> Path:
    height, width, _ = values.shape
    path.write_bytes(b"P6 %d %d 65535\n" % (width, height) + values.astype(">u2").tobytes())
    return path


def test_sixteen_bit_ppm_is_said_and_no_photograph(
    tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    """Of formats other than PNG, TIFF and OpenEXR, 8 bits are read."""
    values = rng.integers(40000, 65536, (5, 6, 3), dtype=np.uint16)
    path = deep_ppm(tmp_path / "a.any", values)
    with caplog.at_level(logging.INFO, "texot"):
        exemplar = read_exemplar(path)
    np.testing.assert_allclose(exemplar.pixels[0].numpy(), values[..., 0] / 65535, atol=1 / 255)
    assert "16 bits a channel: it is read with 8" in caplog.text
    with pytest.raises(InputError, match="of which 8 are read: convert it to PNG or TIFF") as error:
        read_original(path)
    one_line(error)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_png_keeps_its_values(tmp_path: Path, rng: np.random.Generator, channels: int) -> None:
    values = rng.integers(40000, 65536, (5, 6, channels), dtype=np.uint16)
    path = deep_png(tmp_path / "a.any", values)
    for found in (read_exemplar(path, alpha="ignore"), read_original(path, alpha="ignore")):
        colours = values[..., : channels - (channels in (2, 4))]
        assert np.array_equal(np.rint(found.pixels.numpy() * 65535), np.moveaxis(colours, -1, 0))


def test_eight_bits_and_sixteen_bit_grey_are_no_such_case(
    tmp_path: Path, rgb: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    grey = Image.fromarray(rgb[..., 0].astype(np.uint16) * 257)
    with caplog.at_level(logging.INFO, "texot"):
        for name in ("a.png", "a.tif", "a.ppm", "a.webp"):
            read_original(saved(Image.fromarray(rgb), tmp_path / name))
        read_original(saved(grey, tmp_path / "g.png"))
        read_original(saved(Image.fromarray(np.dstack([rgb, rgb[..., 0] | 128])), tmp_path / "x.png"))
    assert not caplog.records


# ----------------------------------------------------------------------------------------- colours


def gamma_chunks(gamma: float, places: tuple[float, ...] | None = None) -> bytes:
    found = chunk(b"gAMA", struct.pack(">I", round(gamma * 100000)))
    if places:
        found += chunk(b"cHRM", struct.pack(">8I", *(round(100000 * v) for v in places)))
    return found


SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA"])
def test_png_gamma_is_honoured(tmp_path: Path, mode: str) -> None:
    image = Image.new("L", (4, 3), 55).convert(mode)
    path = with_chunk(saved(image, tmp_path / "a.png"), gamma_chunks(1.0))
    np.testing.assert_allclose(levels(read_exemplar(path)), 128, atol=1)
    own = read_original(path)
    np.testing.assert_array_equal(own.pixels.mul(255).round().numpy(), 55)
    again = Image.fromarray(np.full((3, 4), 55, np.uint8)).convert("L" if mode in ("L", "LA") else "RGB")
    path = saved(again, tmp_path / "b.png", icc_profile=own.icc_profile)
    np.testing.assert_allclose(levels(read_exemplar(path)), 128, atol=1)


def test_png_primaries_are_honoured(tmp_path: Path) -> None:
    path = saved(Image.new("RGB", (4, 3), (100, 200, 120)), tmp_path / "a.png")
    with_chunk(path, gamma_chunks(1 / 2.19921875, ADOBE))  # Adobe RGB (1998)
    linear = (np.array([100, 200, 120]) / 255) ** 2.19921875
    matrix = np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04293, 1.04293]])  # to linear sRGB
    light = np.clip(matrix @ linear, 0, 1)
    want = np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    np.testing.assert_allclose(levels(read_exemplar(path))[1, 1], want, atol=2)


@pytest.mark.parametrize(
    "chunks",
    [
        gamma_chunks(0.45455),
        gamma_chunks(0.45455, SRGB),
        chunk(b"sRGB", b"\0") + gamma_chunks(1.0),
        gamma_chunks(0),
        gamma_chunks(1.0, (0.0,) * 8),
        gamma_chunks(1.0, (0.3127, 0.329, 0.64, 0.33, 0.64, 0.33, 0.64, 0.33)),
        chunk(b"cHRM", struct.pack(">8I", *(round(100000 * v) for v in ADOBE))),
    ],
)
def test_srgb_and_nonsense_leave_pixels_alone(tmp_path: Path, rgb: np.ndarray, chunks: bytes) -> None:
    path = with_chunk(saved(Image.fromarray(rgb), tmp_path / "a.png"), chunks)
    np.testing.assert_array_equal(levels(read_exemplar(path)), rgb)
    assert read_original(path).icc_profile is None


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"hevc"])
def test_heic_is_refused_with_a_hint(tmp_path: Path, brand: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(struct.pack(">I", 24) + b"ftyp" + brand + bytes(12))
    with pytest.raises(InputError, match=r"is HEI[CF], .* as JPEG or PNG") as error:
        read_exemplar(tmp_path / "a.jpg")
    one_line(error)


# ------------------------------------------------------------------------------- sizes and frames


def hollow_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(3000))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def hollow(kind: str) -> bytes:
    """A file of a few bytes whose header declares 16000x16000 pixels."""
    if kind == "PNG":
        return hollow_png(16000, 16000)
    buffer = io.BytesIO()
    Image.new("P" if kind == "GIF" else "RGB", (16, 16)).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    at, form = {"JPEG": (data.find(b"\xff\xc0") + 5, ">HH"), "GIF": (6, "<HH"), "BMP": (18, "<ii")}[kind]
    struct.pack_into(form, data, at, 16000, 16000)
    if kind == "GIF":
        struct.pack_into("<HH", data, data.index(b",") + 5, 16000, 16000)
    return bytes(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_more_pixels_than_a_file_can_hold_are_refused_before_decoding(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.any").write_bytes(hollow(kind))
    begun = time.perf_counter()
    for read in (read_exemplar, read_original):
        with pytest.raises(InputError, match=r"16000x16000 pixels, more than [0-9]+ bytes can hold") as error:
            read(tmp_path / "a.any")
        one_line(error)
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif", "tga"])
def test_one_colour_is_plausible(tmp_path: Path, suffix: str) -> None:
    image = Image.new("L", (1500, 1500), 7)
    image = image.convert("P") if suffix == "gif" else image
    options: dict[str, object] = {"compression": "tiff_deflate"} if suffix == "tif" else {}
    options |= {"optimize": True} if suffix in ("jpg", "png") else {}
    assert read_exemplar(saved(image, tmp_path / f"a.{suffix}", **options)).size == (1500, 1500)


def test_what_does_not_fit_the_memory_is_refused_before_decoding(
    tmp_path: Path, rgb: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(Image.fromarray(rgb), tmp_path / "a.png")
    monkeypatch.setattr("texot.files.decode.memory_limit", lambda: 1000)
    with pytest.raises(InputError, match="GiB of memory"):
        read_exemplar(path)


def many_directories(count: int, *, loop: bool) -> bytes:
    """A TIFF of one grey pixel and so many directories after its first."""
    tags = [(256, 4, 1), (257, 4, 1), (258, 3, 8), (262, 3, 1), (273, 4, 8), (277, 3, 1), (279, 4, 1)]
    first = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in tags)
    data = b"II*\0" + struct.pack("<I", 10) + b"\x80\0" + first
    for _ in range(count):
        data += struct.pack("<I", len(data) + 4) + struct.pack("<HHHII", 1, 256, 4, 1, 1)
    return data + struct.pack("<I", 10 if loop else 0)


@pytest.mark.parametrize("loop", [False, True])
def test_directories_of_a_tiff_are_counted_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, loop: bool
) -> None:
    (tmp_path / "a.tif").write_bytes(many_directories(20_000, loop=loop))
    begun = time.perf_counter()
    with caplog.at_level(logging.INFO, "texot"):
        assert read_exemplar(tmp_path / "a.tif").size == (1, 1)
    assert time.perf_counter() - begun < 2
    assert "more than 1000 images" in caplog.text


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_only_the_first_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, suffix: str
) -> None:
    frames = [Image.fromarray(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8)) for _ in range(12)]
    path = saved(frames[0], tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    seeks: list[int] = []
    plugin = {"gif": "GifImagePlugin.GifImageFile", "webp": "WebPImagePlugin.WebPImageFile"}.get(suffix)
    plugin = plugin or "PngImagePlugin.PngImageFile"
    monkeypatch.setattr(f"PIL.{plugin}.seek", lambda _, frame: seeks.append(frame))
    read_exemplar(path)
    assert max(seeks, default=0) == 0
