"""The options of the public functions, by name and type, so that editors and type checkers know them.

`texot.synthesize(image, **options)` takes what `texot.iter_synthesis` takes: its docstring explains them, and
a test compares names and types with its signature.
"""

from __future__ import annotations

import os
from typing import Any, TypedDict

import torch


class SolverOptions(TypedDict, total=False):
    """What every job takes."""

    quality: str
    seed: int
    n_scales: int | None
    patch_size: int | None
    n_iter: int | None
    psi_steps: int | None
    entropy: float | None
    alpha: str
    backend: str
    device: str | torch.device


class SynthesisOptions(SolverOptions, total=False):
    """Options of `texot.iter_synthesis`."""

    preset: str
    tile: str
    init: Any
    lr: float | None
    novelty: float | None
    attempts: int | None
    features: str | os.PathLike[str]
    palette: str | None
    exemplar_size: int | None


class InterpolationOptions(SolverOptions, total=False):
    """Options of `texot.iter_interpolation`."""

    map: Any
    size: str | int | tuple[int, int] | None
    init: Any
    tile: str | None
    novelty: float | None
    exemplar_size: int | None


class InpaintOptions(SolverOptions, total=False):
    """Options of `texot.iter_inpaint`."""

    invert_mask: bool
    source: Any
    exemplar: Any
    palette: str | None
    exemplar_size: int | None
    reach: float | None
    tile: str


class TileOptions(SolverOptions, total=False):
    """Options of `texot.iter_tileable`."""

    band: int | None
    flatten: bool
    palette: str | None
    tile: str


class VariationOptions(SolverOptions, total=False):
    """Options of `texot.iter_variation`."""

    frame: int | None
    axes: str
    palette: str | None
