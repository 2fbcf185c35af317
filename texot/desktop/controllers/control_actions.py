"""What goes where: exemplars and pictures from files, for the forms that have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtGui import QImage

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.controllers.painting import PaintActions
from texot.desktop.session import Session
from texot.desktop.views.picture_choice import PictureChoice
from texot.desktop.views.tabs.synthesise import SynthesiseTab

_TITLES = {
    "source": "Source: a mask of the original",
    "weights_map": "Weights map: a picture of the original",
    "labels": "Labels of the original",
    "target_labels": "Labels of the result",
    "guide": "Guide: a picture that the result follows",
    "rotation_map": "Rotation map: how the result is turned",
    "scale_map": "Scale map: how large the texture is",
    "guide_exemplar": "What the guide is compared with, in the original",
}


class ControlActions:
    """Fills the forms.

    Args:
        session: reads images.
        dialogs: ask for files.
        form: of new textures, has the controls.
        sources: of the other forms that have one.
        painting: paints pictures.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        form: SynthesiseTab,
        sources: Sequence[PictureChoice],
        painting: PaintActions,
    ) -> None:
        self._session, self._dialogs, self._exemplars = session, dialogs, form.controls.exemplars
        self._exemplars.ask_add.connect(self.ask_add)
        pictures = form.controls.pictures
        for name, choice in [*pictures.items(), *(("source", source) for source in sources)]:
            choice.ask_file.connect(partial(self.ask_picture, name, choice))
        for source in (pictures["source"], *sources):
            source.ask_paint.connect(partial(painting.ask_source, source))
        for name in ("labels", "target_labels"):
            pictures[name].ask_paint.connect(partial(painting.ask_labels, form, name))

    def ask_add(self) -> None:
        """Ask for further exemplars and add them; for a folder where a material is open."""
        if not self._session.image.path:
            self._session.fail("open an image first: it is the first exemplar")
        elif self._session.image.maps:
            path = self._dialogs.ask_folder("Add a material: a folder of maps", self._dialogs.folder())
            if path:
                self.add(path)
        else:
            for path in self._dialogs.ask_open_several("Add exemplars", self._dialogs.folder()):
                self.add(path)

    def add(self, path: str) -> None:
        """Add an exemplar, once it is read."""
        path = os.path.abspath(path)

        def read(header: dict[str, Any], picture: QImage) -> None:
            self._exemplars.add(path)
            self._exemplars.show_picture(path, picture)
            self._session.say(f"added {path}: {picture.width()}x{picture.height()} px")

        self._session.read_image(path, read)

    def ask_picture(self, name: str, choice: PictureChoice) -> None:
        """Ask for the picture of an argument."""
        path = self._dialogs.ask_open(_TITLES[name], self._dialogs.folder())
        if path:
            self.use(name, choice, path)

    def use(self, name: str, choice: PictureChoice, path: str) -> None:
        """Use a picture for an argument, once it is read."""
        path = os.path.abspath(path)

        def read(header: dict[str, Any], picture: QImage) -> None:
            choice.show_path(path, picture)
            self._session.say(f"{_TITLES[name].split(':')[0]}: {path}")

        if name == "source":
            self._session.ask("mask", read, path=path, size=None)
        elif name in ("labels", "target_labels"):
            self._session.ask("labels", read, path=path)
        else:
            self._session.read_image(path, read)
