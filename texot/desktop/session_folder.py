"""A temporary folder for what is not saved. A window removes the folders of windows that were killed."""

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
    """A temporary folder, locked while its process lives.

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
            except BlockingIOError:  # another window is removing it: it was not locked yet
                self._lock.close()
                continue
            except OSError:
                return  # no locks on this file system: then no window removes it
            if os.path.exists(self._lock.name):
                return
            self._lock.close()

    def remove(self) -> None:
        """Remove the folder and its files."""
        self._lock.close()
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _remove_unlocked(folder)


def _remove_unlocked(folder: Path) -> None:
    """Remove a folder whose process has ended; leave one without a lock file, or of another user.

    Raises:
        OSError: its process runs, or it cannot be removed.
    """
    lock = folder / _LOCK
    if sys.platform == "win32":
        lock.unlink()  # fails while its process has the file open
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
