"""What the tests of files share."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texot.files.exemplar import Exemplar

SAMPLES = Path(__file__).parents[2] / "samples"


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
