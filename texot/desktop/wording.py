"""Numbers and events in words, as the window shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def duration(seconds: float) -> str:
    """A time in words: 0.4 s, 40 s, 3 min, 1 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def done_text(header: Mapping[str, Any], size: tuple[int, int]) -> str:
    """The end of a job, from the header of its last event, and the size of its result."""
    ended = f"stopped at step {header['step']} of {header['steps']}" if header["stopped"] else "done"
    return f"{ended}: {size[0]}x{size[1]} px in {duration(header['seconds'])}"


def exemplars_text(count: int, size: Sequence[int]) -> str:
    """What a model has learned from: the number of its exemplars, and the size of the largest."""
    which = f"{count} exemplars, of at most" if count > 1 else "an exemplar of"
    return f"{which} {size[0]}x{size[1]} px"


def trained_text(header: Mapping[str, Any]) -> str:
    """The end of a training, from the header of its last event."""
    ended = "stopped" if header["resumable"] else "trained"
    steps = f"step {header['step']} of {header['steps']}"
    return f"{ended} after {steps}, {duration(header['seconds'])}: Generate gives samples of any size"
