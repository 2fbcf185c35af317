"""Sizes of results as users write them, drafts of large images, and how long a job takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from texot.desktop.requests import PHOTOGRAPHS, JobRequest

PRESETS = ("512", "1K", "2K", "4K", "2x", "4x")
"""Sizes to choose from: sides of squares in pixels (1K is 1024), and factors."""
DRAFT_PIXELS = 1_000_000
"""Pixels of a draft, at most."""
_REDUCED = ("synthesize", "interpolate", *PHOTOGRAPHS)
_ALIKE = 1.02  # ratio of pixels up to which images count as equally large
_SECONDS = {"draft": 4.0, "normal": 5.0, "high": 40.0}  # a megapixel, before one was measured
_FILL_SECONDS = {"draft": 25.0, "normal": 30.0, "high": 90.0}  # a megapixel of holes

Size = tuple[int, int]


def size_word(text: str) -> str | None:
    """The size that a text means: "512" is "512x512", "2K" is "2048x2048", nothing is None."""
    word = text.strip()
    square = re.fullmatch(r"([0-9]{1,9})\s*(k?)", word, re.IGNORECASE)
    if square is None:
        return word or None
    side = int(square[1]) * (1024 if square[2] else 1)
    return f"{side}x{side}"


def result_size(size: str | None, image: Size) -> Size | None:
    """Width and height of a result of an image; None where the size is not understood."""
    if size is None:
        return image
    found = re.fullmatch(r"([0-9.]+)\s*[x×]\s*([0-9]*)", size.strip(), re.IGNORECASE)
    try:
        if found is None:
            return None
        if found[2]:
            return int(found[1]), int(found[2])
        return round(float(found[1]) * image[0]), round(float(found[1]) * image[1])
    except (ValueError, OverflowError):
        return None


def reduced_draft(request: JobRequest, sizes: Mapping[str, Size]) -> JobRequest:
    """A draft of more than `DRAFT_PIXELS`, with inputs and result reduced alike.

    Args:
        request: other jobs are returned as they are, and those of images of different sizes, which one size
            of exemplars would not reduce alike.
        sizes: (width, height) of the input images that are known, by path.
    """
    arguments, images = request.arguments, request.files.get("images") or [request.files.get("image")]
    known = [sizes.get(path, (0, 0)) for path in images]
    pixels = [math.prod(size) for size in known]
    if arguments.get("quality") != "draft" or request.task not in _REDUCED or not all(pixels):
        return request
    largest = max(known, key=lambda size: (math.prod(size), size))
    whole = known[0] if request.task == "synthesize" else largest  # a factor refers to it
    size = largest if request.task in PHOTOGRAPHS else result_size(arguments.get("size"), whole)
    if size is None or math.prod(size) <= DRAFT_PIXELS or max(pixels) > _ALIKE * min(pixels):
        return request
    factor = math.sqrt(DRAFT_PIXELS / math.prod(size))
    if request.task in PHOTOGRAPHS:
        lengths = {name: arguments.get(name) for name in ("band", "reach")}
        scaled = {name: max(2, round(factor * value)) for name, value in lengths.items() if value}
        changed: dict[str, Any] = {"image_size": math.isqrt(DRAFT_PIXELS), **scaled}
    else:
        width, height = (max(1, int(side * factor)) for side in size)
        side = max(16, int(factor * math.sqrt(max(pixels))))
        changed = {"size": f"{width}x{height}", "exemplar_size": side}
    return replace(request, arguments={**arguments, **changed})


class Estimates:
    """Expects a job to take as long as the last one of its task and quality, in proportion to its pixels."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}  # seconds a megapixel

    def learn(self, request: JobRequest, size: Size, seconds: float) -> None:
        """A job of this size took this time."""
        if request.task != "inpaint":  # whose time depends on its holes
            self._known[_kind(request)] = seconds / max(math.prod(size), 1) * 1e6

    def fill_seconds(self, pixels: int, quality: str) -> float:
        """Seconds to fill so many pixels of a photograph."""
        return _FILL_SECONDS[quality] * pixels / 1e6

    def seconds(self, request: JobRequest, image: Size) -> float | None:
        """Seconds that a job will take; None where that is not known, as its part of the image is not."""
        task, quality = _kind(request)
        size = result_size(request.arguments.get("size"), image)
        if size is None or not all(size) or task in ("inpaint", "train"):
            return None
        rate = self._known.get((task, quality), _SECONDS.get(quality))
        return None if rate is None else rate * math.prod(size) / 1e6


def _kind(request: JobRequest) -> tuple[str, str]:
    return request.task, str(request.arguments.get("quality", ""))
