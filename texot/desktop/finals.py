"""Render final: the same result at a better quality, from the layout of a draft."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from texot.desktop.requests import PHOTOGRAPHS, JobRequest
from texot.desktop.results import Result
from texot.desktop.sizes import result_size

_RANKS = {"draft": 0, "normal": 1, "high": 2}
_STARTED = ("synthesize", "interpolate", *PHOTOGRAPHS)
_SCALES = 2  # at the coarser one, details of 4 pixels are free to move and all others stay
_ONE_SCALE = 2**16  # pixels of a photograph up to which a fill takes one scale, which compares all patches
_LEAST = 16  # pixels of the shorter side at the coarsest scale


def final_quality(quality: str) -> str:
    """The quality of a final result where a form has this one: not draft."""
    return "normal" if quality == "draft" else quality


def is_final(result: Result, quality: str) -> bool:
    """Whether a result has this quality, or better, or its task has none; not if it was stopped."""
    found = str(result.request.arguments.get("quality", "high"))
    return not result.stopped and _RANKS[found] >= _RANKS[final_quality(quality)]


def final_request(result: Result, quality: str) -> JobRequest:
    """The job that makes a result again at a better quality, from its pixels, at scales that keep its layout.

    Of a size that is not known, it has only the seed of the result; also of a reduced draft of several
    exemplars, whose areas the seed places otherwise at another size.
    """
    request = result.request.with_quality(final_quality(quality))
    image, arguments = result.source.size, request.arguments
    fills = request.task in PHOTOGRAPHS
    size = image if fills else result_size(arguments.get("size"), image)
    if request.task not in _STARTED or size is None or not all(image):
        return request
    if "blend_scale" in arguments and result.size != size:
        return request
    # a reduced draft has no details of the finest scales
    octaves = math.log2(max(1.0, math.sqrt(math.prod(size) / math.prod(result.size))))
    if fills:
        least = 1 if math.prod(size) <= _ONE_SCALE else 2
        start: dict[str, Any] = {"init": result.file, "n_scales": max(least, 1 + int(octaves))}
    else:
        room = int(math.log2(max(1, min(*size, *image) // _LEAST)))
        n_scales = min(_SCALES + math.ceil(octaves), 1 + room)
        start = {"novelty": None, "init": result.file, "n_scales": n_scales}
    return replace(request, arguments={**arguments, **start})
