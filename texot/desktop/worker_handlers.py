"""How the worker answers requests: it calls the library and sends the events of `texot.desktop.worker`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from texot import State
from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import read_mask_picture, read_picture, save_copy, to_pixels
from texot.desktop.worker_jobs import Models, OnState, run_synthesis

_PREVIEW_SECONDS = 0.1  # least time between two pictures of a job
_PREVIEW_SHARE = 4  # pictures take at most one part in so many of the time


class Handlers:
    """Handlers of requests: `do_NAME` handles {"do": NAME, "id": n, ...}.

    Args:
        send_event: called with (event, id, pixels or None, **facts).
        stopped: ids of the jobs that are to end after their current step.
    """

    def __init__(self, send_event: Callable[..., None], stopped: set[int]) -> None:
        self._send_event, self._stopped = send_event, stopped
        self._models = Models()

    def do_open(self, request: dict[str, Any]) -> None:
        """Read an image: "path"."""
        self._send_event("opened", request["id"], read_picture(request["path"]), path=request["path"])

    def do_mask(self, request: dict[str, Any]) -> None:
        """Read a mask: "path", and the "size" of its photograph."""
        width, height = request["size"]
        pixels = read_mask_picture(request["path"], (width, height))
        self._send_event("mask", request["id"], pixels, path=request["path"])

    def do_save(self, request: dict[str, Any]) -> None:
        """Write a "file" of the session to the user's "path"; "sample": it is a sample of a model."""
        file, path = request["file"], request["path"]
        save_copy(Path(file), path, is_sample=bool(request.get("sample")))
        self._send_event("saved", request["id"], path=path, file=file)

    def do_run(self, request: dict[str, Any]) -> None:
        """Run a "job", see `JobRequest.to_json`; its result is written to the session's "file"."""
        job = JobRequest.from_json(request["job"])
        run = {"train": self._train, "sample": self._sample}.get(job.task, self._synthesize)
        run(request["id"], job, request["file"])

    def do_load(self, request: dict[str, Any]) -> None:
        """Load the model of a "path"."""
        model = self._models.load(request["path"])
        facts: dict[str, Any] = {"exemplar_size": list(model.exemplar_size), "n_exemplars": model.n_exemplars}
        self._send_event("loaded", request["id"], path=request["path"], **facts)

    def do_preview(self, request: dict[str, Any]) -> None:
        """Make a sample for the "job" without a file."""
        image, _ = self._models.sample(
            JobRequest.from_json(request["job"]), None, lambda done, total: request["id"] not in self._stopped
        )
        self._send_event("previewed", request["id"], to_pixels(image))

    def _synthesize(self, number: int, job: JobRequest, file: str) -> None:
        state, result = run_synthesis(job, file, self._on_state(number))
        step, steps = state.total_step, state.total_steps
        facts = {"file": file, "settings": result.settings, "seconds": state.seconds}
        facts.update(step=step, steps=steps, stopped=step < steps)
        self._send_event("done", number, to_pixels(result.image), **facts)

    def _sample(self, number: int, job: JobRequest, file: str) -> None:
        begun = time.perf_counter()

        def on_pixels(done: int, total: int) -> bool:
            if done < total:
                left = (time.perf_counter() - begun) * (total - done) / done
                self._send_event("state", number, step=done, steps=total, seconds_left=left, loss=None)
            return number not in self._stopped or done == total

        image, settings = self._models.sample(job, file, on_pixels)
        facts = {"file": file, "settings": settings, "seconds": time.perf_counter() - begun}
        self._send_event("done", number, to_pixels(image), step=1, steps=1, stopped=False, **facts)

    def _train(self, number: int, job: JobRequest, file: str) -> None:
        state, model, stopped = self._models.train(job, file, self._on_state(number))
        facts: dict[str, Any] = {"file": file, "resumable": stopped, "seconds": state.seconds}
        facts.update(step=state.total_step, steps=state.total_steps, threads=model.facts["threads"])
        self._send_event("trained", number, to_pixels(model.sample().image), **facts)

    def _on_state(self, number: int) -> OnState:
        """Sends states of a job, some with a picture; false once the job is stopped."""
        shown, cost = -math.inf, 0.0

        def send(state: State) -> bool:
            nonlocal shown, cost
            begun = time.perf_counter()
            pixels = None
            if begun - shown > max(_PREVIEW_SECONDS, _PREVIEW_SHARE * cost):
                pixels = to_pixels(state.image)
            facts: dict[str, Any] = {
                "step": state.total_step,
                "steps": state.total_steps,
                "seconds_left": state.seconds_left if math.isfinite(state.seconds_left) else None,
                "loss": state.loss if math.isfinite(state.loss) else None,
            }
            self._send_event("state", number, pixels, **facts)
            if pixels is not None:
                shown = time.perf_counter()
                cost = shown - begun
            return number not in self._stopped

        return send
