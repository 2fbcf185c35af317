"""Adding exemplars and weight maps from files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from PySide6.QtGui import QIcon, QImage

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.session import Session
from texot.desktop.views.controls import thumbnail
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.tabs.generator import GeneratorTab
from texot.desktop.views.tabs.interpolate import InterpolateTab
from texot.desktop.views.weight_map import WeightMapChoice

_SIDE = 24  # pixels of an icon in the list


class ExemplarActions:
    """Fills the lists of exemplars.

    Args:
        session: reads images.
        dialogs: ask for files.
        tabs: one of them is in front.
        interpolate, generator: the forms that have a list.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        tabs: FormTabs,
        interpolate: InterpolateTab,
        generator: GeneratorTab,
    ) -> None:
        self._session, self._dialogs, self._tabs = session, dialogs, tabs
        self._interpolate, self._generator = interpolate, generator
        for form in (interpolate, generator):
            form.list.ask_add.connect(self.ask_add)
            form.weight_map.ask_file.connect(partial(self.ask_weight_map, form.weight_map))

    def ask_add(self) -> None:
        """Ask for exemplars and add them; for a folder where a material is open."""
        if self._session.image.maps:
            path = self._dialogs.ask_folder("Add a material: a folder of maps", self._dialogs.folder())
            if path:
                self.add(path)
            return
        for path in self._dialogs.ask_open_several("Add exemplars", self._dialogs.folder()):
            self.add(path)

    def show_and_add(self, paths: Sequence[str]) -> None:
        """Add exemplars to the form in front, or to Blend, which comes to the front."""
        if paths and self._tabs.front is not self._generator:
            self._tabs.show_form(self._interpolate)
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Add an exemplar to Generator if that is in front, else to Blend, once it is read."""
        path = os.path.abspath(path)
        form = self._generator if self._tabs.front is self._generator else self._interpolate

        def read(header: dict[str, Any], picture: QImage) -> None:
            form.list.add(path)
            self.show_icon(path, picture)
            self._session.say(f"added {path}: {picture.width()}x{picture.height()} px")

        self._session.read_image(path, read)

    def show_icon(self, path: str, picture: QImage) -> None:
        """Show a small picture next to an exemplar in all lists that have it."""
        if picture.isNull():
            return
        icon = QIcon(thumbnail(picture, _SIDE, self._tabs.devicePixelRatioF()))
        for form in (self._interpolate, self._generator):
            form.list.set_icon(path, icon)

    def ask_weight_map(self, choice: WeightMapChoice) -> None:
        """Ask for an image whose values are the weights."""
        choice.use_image(self._dialogs.ask_open("Weights by an image", self._dialogs.folder()))
