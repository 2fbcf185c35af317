"""The worker: a process that runs the library for the window, `python -m texot.desktop.worker`.

It reads requests from stdin and writes events to stdout, as frames of `texot.desktop.protocol`. It ends when
stdin is closed. Its first event is "hello", with its version. `texot.desktop.worker_handlers` handles the
requests {"do": name, "id": n, ...}. One final event with the same id answers it: "opened", "listed", "mask",
"labels", "map", "lit", "straightened", "loaded", "previewed", "done", "trained", "saved" or "error". Jobs
send "state" and "note" first.
The request {"do": "stop", "id": n} ends job n after its current step; the job keeps the result of that step.

Two threads answer: one runs jobs, the other reads and writes files, so that files do not wait for a job.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from texot._version import __version__
from texot.desktop.protocol import Unpacker, pack
from texot.errors import TexotError, one_line
from texot.files.messages import silence_libraries
from texot.jobs.processor_load import free_cores, read_clocks

if TYPE_CHECKING:
    from texot.desktop.worker_files import Pixels
    from texot.desktop.worker_handlers import Handlers

_FILE_REQUESTS = (
    "open",
    "list",
    "mask",
    "labels",
    "map",
    "lit",
    "straightened",
    "save",
)  # answered by the thread for files
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
        window = os.getppid()  # it starts at the same time; its load is not that of another program
        before = read_clocks(companion=window)
        import torch

        from texot import iter_synthesis  # noqa: F401, so that the first job does not wait for it
        from texot.desktop.worker_handlers import Handlers

        handlers = Handlers(self.send_event, self.stopped)
        n_threads, ready = _n_threads(free_cores(before, read_clocks(companion=window))), threading.Event()
        threading.Thread(target=self._answer_files, args=(handlers, ready), daemon=True).start()
        ready.wait()
        torch.set_num_threads(n_threads)
        self._answer(self._jobs, handlers)

    def _answer_files(self, handlers: Handlers, ready: threading.Event) -> None:
        """Answer requests about files, with one thread of torch.

        With more, OpenMP would keep a second team of threads, more than there are cores, and the threads of
        each job would sleep while they wait for each other: twice the time.
        """
        import torch

        torch.set_num_threads(1)  # of this thread; the other thread sets its own afterwards
        torch.get_num_threads()  # fixes the number: a thread that asks later gets what any thread set last
        ready.set()
        self._answer(self._files, handlers)

    def _answer(self, requests: queue.Queue[dict[str, Any]], handlers: Handlers) -> None:
        while True:
            request = requests.get()
            self._current.number = request["id"]
            try:
                getattr(handlers, f"do_{request['do']}")(request)
            except Exception as error:  # the outermost frame: every failure is shown in the window
                self.send_event("error", request["id"], text=_message(error))


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
