"""A batch: the same job for many images, one after another, behind what the user asks for meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from texot.desktop.job_queue import OpenImage, QueuedJob
from texot.desktop.observers import Observers
from texot.desktop.results import Result
from texot.desktop.settings import Settings

if TYPE_CHECKING:
    from texot.desktop.session import Session

THUMBNAIL = 256
"""Pixels of the longer side of pictures that are kept of results nobody has looked at."""


class Batch:
    """The images of a batch and how far they are.

    Args:
        session: makes and has the results.

    Attributes:
        rows: a job for each image, in order; its `state` says how far it is.
        changed: a row has another state, or there are others.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.rows: list[QueuedJob] = []
        self.changed: Observers[[]] = Observers()
        session.events.progress_changed.subscribe(self._tell)
        session.events.result_added.subscribe(lambda result, shown: self._tell())

    def _tell(self) -> None:
        if self.rows:
            self.changed.notify()

    def add(self, paths: Sequence[str], settings_of: Callable[[str], Settings]) -> None:
        """Queue a job, or several, for each image.

        Args:
            paths: of the images.
            settings_of: the settings of an image, by its path.
        """
        for path in paths:
            source = OpenImage(path, None)
            for request in settings_of(path).requests():
                job = QueuedJob(request, source, shown=False, background=True)
                self.rows.append(job)
                self._session.jobs.add(job)
        self._session.start_waiting()
        self._tell()

    @property
    def is_over(self) -> bool:
        """Whether no row waits or runs."""
        return not any(row.state in ("waiting", "running") for row in self.rows)

    @property
    def summary(self) -> str:
        """How many rows are done, in words."""
        states = [row.state for row in self.rows]
        found = [f"{states.count('done')} of {len(states)} done"]
        found += [f"{states.count(word)} {word}" for word in ("failed", "stopped") if word in states]
        return ", ".join(found)

    def label(self, row: QueuedJob) -> str:
        """A row in one line: the file, and its state."""
        progress = self._session.progress
        state = row.state
        if state == "running" and progress is not None and row is self._session.running:
            state = f"{100 * progress.step // max(1, progress.steps)} %"
        return f"{os.path.basename(row.source.path)}: {state}" + (f", {row.note}" if row.note else "")

    def stop(self) -> None:
        """Forget the rows that wait, and end the one that runs without a result."""
        self._session.jobs.stop(keep=False, of=lambda job: job.background)
        self._session.start_waiting()

    def clear(self) -> None:
        """Forget the rows; results stay."""
        if self.is_over:
            self.rows = []
            self.changed.notify()

    def load(self, result: Result, then: Callable[[Result], object]) -> None:
        """Read the pictures of a result that nobody has looked at, and of its image; `then` gets it.

        If the image is gone, the result is shown without it.
        """

        def read_source(header: dict[str, Any], picture: Any) -> None:
            result.source = OpenImage(result.source.path, picture, (), tuple(header["size"]))
            read_file()

        def read_file() -> None:
            self._session.read_image(result.file, read_result)

        def read_result(header: dict[str, Any], picture: Any) -> None:
            result.picture, result.is_thumbnail = picture, False
            then(result)

        self._session.ask("open", read_source, read_file, path=result.source.path)
