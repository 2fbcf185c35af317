"""How the worker answers requests: it calls the library and sends the events of `texot.desktop.worker`."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from texot import State, Synthesis
from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import (
    Photographs,
    Pixels,
    images_in,
    looks_like_material,
    read_labels_picture,
    read_mask_picture,
    read_picture,
    save_copy,
    small,
    to_pixels,
)
from texot.desktop.worker_jobs import Models, OnState, last_state, run_synthesis
from texot.desktop.worker_materials import (
    MaterialJob,
    Materials,
    is_material,
    main_role,
    map_picture,
    save_folder,
)

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
        self._side: int | None = None  # of the picture of the job that runs
        self._models, self._materials, self._photographs = Models(), Materials(), Photographs()

    def do_open(self, request: dict[str, Any]) -> None:
        """Read an image, or a material where it is a folder: "path"."""
        path, maps = request["path"], list[str]()
        if os.path.isdir(path):
            material = self._materials.open(path)
            pixels, maps = map_picture(material, main_role(material)), list(material.layers)
        else:
            pixels = read_picture(path)
        self._send_event("opened", request["id"], pixels, path=path, maps=maps)

    def do_list(self, request: dict[str, Any]) -> None:
        """Tell the images in the folder "path", or that it is a material."""
        images = images_in(request["path"])
        self._send_event("listed", request["id"], images=images, material=looks_like_material(images))

    def do_map(self, request: dict[str, Any]) -> None:
        """Show the map of a "role" of the material in the folder "path"."""
        self._send_event("map", request["id"], self._materials.picture(request["path"], request["role"]))

    def do_lit(self, request: dict[str, Any]) -> None:
        """Show the material in the folder "path" in "light", at most "side" pixels large."""
        azimuth, elevation = request["light"]
        pixels = self._materials.lit(request["path"], (azimuth, elevation), request["side"])
        self._send_event("lit", request["id"], pixels)

    def do_mask(self, request: dict[str, Any]) -> None:
        """Read a mask: "path", and the "size" of its photograph, or None for any."""
        size = request["size"]
        pixels = read_mask_picture(request["path"], size and (size[0], size[1]))
        self._send_event("mask", request["id"], pixels, path=request["path"])

    def do_labels(self, request: dict[str, Any]) -> None:
        """Read a label picture: "path"."""
        pixels, colours = read_labels_picture(request["path"])
        self._send_event("labels", request["id"], pixels, path=request["path"], colours=colours)

    def do_save(self, request: dict[str, Any]) -> None:
        """Write a "file" of the session to the user's "path"; "sample": it is a sample of a model.

        The maps of a material, which is a folder, go to a folder; "overwrite": also over files there.
        """
        file, path = request["file"], request["path"]
        if os.path.isdir(file):
            save_folder(Path(file), path, overwrite=bool(request.get("overwrite")))
        else:
            save_copy(Path(file), path, is_sample=bool(request.get("sample")))
        self._send_event("saved", request["id"], path=path, file=file)

    def do_run(self, request: dict[str, Any]) -> None:
        """Run a "job", see `JobRequest.to_json`; its result is written to the session's "file".

        With a "side", its picture has at most so many pixels a side, and the event has the "whole" size.

        A material is written to a folder of that name without its suffix, floats to a file with another one.
        """
        job = JobRequest.from_json(request["job"])
        of_images = self._make_material if is_material(job) else self._synthesize
        run = {"train": self._train, "sample": self._sample}.get(job.task, of_images)
        self._side = request.get("side")
        run(request["id"], job, request["file"])

    def do_straightened(self, request: dict[str, Any]) -> None:
        """Show the part "quad" of the photograph "path", with even light if "flatten", in "side" pixels."""
        pixels = self._photographs.straightened(
            request["path"], request["quad"], request["side"], flatten=request["flatten"]
        )
        self._send_event("straightened", request["id"], pixels)

    def do_load(self, request: dict[str, Any]) -> None:
        """Load the model of a "path"."""
        model = self._models.load(request["path"])
        facts: dict[str, Any] = {"exemplar_size": list(model.exemplar_size), "n_exemplars": model.n_exemplars}
        self._send_event("loaded", request["id"], path=request["path"], **facts)

    def do_preview(self, request: dict[str, Any]) -> None:
        """Make a sample for the "job" without a file, as the network makes it: a finish takes seconds."""
        job = JobRequest.from_json(request["job"])
        job = replace(job, arguments={**job.arguments, "finish": "none"})
        image, _ = self._models.sample(job, None, lambda done, total: request["id"] not in self._stopped)
        self._send_event("previewed", request["id"], to_pixels(image))

    def _synthesize(self, number: int, job: JobRequest, file: str) -> None:
        state, result, file = run_synthesis(job, file, self._on_state(number))
        facts, pixels = _facts(state, result), to_pixels(small(result.image, self._side))
        if self._side:
            facts["whole"] = [result.image.shape[2], result.image.shape[1]]
        self._send_event("done", number, pixels, file=file, **facts)

    def _make_material(self, number: int, job: JobRequest, file: str) -> None:
        made = MaterialJob(job)
        state = last_state(made.states, self._on_state(number, made.picture))
        folder, result = str(Path(file).with_suffix("")), state.result()
        material = made.write(result, folder)
        facts: dict[str, Any] = {"file": folder, "maps": list(material.layers), **_facts(state, result)}
        facts["names"] = sorted(os.listdir(folder))
        self._send_event("done", number, map_picture(material, main_role(material)), **facts)

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

    def _on_state(self, number: int, picture: Callable[[Tensor], Pixels] = to_pixels) -> OnState:
        """Sends states of a job, some with a picture of their image; false once the job is stopped."""
        shown, cost = -math.inf, 0.0

        def send(state: State) -> bool:
            nonlocal shown, cost
            begun = time.perf_counter()
            pixels = None
            if begun - shown > max(_PREVIEW_SECONDS, _PREVIEW_SHARE * cost):
                pixels = picture(state.image)
            facts: dict[str, Any] = {
                "step": state.total_step,
                "steps": state.total_steps,
                "seconds_left": state.seconds_left if math.isfinite(state.seconds_left) else None,
                "loss": state.loss if math.isfinite(state.loss) else None,
                "scale": state.scale,
            }
            self._send_event("state", number, pixels, **facts)
            if pixels is not None:
                shown = time.perf_counter()
                cost = shown - begun
            return number not in self._stopped

        return send


def _facts(state: State, result: Synthesis) -> dict[str, Any]:
    """What the last state and the result of a job say about it."""
    step, steps = state.total_step, state.total_steps
    facts = {"settings": result.settings, "seconds": state.seconds}
    return {**facts, "step": step, "steps": steps, "stopped": step < steps}
