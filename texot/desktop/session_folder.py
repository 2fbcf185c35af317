"""The folder of what is not saved. It is kept where a window ends with unsaved results, until they are
restored or discarded; a window removes the other folders of windows that were killed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from texot.files.whole import lock_file

_PREFIX, _LOCK, _RECORD = "texot-session-", "lock", "unsaved.json"


def sessions_folder() -> str:
    """Where the folders of sessions are: of the user, so that they outlast the system's temporary files."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    folder = os.path.join(base, "texot", "sessions")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        return tempfile.gettempdir()
    return folder if os.access(folder, os.W_OK) else tempfile.gettempdir()


class SessionFolder:
    """A folder, locked while its process lives.

    Attributes:
        path: the folder.
    """

    def __init__(self) -> None:
        _sweep()
        while True:
            self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=sessions_folder())
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

    def keep(self) -> None:
        """Leave the folder to the next window, if something in it is recorded as unsaved."""
        if os.path.exists(os.path.join(self.path, _RECORD)):
            self._lock.close()
        else:
            self.remove()

    def record(self, unsaved: dict[str, Any]) -> None:
        """Write what is not saved, as `take_left` returns it; nothing: there is none."""
        path = os.path.join(self.path, _RECORD)
        with suppress(OSError):
            if unsaved:
                Path(f"{path}.new").write_text(json.dumps(unsaved), encoding="utf-8")
                os.replace(f"{path}.new", path)
            elif os.path.exists(path):
                os.unlink(path)

    def left(self) -> list[Path]:
        """Folders with unsaved work of windows that have ended."""
        return [folder for folder in _folders() if (folder / _RECORD).exists() and _is_left(folder)]

    def take_left(self, folder: Path) -> dict[str, Any]:
        """Move such a folder into this one; returns its record, with the new paths of its files.

        Raises:
            OSError, ValueError: it cannot be moved, or its record is not readable.
        """
        target = tempfile.mkdtemp(prefix="restored-", dir=self.path)
        place = os.path.join(target, folder.name)
        shutil.move(folder, place)
        text = Path(place, _RECORD).read_text(encoding="utf-8")
        old, new = (json.dumps(str(name))[1:-1] for name in (folder, place))
        found: dict[str, Any] = json.loads(text.replace(old, new))
        return found


def discard(folder: Path) -> None:
    """Remove a folder with unsaved work."""
    shutil.rmtree(folder, ignore_errors=True)


def _folders() -> list[Path]:
    return sorted(Path(sessions_folder()).glob(f"{_PREFIX}*"))


def _sweep() -> None:
    for folder in _folders():
        with suppress(OSError):
            if not (folder / _RECORD).exists():
                _remove_unlocked(folder)


def _is_left(folder: Path) -> bool:
    """Whether the process of a folder has ended, and it is the user's."""
    try:
        if sys.platform == "win32":
            os.rename(folder / _LOCK, folder / _LOCK)  # fails while its process has the file open
            return True
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        found = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        lock_file(found)
        return True
    except OSError:
        return False
    finally:
        os.close(found)


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
