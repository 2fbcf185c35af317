"""Batches: a folder of images, each with the settings of the task in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.session import Session
from texot.desktop.settings import Settings, SynthesisSettings, TileSettings
from texot.desktop.views.batch_list import BatchList
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.tabs.synthesise import SynthesiseTab


class BatchActions:
    """Connects the list of a batch with the session.

    Args:
        session: has the batch.
        dialogs: ask for the folder.
        tabs: the form in front has the settings: of a new texture, or of a seamless one; else `form` has.
        form: of new textures.
        view: the list.
        open: opens a folder that is a material.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        tabs: FormTabs,
        form: SynthesiseTab,
        view: BatchList,
        open: Callable[[str], object],
    ) -> None:
        self._session, self._dialogs, self._tabs, self._form = session, dialogs, tabs, form
        self._view, self._open = view, open
        view.chosen.connect(self._choose)
        view.ask_stop.connect(session.batch.stop)
        view.ask_close.connect(session.batch.clear)
        session.batch.changed.subscribe(self._show)

    def ask(self) -> None:
        """Ask for a folder of images and queue them."""
        path = self._dialogs.ask_folder("Batch: a folder of images", self._dialogs.folder())
        if path:
            self.open_folder(path, always=True)

    def open_folder(self, path: str, *, always: bool = False) -> None:
        """Open a folder of maps as a material, and queue the images of another one.

        Args:
            path: of the folder.
            always: queue them also if they look like maps.
        """

        def listed(header: dict[str, Any], picture: Any) -> None:
            if header["material"] and not always:
                self._open(path)
            else:
                self.add(header["images"])

        self._session.ask("list", listed, path=path)

    def add(self, paths: list[str]) -> None:
        """Queue images with the settings of the form in front."""
        settings = self._tabs.front.settings() if self._tabs.front.takes_batches else self._form.settings()

        def settings_of(path: str) -> Settings:
            assert isinstance(settings, SynthesisSettings | TileSettings)
            return settings.for_image(path)

        self._session.batch.add(paths, settings_of)

    def _choose(self, number: int) -> None:
        result = self._session.batch.rows[number].result
        if result in self._session.results:
            self._session.select(result)

    def _show(self) -> None:
        batch = self._session.batch
        running = next((k for k, row in enumerate(batch.rows) if row.state == "running"), None)
        labels = [batch.label(row) for row in batch.rows]
        self._view.show_rows(labels, batch.summary, is_over=batch.is_over, running=running)
