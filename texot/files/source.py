"""The source of a picture's bytes: a path, bytes, or an open file."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from texot.errors import InputError, one_line


@contextmanager
def opened(source: Any) -> Iterator[tuple[BinaryIO, str, str | None]]:
    """A seekable stream at its start, a name for messages, and the file's name or None.

    Args:
        source: see `is_encoded`.

    Raises:
        InputError: the source is empty or cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        with open_file(path) as stream:
            yield stream, repr(path), os.path.basename(path)
        return
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, label, name = bytes(source), f"the data of {len(source)} bytes", None
    else:
        given = getattr(source, "name", None)
        name = os.path.basename(given) if isinstance(given, str) and given else None
        label = repr(given) if name else f"the {type(source).__name__} object"
        data = _all_of(source, label)
    if not data:
        raise InputError(f"expected an image, but {label} is empty or at its end (0 bytes): seek(0) first")
    yield io.BytesIO(data), label, name


def is_encoded(source: object) -> bool:
    """Whether this is a path, the bytes of an image file, or a file object opened for reading bytes."""
    return isinstance(source, (str, os.PathLike, bytes, bytearray, memoryview)) or callable(
        getattr(source, "read", None)
    )


def _all_of(source: Any, label: str) -> bytes:
    try:
        data = source.read()
    except (OSError, ValueError) as error:  # closed, or not readable
        raise InputError(f"cannot read {label}: {one_line(error)}") from error
    if not isinstance(data, (bytes, bytearray)):
        raise InputError(f"expected bytes from {label}, got {type(data).__name__}: open it in mode 'rb'")
    return bytes(data)


def open_file(path: str, kind: str = "an image file") -> BinaryIO:
    """Open a regular file that is not empty.

    Args:
        path: path of the file.
        kind: name of such a file in messages.

    Raises:
        InputError: not such a file, or it cannot be read.
    """
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise InputError(f"expected {kind}, but {path!r} is a directory: name one file in it")
        if not stat.S_ISREG(info.st_mode):
            # A pipe may never end and cannot be rewound.
            raise InputError(f"expected a regular file, but {path!r} is a pipe or device: save it to one")
        if info.st_size == 0:
            raise InputError(f"expected {kind}, but {path!r} is empty (0 bytes)")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path!r}; check the name and folder") from error
    except PermissionError as error:
        raise InputError(f"no permission to read {path!r}: check its access rights") from error
    except OSError as error:
        raise InputError(f"cannot read {path!r}: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path!r} is not a file name ({one_line(error)})") from error
