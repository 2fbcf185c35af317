"""Estimates of the memory that jobs need. What cannot fit is refused before any work is done."""

from __future__ import annotations

from texot.errors import InputError
from texot.memory import memory_limit

# measured peaks for 256 to 2048 px (benchmarks/results/synthesis_speed.md), within 10%
_LIBRARIES = 300_000_000  # bytes: Python and torch, independent of the images
_FIELD, _FIELD_IN = 120, 150  # bytes per pixel of the result and of the exemplar: search in principal axes
_FIELD_PLANES, _FIELD_PLANES_IN = 4, 5  # additional float32 planes of their sizes, per channel
ADAM_PLANES, _PLANES_IN = 36, 24  # the same where Adam optimises the pixels
_PHOTOGRAPH = 80  # bytes per pixel of a photograph to be filled
_NEAR, _NEAR_PLANES = 270, 11  # bytes and float32 planes per channel, per pixel near a hole
_MAX_TARGETS = 16384


def check_memory(
    channels: int,
    exemplar: tuple[int, int],
    size: tuple[int, int],
    *,
    planes: int | None = None,
    more: int = 0,
    backend: str = "auto",
) -> None:
    """Refuse what cannot fit this machine or its control group's limit.

    Args:
        channels: of the images.
        exemplar, size: of the exemplar and of the result, in pixels.
        planes: float32 planes of the result's size per channel; None: those of the field solver.
        more: additional bytes per pixel of the result.
        backend: of the transport; "reference" holds the distances of all pairs of patches.

    Raises:
        InputError: more memory is needed than there is.
    """
    pixels, pixels_in = size[0] * size[1], exemplar[0] * exemplar[1]
    need = _LIBRARIES + more * pixels
    if planes is None:
        need += (_FIELD + 4 * channels * _FIELD_PLANES) * pixels
        need += (_FIELD_IN + 4 * channels * _FIELD_PLANES_IN) * pixels_in
    else:
        need += 4 * channels * (planes * pixels + _PLANES_IN * pixels_in)
    if backend == "reference":
        need += 8 * (pixels // 16) * min(pixels_in, _MAX_TARGETS)
    have = memory_limit()
    if have is not None and need > have:
        raise InputError(
            f"{size[0]}x{size[1]} px would take about {need / 2**30:.0f} GiB of memory and this machine has "
            f"{have / 2**30:.0f} GiB: ask for a smaller size"
        )


def check_photograph(channels: int, size: tuple[int, int], near: int) -> None:
    """Refuse a photograph that does not fit in memory: it must keep its size, so it is never reduced.

    Args:
        channels: of the photograph.
        size: (width, height) in pixels.
        near: pixels of the largest neighbourhood of a hole.

    Raises:
        InputError: more memory is needed than there is.
    """
    need = _LIBRARIES + _PHOTOGRAPH * size[0] * size[1] + (_NEAR + 4 * channels * _NEAR_PLANES) * near
    have = memory_limit()
    if have is not None and need > have:
        raise InputError(
            f"to change a photograph of {size[0]}x{size[1]} px would take about {need / 2**30:.1f} GiB of "
            f"memory and there are {have / 2**30:.1f} GiB: make it smaller, or cut out the part to change"
        )
