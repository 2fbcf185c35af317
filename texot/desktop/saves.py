"""Writing results and models to the user's files, and what is not written yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from texot.desktop.results import Result

if TYPE_CHECKING:
    from texot.desktop.session import Session


class Saves:
    """Saves the results and the model of a session.

    Args:
        session: has them, and asks the worker.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def selected(
        self, path: str, then: Callable[[], object] = lambda: None, *, overwrite: bool = False
    ) -> None:
        """Write the selected result to the user's path, a material over files only if `overwrite`."""
        if self._session.selected is not None:
            self._write(self._session.selected, path, then, overwrite=overwrite)

    def several(
        self,
        results: Sequence[Result],
        folder: str,
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """Write results to a folder under the names of `file_names`, over files that are there.

        Args:
            results: at least one.
            folder: the user's.
            then: called when all are written; not after a failure.
        """
        left = len(results)

        def one_written() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._session.say(f"wrote {len(results)} results to {folder}")
                then()

        for result, name in zip(results, file_names(results), strict=True):
            self._write(result, os.path.join(folder, name), one_written, overwrite=True)

    def _write(self, result: Result, path: str, then: Callable[[], object], *, overwrite: bool) -> None:
        def saved(header: dict[str, Any], picture: Any) -> None:
            result.saved = path
            if path.lower().endswith(".png"):
                self._session.files.set_name(result.file, path)
            self._session.events.result_saved.notify(result)
            self._session.say(f"wrote {path}")
            then()

        sample = result.request.task == "sample"
        self._session.ask("save", saved, file=result.file, path=path, sample=sample, overwrite=overwrite)

    def model(self, path: str, then: Callable[[], object] = lambda: None) -> None:
        """Write the model to the user's path."""
        session, model = self._session, self._session.models.current
        if model is None:
            return

        def saved(header: dict[str, Any], picture: Any) -> None:
            session.files.set_name(model.file, path)
            model.saved = path
            session.events.model_changed.notify()
            session.say(f"wrote {path}")
            then()

        session.copy_file(model.file, path, saved)

    @property
    def unsaved_results(self) -> list[Result]:
        """The results that only the session has."""
        return [result for result in self._session.results if not result.saved]

    @property
    def unsaved_model(self) -> bool:
        """Whether only the session has the model."""
        model = self._session.models.current
        return model is not None and not model.saved

    def unsaved(self) -> list[str]:
        """What is lost when the window closes, in words."""
        lost = []
        count = len(self.unsaved_results)
        if count:
            lost.append("a result" if count == 1 else f"{count} results")
        if self.unsaved_model:
            lost.append("the model")
        waiting = sum(job.background for job in self._session.jobs.waiting)
        if waiting:
            lost.append(f"{waiting} images that wait")
        running = self._session.running
        if running is not None:
            training = running.request.task == "train"
            lost.append("the training that runs" if training else "what is made now")
        return lost


def file_names(results: Sequence[Result]) -> list[str]:
    """Names for the user's files or folders, no two alike: of source, seed and quality, then a number."""
    names: list[str] = []
    for result in results:
        path = Path(result.file_name)
        suffix = "" if result.maps else path.suffix
        stem = path.name.removesuffix(suffix)
        quality = result.request.arguments.get("quality")
        if stem + suffix in names and quality:
            stem = f"{stem}-{quality}"
        name, count = stem, 1
        while name + suffix in names:
            count += 1
            name = f"{stem}-{count}"
        names.append(name + suffix)
    return names
