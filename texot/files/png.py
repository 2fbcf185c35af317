"""Ancillary chunks of PNG files: damaged ones are skipped, gAMA and cHRM are converted to a profile.

PNG specification, third edition: sections 5 (chunks) and 11.3.2 (colour space); ICC.1:2001-04 for profiles.
"""

from __future__ import annotations

import io
import logging
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

log = logging.getLogger("texot")

_SIGNATURE = 8  # bytes
_CHECKED = 1 << 28  # bytes: larger ancillary chunks are skipped
_TEXT = 1 << 20  # bytes: limit for one text and for all texts, below that of Pillow
_ALL_TEXT = 1 << 26
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"tIME": 7, b"acTL": 8, b"fcTL": 26}  # bytes
_PROFILE = 1 << 26  # maximal bytes of a colour profile: the largest in use have some megabytes
_SRGB_GAMMA = 0.45455
_SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue: x, y
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def readable(stream: BinaryIO, label: str) -> tuple[BinaryIO, bytes | None]:
    """The PNG without damaged or oversized ancillary chunks, so that only metadata is lost.

    Args:
        stream: a seekable stream of the file.
        label: name in warnings.

    Returns:
        A stream at its start (`stream` itself if nothing is skipped), and the colour profile if it is too
        large for Pillow.
    """
    stream.seek(0, io.SEEK_END)
    end = stream.tell()
    at, skipped, parts, profile, texts = _SIGNATURE, [], [(0, _SIGNATURE)], None, 0
    while at + 12 <= end:
        stream.seek(at)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if at + 12 + length > end:
            break
        reason = ""
        if kind[0] & 32 and kind != b"tRNS":
            body = stream.read(length + 4) if length <= _CHECKED else b""
            reason, size = _complaint(kind, body)
            texts += size
            if not reason and texts > _ALL_TEXT:
                reason = "more text than is read"
            if not reason and kind == b"iCCP" and size > _TEXT:
                profile, reason = _inflated(body[body.find(b"\0") + 2 : -4], _PROFILE), "-"
                texts -= size
        if not reason:
            parts.append((at, at + 12 + length))
        elif reason != "-":
            log.warning("%s: skipped its %s chunk (%s)", label, kind.decode("latin-1"), reason)
        if reason:
            skipped.append(at)
        at += 12 + length
    stream.seek(0)
    if not skipped:
        return stream, None
    kept = io.BytesIO()
    for first, last in [*parts, (at, end)]:
        stream.seek(first)
        kept.write(stream.read(last - first))
    kept.seek(0)
    return kept, profile


def _complaint(kind: bytes, body: bytes) -> tuple[str, int]:
    """The reason why a chunk cannot be read, or "", and the number of bytes of its text or profile."""
    if not body:
        return "it is too large", 0
    data, check = body[:-4], body[-4:]
    if struct.unpack(">I", check)[0] != zlib.crc32(data, zlib.crc32(kind)):
        return "its checksum is wrong", 0
    if len(data) != _LENGTHS.get(kind, len(data)):
        return f"it has {len(data)} bytes, not {_LENGTHS[kind]}", 0
    if kind == b"iCCP":
        packed = data.find(b"\0") + 2
        if data[packed - 1 : packed] != b"\0":
            return "its compression is unknown", 0
        inflated = _inflated(data[packed:], _PROFILE)
        return ("it is too large", 0) if inflated is None else ("", len(inflated))
    if kind == b"zTXt":
        return _text_complaint(data[data.find(b"\0") + 2 :])
    if kind == b"iTXt":
        flag = data.find(b"\0") + 1
        fields = data[flag + 2 :].split(b"\0", 2)
        if data[flag : flag + 1] == b"\x01":
            return _text_complaint(fields[-1])
        return "", len(data)
    return "", len(data) if kind == b"tEXt" else 0


def _text_complaint(packed: bytes) -> tuple[str, int]:
    inflated = _inflated(packed, _TEXT)
    return (f"over {_TEXT >> 20} MiB of text", 0) if inflated is None else ("", len(inflated))


def _inflated(packed: bytes, most: int) -> bytes | None:
    """The readable data of a zlib stream; None if it is longer than `most` bytes."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, most)
    except zlib.error:
        return b""
    return None if unpacker.unconsumed_tail else data


def colour_profile(info: Mapping[str | tuple[int, int], Any], *, grey: bool) -> bytes | None:
    """An ICC profile for gAMA and cHRM, or None if they are missing, sRGB or invalid.

    Args:
        info: the dict of Pillow's image: "gamma", "chromaticity" (white, red, green, blue: x, y), "srgb".
        grey: whether the image has one channel, whose profile has only a curve.
    """
    gamma, where = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not isinstance(gamma, float | int) or not 0.01 < gamma < 100:
        return None  # cHRM alone does not give the curve
    gamma = float(gamma)
    near = abs(gamma - _SRGB_GAMMA) < 0.005
    places = _SRGB if where is None else _places(where)
    if places is None:
        return None
    if near and (grey or max(abs(a - b) for a, b in zip(places, _SRGB, strict=True)) < 0.002):
        return None
    curve = _curve(1 / gamma)
    if grey:
        return _profile(b"GRAY", {b"kTRC": curve})
    columns = _colorants(places)
    if columns is None:
        return None
    tags = {}
    for name, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
        tags[name + b"XYZ"] = _xyz(column)
        tags[name + b"TRC"] = curve
    return _profile(b"RGB ", tags)


def _places(where: Any) -> tuple[float, ...] | None:
    """Whether these are eight chromaticities with positive y."""
    try:
        found = tuple(float(value) for value in where)
    except (TypeError, ValueError):
        return None
    good = len(found) == 8 and all(math.isfinite(v) and 0 <= v <= 2 for v in found)
    return found if good and all(y > 1e-3 for y in found[1::2]) else None


def _colorants(places: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    """XYZ of the primaries, a column each, adapted to D50 (Bradford), as required by ICC profiles."""
    white, *primaries = (
        np.array([x / y, 1.0, (1 - x - y) / y])
        for x, y in zip(places[::2], places[1::2], strict=True)
    )  # fmt: skip
    columns = np.stack(primaries, 1)
    try:
        columns = columns * np.linalg.solve(columns, white)
    except np.linalg.LinAlgError:
        return None
    cones = _BRADFORD @ white
    if bool((cones <= 0).any()):
        return None
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD @ columns
    return adapted if bool((np.abs(adapted) < 30000).all()) else None


def _curve(gamma: float) -> bytes:
    """The tone curve; a gamma of 1 / 0.45455 stands for the curve of sRGB."""
    if abs(1 / gamma - _SRGB_GAMMA) < 0.005:
        levels = np.linspace(0, 1, 1024)
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        table = np.round(linear * 65535).astype(">u2")
        return b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()
    if gamma < 255:
        return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    return b"curv\0\0\0\0" + struct.pack(">I", 0)


def _xyz(values: Sequence[float] | np.ndarray[Any, np.dtype[np.float64]]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 display profile; the same tags give the same bytes."""
    name = b"PNG gAMA and cHRM"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" * 79,
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _xyz(_D50),
        **tags,
    }
    offset = 132 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = b"\0\0\0\0" + struct.pack(">I", 0x02400000) + b"mntr" + space + b"XYZ " + b"\0" * 12
    head += b"acsp" + b"\0" * 28 + _xyz(_D50)[8:] + b"\0" * 48
    return struct.pack(">I", 4 + len(head) + len(table) + len(body)) + head + table + body
