"""Jobs of a session: one runs, the others wait."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from texot.desktop.requests import JobRequest
from texot.desktop.sizes import Size, reduced_draft
from texot.desktop.wording import duration


@dataclass(frozen=True, eq=False)
class OpenImage:
    """An image, or a material, that jobs are made from.

    Attributes:
        path: of its file, or of the folder of a material; or empty.
        picture: its pixels as the views show them, of a material its main map; the model never looks at them.
        maps: roles of a material's maps; empty for an image.
        size: (width, height) in pixels.
    """

    path: str
    picture: Any
    maps: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)

    @property
    def folder(self) -> str:
        """The folder of the material."""
        return self.path

    @property
    def name(self) -> str:
        """Name of the file without its folder."""
        return os.path.basename(self.path)


@dataclass(eq=False)
class QueuedJob:
    """A job that waits or runs.

    Attributes:
        request: what to do.
        source: the open image when it was queued.
        sizes: of input images that are known, by path.
        number: id of the worker's request, once it runs.
        shown: whether its pictures are shown: not after the user has opened or selected something else.
        stopped: whether it was told to end after its current step.
        kept: whether a stopped job keeps its last state as a result.
        background: whether it is of a batch: other jobs go first.
        state: "waiting", "running", "done", "stopped" or "failed".
        note: why it failed.
        result: that it made, or None.
    """

    request: JobRequest
    source: OpenImage
    sizes: Mapping[str, Size] = field(default_factory=dict)
    number: int = 0
    shown: bool = True
    stopped: bool = False
    kept: bool = True
    background: bool = False
    state: str = "waiting"
    note: str = ""
    result: Any = None

    def end(self, state: str, note: str = "") -> None:
        """It has ended in this state."""
        self.state, self.note = state, note

    @property
    def run(self) -> JobRequest:
        """What the worker does: a draft of a large image is reduced."""
        return reduced_draft(self.request, {self.source.path: self.source.size, **self.sizes})


@dataclass(frozen=True)
class Progress:
    """How far the running job is.

    Attributes:
        task: of the job.
        step: steps done; of a sample, pixels.
        steps: steps in all.
        seconds_left: estimate, or None.
        n_waiting: jobs that wait.
    """

    task: str
    step: int
    steps: int
    seconds_left: float | None
    n_waiting: int

    @classmethod
    def from_event(cls, task: str, header: dict[str, Any], n_waiting: int) -> Progress:
        """The progress in the header of a "state" event."""
        return cls(task, header["step"], header["steps"], header["seconds_left"], n_waiting)

    @property
    def text(self) -> str:
        """The progress in one line."""
        done = f"step {self.step} of {self.steps}"
        if self.task == "sample":
            done = f"{100 * self.step // self.steps} % of the sample"
        ending = ": finishing ..." if self.step == self.steps and self.task == "train" else ""
        known = self.seconds_left is not None and not ending
        left = f", about {duration(self.seconds_left or 0)} left" if known else ""
        more = f", {self.n_waiting} more to make" if self.n_waiting else ""
        return done + (ending or left) + more


class JobQueue:
    """Runs one job at a time, in the order in which they were added.

    Args:
        start: starts a job; returns the id of the worker's request.
        stop: ends the request of this id after its current step.

    Attributes:
        waiting: jobs that are not started yet.
        running: the job that runs, or None.
    """

    def __init__(self, start: Callable[[QueuedJob], int], stop: Callable[[int], object]) -> None:
        self._start, self._stop = start, stop
        self.waiting: deque[QueuedJob] = deque()
        self.running: QueuedJob | None = None

    def add(self, job: QueuedJob) -> None:
        """Append a job; `start_next` starts it."""
        self.waiting.append(job)

    def makes(self, request: JobRequest, source: OpenImage) -> bool:
        """Whether such a job waits or runs, and was not stopped."""
        jobs = [*self.waiting, *([self.running] if self.running and not self.running.stopped else [])]
        return any(job.request == request and job.source is source for job in jobs)

    def start_next(self) -> bool:
        """Start the first job that waits, of a batch only if no other does, unless one runs.

        Returns:
            Whether one was started.
        """
        if self.running is not None or not self.waiting:
            return False
        self.running = next((job for job in self.waiting if not job.background), self.waiting[0])
        self.waiting.remove(self.running)
        self.running.state = "running"
        self.running.number = self._start(self.running)
        return True

    def stop(self, *, keep: bool, of: Callable[[QueuedJob], bool] = lambda job: True) -> bool:
        """Remove the jobs that wait, and end the running one after its current step.

        Args:
            keep: whether the result of that step is kept.
            of: which jobs are meant.

        Returns:
            Whether one is ended.
        """
        for job in filter(of, list(self.waiting)):
            job.end("stopped")
            self.waiting.remove(job)
        if self.running is None or not of(self.running):
            return False
        self.running.kept, self.running.stopped = keep, True
        self._stop(self.running.number)
        return True

    def hide(self) -> None:
        """Do not show the pictures of the jobs that wait or run."""
        for job in (*self.waiting, *([self.running] if self.running else [])):
            job.shown = False

    def is_running(self, number: int) -> bool:
        """Whether the running job has this request id."""
        return self.running is not None and self.running.number == number

    def finish(self) -> QueuedJob:
        """The running job, which has ended."""
        assert self.running is not None
        job, self.running = self.running, None
        return job

    def clear(self) -> None:
        """Forget all jobs: the worker has ended."""
        for job in (*self.waiting, *([self.running] if self.running else [])):
            job.end("failed", "the worker has ended")
        self.running = None
        self.waiting.clear()
