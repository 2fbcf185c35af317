"""EXIF data of a photograph: camera, date, copyright, location; kept unchanged.

Exif 2.32, TIFF 6.0. Two things change: the orientation is set to 1, because pixels are upright, and the
embedded preview is removed, because it would show the old image.
"""

from __future__ import annotations

import logging
import struct

from PIL import Image

from texot.errors import one_line

log = logging.getLogger("texot")

_HEADER = b"Exif\0\0"
_ORIENTATION, _PREVIEW, _PREVIEW_LENGTH = 0x0112, 0x0201, 0x0202
_ASCII, _LONG = 2, 4
_INTEROPERABILITY = 0xA005  # a third directory, about the camera's files
_SUB_IFDS = (0x8769, 0x8825)  # EXIF and GPS
ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    AttributeError,
    struct.error,
)
"""Exceptions that Pillow raises for damaged EXIF data."""
_OF_A_TIFF = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF's main directory that describe the photograph: description, camera, software, date, artist,
copyright. The others describe how pixels are stored."""


def upright(data: bytes) -> bytes | None:
    """The same EXIF data for upright pixels and without its preview; None if it is damaged.

    Args:
        data: a TIFF structure, with or without "Exif" before it.
    """
    body = bytearray(data.removeprefix(_HEADER))
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(body[:4]))
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", body, 4)
        (count,) = struct.unpack_from(f"{order}H", body, first)
        for k in range(count):
            entry = first + 2 + 12 * k
            tag, kind = struct.unpack_from(f"{order}HH", body, entry)
            if tag == _ORIENTATION and kind == 3:
                struct.pack_into(f"{order}H", body, entry + 8, 1)
        link = first + 2 + 12 * count
        (second,) = struct.unpack_from(f"{order}I", body, link)
        if second:
            struct.pack_into(f"{order}I", body, link, 0)
            _blank_preview(body, order, second)
    except struct.error:
        return None
    return _HEADER + bytes(body)


def _blank_preview(body: bytearray, order: str, at: int) -> None:
    (count,) = struct.unpack_from(f"{order}H", body, at)
    found = {}
    for k in range(count):
        tag, _, _, value = struct.unpack_from(f"{order}HHII", body, at + 2 + 12 * k)
        found[tag] = value
    start, length = found.get(_PREVIEW, 0), found.get(_PREVIEW_LENGTH, 0)
    end = min(len(body), start + length)
    if 8 <= start < end:
        body[start:end] = bytes(end - start)


def of_image(image: Image.Image) -> bytes | None:
    """The EXIF data of an image that Pillow has opened, for `upright` pixels; None without any, or damaged.

    Raises:
        OSError, ValueError, LookupError, SyntaxError, struct.error: from Pillow, on damaged data.
    """
    if image.format == "TIFF":
        own, kept = image.getexif(), Image.Exif()
        for tag in _OF_A_TIFF:
            if tag in own:
                kept[tag] = own[tag]
        for tag in _SUB_IFDS:
            if below := own.get_ifd(tag):
                kept[tag] = dict(below)
        return kept.tobytes() if len(kept) else None
    data = image.info.get("exif")
    return upright(data) if isinstance(data, bytes) and data else None


def added_to_tiff(file: bytes, data: bytes, name: str) -> bytes:
    """A TIFF file with EXIF data; without, which is logged, where that is damaged. See `into_tiff`."""
    try:
        return into_tiff(file, data)
    except ERRORS as error:  # do not lose the pixels
        log.warning("%s: left out the EXIF data, which is damaged (%s)", name, one_line(error))
        return file


def into_tiff(file: bytes, data: bytes) -> bytes:
    """A TIFF file with EXIF data: its first directory is rewritten at the end with more entries.

    Pillow's compressing writer does not write subdirectories.

    Args:
        file: a TIFF of one directory, not a BigTIFF.
        data: result of `upright` or `of_image`.

    Raises:
        Exception: for damaged data, see `ERRORS`.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    exif = Image.Exif()
    exif.load(data)
    order, whole = "<" if file[:2] == b"II" else ">", bytearray(file)
    (first,) = struct.unpack_from(f"{order}I", file, 4)
    (count,) = struct.unpack_from(f"{order}H", file, first)
    entries = {}
    for at in range(first + 2, first + 2 + 12 * count, 12):
        entries[struct.unpack_from(f"{order}H", file, at)[0]] = file[at : at + 12]

    def end() -> int:
        whole.extend(bytes(len(whole) % 2))
        return len(whole)

    for tag in _OF_A_TIFF:
        if tag in exif:
            text = str(exif[tag]).encode("latin-1", "replace") + b"\0"
            value = text.ljust(4, b"\0")
            if len(text) > 4:
                value = struct.pack(f"{order}I", end())
                whole += text
            entries[tag] = struct.pack(f"{order}HHI", tag, _ASCII, len(text)) + value
    for tag in _SUB_IFDS:
        if below := exif.get_ifd(tag):
            directory = ImageFileDirectory_v2(file[:4] + bytes(4), group=tag)
            for key, value in below.items():
                if key != _INTEROPERABILITY:
                    directory[key] = value
            entries[tag] = struct.pack(f"{order}HHII", tag, _LONG, 1, end())
            whole += directory.tobytes(len(whole))
    struct.pack_into(f"{order}I", whole, 4, end())
    whole += struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    return bytes(whole + bytes(4))
