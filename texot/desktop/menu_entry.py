"""The entry of the desktop's menu, for installations whose files the desktop does not look for."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from texot.errors import OutputError

_ENTRY, _ICON = "applications/texot.desktop", "icons/hicolor/256x256/apps/texot.png"


def data_folder() -> Path:
    """The user's folder of menu entries and icons: `$XDG_DATA_HOME`, or ~/.local/share."""
    return Path(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"))


def install() -> list[Path]:
    """Write the entry and its icon for this user; returns the files.

    The entry starts the Python that runs now, wherever it is.

    Raises:
        OutputError: a file cannot be written, or the system has no such menu.
    """
    check_system()
    data = files("texot.desktop") / "data"
    text = (data / "texot.desktop").read_text(encoding="utf-8")
    command = f"{quoted(sys.executable)} -m texot desktop %f"
    lines = [f"Exec={command}" if line.startswith("Exec=") else line for line in text.splitlines()]
    contents = {_ENTRY: "\n".join([*lines, ""]).encode(), _ICON: (data / "texot.png").read_bytes()}
    written = []
    for name, content in contents.items():
        path = data_folder() / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            raise OutputError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
        written.append(path)
    return written


def remove() -> list[Path]:
    """Remove what `install` wrote; returns the files that were there.

    Raises:
        OutputError: a file cannot be removed, or the system has no such menu.
    """
    check_system()
    removed = []
    for name in (_ENTRY, _ICON):
        path = data_folder() / name
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"cannot remove {str(path)!r}: {error.strerror or error}") from error
        removed.append(path)
    return removed


def check_system() -> None:
    """Refuse systems without such menus.

    Raises:
        OutputError: it is no Linux or other free desktop.
    """
    if sys.platform in ("win32", "darwin"):
        raise OutputError("menu entries are for Linux: on this system make a shortcut to 'texot desktop'")


def quoted(path: str) -> str:
    """A path as an argument of Exec, by the specification of desktop entries.

    >>> quoted("/usr/bin/python3"), quoted("/home/me/my $tools/python")
    ('/usr/bin/python3', '"/home/me/my \\\\\\\\$tools/python"')
    """
    if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum():
        return path
    inner = "".join(f"\\{c}" if c in '"`$\\' else c for c in path)
    escaped = inner.replace("\\", "\\\\")  # the file's own escapes come first
    return f'"{escaped}"'.replace("%", "%%")
