"""A folder for what is not saved yet; those of windows that were killed go when the next one opens."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from texot.files.whole import lock_file

_PREFIX, _LOCK = "texot-session-", "lock"


class SessionFolder:
    """A temporary folder, locked as long as its process lives.

    Attributes:
        path: the folder.
    """

    def __init__(self) -> None:
        _sweep()
        while True:
            self.path = tempfile.mkdtemp(prefix=_PREFIX)
            self._lock = open(os.path.join(self.path, _LOCK), "xb")  # noqa: SIM115
            try:
                lock_file(self._lock.fileno())
            except BlockingIOError:  # another window took it for debris, before it was locked
                self._lock.close()
                continue
            except OSError:
                return  # no locks there: then nobody removes it either
            if os.path.exists(self._lock.name):
                return
            self._lock.close()

    def remove(self) -> None:
        """Remove it, with all that is in it."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _remove_unlocked(folder)


def _remove_unlocked(folder: Path) -> None:
    """Remove a folder whose process is dead; one without a lock, or of another user, is left alone.

    Raises:
        OSError: its process lives, or it cannot be removed.
    """
    lock = folder / _LOCK
    if sys.platform == "win32":
        lock.unlink()  # refused while its process has it open
        shutil.rmtree(folder)
        return
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return
    found = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
    try:
        lock_file(found)
        shutil.rmtree(folder)
    finally:
        os.close(found)
