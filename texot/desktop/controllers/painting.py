"""Painting label pictures and the source mask, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget

from texot.desktop.controllers.file_dialogs import EXACT, FileDialogs
from texot.desktop.label_palette import LabelPalette
from texot.desktop.session import Session
from texot.desktop.sizes import result_size
from texot.desktop.views.label_picture import LabelPicture
from texot.desktop.views.paint_dialog import Page, PaintDialog
from texot.desktop.views.picture_choice import PictureChoice
from texot.desktop.views.tabs.synthesise import SynthesiseTab

_PLAIN = QColor(150, 150, 150)  # below the labels of a result that is not there yet
_MASK = ("#ffffff", "#000000")
_LABELS = "Each colour names a texture. Paint where it is in the original, and where it goes in the result."
_SOURCE = "Texture is taken from what is white, and from nothing that is black."


class PaintActions(QObject):
    """Connects the dialog with the forms and with files.

    Args:
        session: has the pictures, reads and writes files.
        dialogs: ask for files.
        window: the parent of the dialog.

    Attributes:
        dialog: the one that is open, or None.
    """

    def __init__(self, session: Session, dialogs: FileDialogs, window: QWidget) -> None:
        super().__init__(window)
        self._session, self._dialogs, self._window = session, dialogs, window
        self.dialog: PaintDialog | None = None
        self._colours: dict[str, list[str]] = {}  # of pictures that were read, by path

    def ask_source(self, choice: PictureChoice) -> None:
        """Paint a source mask."""
        picture = self._picture()
        if picture is not None:
            pages = [self._page("source", choice, "Source", picture, _MASK[1])]
            palette = LabelPalette(_MASK)
            self._load_all(list(pages), lambda: self._open("source", pages, palette))

    def ask_labels(self, form: SynthesiseTab, name: str) -> None:
        """Paint the labels of the original and of the result; `name`: "labels" or "target_labels"."""
        picture, pictures = self._picture(), form.controls.pictures
        if picture is not None:
            palette = LabelPalette()
            target = self._below_target(form)
            pages = [
                self._page("labels", pictures["labels"], "Original", picture, palette.colour),
                self._page("target_labels", pictures["target_labels"], "Result", target, palette.colour),
            ]
            self._load_all(list(pages), lambda: self._open(name, pages, palette))

    def _picture(self) -> QImage | None:
        """The open image; None, and a message, without one."""
        if not self._session.image.path:
            self._session.fail("open an image first: it is painted over")
            return None
        return QImage(self._session.image.picture)

    def _page(self, name: str, choice: PictureChoice, title: str, below: QImage, colour: str) -> Page:
        return Page(name, choice, title, below, LabelPicture(below.size(), QColor(colour), self))

    def _below_target(self, form: SynthesiseTab) -> QImage:
        """What is below the labels of the result: a result of that size, or grey."""
        size = form.controls.pictures["target_labels"].size_shown
        size = size or result_size(form.common.size_value, self._session.image.size)
        size = size or self._session.image.size
        result = self._session.selected
        if result is not None and result.size == size:
            return QImage(result.picture)
        plain = QImage(QSize(*size), QImage.Format.Format_RGB32)
        plain.fill(_PLAIN)
        return plain

    def _load_all(self, pages: list[Page], then: Callable[[], object]) -> None:
        """Show the pictures that are used in the pages, then continue."""
        if not pages:
            then()
            return
        page = pages.pop(0)
        path = page.choice.path
        if path is None:
            self._load_all(pages, then)
        else:
            self._load(page, path, lambda: self._load_all(pages, then))

    def _load(self, page: Page, path: str, then: Callable[[], object]) -> None:
        def loaded(header: dict[str, Any], picture: QImage) -> None:
            self._colours[path] = header.get("colours", [])
            page.labels.load(picture, path)
            then()

        if page.name == "source":
            self._session.ask("mask", loaded, path=path, size=None)
        else:
            self._session.ask("labels", loaded, path=path)

    def _open(self, name: str, pages: list[Page], palette: LabelPalette) -> None:
        title, hint = ("Paint the source", _SOURCE) if name == "source" else ("Paint labels", _LABELS)
        self._show_colours(pages, palette)
        can_add = name != "source"
        self.dialog = dialog = PaintDialog(self._window, title, hint, pages, palette, can_add=can_add)
        dialog.show_page(next(page for page in pages if page.name == name))
        dialog.ask_load.connect(self.ask_load)
        dialog.ask_save.connect(self.ask_save)
        dialog.finished.connect(self._finished)
        dialog.open()

    def _show_colours(self, pages: list[Page], palette: LabelPalette) -> None:
        """Show the colours of the pages' pictures in the palette."""
        found = [colour for page in pages for colour in self._colours.get(page.labels.file, [])]
        if found and pages[0].name != "source":
            palette.show(found)
            for page in pages:
                if not page.labels.file and not page.labels.can_undo:
                    page.labels.image.fill(QColor(palette.colour))

    def ask_load(self) -> None:
        """Ask for a picture and show it in the page in front."""
        dialog = self.dialog
        path = self._dialogs.ask_open("Open a painted picture", self._dialogs.folder())
        if dialog is None or not path:
            return

        def loaded() -> None:
            self._show_colours(dialog.pages, dialog.colours)
            dialog.show_palette()

        self._load(dialog.page, path, loaded)

    def ask_save(self) -> None:
        """Ask for a file and write the page in front."""
        dialog = self.dialog
        if dialog is None:
            return
        page, image = dialog.page, Path(self._session.image.path)
        kind = page.name.replace("_", "-")
        suggested = image.parent / f"{image.with_suffix('').name}-{kind}.png"
        path = self._dialogs.ask_save("Save what is painted", suggested, EXACT)
        if not path:
            return
        file = self._write(page)

        def saved(header: dict[str, Any], picture: QImage) -> None:
            self._session.files.set_name(file, path)
            dialog.message.setText(f"wrote {path}")

        self._session.copy_file(file, path, saved)

    def _write(self, page: Page) -> str:
        """Path of a file with what is painted: a new one of the session where it has changed."""
        if not page.labels.file:
            page.labels.file = self._session.files.new(page.name.replace("_", " "))
            page.labels.image.save(page.labels.file)
        return page.labels.file

    def _finished(self, accepted: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is None:
            return
        if accepted and any(page.labels.can_undo or page.labels.file for page in dialog.pages):
            for page in dialog.pages:
                page.choice.show_path(self._write(page), page.labels.image)
        dialog.deleteLater()
