"""Render final: the same texture at a better quality, from the layout of a draft."""

from __future__ import annotations

import math
from dataclasses import replace

from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.sizes import result_size

_RANKS = {"draft": 0, "normal": 1, "high": 2}
_SCALES = 2  # at the coarser one, details of 4 pixels are free to move and all others stay
_LEAST = 16  # pixels of the shorter side at the coarsest scale


def final_quality(quality: str) -> str:
    """The quality of a final result where a form has this one: not draft."""
    return "normal" if quality == "draft" else quality


def is_final(result: Result, quality: str) -> bool:
    """Whether a result has this quality, or better, or its task has none; not if it was stopped."""
    found = str(result.request.arguments.get("quality", "high"))
    return not result.stopped and _RANKS[found] >= _RANKS[final_quality(quality)]


def final_request(result: Result, quality: str) -> JobRequest:
    """The job that makes a result again at a better quality.

    A texture of one image starts from the result's pixels, at scales that keep its layout. Other jobs, and
    materials, start with the same seed.
    """
    request = result.request.with_quality(final_quality(quality))
    image = result.source.size
    size = result_size(request.arguments.get("size"), image)
    if request.task != "synthesize" or result.maps or size is None or not all(image):
        return request
    # a reduced draft has no details of the finest scales
    missing = math.ceil(math.log2(max(1.0, math.sqrt(math.prod(size) / math.prod(result.size)))))
    room = int(math.log2(max(1, min(*size, *image) // _LEAST)))
    start = {"novelty": None, "init": result.file, "n_scales": min(_SCALES + missing, 1 + room)}
    return replace(request, arguments={**request.arguments, **start})
