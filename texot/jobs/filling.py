"""Fill the holes of a photograph group by group; each group is one problem of the solver."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from typing import Any

import torch
from torch import Tensor

from texot.images.masks import Box, groups, together
from texot.jobs.hole import hole_task
from texot.jobs.photograph import Canvas, HoleFill, Photograph, output_of
from texot.solver.memory_checks import check_photograph
from texot.solver.options import EngineOptions
from texot.solver.run import Task, iterate
from texot.solver.state import Log, LossRecord, State
from texot.solver.torch_modes import stepwise

log = logging.getLogger("texot")

APART, MAX_TOGETHER = 32, 512  # pixels: holes nearer than that are one group; side of a box filled at once


def fill(
    photograph: Photograph,
    options: EngineOptions,
    *,
    settings: dict[str, Any],
    colours: Tensor | None,
) -> Iterator[State]:
    """Fill an image: one task for every group of holes, in sequence.

    If hardly any known pixel around a group lies in a fully known patch, the group is interpolated instead.

    Args:
        photograph: the image and its holes.
        options: options of the solver.
        settings: the result's record.
        colours: (K, C), the allowed colours of filled pixels, or None for any.

    Raises:
        InputError: too few known pixels near a hole, or not enough memory.
    """
    if photograph.lay is None:
        parts = together(groups(photograph.hole, APART), MAX_TOGETHER)
    else:
        height, width = photograph.hole.shape
        parts = [(Box(0, height, 0, width), photograph.hole)] if bool(photograph.hole.any()) else []
    fills = [HoleFill(photograph, box, own, options) for box, own in parts]
    original, near = photograph.original, max((fill.hole.numel() for fill in fills), default=0)
    check_photograph(len(original.pixels), original.size, near)
    scattered = [fill for fill in fills if fill.is_scattered]
    fills = [fill for fill in fills if not fill.is_scattered]
    _ = [fill.plan for fill in fills]  # raises before the first step if a hole cannot be filled
    if scattered:
        log.warning("known pixels are so scattered that there is no texture to learn: they are interpolated")
    if len(fills) > 1:
        log.info("%d holes are filled one by one", len(fills))

    def tasks(generator: torch.Generator) -> list[Task]:
        canvas = Canvas(photograph, [*scattered, *fills[1:]], colours)
        return [hole_task(fill, generator, settings, canvas) for fill in fills]

    if not fills:
        return stepwise(_one_state(photograph, Canvas(photograph, scattered, colours), settings))
    return stepwise(iterate(tasks, options.generator()))


def _one_state(
    photograph: Photograph, canvas: Canvas, settings: dict[str, Any]
) -> Generator[State, None, None]:
    """The single state of a run that has nothing to solve."""
    original, image = photograph.original, canvas.whole(canvas.image(0))
    output = output_of(original, settings)
    log = Log([LossRecord(0, 1, 0.0)], [0.0])
    yield State(0, 1, 1, 1, 1, 1, 0.0, 0.0, 0.0, 0.0, output, log, lambda: image, lambda: image)
