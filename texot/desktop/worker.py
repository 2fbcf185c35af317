"""The worker: a process that runs the library for the window, `python -m texot.desktop.worker`.

It reads requests from stdin and writes events to stdout, as frames of `texot.desktop.protocol`. It ends when
stdin is closed. Its first event is "hello", with its version. The method `do_name` below handles the request
{"do": name, "id": n, ...}. One final event with the same id answers it: "opened", "mask", "loaded",
"previewed", "done", "trained", "saved" or "error". Jobs send "state" and "note" events before that. The
request {"do": "stop", "id": n} ends job n after its current step; the job keeps the result of that step.

Two threads answer: one runs jobs, the other reads and writes files, so that files do not wait for a job.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from texot._version import __version__
from texot.desktop.protocol import Unpacker, pack
from texot.desktop.requests import JobRequest
from texot.errors import TexotError, one_line
from texot.files.messages import silence_libraries
from texot.jobs.processor_load import free_cores, read_clocks

if TYPE_CHECKING:
    from texot import State
    from texot.desktop.worker_files import Pixels
    from texot.desktop.worker_jobs import Models, OnState

_PREVIEW_SECONDS = 0.1  # least time between two pictures of a job
_PREVIEW_SHARE = 4  # pictures take at most one part in so many of the time
_FILE_REQUESTS = ("open", "mask", "save")  # answered by the thread for files
MEMORY_ADVICE = "out of memory: ask for a smaller size"


class Worker:
    """Answers requests.

    Args:
        send: called with the bytes of each event.
    """

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._send = send
        self._sending = threading.Lock()
        self._jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        self._files: queue.Queue[dict[str, Any]] = queue.Queue()
        self._current = threading.local()  # number: id of the request that a thread answers
        self._models: Models | None = None
        self.stopped: set[int] = set()

    def send_note(self, text: str) -> None:
        """Send a message of the library about the request that this thread answers."""
        self.send_event("note", getattr(self._current, "number", 0), text=text)

    def accept(self, request: dict[str, Any]) -> None:
        """Put a request into its queue; called by the thread that reads."""
        if request["do"] == "stop":
            self.stopped.add(request["id"])
        else:
            (self._files if request["do"] in _FILE_REQUESTS else self._jobs).put(request)

    def send_event(self, event: str, number: int, pixels: Pixels | None = None, **facts: Any) -> None:
        """Send an event, with a picture if there is one."""
        data = b""
        if pixels is not None:
            data, facts["size"], facts["channels"] = pixels
        frame = pack({"event": event, "id": number, **facts}, data)
        with self._sending:
            self._send(frame)

    def serve(self) -> None:
        """Answer requests until the process ends."""
        self.send_event("hello", 0, version=__version__)
        window = os.getppid()  # its start costs processor time now, and is no other program
        before = read_clocks(companion=window)
        import torch

        import texot.desktop.worker_files
        import texot.desktop.worker_jobs
        import texot.jobs.synthesis

        self._models = texot.desktop.worker_jobs.Models()
        n_threads, ready = _n_threads(free_cores(before, read_clocks(companion=window))), threading.Event()
        threading.Thread(target=self._answer_files, args=(ready,), daemon=True).start()
        ready.wait()
        torch.set_num_threads(n_threads)
        self._answer(self._jobs)

    def _answer_files(self, ready: threading.Event) -> None:
        """Answer requests about files, with one thread of torch.

        With more, OpenMP would keep a second team of threads, more than there are cores, and the threads of
        each job would sleep while they wait for each other: twice the time.
        """
        import torch

        torch.set_num_threads(1)  # of this thread; the other thread sets its own afterwards
        torch.get_num_threads()  # fixes the number: a thread that asks later gets what any thread set last
        ready.set()
        self._answer(self._files)

    def _answer(self, requests: queue.Queue[dict[str, Any]]) -> None:
        while True:
            request = requests.get()
            self._current.number = request["id"]
            try:
                getattr(self, f"do_{request['do']}")(request)
            except Exception as error:  # the outermost frame: every failure is shown in the window
                self.send_event("error", request["id"], text=_message(error))

    def do_open(self, request: dict[str, Any]) -> None:
        """Read an image: "path"."""
        from texot.desktop.worker_files import read_picture

        self.send_event("opened", request["id"], read_picture(request["path"]), path=request["path"])

    def do_mask(self, request: dict[str, Any]) -> None:
        """Read a mask: "path", and the "size" of its photograph."""
        from texot.desktop.worker_files import read_mask_picture

        width, height = request["size"]
        pixels = read_mask_picture(request["path"], (width, height))
        self.send_event("mask", request["id"], pixels, path=request["path"])

    def do_save(self, request: dict[str, Any]) -> None:
        """Write a "file" of the session to the user's "path"; "sample": it is a sample of a model."""
        from texot.desktop.worker_files import save_copy

        file, path = request["file"], request["path"]
        save_copy(Path(file), path, is_sample=bool(request.get("sample")))
        self.send_event("saved", request["id"], path=path, file=file)

    def do_run(self, request: dict[str, Any]) -> None:
        """Run a "job", see `JobRequest.to_json`; its result is written to the session's "file"."""
        job = JobRequest.from_json(request["job"])
        run = {"train": self._train, "sample": self._sample}.get(job.task, self._synthesize)
        run(request["id"], job, request["file"])

    def do_load(self, request: dict[str, Any]) -> None:
        """Load the model of a "path"."""
        assert self._models is not None
        model = self._models.load(request["path"])
        facts: dict[str, Any] = {"exemplar_size": list(model.exemplar_size), "n_exemplars": model.n_exemplars}
        self.send_event("loaded", request["id"], path=request["path"], **facts)

    def do_preview(self, request: dict[str, Any]) -> None:
        """Make a sample for the "job" without a file."""
        from texot.desktop.worker_files import to_pixels

        assert self._models is not None
        image, _ = self._models.sample(
            JobRequest.from_json(request["job"]), None, lambda done, total: request["id"] not in self.stopped
        )
        self.send_event("previewed", request["id"], to_pixels(image))

    def _synthesize(self, number: int, job: JobRequest, file: str) -> None:
        from texot.desktop.worker_files import to_pixels
        from texot.desktop.worker_jobs import run_synthesis

        state, result = run_synthesis(job, file, self._on_state(number))
        step, steps = state.total_step, state.total_steps
        facts = {"file": file, "settings": result.settings, "seconds": state.seconds}
        facts.update(step=step, steps=steps, stopped=step < steps)
        self.send_event("done", number, to_pixels(result.image), **facts)

    def _sample(self, number: int, job: JobRequest, file: str) -> None:
        from texot.desktop.worker_files import to_pixels

        assert self._models is not None
        begun = time.perf_counter()

        def on_pixels(done: int, total: int) -> bool:
            if done < total:
                left = (time.perf_counter() - begun) * (total - done) / done
                self.send_event("state", number, step=done, steps=total, seconds_left=left, loss=None)
            return number not in self.stopped or done == total

        image, settings = self._models.sample(job, file, on_pixels)
        facts = {"file": file, "settings": settings, "seconds": time.perf_counter() - begun}
        self.send_event("done", number, to_pixels(image), step=1, steps=1, stopped=False, **facts)

    def _train(self, number: int, job: JobRequest, file: str) -> None:
        from texot.desktop.worker_files import to_pixels

        assert self._models is not None
        state, model, stopped = self._models.train(job, file, self._on_state(number))
        facts: dict[str, Any] = {"file": file, "resumable": stopped, "seconds": state.seconds}
        facts.update(step=state.total_step, steps=state.total_steps, threads=model.facts["threads"])
        self.send_event("trained", number, to_pixels(model.sample().image), **facts)

    def _on_state(self, number: int) -> OnState:
        """Sends states of a job, some with a picture; false once the job is stopped."""
        from texot.desktop.worker_files import to_pixels

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
            self.send_event("state", number, pixels, **facts)
            if pixels is not None:
                shown = time.perf_counter()
                cost = shown - begun
            return number not in self.stopped

        return send


def _n_threads(free: int | None) -> int:
    """Threads for jobs: one for each free core where their number is known, else torch's default."""
    import torch

    default = torch.get_num_threads()
    return default if free is None else min(default, free)


class _Notes(logging.Handler):
    """Sends the library's log to the window."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, except the choice of kernels, which `texot doctor` reports."""
        if record.levelno > logging.INFO or record.module != "dispatch":
            self._worker.send_note(record.getMessage())


def _message(error: Exception) -> str:
    """What the user reads about an error, on one line."""
    if isinstance(error, TexotError):
        return one_line(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return MEMORY_ADVICE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"this is a bug in texot, please report it: {type(error).__name__}: {one_line(error)}"


def main() -> None:
    """Serve over stdin and stdout; other output of the process goes to stderr."""
    for name in ("SIGINT", "SIGHUP"):  # the window gets them too, and ends its worker
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    silence_libraries()  # the window's stderr may be a pipe that has no reader
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[out.write(view) or 0 :]
        except OSError:
            os._exit(0)  # the window has ended

    worker = Worker(send)
    log = logging.getLogger("texot")
    log.setLevel(logging.INFO)
    log.addHandler(_Notes(worker))

    def read() -> None:
        frames = Unpacker()
        while data := os.read(0, 1 << 16):
            for header, _ in frames.feed(data):
                worker.accept(header)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    worker.serve()


if __name__ == "__main__":
    main()
