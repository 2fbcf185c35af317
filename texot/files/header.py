"""Facts of an image file before its pixels are decoded: kind, depth, frames, plausible size."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import BinaryIO

from PIL import Image

MAX_FRAMES = 1000  # counted at most
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftyphevc", "HEIC"),
    (4, b"ftyphevx", "HEIC"),
    (4, b"ftypheim", "HEIC"),
    (4, b"ftypheis", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"%PDF", "PDF"),
    (0, b"\xabKTX", "KTX"),
    (0, b"<svg", "SVG"),
)
# Maximal pixels per byte of the file, where the format has a limit: LZW's
# longest string in a code of 12 bits; a bit for 64 pixels; runs of BMP, TGA and QOI; blocks of DDS.
_PIXELS_A_BYTE = {"GIF": 2731, "JPEG": 512, "BMP": 128, "DIB": 128, "TGA": 128, "QOI": 62, "DDS": 2, "PPM": 8}
_DEFLATE = 1032  # maximal expansion of deflate
_MAX_TAGS, _MAX_VALUES = 4096, 64  # maximal entries read of a TIFF's directory, and values of each
_SLACK = 1 << 16  # pixels: small images are never refused


def other_kind(start: bytes) -> str | None:
    """The name of an unsupported kind of picture file, from its first 16 bytes."""
    for at, magic, name in _OTHERS:
        if start[at : at + len(magic)] == magic:
            return name
    return None


def hint(kind: str) -> str:
    """Advice for such a file."""
    if kind in ("HEIC", "HEIF"):
        return "save or export it as JPEG or PNG (on a phone: camera settings, format 'most compatible')"
    return "save or export it as PNG"


def is_plausible(image: Image.Image, n_bytes: int) -> bool:
    """Whether a file of `n_bytes` bytes can contain all pixels that its header declares."""
    width, height = image.size
    if width * height <= _SLACK:
        return True
    if image.format == "PNG":
        bits = {"1": 1, "P": 1, "L": 2, "LA": 16, "I;16": 16, "RGB": 24, "RGBA": 32}.get(image.mode, 1)
        return height * (1 + width * bits // 8) <= _DEFLATE * n_bytes
    most = _PIXELS_A_BYTE.get(image.format or "")
    return most is None or width * height <= most * n_bytes


def is_deep(image: Image.Image, stream: BinaryIO) -> bool:
    """Whether an unloaded image of 8-bit mode comes from a file of more bits a channel."""
    if image.mode not in ("RGB", "RGBA", "RGBX", "LA", "L", "CMYK", "RGBa", "La"):
        return False
    for tile in getattr(image, "tile", ()):
        parts = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if any(isinstance(part, str) and ";16" in part for part in parts):
            return True
        if image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in parts):
            return True
    if image.format in ("AVIF", "JPEG2000"):
        at = stream.tell()
        stream.seek(0)
        start = stream.read(1 << 14)
        stream.seek(at)
        return _deep_avif(start) if image.format == "AVIF" else _deep_jpeg2000(start)
    return False


def _deep_avif(start: bytes) -> bool:
    """The flag high_bitdepth of the AV1 codec configuration box."""
    at = start.find(b"av1C")
    return 0 <= at < len(start) - 7 and bool(start[at + 6] & 0x40)


def _deep_jpeg2000(start: bytes) -> bool:
    """Depth minus one of the first component in the codestream's size marker."""
    at = start.find(b"\xff\x4f\xff\x51")
    return 0 <= at < len(start) - 42 and start[at + 42] & 0x7F > 7


def frames(image: Image.Image, stream: BinaryIO) -> int:
    """Number of images in the file, counted up to `MAX_FRAMES`; none of them is decoded.

    For TIFF, Pillow takes quadratic time and reads every directory.
    """
    if image.format == "TIFF":
        at = stream.tell()
        count = _tiff_directories(stream)
        stream.seek(at)
        return count
    if image.format == "GIF":
        at = stream.tell()
        count = _gif_images(stream)
        stream.seek(at)
        return count
    return int(getattr(image, "n_frames", 1)) if getattr(image, "is_animated", False) else 1


def _tiff_directories(stream: BinaryIO) -> int:
    stream.seek(0)
    start = stream.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = len(start) == 16 and struct.unpack(f"{order}H", start[2:4])[0] == 43
    link, entries, entry, at = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    seen: set[int] = set()
    try:
        (where,) = struct.unpack_from(f"{order}{link}", start, at)
        while where and where not in seen and len(seen) < MAX_FRAMES:
            stream.seek(where)
            (count,) = struct.unpack(f"{order}{entries}", stream.read(struct.calcsize(entries)))
            stream.seek(count * entry, io.SEEK_CUR)
            seen.add(where)
            (where,) = struct.unpack(f"{order}{link}", stream.read(struct.calcsize(link)))
    except (struct.error, OSError, OverflowError, ValueError):
        pass
    return max(1, len(seen))


def _gif_images(stream: BinaryIO) -> int:
    """Image blocks, GIF89a section 20; data blocks are skipped."""
    stream.seek(10)
    count = 0
    flags = stream.read(3)[:1]
    if flags and flags[0] & 0x80:
        stream.seek(3 << (flags[0] % 8 + 1), io.SEEK_CUR)
    while count < MAX_FRAMES:
        kind = stream.read(1)
        if kind == b",":
            flags = stream.read(9)[8:]
            if not flags:
                break
            if flags[0] & 0x80:
                stream.seek(3 << (flags[0] % 8 + 1), io.SEEK_CUR)
            count += 1
        elif kind != b"!":
            break
        stream.seek(1, io.SEEK_CUR)  # code size, or the extension's label
        while size := stream.read(1):
            if size == b"\0":
                break
            stream.seek(size[0], io.SEEK_CUR)
    return max(1, count)


def tiff_tags(stream: BinaryIO, wanted: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Integers under given tags of the first directory of a TIFF, at most 64 of each.

    Args:
        stream: a seekable stream of the file; its position is undefined afterwards.
        wanted: tags of type SHORT or LONG.

    Returns:
        The values that can be read.
    """
    stream.seek(0)
    start = stream.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = len(start) == 16 and struct.unpack(f"{order}H", start[2:4])[0] == 43
    link, entries, room, at = ("Q", "Q", 8, 8) if big else ("I", "H", 4, 4)
    found: dict[int, tuple[int, ...]] = {}
    try:
        (where,) = struct.unpack_from(f"{order}{link}", start, at)
        stream.seek(where)
        (count,) = struct.unpack(f"{order}{entries}", stream.read(struct.calcsize(entries)))
        for _ in range(min(count, _MAX_TAGS)):
            tag, kind, number, value = struct.unpack(f"{order}HH{link}{room}s", stream.read(4 + 2 * room))
            code = {3: "H", 4: "I"}.get(kind)
            if tag not in wanted or code is None or not 1 <= number <= _MAX_VALUES:
                continue
            length = number * struct.calcsize(code)
            if length > room:
                next_entry = stream.tell()
                stream.seek(struct.unpack(f"{order}{link}", value)[0])
                value = stream.read(length)
                stream.seek(next_entry)
            found[tag] = struct.unpack(f"{order}{number}{code}", value[:length])
    except (struct.error, OSError, OverflowError, ValueError):
        pass
    return found
