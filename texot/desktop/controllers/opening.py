"""Opening images and materials: from files, folders, drops and the clipboard."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QEvent, QMimeData, QObject
from PySide6.QtGui import QGuiApplication, QImage, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QWidget

from texot.desktop.controllers.exemplar_actions import ExemplarActions
from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.controllers.generator_actions import GeneratorActions
from texot.desktop.session import Session
from texot.desktop.views.clipboard import holds_elsewhere, holds_picture, local_files


class Opening(QObject):
    """Opens images.

    Args:
        session: opens them.
        dialogs: ask for files.
        exemplars: take further images.
        generator: takes models.
        recent_changed: called with the images that were opened, the latest first.

    Attributes:
        open_folder: called with a folder that was dropped.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        exemplars: ExemplarActions,
        generator: GeneratorActions,
        recent_changed: Callable[[list[str]], object],
    ) -> None:
        super().__init__()
        self._session, self._dialogs = session, dialogs
        self._exemplars, self._generator = exemplars, generator
        self._recent_changed = recent_changed
        self.open_folder: Callable[[str], object] = self.open

    def watch(self, *fields: QWidget) -> None:
        """Leave the key for pasting to the menu, where these fields would take it but cannot use it."""
        for field in fields:
            field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ignore the key for pasting in a text field while the clipboard holds a picture."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Paste)
            and holds_picture(QGuiApplication.clipboard().mimeData())
        ):
            event.ignore()
            return True
        return False

    def ask_open(self) -> None:
        """Ask for an image and open it."""
        path = self._dialogs.ask_open("Open an image", self._dialogs.folder())
        if path:
            self.open(path)

    def ask_open_material(self) -> None:
        """Ask for a folder of maps and open it as a material."""
        path = self._dialogs.ask_folder("Open a material: a folder of maps", self._dialogs.folder())
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open an image, or a folder as a material, and remember it unless it is a file of the session."""
        self._session.open(path, self._remember)

    def open_selected(self) -> None:
        """Open the selected result as the exemplar: the user's file of it, or the session's."""
        result = self._session.selected
        if result is not None:
            self.open(result.saved if result.saved.lower().endswith(".png") else result.file)

    def _remember(self, path: str) -> None:
        if not self._session.files.owns(path):
            self._dialogs.remember_folder(path)
            self._dialogs.remember_recent(path)
            self._recent_changed(self._dialogs.recent())

    def paste(self) -> None:
        """Open the image, or the files, in the clipboard."""
        if not self.take(QGuiApplication.clipboard().mimeData()):
            self._session.fail("the clipboard holds no image")

    def take(self, data: QMimeData) -> bool:
        """Open what a drop or the clipboard holds; returns whether there was something to open.

        The first image is opened, the others are added as exemplars. A model is loaded. A folder is a
        material, or a batch.
        """
        files = local_files(data)
        models = [path for path in files if path.lower().endswith(".safetensors")]
        images = [path for path in files if path not in models]
        if models:
            self._generator.show_and_load(models[0])
        if images:
            (self.open_folder if os.path.isdir(images[0]) else self.open)(images[0])
            self._exemplars.show_and_add(images[1:])
        if not files and data.hasImage():
            path = self._session.files.new("pasted image")
            QImage(data.imageData()).save(path)
            self.open(path)
        elif holds_elsewhere(data):
            self._session.fail("that is an address: save the image to this machine, and drop the file")
        return bool(files) or data.hasImage()
