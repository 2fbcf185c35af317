"""What a run is: which of the library's iterators it takes, and with what. Loaded by the worker only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import texot

if TYPE_CHECKING:
    from texot import State


def states(job: str, inputs: dict[str, Any], options: dict[str, Any]) -> Iterator[State]:
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
