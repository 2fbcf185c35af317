"""PNG of 16 bits a channel; Pillow reads colours with 8 bits, and writes 16 bits only in grey.

PNG specification, third edition: sections 9 (filters), 10 (compression), 11.2.1 (header).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from texot.errors import InputError, one_line
from texot.files.decode import exif_of, open_image, orientation
from texot.files.header import is_plausible
from texot.files.png import chunk, colour_profile

Values = npt.NDArray[Any]
_INCH = 0.0254  # metres
_AT_ONCE = 2**20  # bytes
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type
# Pillow's mode and its names of the two byte orders. It keeps the high byte, so two passes give both bytes;
# four bytes a pixel are read directly.
_PASSES = {"RGB;16B": ("RGB", "RGB;16L"), "RGBA;16B": ("RGBA", "RGBA;16L"), "LA;16B": ("RGBA", "RGBA")}


@dataclass(frozen=True, eq=False)
class Png16:
    """A decoded PNG of 16 bits a channel.

    Attributes:
        values: (H, W, C) uint16; C is 2 for grey with alpha, 3 for RGB, 4 for RGBA.
        text: keyword -> text.
        icc_profile: colour profile, or None for sRGB.
        dpi: dots per inch (x, y) as recorded in the file, unchecked, or None.
        orientation: EXIF orientation, 1 to 8.
        exif: EXIF data for upright pixels, or None.
    """

    values: Values
    text: dict[str, str]
    icc_profile: bytes | None
    dpi: Any
    orientation: int
    exif: bytes | None = None


def read_png16(stream: BinaryIO, label: str, check_size: Callable[[int, int], None]) -> Png16:
    """Read a PNG of 16-bit colours, or of 16-bit grey with alpha.

    Args:
        stream: a seekable stream of the file.
        label: name in messages.
        check_size: function that refuses a (width, height) that is too large.

    Raises:
        InputError: another kind of PNG, a damaged file, or one that is too large.
    """
    n_bytes = stream.seek(0, 2)
    image, order = _opened(stream, label)
    if order not in _PASSES:
        raise InputError(f"{label}: expected a PNG of 16 bits a colour, got one of mode {image.mode}")
    if not is_plausible(image, n_bytes):
        raise InputError(
            f"{label} is damaged: its header declares {image.width}x{image.height} pixels, more than "
            f"{n_bytes} bytes can hold: get a whole copy"
        )
    check_size(image.width, image.height)
    _check_pixels(stream, label)
    mode, other = _PASSES[order]
    high = _decoded(image, mode, order if order != "LA;16B" else other, label)
    if order == "LA;16B":
        low, high = high[..., 1::2], high[..., ::2]
    else:
        low = _decoded(_opened(stream, label)[0], mode, other, label)
    values: Values = (high.astype(np.uint16) << 8) | low
    profile = image.info.get("icc_profile") or colour_profile(image.info, grey=values.shape[2] == 2)
    text = {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
    about = image.info.get("dpi"), orientation(image, label), exif_of(image, label)
    return Png16(values, text, profile, *about)


def _check_pixels(stream: BinaryIO, label: str) -> None:
    """Check the checksums of the chunks that contain pixels, which Pillow does not.

    Raises:
        InputError: a wrong checksum.
    """
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        check = zlib.crc32(kind)
        while length and (data := stream.read(min(length, _AT_ONCE))):
            length -= len(data)
            check = zlib.crc32(data, check)
        if kind == b"IDAT" and stream.read(4) != struct.pack(">I", check):
            raise InputError(f"{label} is truncated or damaged (a checksum is wrong): get a whole copy")
        if kind == b"IEND":
            return
        if kind != b"IDAT":
            stream.seek(4, 1)


def _opened(stream: BinaryIO, label: str) -> tuple[Any, str]:
    """The unloaded image, and Pillow's name of the layout of its values."""
    stream.seek(0)
    image = open_image(stream, label, formats=("PNG",))
    return image, str(image.tile[0][3]) if image.tile else ""


def _decoded(image: Any, mode: str, order: str, label: str) -> npt.NDArray[np.uint8]:
    """Values read by Pillow with the given layout."""
    image._mode = mode
    image.tile = [(*image.tile[0][:3], order)]
    try:
        image.load()
        return np.array(image)
    except Exception as error:  # a damaged file can raise anything
        raise InputError(f"{label} is truncated or damaged ({one_line(error)}): get a whole copy") from error


def write_png16(
    blocks: Iterable[npt.NDArray[Any]],
    stream: BinaryIO,
    size: tuple[int, int],
    channels: int,
    *,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
) -> None:
    """Write a PNG of 16 bits a channel to a stream, which need not be seekable; equal arguments, equal bytes.

    Rows use the filter "up", which gives 0 where a field continues downwards.

    Args:
        blocks: (h, width, channels) integers from 0 to 65535, from top to bottom, `height` rows in total.
        stream: output.
        size: (width, height).
        channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
        text: keywords and texts; characters beyond ASCII are escaped.
        icc_profile: profile to embed.
        dpi: dots per inch (x, y).
        exif: EXIF data.
    """
    stream.write(b"\x89PNG\r\n\x1a\n")
    stream.write(chunk(b"IHDR", struct.pack(">2I5B", *size, 16, _COLOURS[channels], 0, 0, 0)))
    if icc_profile:
        stream.write(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)))
    if dpi:
        metres = (round(value / _INCH) for value in dpi)
        stream.write(chunk(b"pHYs", struct.pack(">2IB", *metres, 1)))
    if exif:
        stream.write(chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    for key, value in (text or {}).items():
        stream.write(chunk(b"tEXt", f"{key}\0".encode("latin-1") + value.encode("ascii", "backslashreplace")))
    packer = zlib.compressobj(6)
    above = np.zeros((1, 2 * channels * size[0]), np.uint8)
    for block in blocks:
        levels = np.ascontiguousarray(block, ">u2").view(np.uint8).reshape(len(block), -1)
        rows = np.concatenate([above, levels])
        filtered = np.full((len(block), 1 + rows.shape[1]), 2, np.uint8)
        np.subtract(rows[1:], rows[:-1], out=filtered[:, 1:])
        above = rows[-1:]
        if data := packer.compress(filtered.tobytes()):
            stream.write(chunk(b"IDAT", data))
    stream.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))
