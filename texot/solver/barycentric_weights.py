"""Weights of several exemplars, of sum 1: constant, or varying over the image.

With K > 2 exemplars, a weight map goes from each to the next: its value v in [0, 1] is the position v (K - 1)
on the line of exemplars 0, 1, ..., K - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import Fit
from texot.files.exemplar import Exemplar, read_exemplar, with_channels, with_same_alpha
from texot.solver.options import real

MAPS = ("horizontal", "vertical", "radial")

Weights = Sequence[float]


def between(places: Tensor, count: int) -> Tensor:
    """Weights (count, ...) of exemplars at 0, 1, 2, ...: linear from each to the next."""
    at = torch.arange(count, dtype=places.dtype).view(-1, *[1] * places.ndim)
    return (1 - (places - at).abs()).clamp_min(0)


def read_exemplars(
    exemplars: Sequence[Any], *, alpha: str = "mask", fit: Fit | None = None, part: int | None = None
) -> list[Exemplar]:
    """Two exemplars or more, with the same channels and mode.

    Args:
        exemplars: as in `texot.files.exemplar.read_exemplar`.
        alpha, fit, part: see there.

    Raises:
        InputError: fewer than two, or their channels differ.
    """
    if isinstance(exemplars, (str, bytes)) or not isinstance(exemplars, Sequence) or len(exemplars) < 2:
        raise InputError("interpolation is between two exemplars or more: give a list of them")
    read = with_same_alpha([read_exemplar(e, alpha=alpha, fit=fit, part=part) for e in exemplars])
    most = max(read, key=lambda e: e.pixels.shape[0])
    channels, modes = most.pixels.shape[0], {e.mode for e in read}
    mode = most.mode if len(modes) > 1 else read[0].mode
    profiles = {e.icc_profile for e in read}
    profile = read[0].icc_profile if len(profiles) == 1 else None
    fitted = []
    for e in read:
        planes = with_channels(e.pixels, channels)
        if planes is None:
            have = e.pixels.shape[0]
            raise InputError(
                f"an exemplar has {have} channels, another {channels}: all exemplars need the same channels"
            )
        same = planes is e.pixels and (e.mode, e.icc_profile) == (mode, profile)
        fitted.append(e if same else e.with_planes(planes.contiguous(), mode, profile))
    return fitted


def whole_weights(weights: Weights | None, count: int) -> list[float]:
    """One weight for each exemplar, of sum 1.

    Raises:
        InputError: wrong number of weights, a negative weight, or all 0.
    """
    if weights is None:
        return [1 / count] * count
    found = [real("a weight", w, "a number from 0", 0) for w in weights]
    if len(found) != count:
        raise InputError(f"{len(found)} weights for {count} exemplars: give one for each")
    total = sum(found)
    if not total > 0:
        raise InputError("all weights are 0: give at least one exemplar some weight")
    return (
        found if abs(total - 1) < 1e-12 else [w / total for w in found]
    )  # recorded weights are used bit for bit


def map_name(weight_map: Any) -> str | None:
    """The recorded name of a weight map: one of `MAPS`, "image", or None."""
    return (
        weight_map if weight_map is None or (isinstance(weight_map, str) and weight_map in MAPS) else "image"
    )


def tiled_axes(weight_map: Any) -> str:
    """Default axes along which an image with a weight map tiles: those of constant weights."""
    return {None: "both", "horizontal": "y", "vertical": "x"}.get(map_name(weight_map), "none")


def map_places(name: str, y: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Values (h, w) in [0, 1] of one of `MAPS` at positions in an area.

    Args:
        name: name of the map.
        y, x: (h,) and (w,), as fractions of the area's sides; values outside are those of the edge.
        size: (height, width) of the area.
    """
    height, width = size
    if name == "radial":
        square = min(height, width)
        radius = torch.hypot((y[:, None] - 0.5) * height / square, (x - 0.5) * width / square) * 2
        return radius.clamp(0, 1)
    place = x.expand(len(y), len(x)) if name == "horizontal" else y[:, None].expand(len(y), len(x))
    return place.clamp(0, 1)


def weight_planes(weight_map: Any, size: tuple[int, int], count: int) -> Tensor:
    """Weights (K, H, W) of the exemplars at every pixel, of sum 1.

    Raises:
        InputError: not a weight map.
    """
    height, width = size
    y, x = ((torch.arange(n, dtype=torch.float32) + 0.5) / n for n in (height, width))
    name = map_name(weight_map)
    if name in MAPS:
        place = map_places(name, y, x, size)
    else:
        grey = read_exemplar(weight_map).linear().mean(0)
        place = F.interpolate(grey[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    return between(place * (count - 1), count)
