"""Frames between the window and its worker: a JSON header and the bytes of a picture.

A frame is the word "texo", two little-endian 32-bit lengths, the header as JSON, the bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Protocol

_WORD = b"texo"
_START = struct.Struct("<4sII")
Frame = tuple[dict[str, Any], bytes]


def pack(header: dict[str, Any], blob: bytes = b"") -> bytes:
    """A frame's bytes."""
    text = json.dumps(header).encode()
    return _START.pack(_WORD, len(text), len(blob)) + text + blob


class WorkerPort(Protocol):
    """Sends requests to the worker process, see `texot.desktop.worker`."""

    def ask(self, do: str, **facts: Any) -> int:
        """Send a request; returns its id."""
        ...

    def stop(self, number: int) -> None:
        """End a job after its current step."""
        ...


class Unpacker:
    """Splits a stream of bytes, which arrives in pieces of any size, into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with these bytes.

        Raises:
            ValueError: they are no frames.
        """
        self._data += data
        while len(self._data) >= _START.size:
            word, n_text, n_blob = _START.unpack_from(self._data)
            if word != _WORD:
                raise ValueError(f"no frame begins with {word!r}")
            middle, end = _START.size + n_text, _START.size + n_text + n_blob
            if len(self._data) < end:
                return
            header = json.loads(bytes(self._data[_START.size : middle]))
            blob = bytes(self._data[middle:end])
            del self._data[:end]
            yield header, blob
