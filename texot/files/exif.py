"""EXIF data that goes along with a photograph: camera, date, copyright, place; all of it as it was.

Exif 2.32, TIFF 6.0. Two things change, because the pixels did: the orientation is 1, since they are upright,
and the embedded preview is blanked, since it would show what has been filled.
"""

from __future__ import annotations

import struct

from PIL import Image

_HEADER = b"Exif\0\0"
_ORIENTATION, _PREVIEW, _PREVIEW_LENGTH = 0x0112, 0x0201, 0x0202
_SUB_IFDS = (0x8769, 0x8825)  # of EXIF and GPS
_OF_A_TIFF = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF's own directory that tell of the photograph: description, camera, software, date, artist,
copyright. The others tell how its pixels are stored."""


def upright(data: bytes) -> bytes | None:
    """The same EXIF data for upright pixels and without its preview; None where it is damaged.

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
        own = image.getexif()
        kept = Image.Exif()
        for tag in _OF_A_TIFF:
            if tag in own:
                kept[tag] = own[tag]
        for tag in _SUB_IFDS:
            if below := own.get_ifd(tag):
                kept.get_ifd(tag).update(below)
                kept[tag] = kept.get_ifd(tag)
        return kept.tobytes() if len(kept) else None
    data = image.info.get("exif")
    return upright(data) if isinstance(data, bytes) and data else None


def for_tiff(data: bytes) -> Image.Exif:
    """What Pillow's TIFF writer takes: only tags that tell of the photograph."""
    own, kept = Image.Exif(), Image.Exif()
    own.load(data)
    for tag in _OF_A_TIFF:
        if tag in own:
            kept[tag] = own[tag]
    for tag in _SUB_IFDS:
        if below := own.get_ifd(tag):
            kept.get_ifd(tag).update(below)
            kept[tag] = kept.get_ifd(tag)
    return kept
