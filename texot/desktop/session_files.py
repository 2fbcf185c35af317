"""Files of a session that the user has not saved, and the user's names of those that are saved."""

from __future__ import annotations

from pathlib import Path

from texot.desktop.requests import JobRequest


class SessionFiles:
    """The files in a session's folder.

    Args:
        folder: removed when the session ends.

    Attributes:
        folder: as given.
        names: files of the session -> the user's files with the same content.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.names: dict[str, str] = {}
        self._count = 0

    def new(self, name: str, suffix: str = ".png") -> str:
        """A path in the folder that is not used yet: NAME-number."""
        self._count += 1
        return str(Path(self.folder) / f"{name}-{self._count}{suffix}")

    def owns(self, path: str) -> bool:
        """Whether a path is in the folder."""
        return path.startswith(self.folder)

    def set_name(self, file: str, path: str) -> None:
        """The user's file at `path` has the content of the session's `file`, and of no other."""
        self.names = {f: p for f, p in self.names.items() if p != path}
        self.names[file] = path

    def unsaved_inputs(self, request: JobRequest) -> list[str]:
        """Input files of a request that only this folder holds."""
        return [path for path in request.inputs() if self.owns(path) and path not in self.names]
