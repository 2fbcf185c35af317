"""A sample of a model for the window, as `texot sample` makes and records it."""

from __future__ import annotations

import time
from collections.abc import Generator as Tiles
from typing import Any

import torch
from torch import Tensor

from texot import Generator, Synthesis
from texot.files.sizes import parse_size
from texot.files.stream import write_rows
from texot.generator.sampling import TILE
from texot.solver.barycentric_weights import tiled_axes
from texot.solver.options import check_memory


def sample_tiles(
    model: Generator,
    *,
    size: str | None,
    seed: int,
    tile: str | None,
    at: tuple[int, int] = (0, 0),
    weights: list[float] | None = None,
    map: str | None = None,
) -> Tiles[tuple[int, int, Synthesis | None], None, None]:
    """A sample in tiles, made beside each other by threads of one torch thread each, as the command does.

    Yields:
        (pixels made, of how many, None); at last the sample in the place of None.
    """
    begun, threads = time.perf_counter(), torch.get_num_threads()
    width, height = parse_size(size, model.exemplar_size)
    tile = tiled_axes(map) if tile is None else tile
    channels, done, total = model.network.architecture.colours, 0, width * height
    check_memory(channels, (1, 1), (width, height), planes=10)
    image = torch.empty(channels, height, width, dtype=torch.float32)
    window: dict[str, Any] = {"seed": seed, "at": at, "tile": tile, "weights": weights, "weight_map": map}
    workers = threads if model.network.device.type == "cpu" else 1
    if workers > 1:
        torch.set_num_threads(1)
    try:
        for top, left, part in model.tiles((width, height), **window, workers=workers):
            image[:, top : top + part.shape[1], left : left + part.shape[2]] = part
            done += part.shape[1] * part.shape[2]
            if done < total:
                yield done, total, None
    finally:
        torch.set_num_threads(threads)
    settings = model.settings((width, height), **window)
    timings = {"total": time.perf_counter() - begun}
    yield total, total, Synthesis(image, [], [], timings, settings, model.mode, model.icc_profile)


def write_sample(
    image: Tensor, path: str, *, mode: str, text: dict[str, str] | None, icc_profile: bytes | None
) -> None:
    """Write a sample, in a format that goes row by row, with the bytes that the command writes."""
    _, height, width = image.shape
    rows = (image[:, top : top + TILE] for top in range(0, height, TILE))
    write_rows(rows, path, size=(width, height), mode=mode, text=text, icc_profile=icc_profile)
