"""Repair a JPEG that lacks only its last two bytes, the end-of-image marker.

ITU-T T.81, annexes B and G. The decoder shows whether the entropy-coded data is complete: then appended bytes
do not change any pixel.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, ImageFile

_END = b"\xff\xd9"
_PADDINGS = (b"", b"\x55" * 64, b"\xaa" * 64)  # bits that continue an unfinished scan differently
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)


def with_end(data: bytes) -> bytes | None:
    """The file with its end marker; None if more is missing.

    Raises:
        OSError: Pillow cannot decode the file.
    """
    body = data[:-1] if data.endswith(b"\xff") else data
    if not _scans_are_complete(body):
        return None
    first = None
    for padding in _PADDINGS:
        image: ImageFile.ImageFile = Image.OPEN["JPEG"][0](io.BytesIO(body + padding + _END), "")
        image.load()
        pixels = np.asarray(image)
        if first is None:
            first = pixels
        elif not np.array_equal(first, pixels):
            return None
    return body + _END


def _scans_are_complete(data: bytes) -> bool:
    """Whether the scans contain every coefficient of every component, to its last bit."""
    at, missing, progressive = 2, {}, False
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return False
        marker = data[at + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) >= 6:
            progressive = marker in _PROGRESSIVE
            missing = {body[6 + 3 * k]: set(range(64)) for k in range(body[5]) if 6 + 3 * k < len(body)}
        at += 2 + length
        if marker == 0xDA:
            if len(body) < 4 or len(body) < 4 + 2 * body[0]:
                return False
            low, high, bits = body[-3:]
            for k in range(body[0]):
                if not progressive or bits & 15 == 0:
                    done = range(64) if not progressive else range(low, high + 1)
                    missing.get(body[1 + 2 * k], set()).difference_update(done)
            at = _end_of_scan(data, at)
    return bool(missing) and not any(missing.values())


def _end_of_scan(data: bytes, at: int) -> int:
    """Offset of the next marker that ends entropy-coded data, or the end of the data."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
    return len(data)
