"""Numbers in words, as the window shows them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time in words: 0.4 s, 40 s, 3 min, 1 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
