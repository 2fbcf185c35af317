"""Jobs in the worker: a `JobRequest` becomes a call of the public library, its steps become progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

import texot
from texot import Generator, InputError, State, Synthesis, Trainer
from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import save_result

# task -> public function that iterates over its states; the input files are its positional arguments
_ITERATORS = {
    "synthesize": "iter_synthesis",
    "inpaint": "iter_inpaint",
    "tile": "iter_tileable",
    "interpolate": "iter_interpolation",
    "straighten": "iter_straightened",
}

OnState = Callable[[State], bool]
"""Called after each step; false ends the job, which keeps the result of that step."""


class Stopped(InputError):
    """The user stopped a job of which no partial result is kept."""


def run_synthesis(request: JobRequest, file: str, on_state: OnState) -> tuple[State, Synthesis, str]:
    """Run a job that has an image as its result, and write that image.

    Args:
        request: any task of `iterate`.
        file: PNG to write, see `texot.desktop.worker_files.save_result`.
        on_state: called after each step.

    Returns:
        The last state, its result, and the file.
    """
    state = last_state(iterate(request), on_state)
    result = state.result()
    return state, result, save_result(result, file)


def iterate(request: JobRequest) -> Iterator[State]:
    """The states of a job, from the public function of its task.

    Raises:
        ValueError: the task has no states ("train", "sample").
        TexotError: an argument that the function refuses.
    """
    if request.task not in _ITERATORS:
        raise ValueError(f"the task {request.task!r} has no states")
    function = getattr(texot, _ITERATORS[request.task])
    states: Iterator[State] = function(*request.files.values(), **request.arguments)
    return states


def last_state(states: Iterator[State], on_state: OnState) -> State:
    """The last state of a job, or that at which `on_state` returned false."""
    state = None
    for state in states:
        if not on_state(state):
            break
    assert state is not None  # every job has at least one step
    return state


class Models:
    """The model that was used last, and the training that can be resumed."""

    def __init__(self) -> None:
        self._file = ""
        self._model: Generator | None = None
        self._checkpoint: Any = None

    def load(self, path: str) -> Generator:
        """The model of a file, kept in memory until another is asked for.

        Raises:
            InputError: see `texot.Generator.load`; or a model of a material, which the window does not show.
        """
        if self._model is None or self._file != path:
            model = Generator.load(path, device="auto")
            if model.code is not None:
                raise InputError("this model is of a material: sample it with the command texot sample")
            self._file, self._model = path, model
        return self._model

    def train(self, request: JobRequest, file: str, on_state: OnState) -> tuple[State, Generator, bool]:
        """Train a model and write it.

        Args:
            request: of the task "train".
            file: model file to write.
            on_state: called after each step.

        Returns:
            The last state, the model, and whether the training was stopped and can be resumed.

        Raises:
            InputError: it is to be resumed and this worker has no stopped training.
        """
        if request.resumes and self._checkpoint is None:
            raise InputError("the worker has restarted since then: train from the start")
        images = request.files["images"]
        exemplar = images if len(images) > 1 else images[0]
        trainer = Trainer(exemplar, **request.arguments, resume=self._checkpoint if request.resumes else None)
        stopped = False

        def followed(state: State) -> bool:
            nonlocal stopped
            goes_on = on_state(state)
            stopped = not goes_on and state.total_step < state.total_steps
            return goes_on

        state = last_state(iter(trainer), followed)
        self._checkpoint = trainer.checkpoint() if stopped else None
        model = trainer.generator(with_gap=not stopped)  # as `texot train`, which measures it at the end
        model.save(file)
        self._file, self._model = file, model
        return state, model, stopped

    def sample(
        self,
        request: JobRequest,
        file: str | None,
        on_pixels: Callable[[int, int], bool],
    ) -> tuple[Tensor, dict[str, Any]]:
        """A sample of a model, its tiles made in parallel on all cores.

        Args:
            request: of the task "sample".
            file: PNG to write, with the bytes of `texot sample`; None: no file.
            on_pixels: called with (pixels done, pixels of the sample) after each tile; false stops.

        Returns:
            The image (C, H, W) in [0, 1], and its settings; without a file, no settings.

        Raises:
            Stopped: `on_pixels` returned false.
            InputError: an argument that the model refuses.
        """
        model = self.load(request.files["model"])
        arguments = dict(request.arguments)
        width, height = arguments["size"] = model.sample_size(arguments.get("size"))
        image, done = torch.empty(0), 0

        def place(top: int, left: int, tile: Tensor) -> None:
            nonlocal image, done
            if not image.numel():
                image = torch.empty(tile.shape[0], height, width, dtype=tile.dtype)
            image[:, top : top + tile.shape[1], left : left + tile.shape[2]] = tile
            done += tile.shape[1] * tile.shape[2]
            if not on_pixels(done, width * height):
                raise Stopped("stopped: of a sample, nothing is kept before it is complete")

        settings: dict[str, Any] = {}
        with _tile_workers(model) as workers:
            if file is not None:
                settings = model.write(file, **arguments, workers=workers, on_tile=place)
            else:
                for top, left, tile in model.tiles(**arguments, workers=workers):
                    place(top, left, tile)
        return image, settings


@contextmanager
def _tile_workers(model: Generator) -> Iterator[int]:
    """The number of threads that make tiles in parallel, each with one thread of torch.

    On a GPU, one thread keeps the device busy.
    """
    threads = torch.get_num_threads()
    workers = threads if model.network.device.type == "cpu" else 1
    if workers > 1:
        torch.set_num_threads(1)
    try:
        yield workers
    finally:
        torch.set_num_threads(threads)
