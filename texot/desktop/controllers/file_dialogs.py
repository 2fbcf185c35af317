"""Dialogs that ask for files, and the folders and files that they remember."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

_READ = "png jpg jpeg tif tiff webp bmp gif avif jp2 tga pbm pgm ppm pnm exr hdr"
ANY_IMAGE = "Images ({});;All files (*)".format(
    " ".join(f"*.{suffix} *.{suffix.upper()}" for suffix in _READ.split())
)
"""Filters of dialogs that open images; some systems tell upper and lower case apart."""
Kinds = dict[str, tuple[str, ...]]
"""Kinds of files to write, by name, with their suffixes; the first of each is that of a name without one."""
IMAGES: Kinds = {
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "JPEG": (".jpg", ".jpeg"),
    "WebP": (".webp",),
    "BMP": (".bmp",),
}
FLOATS: Kinds = {"OpenEXR": (".exr",), "Radiance HDR": (".hdr",), "TIFF": IMAGES["TIFF"]}
EXACT: Kinds = {"PNG": IMAGES["PNG"]}
"""For masks: no pixel changes."""
MODELS: Kinds = {"Models": (".safetensors",)}
_MAX_RECENT = 8


def kinds_of(suffix: str) -> Kinds:
    """The kind of files with this suffix: a copy of one is exact."""
    every = {**IMAGES, **FLOATS, **MODELS}
    return {kind: suffixes for kind, suffixes in every.items() if suffix in suffixes}


class FileDialogs:
    """The dialogs.

    Args:
        parent: the window.
        settings: remembers folders between sessions.
    """

    def __init__(self, parent: QWidget, settings: QSettings) -> None:
        self._parent, self._settings = parent, settings

    def folder(self, key: str = "folder", default: str = "") -> str:
        """The folder that was remembered under a key: "folder" (images), "save folder" or "model folder"."""
        return str(self._settings.value(key, default))

    def remember_folder(self, path: str, key: str = "folder") -> None:
        """Remember the folder of a file."""
        self._settings.setValue(key, str(Path(path).parent))

    def recent(self) -> list[str]:
        """Images that were opened, the latest first."""
        value = self._settings.value("recent", [])
        paths = value if isinstance(value, list) else [value]  # QSettings returns one string for one path
        return [path for path in paths if isinstance(path, str) and path]

    def remember_recent(self, path: str) -> None:
        """Remember an image that was opened."""
        recent = [path, *(other for other in self.recent() if other != path)]
        self._settings.setValue("recent", recent[:_MAX_RECENT])

    def ask_open(self, title: str, folder: str, kinds: str = ANY_IMAGE) -> str:
        """A file to read; empty: none was chosen."""
        return QFileDialog.getOpenFileName(self._parent, title, folder, kinds)[0]

    def ask_open_several(self, title: str, folder: str, kinds: str = ANY_IMAGE) -> list[str]:
        """Files to read."""
        return QFileDialog.getOpenFileNames(self._parent, title, folder, kinds)[0]

    def ask_folder(self, title: str, folder: str) -> str:
        """An existing folder; empty: none was chosen."""
        return QFileDialog.getExistingDirectory(self._parent, title, folder)

    def may_overwrite(self, folder: str, names: Sequence[str]) -> bool:
        """Ask whether the files of these names in a folder may be replaced; true if there are none."""
        there = [name for name in names if (Path(folder) / name).exists()]
        if not there:
            return True
        listed = ", ".join(there[:5]) + (", ..." if len(there) > 5 else "")
        buttons = QMessageBox.StandardButton
        text = f"{folder} has {listed}. Replace?"
        answer = QMessageBox.question(
            self._parent, "texot", text, buttons.Yes | buttons.Cancel, buttons.Cancel
        )
        return answer == buttons.Yes

    def ask_save(self, title: str, suggested: Path, kinds: Kinds) -> str:
        """A file to write; empty: none was chosen.

        A name without a suffix gets that of the chosen kind before the dialog asks whether to replace a file.
        """
        dialog = QFileDialog(self._parent, title, str(suggested.parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        filters = {f"{kind} ({' '.join(f'*{s}' for s in kinds[kind])})": kinds[kind] for kind in kinds}
        dialog.setNameFilters(list(filters))
        first = next(
            (text for text in filters if suggested.suffix.lower() in filters[text]), next(iter(filters))
        )
        dialog.selectNameFilter(first)
        dialog.setDefaultSuffix(filters[first][0])
        dialog.selectFile(suggested.name)
        known = [suffix for suffixes in kinds.values() for suffix in suffixes]

        def choose(text: str) -> None:
            """Give the name the suffix of another kind."""
            dialog.setDefaultSuffix(filters[text][0])
            name = Path(dialog.selectedFiles()[0]) if dialog.selectedFiles() else Path()
            if name.suffix.lower() in known and name.suffix.lower() not in filters[text]:
                dialog.selectFile(name.with_suffix(filters[text][0]).name)

        dialog.filterSelected.connect(choose)
        path = dialog.selectedFiles()[0] if dialog.exec() else ""
        dialog.deleteLater()
        return path
