"""Sizes of results as users write them, drafts of large images, and how long a job takes."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from texot.desktop.requests import JobRequest

PRESETS = ("512", "1K", "2K", "4K", "2x", "4x")
"""Sizes to choose from: sides of squares in pixels (1K is 1024), and factors."""
DRAFT_PIXELS = 1_000_000
"""Pixels of a draft, at most."""
_SECONDS = {"draft": 4.0, "normal": 5.0, "high": 40.0}  # a megapixel, before one was measured

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


def reduced_draft(request: JobRequest, image: Size) -> JobRequest:
    """A draft of a synthesis of more than `DRAFT_PIXELS`, with exemplar and result reduced alike.

    Args:
        request: other jobs are returned as they are.
        image: (width, height) of the exemplar.
    """
    arguments = request.arguments
    if request.task != "synthesize" or arguments.get("quality") != "draft" or not all(image):
        return request
    size = result_size(arguments.get("size"), image)
    if size is None or math.prod(size) <= DRAFT_PIXELS:
        return request
    factor = math.sqrt(DRAFT_PIXELS / math.prod(size))
    width, height = (max(1, int(side * factor)) for side in size)
    side = max(16, int(factor * math.sqrt(math.prod(image))))
    return replace(request, arguments={**arguments, "size": f"{width}x{height}", "exemplar_size": side})


class Estimates:
    """Expects a job to take as long as the last one of its task and quality, in proportion to its pixels."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], float] = {}  # seconds a megapixel

    def learn(self, request: JobRequest, size: Size, seconds: float) -> None:
        """A job of this size took this time."""
        self._known[_kind(request)] = seconds / max(math.prod(size), 1) * 1e6

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
