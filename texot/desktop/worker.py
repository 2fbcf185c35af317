"""The worker: a process that runs the library for the window, `python -m texot.desktop.worker`.

It reads requests from stdin and writes events to stdout, frames of `texot.desktop.protocol`; it ends when
stdin does. Its first event is "hello", with its version. A request is {"do": what, "id": n, ...}, for each
method `do_what` below. Each is answered in the end by one event of its id: "opened", "mask", "loaded",
"looked", "done", "trained", "saved" or "error"; runs send "state" and "note" events meanwhile. {"do": "stop",
"id": n} ends a run after its current step: what there is by then is its result. Files are read and written
beside what runs, so that nobody waits for it.
"""

from __future__ import annotations

import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import texot
from texot._version import __version__
from texot.desktop.protocol import Unpacker, pack
from texot.errors import InputError, TexotError, one_line
from texot.files.messages import silence_libraries
from texot.jobs.processor_load import free_cores, look

if TYPE_CHECKING:
    from torch import Tensor

    from texot import Generator, State, Synthesis
    from texot.generator.checkpoint import Checkpoint

_PREVIEW_SECONDS = 0.1  # at least, between two pictures of a run
_ROWS = 512  # of a picture that are made at once
_PREVIEW_SHARE = 4  # of the time, one part goes into pictures
_BESIDE = ("open", "mask", "save")  # requests that are answered while another runs
MEMORY_ADVICE = "out of memory: ask for a smaller size"


class Worker:
    """Answers requests, one after the other.

    Args:
        send: takes the bytes of each event.
    """

    def __init__(self, send: Any) -> None:
        self._send = send
        self._sending = threading.Lock()
        self._runs: queue.Queue[dict[str, Any]] = queue.Queue()
        self._files: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stopped: set[int] = set()
        self._at = threading.local()  # the request that a thread works on
        self._models: dict[str, Generator] = {}  # the one that was used last
        self._checkpoint: Checkpoint | None = None  # of the training that was last

    def note(self, text: str) -> None:
        """Tell what the library says meanwhile."""
        self.tell("note", getattr(self._at, "number", 0), text=text)

    def take(self, request: dict[str, Any]) -> None:
        """A request from the reading thread."""
        if request["do"] == "stop":
            self.stopped.add(request["id"])
        else:
            (self._files if request["do"] in _BESIDE else self._runs).put(request)

    def tell(self, event: str, number: int, blob: bytes = b"", **facts: Any) -> None:
        """Send an event."""
        data = pack({"event": event, "id": number, **facts}, blob)
        with self._sending:
            self._send(data)

    def serve(self) -> None:
        """Answer for ever."""
        self.tell("hello", 0, version=__version__)
        window = os.getppid()  # which starts at the same time: no other program
        before = look(beside=window)
        import torch

        import texot.jobs.synthesis  # noqa: F401

        n_threads, ready = _n_threads(free_cores(before, look(beside=window))), threading.Event()
        threading.Thread(target=self._answer_beside, args=(ready,), daemon=True).start()
        ready.wait()
        torch.set_num_threads(n_threads)
        self._answer(self._runs)

    def _answer_beside(self, ready: threading.Event) -> None:
        """Answer what concerns files, with one of torch's threads.

        With more, OpenMP would keep a second team of them, more than there are cores, and let the threads of
        every run sleep where they wait for each other: twice the time.
        """
        import torch

        torch.set_num_threads(1)  # of this thread; the other sets its own afterwards
        torch.get_num_threads()  # at once: a thread that asks later takes what was set last, by any
        ready.set()
        self._answer(self._files)

    def _answer(self, requests: queue.Queue[dict[str, Any]]) -> None:
        while True:
            request = requests.get()
            self._at.number = request["id"]
            try:
                getattr(self, f"do_{request['do']}")(request)
            except Exception as error:  # the outermost frame: every failure is shown in the window
                self.tell("error", request["id"], text=_words(error))

    def do_open(self, request: dict[str, Any]) -> None:
        """Show an image as the library reads it."""
        import torch

        from texot.files.exemplar import read_exemplar

        source = read_exemplar(request["path"])
        pixels = source.pixels
        if source.mask is not None and pixels.shape[0] <= 3:
            pixels = torch.cat([pixels, source.mask[None].to(pixels)])
        picture, size, channels = as_bytes(pixels)
        self.tell("opened", request["id"], picture, path=request["path"], size=size, channels=channels)

    def do_mask(self, request: dict[str, Any]) -> None:
        """Show a mask as the library reads it."""
        from texot.files.mask import read_mask

        mask = read_mask(request["path"], tuple(request["size"]))
        picture, size, channels = as_bytes(mask.float()[None])
        self.tell("mask", request["id"], picture, path=request["path"], size=size, channels=channels)

    def do_save(self, request: dict[str, Any]) -> None:
        """Write a session file under the user's name, in the format that it asks for."""
        from texot.files.original import read_original
        from texot.files.whole import write_whole
        from texot.files.write import check_output, write_image

        source, path = Path(request["file"]), request["path"]
        if source.suffix != ".safetensors":
            check_output(path)
        if source.suffix == ".safetensors" or path.lower().endswith(".png"):
            write_whole(path, source.read_bytes())
        else:
            found = read_original(source)
            image = found.pixels
            if found.alpha is not None:
                import torch

                image = torch.cat([image, found.alpha])
            kind: dict[str, Any] = {"mode": found.mode, "icc_profile": found.icc_profile}
            if request.get("sample") and path.lower().endswith((".tif", ".tiff")):
                from texot.desktop.sampling import write_sample

                write_sample(image, path, text=None, **kind)
            else:
                write_image(image, path, dpi=found.dpi, exif=found.exif, **kind)
        self.tell("saved", request["id"], path=path, file=request["file"])

    def do_run(self, request: dict[str, Any]) -> None:
        """Run a job; its result becomes the session file `request["file"]`."""
        if request["job"] == "train":
            self._train(request)
            return
        if request["job"] == "sample":
            from texot.desktop.sampling import write_sample
            from texot.files.record import png_text

            result = self._sample(request, tell=True)
            kind: dict[str, Any] = {"mode": result.mode, "icc_profile": result.icc_profile}
            write_sample(result.image, request["file"], text=png_text(result.settings), **kind)
            self._done(request, result, seconds=result.timings["total"])
            return
        state = self._follow(request["id"], _states(request["job"], request["inputs"], request["options"]))
        result = state.result()
        result.save(request["file"])
        self._done(request, result, seconds=state.seconds, step=state.total_step, steps=state.total_steps)

    def do_load(self, request: dict[str, Any]) -> None:
        """Look at a model."""
        model = self._model(request["path"])
        facts: dict[str, Any] = {"exemplar_size": list(model.exemplar_size), "n_exemplars": model.n_exemplars}
        self.tell("loaded", request["id"], path=request["path"], **facts)

    def do_look(self, request: dict[str, Any]) -> None:
        """Show a sample that nobody keeps."""
        picture, size, channels = as_bytes(self._sample(request, tell=False).image)
        self.tell("looked", request["id"], picture, size=size, channels=channels)

    def _sample(self, request: dict[str, Any], *, tell: bool) -> Synthesis:
        """A sample, tile by tile on all cores, with the settings that `texot sample` writes."""
        from texot.desktop.sampling import sample_tiles

        model, number = self._model(request["inputs"]["model"]), request["id"]
        begun = time.perf_counter()
        with closing(sample_tiles(model, **request["options"])) as tiles:
            for done, total, result in tiles:
                if result is not None:
                    return result
                if number in self.stopped:
                    raise InputError("stopped: of a sample, nothing is kept before it is whole")
                if tell:
                    left = (time.perf_counter() - begun) * (total - done) / done
                    self.tell("state", number, step=done, steps=total, seconds_left=left, loss=None)
        raise AssertionError("the last tile brings the sample")

    def _model(self, path: str) -> Generator:
        """A model, kept until another is asked for."""
        if path not in self._models:
            from texot import Generator

            self._models = {path: Generator.load(path, device="auto")}
        return self._models[path]

    def _train(self, request: dict[str, Any]) -> None:
        """Train; the model becomes the session file `request["file"]`."""
        from texot.generator.trainer import Trainer

        options = dict(request["options"])
        resumes = options.pop("resume", False)
        if resumes and self._checkpoint is None:
            raise InputError("the worker was started anew since then: train from the start")
        images = request["inputs"]["images"]
        exemplar = images if len(images) > 1 else images[0]
        trainer = Trainer(exemplar, **options, resume=self._checkpoint if resumes else None)
        state = self._follow(request["id"], iter(trainer))
        stopped = request["id"] in self.stopped and state.total_step < state.total_steps  # not: has settled
        self._checkpoint = trainer.checkpoint() if stopped else None
        model = trainer.generator(with_gap=not stopped)  # as the command, which measures it at the end
        model.save(request["file"])
        self._models = {request["file"]: model}
        facts: dict[str, Any] = {"file": request["file"], "resumable": stopped, "seconds": state.seconds}
        facts.update(step=state.total_step, steps=state.total_steps, threads=model.facts["threads"])
        picture, facts["size"], facts["channels"] = as_bytes(model.sample().image)
        self.tell("trained", request["id"], picture, **facts)

    def _follow(self, number: int, states: Iterator[State]) -> State:
        """Tell of states to the last, or to the one after which the window says stop."""
        state = None
        shown, cost = -math.inf, 0.0
        for state in states:
            begun = time.perf_counter()
            wanted = begun - shown > max(_PREVIEW_SECONDS, _PREVIEW_SHARE * cost)
            self._tell_state(number, state, with_picture=wanted)
            if wanted:
                shown = time.perf_counter()
                cost = shown - begun
            if number in self.stopped:
                break
        assert state is not None
        return state

    def _done(
        self, request: dict[str, Any], result: Synthesis, *, seconds: float, step: int = 1, steps: int = 1
    ) -> None:
        facts: dict[str, Any] = {"file": request["file"], "settings": result.settings, "seconds": seconds}
        facts.update(step=step, steps=steps, stopped=step < steps)
        picture, facts["size"], facts["channels"] = as_bytes(result.image)
        self.tell("done", request["id"], picture, **facts)

    def _tell_state(self, number: int, state: State, *, with_picture: bool) -> None:
        facts: dict[str, Any] = {
            "step": state.total_step,
            "steps": state.total_steps,
            "seconds_left": state.seconds_left if math.isfinite(state.seconds_left) else None,
            "loss": state.loss if math.isfinite(state.loss) else None,
        }
        picture = b""
        if with_picture:
            picture, facts["size"], facts["channels"] = as_bytes(state.image)
        self.tell("state", number, picture, **facts)


def _n_threads(free: int | None) -> int:
    """As many threads as there are free cores, where that is known: torch's wait for each other."""
    import torch

    own = torch.get_num_threads()
    return own if free is None else min(own, free)


class _Notes(logging.Handler):
    """The library's log, for the window."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it; not which kernels work, that is for `texot doctor`."""
        if record.levelno > logging.INFO or record.module != "dispatch":
            self._worker.note(record.getMessage())


def as_bytes(image: Tensor) -> tuple[bytes, list[int], int]:
    """A picture (C, H, W) as bytes of 1, 3 or 4 channels, with its size; maps beyond 4 are left out."""
    import torch

    from texot.files.write import to_pil

    image = image if image.shape[0] <= 4 else image[:3]
    channels, rows = 0, []
    for some in torch.split(image, _ROWS, 1):  # a large one would be in memory three times otherwise
        picture = to_pil(some)
        if picture.mode == "LA":
            picture = picture.convert("RGBA")
        channels = len(picture.getbands())
        rows.append(picture.tobytes())
    return b"".join(rows), [image.shape[2], image.shape[1]], channels


def _words(error: Exception) -> str:
    """What the user reads about an error, on one line."""
    if isinstance(error, TexotError):
        return one_line(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return MEMORY_ADVICE
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"this is a bug in texot, please report it: {type(error).__name__}: {one_line(error)}"


def _states(job: str, inputs: dict[str, Any], options: dict[str, Any]) -> Iterator[State]:
    """The states of a job.

    Args:
        job: the command's name: "synthesize", "inpaint", "tile" or "interpolate".
        inputs: paths: "image", "mask" or "images".
        options: keyword arguments of the library's function.
    """
    if job == "synthesize":
        return texot.iter_synthesis(inputs["image"], **options)
    if job == "inpaint":
        return texot.iter_inpaint(inputs["image"], inputs["mask"], **options)
    if job == "tile":
        return texot.iter_tileable(inputs["image"], **options)
    if job == "interpolate":
        return texot.iter_interpolation(inputs["images"], **options)
    raise ValueError(f"no such job: {job}")


def main() -> None:
    """Serve over stdin and stdout; whatever else prints goes to stderr."""
    for name in ("SIGINT", "SIGHUP"):  # of the terminal: the window has them too, and ends its worker
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    silence_libraries()  # the window's stderr may be a pipe that nobody reads
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[out.write(view) or 0 :]
        except OSError:
            os._exit(0)  # the window is gone

    worker = Worker(send)
    log = logging.getLogger("texot")
    log.setLevel(logging.INFO)
    log.addHandler(_Notes(worker))

    def read() -> None:
        frames = Unpacker()
        while data := os.read(0, 1 << 16):
            for header, _ in frames.feed(data):
                worker.take(header)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    worker.serve()


if __name__ == "__main__":
    main()
