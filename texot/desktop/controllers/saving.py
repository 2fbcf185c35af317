"""Saving results, and copying results and commands to the clipboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QGuiApplication, QImage

from texot.desktop.controllers.file_dialogs import FLOATS, IMAGES, FileDialogs, kinds_of
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.saves import file_names
from texot.desktop.session import Session
from texot.desktop.views.canvas import Canvas
from texot.errors import InputError


class Saving:
    """Saves and copies the selected result.

    Args:
        session: has the result.
        dialogs: ask for files.
        canvas: shows the picture that is copied.
    """

    def __init__(self, session: Session, dialogs: FileDialogs, canvas: Canvas) -> None:
        self._session, self._dialogs, self._canvas = session, dialogs, canvas

    def ask_save(self) -> None:
        """Ask for a file and write the selected result."""
        result = self._session.selected
        if result is None:
            return
        folder = self._dialogs.folder("save folder", self._dialogs.folder())
        if result.maps:
            self._ask_save_material(result, folder)
            return
        suggested = Path(folder) / result.file_name
        kinds = IMAGES if suggested.suffix == ".png" else FLOATS
        path = self._dialogs.ask_save("Save the result", suggested, kinds)
        if path:
            self.save(path)

    def _ask_save_material(self, result: Result, folder: str) -> None:
        path = self._dialogs.ask_folder("Save the maps of the material in a folder", folder)
        if path and result.source.maps and Path(path).resolve() == Path(result.source.path).resolve():
            self._session.fail(f"{path} holds the open material: choose another folder")
        elif path and self._dialogs.may_overwrite(path, result.names):
            self.save(path, overwrite=True)

    def save(self, path: str, *, overwrite: bool = False) -> None:
        """Write the selected result, a material over files only if `overwrite`."""
        remember = partial(self._dialogs.remember_folder, path, "save folder")
        self._session.saves.selected(path, remember, overwrite=overwrite)

    def ask_save_all(self) -> None:
        """Ask for a folder and write all results there."""
        results = self._session.results
        if results:
            self.ask_save_several(results, lambda: None)

    def ask_save_several(self, results: Sequence[Result], then: Callable[[], object]) -> None:
        """Ask for a folder and write these results there; `then` is called when all are written."""
        folder = self._dialogs.folder("save folder", self._dialogs.folder())
        path = self._dialogs.ask_folder("Save the results in a folder", folder)
        if path and self._dialogs.may_overwrite(path, file_names(results)):
            self._dialogs.remember_folder(os.path.join(path, "result"), "save folder")
            self._session.saves.several(results, path, then)

    def copy_image(self) -> None:
        """Copy the picture that is shown."""
        picture = self._canvas.shown_result
        if not picture.isNull():
            QGuiApplication.clipboard().setImage(picture)
            self._session.say("copied the picture")

    def copy_command(self) -> None:
        """Copy the command that writes the selected result."""
        result = self._session.selected
        if result is None:
            return
        try:
            result.check_repeatable()
        except InputError as error:
            self._session.fail(str(error))
            return
        files = self._session.files
        self.save_inputs(result.request, lambda: self.copy_line(result.command_line(files.names)))

    def save_inputs(self, request: JobRequest, then: Callable[[], object]) -> None:
        """Ask for a file for each input that only the session's folder holds, then continue."""
        files = self._session.files
        unsaved = files.unsaved_inputs(request)
        if not unsaved:
            then()
            return
        file = unsaved[0]
        kind, suffix = Path(file).stem.rpartition("-")[0], Path(file).suffix  # see `SessionFiles.new`
        image = self._session.image.path
        stem = Path(image).stem or "texture"
        name = f"{kind if file == image else f'{stem}-{kind}'}{suffix}"
        path = self._dialogs.ask_save(
            f"The command needs the {kind} in a file",
            Path(self._dialogs.folder()) / name,
            kinds_of(suffix),
        )
        if not path:
            self._session.say(f"nothing is copied: the command needs the {kind} in a file")
            return

        def saved(header: dict[str, Any], picture: QImage) -> None:
            files.set_name(file, path)
            self.save_inputs(request, then)

        self._session.copy_file(file, path, saved)

    def copy_line(self, line: str) -> None:
        """Copy a command line."""
        QGuiApplication.clipboard().setText(line)
        self._session.say(f"copied: {line}")
