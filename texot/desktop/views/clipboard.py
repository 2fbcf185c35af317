"""What the clipboard or a drop holds."""

from __future__ import annotations

from PySide6.QtCore import QMimeData


def local_files(data: QMimeData) -> list[str]:
    """Paths of files on this machine."""
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def holds_elsewhere(data: QMimeData) -> bool:
    """Whether there are addresses, and none is of a file on this machine."""
    return data.hasUrls() and not local_files(data)


def holds_picture(data: QMimeData) -> bool:
    """Whether there are local files or an image."""
    return data.hasImage() or bool(local_files(data))
