"""The options of the public functions, by name and type, so that editors and type checkers know them.

`texot.synthesize(image, **options)` takes what `texot.iter_synthesis` takes: its docstring explains them, and
a test compares names and types with its signature.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypedDict

import torch


class EngineKeywords(TypedDict, total=False):
    """Options that every job passes to the solver: those of `texot.solver.options.EngineOptions`."""

    quality: str
    seed: int
    n_scales: int | None
    patch_size: int | None
    n_iter: int | None
    psi_steps: int | None
    entropy: float | None
    backend: str
    device: str | torch.device


class SynthesisOptions(EngineKeywords, total=False):
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
    alpha: str
    copy: bool
    proportions: Sequence[float] | None
    blend_scale: float | None
    source: Any
    weights_map: Any
    labels: Any
    target_labels: Any
    guide: Any
    guide_exemplar: Any
    guide_strength: float | None
    symmetry: str
    rotation_map: Any
    scale_map: Any


class InterpolationOptions(EngineKeywords, total=False):
    """Options of `texot.iter_interpolation`."""

    alpha: str
    weight_map: Any
    size: str | int | tuple[int, int] | None
    init: Any
    tile: str | None
    novelty: float | None
    exemplar_size: int | None


class InpaintOptions(EngineKeywords, total=False):
    """Options of `texot.iter_inpaint`."""

    alpha: str
    invert_mask: bool
    source: Any
    exemplar: Any
    palette: str | None
    exemplar_size: int | None
    reach: float | None
    tile: str
    init: Any
    image_size: int | None


class TileOptions(EngineKeywords, total=False):
    """Options of `texot.iter_tileable`."""

    alpha: str
    band: int | None
    flatten: bool
    source: Any
    palette: str | None
    tile: str
    init: Any
    image_size: int | None


class VariationOptions(EngineKeywords, total=False):
    """Options of `texot.iter_variation`."""

    alpha: str
    frame: int | None
    source: Any
    tile: str
    palette: str | None
