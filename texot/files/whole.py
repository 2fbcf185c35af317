"""Atomic, durable writing of files: whole or not at all, also after a power cut.

Bytes are written to a temporary file in the same folder, flushed to disk and renamed; then the folder is
flushed. A killed process leaves its temporary file without the lock that a running process holds on it; the
next process that writes in the folder removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import BinaryIO

from texot.errors import OutputError, one_line

_TEMPORARY = re.compile(r"\.texot-[0-9a-f]{16}\.tmp")
_NO_FSYNC = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)  # errors of file systems without it


def check_target(name: str) -> str:
    """The file that will be replaced, with links followed.

    Raises:
        OutputError: the file cannot be written: the folder is missing or not writable, or the path is a
            directory, a device, a read-only file or a loop of links.
    """
    effective = os.access in os.supports_effective_ids
    try:
        target = os.path.realpath(name)
        folder = os.path.dirname(target)
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise OutputError(f"cannot write {name!r}: {folder!r} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
            raise OutputError(f"cannot write {name!r}: no permission to write in {folder!r}")
        with suppress(FileNotFoundError):
            kind = os.stat(target).st_mode
            if stat.S_ISDIR(kind):
                raise OutputError(f"cannot write {name!r}: it is a directory; name a file")
            if not stat.S_ISREG(kind):
                raise OutputError(f"cannot write {name!r}: it is a pipe or device; name a file")
            if not os.access(target, os.W_OK, effective_ids=effective):
                raise OutputError(f"cannot write {name!r}: it exists and is read-only")
    except OutputError:
        raise
    except FileNotFoundError as error:
        raise OutputError(f"cannot write {name!r}: no such folder; make it first") from error
    except OSError as error:
        raise OutputError(f"cannot write {name!r}: {error.strerror or error}") from error
    except ValueError as error:
        raise OutputError(f"{name!r} is not a file name ({one_line(error)})") from error
    return target


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to a file, see `whole_file`.

    Raises:
        OutputError: the file cannot be written.
    """
    with whole_file(path) as stream:
        stream.write(data)


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A stream of a temporary file that replaces the target, with the usual permissions, when it is complete.

    On any failure the temporary file is removed, and an existing target stays unchanged.

    Raises:
        OutputError: the file cannot be written.
    """
    name = os.fsdecode(path)
    target = check_target(name)
    folder = os.path.dirname(target)
    temporary = ""
    try:
        _sweep(folder)
        while True:
            # named before it is created: a signal in between must not leave it
            temporary = os.path.join(folder, f".texot-{secrets.token_hex(8)}.tmp")
            stream = open(temporary, "xb")  # noqa: SIM115
            if _is_held(stream):
                break
            stream.close()
        with stream:
            yield stream
            stream.flush()
            with suppress(FileNotFoundError):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            try:
                os.fsync(stream.fileno())
            except OSError as error:
                if error.errno not in _NO_FSYNC:
                    raise
            if sys.platform != "win32":  # Windows cannot rename an open file
                os.replace(temporary, target)
        if sys.platform == "win32":
            os.replace(temporary, target)
        temporary = ""
        _sync_folder(folder)
    except BaseException as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        if not isinstance(error, OSError) or isinstance(error, OutputError):
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full; free some space" if full else error.strerror or one_line(error)
        raise OutputError(f"cannot write {name!r}: {reason}") from error


def _is_held(stream: BinaryIO) -> bool:
    """Lock a new file while it is open; False if another process removed it as a leftover."""
    try:
        lock_file(stream.fileno())
    except OSError:
        return True  # no locks: then no other process removes it either
    return sys.platform == "win32" or os.fstat(stream.fileno()).st_nlink > 0


@lru_cache(256)
def _sweep(folder: str) -> None:
    """Remove leftovers of killed processes, once for each folder and process."""
    with suppress(OSError):
        for entry in os.listdir(folder):
            if _TEMPORARY.fullmatch(entry):
                _remove_unlocked(os.path.join(folder, entry))


def _remove_unlocked(path: str) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            os.unlink(path)  # fails while another process has it open
            return
        found = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(found).st_mode):
                lock_file(found)
                os.unlink(path)
        finally:
            os.close(found)


def lock_file(descriptor: int) -> None:
    """Lock an open file until it is closed or its process ends, on systems with such locks.

    Raises:
        OSError: another process holds the lock, or the file system has no locks.
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync_folder(folder: str) -> None:
    """Flush a new directory entry to disk. Errors are ignored: the file itself is complete."""
    if sys.platform != "win32":
        with suppress(OSError):
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(found)
            finally:
                os.close(found)
