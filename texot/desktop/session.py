"""What the window is about: the open image, jobs, results, models, and what is not saved. No Qt here.

A session sends requests to a worker and receives its events. Controllers read its attributes and call its
methods; the window connects its `events` to the views. Nothing else changes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from texot.desktop.batch import THUMBNAIL, Batch
from texot.desktop.events import SessionEvents
from texot.desktop.finals import final_request, is_final
from texot.desktop.job_queue import JobQueue, OpenImage, Progress, QueuedJob
from texot.desktop.models import Model, Models
from texot.desktop.protocol import WorkerPort
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.saves import Saves
from texot.desktop.session_files import SessionFiles
from texot.desktop.settings import Settings
from texot.desktop.sizes import Estimates, Size
from texot.desktop.wording import done_text, exemplars_text, trained_text
from texot.errors import TexotError

OnAnswer = Callable[[dict[str, Any], Any], object]
"""Called with the header of the worker's event and its picture."""


class Session:
    """The state of a window, and its transitions.

    Args:
        folder: for files that the user has not saved.
        worker: answers requests; its events are passed to `receive`, its end to `worker_ended`.

    Attributes:
        events: the observers of all changes.
        files: in the folder.
        image: the open image; its path is empty where none is open.
        jobs: the job that runs and those that wait.
        progress: of the running job, or None.
        results: in the order in which they were made.
        selected: the result that is shown; None while something else is.
        reference: the result that others are compared with; None: they are compared with the open image.
        models: the model that samples are made from, and the training that can be resumed.
        saves: writes the user's files.
        batch: the images that are worked on in the background.
        estimates: of how long jobs take.
        message: what happened last, in one line.
        failed: whether the message is about a failure.
    """

    def __init__(self, folder: str, worker: WorkerPort) -> None:
        self.files, self._worker = SessionFiles(folder), worker
        self.events = SessionEvents()
        self.image = OpenImage("", None)
        self.jobs = JobQueue(self._start, worker.stop)
        self.progress: Progress | None = None
        self.results: list[Result] = []
        self.selected: Result | None = None
        self.reference: Result | None = None
        self.models = Models()
        self.saves = Saves(self)
        self.batch = Batch(self)
        self.estimates = Estimates()
        self.message, self.failed = "", False
        self._answers: dict[int, tuple[OnAnswer, Callable[[], object]]] = {}  # by id of a request, see `ask`
        self._sizes: dict[str, Size] = {}  # of images that were read, by path
        self._notes: list[str] = []  # messages of the library about what runs

    # messages and files

    @property
    def failure(self) -> str:
        """The message, if it is about a failure; else empty."""
        return self.message if self.failed else ""

    def say(self, text: str, *, failed: bool = False) -> None:
        """Show a message."""
        self.message, self.failed = text, failed
        self.events.message_changed.notify()

    def fail(self, text: str) -> None:
        """Show a message about a failure."""
        self.say(text, failed=True)

    def copy_file(self, file: str, path: str, then: OnAnswer) -> None:
        """Write a file of the session to the user's path."""
        self.ask("save", then, file=file, path=path)

    # images and masks

    def open(self, path: str, then: Callable[[str], object] = lambda path: None) -> None:
        """Read an image or a material and open it; `then` gets its absolute path."""
        path = os.path.abspath(path)  # it may be opened again from another folder
        self.say(f"reading {path} ...")

        def opened(header: dict[str, Any], picture: Any) -> None:
            maps = tuple(header.get("maps", ()))
            self._set_image(OpenImage(header["path"], picture, maps, tuple(header["size"])))
            self._select(None)
            self.compare_with(None)
            width, height = header["size"]
            self.say(", ".join([f"{header['path']}: {width}x{height} px", *maps]))
            then(header["path"])

        self.ask("open", opened, path=path)

    def _set_image(self, image: OpenImage) -> None:
        """Show this image; from now on the pictures of what runs and waits are not shown."""
        self.jobs.hide()
        if image is not self.image:
            self.image = image
            self._sizes[image.path] = image.size
            self.events.image_changed.notify()

    def read_image(self, path: str, then: OnAnswer) -> None:
        """Read an image or a material without opening it."""

        def read(header: dict[str, Any], picture: Any) -> None:
            self._sizes[header["path"]] = tuple(header["size"])
            then(header, picture)

        self.ask("open", read, path=path)

    def read_mask(self, path: str, size: tuple[int, int], then: OnAnswer) -> None:
        """Read a mask for a photograph of `size` (width, height)."""
        self.ask("mask", then, path=path, size=list(size))

    # jobs

    @property
    def running(self) -> QueuedJob | None:
        """The job that runs."""
        return self.jobs.running

    @property
    def busy(self) -> bool:
        """Whether the worker has something to do."""
        return self.running is not None or bool(self._answers)

    def generate(self, settings: Settings, *, quality: str = "", replace_running: bool = False) -> None:
        """Queue the jobs of some settings.

        Args:
            settings: of a task. If something is missing in them, the message says what.
            quality: another quality than theirs, where the task has one.
            replace_running: stop what runs, without a result, and forget what waits.
        """
        try:
            requests = settings.requests()
        except TexotError as error:
            self.fail(str(error))
            return
        if replace_running:
            self.jobs.stop(keep=False, of=lambda job: not job.background)
        self._queue(
            [request.with_quality(quality) if quality else request for request in requests], self.image
        )

    def expected_seconds(self, settings: Settings) -> float:
        """Seconds that the jobs of some settings will take; 0 where that is not known."""
        try:
            requests = settings.requests()
        except TexotError:
            return 0.0
        jobs = [QueuedJob(request, self.image, self._sizes) for request in requests]
        return sum(self.estimates.seconds(job.run, self.image.size) or 0.0 for job in jobs)

    def can_render_final(self, quality: str) -> bool:
        """Whether the selected result is below this quality; instead of "draft", "normal"."""
        return self.selected is not None and self.running is None and not is_final(self.selected, quality)

    def render_final(self, quality: str) -> None:
        """Make the selected result again at this quality, see `texot.desktop.finals`."""
        if self.selected is not None and not is_final(self.selected, quality):
            self._queue([final_request(self.selected, quality)], self.selected.source)

    def last_quality(self, tasks: tuple[str, ...]) -> str:
        """The quality of the last result, if it is of one of these tasks; else "draft"."""
        if not self.results or self.results[-1].request.task not in tasks:
            return "draft"
        return str(self.results[-1].request.arguments.get("quality", "draft"))

    def stop(self, *, keep: bool = True) -> None:
        """Forget the jobs that wait, and end the running one after its current step.

        Args:
            keep: whether the result of that step is kept.
        """
        if self.jobs.stop(keep=keep):
            self.say("stopping ...")

    def _queue(self, requests: Sequence[JobRequest], source: OpenImage) -> None:
        """Queue jobs, but none whose result is there, or comes; if that is so of all, show the last one."""
        made: Result | None = None
        n_added = 0
        for request in requests:
            made = next((one for one in self.results if one.is_of(request, source)), None)
            if made is None and not self.jobs.makes(request, source):
                self.jobs.add(QueuedJob(request, source, self._sizes))
                n_added += 1
        if n_added or made is None:
            self.start_waiting()
        else:
            self.select(made)
            self.say(f"it was made before, with the same settings: {made.summary}")

    def _start(self, job: QueuedJob) -> int:
        request = job.run
        is_training = request.task == "train"
        name = "straightened photo" if request.task == "straighten" else "result"
        file = self.files.new("model", ".safetensors") if is_training else self.files.new(name)
        side = THUMBNAIL if job.background else None
        return self._worker.ask("run", job=request.to_json(), file=file, side=side)

    def start_waiting(self) -> None:
        """Start the next job that waits, unless one runs."""
        if self.jobs.start_next():
            self.say("preparing ...")
        if self.running is None:
            self.progress = None
        self.events.progress_changed.notify()
        if not self.busy:
            self.events.became_idle.notify()

    def ask(self, do: str, then: OnAnswer, failed: Callable[[], object] = lambda: None, **facts: Any) -> None:
        """Send a request that is no job; `then` gets the answer. After a failure, `failed` is called."""
        self._answers[self._worker.ask(do, **facts)] = then, failed

    # events of the worker

    def receive(self, header: dict[str, Any], picture: Any) -> None:
        """Handle an event, see `texot.desktop.worker`.

        Args:
            header: of the event.
            picture: of the event as the views show it; None without one.
        """
        number, event = header["id"], header["event"]
        if event == "note":
            self._notes.append(header["text"])
        elif number in self._answers:
            then, failed = self._answers.pop(number)
            if event == "error":
                self.fail(header["text"])
                failed()
            else:
                then(header, picture)
            self._say_notes()
            self.start_waiting()
        elif self.jobs.is_running(number):
            if event == "state":
                self._progress(header, picture)
                return
            job = self.jobs.finish()
            if event == "error":
                job.end("failed", header["text"])
                self.fail(header["text"])
            elif event == "trained":
                self._trained(job, header, picture)
            else:
                self._done(job, header, picture)
            self._say_notes()
            self.start_waiting()

    def worker_ended(self, text: str) -> None:
        """The worker has crashed or was refused: nothing runs or waits any more; results stay."""
        self.jobs.clear()
        answers, self._answers = self._answers, {}
        self.fail(text)
        for _, failed in answers.values():
            failed()
        self.start_waiting()

    def _progress(self, header: dict[str, Any], picture: Any) -> None:
        job = self.running
        assert job is not None
        better = self.selected is None or header.get("scale", 0) == 0  # coarse states are worse than a result
        if picture is not None and job.shown and better:
            self.show_preview(picture)
        task = job.request.task
        if task == "train" and header["loss"] is not None:
            self.events.training_progressed.notify(header["loss"], header["steps"], header.get("scale", 0))
        self.progress = Progress.from_event(task, header, len(self.jobs.waiting))
        self.events.progress_changed.notify()
        self.say("stopping ..." if job.stopped else self.progress.text)

    def _done(self, job: QueuedJob, header: dict[str, Any], picture: Any) -> None:
        job.end("stopped" if header["stopped"] else "done")
        if header["stopped"] and not job.kept:
            return
        result = job.result = Result.from_event(job, header, picture)
        if not header["stopped"]:
            self.estimates.learn(job.run, result.size, header["seconds"])
        self.results.append(result)
        self.events.result_added.notify(result, job.shown)
        self.say(done_text(header, result.size) + ("" if job.shown else ", in the strip"))
        if job.shown:
            self._select(result)

    def _say_notes(self) -> None:
        """Append the notes of the library to the message."""
        notes, self._notes = self._notes, []
        if notes:
            self.say("; ".join([self.message, *dict.fromkeys(notes)]), failed=self.failed)

    # results

    def show_preview(self, picture: Any) -> None:
        """Show a picture that is not a result."""
        self.events.preview_shown.notify(picture)
        self.deselect()

    def deselect(self) -> None:
        """Something else than a result is shown."""
        if self.selected is not None:
            self._select(None)

    def select(self, result: Result) -> None:
        """Show a result, the image it was made from, and its settings."""
        if result.is_thumbnail:
            self.deselect()
            self.batch.load(result, self.select)
            return
        self._set_image(result.source)
        if result.request.task == "sample":
            self.use_model(result.request.files["model"])
        self.events.request_restored.notify(result.request)
        self._select(result)
        self.say(result.summary)

    def compare_with(self, result: Result | None) -> None:
        """Compare what is shown with a result; None: with the open image."""
        if result is not self.reference:
            self.reference = result
            self.events.reference_changed.notify()

    def remove(self, result: Result) -> None:
        """Remove a result. If it is selected, the next one is selected instead, or the last, or none."""
        place = self.results.index(result)
        del self.results[place]
        self.events.result_removed.notify(result)
        if result is self.reference:
            self.compare_with(None)
        if result is self.selected and self.results:
            self.select(self.results[min(place, len(self.results) - 1)])
        elif result is self.selected:
            self._select(None)

    def _select(self, result: Result | None) -> None:
        self.selected = result
        self.events.selection_changed.notify()

    # models

    def resume_training(self) -> None:
        """Continue the training that was stopped."""
        if self.models.stopped_training is not None:
            self._queue([replace(self.models.stopped_training, resumes=True)], self.image)

    def _trained(self, job: QueuedJob, header: dict[str, Any], picture: Any) -> None:
        resumable = header["resumable"]
        self.models.trained(job.request, header["file"], header["threads"], resumable=resumable)
        self.events.model_changed.notify()
        if job.shown:
            self.show_preview(picture)
        self.say(trained_text(header))

    def load_model(self, path: str, then: Callable[[], object] = lambda: None) -> None:
        """Read a model and use it for samples."""

        def loaded(header: dict[str, Any], picture: Any) -> None:
            count = header["n_exemplars"]
            self.models.use(Model(path, path, count))
            self.events.model_changed.notify()
            then()
            self.say(f"{path}: learned from {exemplars_text(count, header['exemplar_size'])}")

        self.ask("load", loaded, path=path)

    def use_model(self, file: str) -> None:
        """Use a model that was used before."""
        if self.models.use_file(file):
            self.events.model_changed.notify()

    @property
    def model_file_name(self) -> str:
        """A name for the user's file of the model."""
        return f"{Path(self.image.path).stem or 'model'}.safetensors"

    def preview_sample(self, settings: Settings, then: Callable[[Any], object]) -> None:
        """Make a sample that is not kept; `then` gets its picture."""
        (request,) = settings.requests()
        self.ask("preview", lambda header, picture: then(picture), job=request.to_json())
