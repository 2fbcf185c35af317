"""Frames between the window and its worker: a JSON header and the bytes of a picture.

A frame is two little-endian 32-bit lengths, the header as JSON, the bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

_LENGTHS = struct.Struct("<II")
Frame = tuple[dict[str, Any], bytes]


def pack(header: dict[str, Any], blob: bytes = b"") -> bytes:
    """A frame's bytes."""
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(blob)) + text + blob


class Unpacker:
    """Frames out of bytes that arrive in pieces of any size."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes."""
        self._data += data
        while len(self._data) >= _LENGTHS.size:
            n_text, n_blob = _LENGTHS.unpack_from(self._data)
            middle, end = _LENGTHS.size + n_text, _LENGTHS.size + n_text + n_blob
            if len(self._data) < end:
                return
            header = json.loads(bytes(self._data[_LENGTHS.size : middle]))
            blob = bytes(self._data[middle:end])
            del self._data[:end]
            yield header, blob
