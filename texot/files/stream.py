"""Write pictures in blocks of rows: a file of any size in the memory of one block.

PNG is one zlib stream of filtered rows (PNG specification, third edition, sections 9 and 10); TIFF consists
of deflated strips with the directory at the end (TIFF 6.0; Adobe Photoshop TIFF technical notes, 2002).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from torch import Tensor

from texot.errors import OutputError
from texot.files.png import chunk
from texot.files.whole import check_target, whole_file
from texot.files.write import check_output, to_pil

STREAMED = (".png", ".tif", ".tiff")
"""Suffixes of the supported formats."""

_LEVEL = 3  # of deflate: higher levels hardly compress textures better
_BANDS = {"L": 1, "I;16": 1, "RGB": 3}
Block = npt.NDArray[Any]


def write_rows(
    blocks: Iterable[Tensor],
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int],
    mode: str,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Write an image given as blocks of rows; the file is written whole or not at all.

    Args:
        blocks: (C, h, width) floats, clamped to [0, 1] and rounded as in `texot.files.write.to_pil`; from
            top to bottom, `height` rows in total.
        path: ends in .png, .tif or .tiff.
        size: (width, height).
        mode: "L", "I;16" or "RGB".
        text: keywords and ASCII texts for the PNG; dropped in TIFF.
        icc_profile: profile to embed.

    Raises:
        OutputError: the file cannot be written; nothing is left behind.
    """
    name = os.fsdecode(path)
    check_output(name)
    with whole_file(name) as stream:
        if name.lower().endswith(".png"):
            stream_png(blocks, stream, size=size, mode=mode, text=text, icc_profile=icc_profile)
        else:
            _stream_tiff(blocks, stream, size, mode, icc_profile)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a file that cannot be written, whatever its suffix.

    Raises:
        OutputError: see `texot.files.write.check_output`.
    """
    check_target(os.fsdecode(path))


def stream_png(
    blocks: Iterable[Tensor],
    stream: BinaryIO,
    *,
    size: tuple[int, int],
    mode: str,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Write a PNG to a stream that need not be seekable, such as a pipe. Arguments as in `write_rows`."""
    depth, colour = 16 if mode == "I;16" else 8, 2 if mode == "RGB" else 0
    stream.write(b"\x89PNG\r\n\x1a\n")
    stream.write(chunk(b"IHDR", struct.pack(">2I5B", *size, depth, colour, 0, 0, 0)))
    if icc_profile:
        stream.write(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)))
    for key, value in (text or {}).items():
        stream.write(chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("ascii")))
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9, zlib.Z_RLE)  # half the time, not larger
    above: Block | None = None
    for block in _levels(blocks, size, mode):
        rows = block.astype(block.dtype.newbyteorder(">"), copy=False).view(np.uint8)
        rows = rows.reshape(len(block), -1)
        before = np.concatenate([np.zeros_like(rows[:1]) if above is None else above, rows[:-1]])
        filtered = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
        filtered[:, 0] = 2  # filter "up": every byte minus the one above it
        np.subtract(rows, before, out=filtered[:, 1:])
        above = rows[-1:].copy()
        data = packer.compress(filtered.tobytes())
        if data:
            stream.write(chunk(b"IDAT", data))
    stream.write(chunk(b"IDAT", packer.flush()))
    stream.write(chunk(b"IEND", b""))


def _stream_tiff(
    blocks: Iterable[Tensor], stream: BinaryIO, size: tuple[int, int], mode: str, icc_profile: bytes | None
) -> None:
    """Write the strips, then the directory, then its offset in the header."""
    width, height = size
    bands, bits = _BANDS[mode], 16 if mode == "I;16" else 8
    stream.write(b"II*\0\0\0\0\0")
    places, lengths, rows_a_strip = [], [], 0
    for block in _levels(blocks, size, mode):
        rows_a_strip = rows_a_strip or len(block)
        for first in range(0, len(block), rows_a_strip):
            strip = block[first : first + rows_a_strip].astype("<u2" if bits == 16 else "u1")
            data = zlib.compress(strip.tobytes(), _LEVEL)
            places.append(stream.tell())
            lengths.append(len(data))
            stream.write(data)
    if stream.tell() >= 2**32 - 2**20:
        raise OutputError("the TIFF would be larger than 4 GB, which its format cannot be: choose .png")
    tags: list[tuple[int, int, list[int] | bytes]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [bits] * bands),
        (259, 3, [8]),  # deflate
        (262, 3, [2 if bands == 3 else 1]),
        (273, 4, places),
        (277, 3, [bands]),
        (278, 4, [rows_a_strip]),
        (279, 4, lengths),
    ]
    if icc_profile:
        tags.append((34675, 7, icc_profile))
    entries = []
    for tag, kind, values in tags:
        code = {3: "H", 4: "I"}.get(kind)
        data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{code}", *values)
        where = data.ljust(4, b"\0")
        if len(data) > 4:
            stream.write(b"\0" * (stream.tell() % 2))
            where = struct.pack("<I", stream.tell())
            stream.write(data)
        entries.append(struct.pack("<HHI", tag, kind, len(values)) + where)
    stream.write(b"\0" * (stream.tell() % 2))
    directory = stream.tell()
    stream.write(struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0")
    stream.seek(4)
    stream.write(struct.pack("<I", directory))


def _levels(blocks: Iterable[Tensor], size: tuple[int, int], mode: str) -> Iterator[Block]:
    """Blocks as integers (h, width[, 3]) of checked sizes."""
    width, height = size
    done = 0
    for block in blocks:
        levels = np.asarray(to_pil(block, mode))
        done += len(levels)
        if levels.shape[1] != width or done > height:
            raise ValueError(f"a block of {levels.shape} does not fit an image of {width}x{height}")
        yield levels
    if done != height:
        raise ValueError(f"{done} rows came for an image of {width}x{height}")
