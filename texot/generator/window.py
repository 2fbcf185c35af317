"""The windows of all scales that a window of the texture depends on.

The texture is an infinite plane, or a torus where an axis wraps. Pixel p of a scale depends on pixels
(p - 1) // 2 and (p - 1) // 2 + 1 of the next coarser one, and convolutions need pixels beyond the window. So
the windows grow by a few pixels from scale to scale, and noise is computed exactly where it is needed.

A torus of n pixels has ceil(n / 2) pixels at the next scale. If n is odd, the enlarged scale is one pixel too
long; that pixel is left out once per period.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Span:
    """A window of one axis at one scale.

    Attributes:
        start, stop: range of the pixels whose features and colours are computed.
        margin: pixels of noise beyond them on either side.
        positions: (stop - start + 2 margin,) int64, positions of the noise.
        period: of the axis at this scale, in pixels, or None for a plane.
        features, colours: the pixels to take from the next coarser scale, enlarged twice: the index of the
            first one, or of each. None at the coarsest scale.
    """

    start: int
    stop: int
    margin: int
    positions: Tensor
    period: int | None = None
    features: int | Tensor | None = None
    colours: int | Tensor | None = None


def spans(start: int, stop: int, margins: tuple[int, ...], period: int | None = None) -> tuple[Span, ...]:
    """The spans of one axis at every scale, finest first.

    Args:
        start, stop: the window at the finest scale.
        margins: pixels beyond the window that the convolutions of every scale need, finest first.
        period: in pixels, or None for a plane.
    """
    found = []
    for scale, margin in enumerate(margins):
        wanted = torch.arange(start - margin, stop + margin)
        positions = wanted if period is None else wanted.remainder(period)
        if scale == len(margins) - 1:
            found.append(Span(start, stop, margin, positions, period))
            break
        enlarged = wanted if period is None or period % 2 == 0 else wanted + wanted // period
        inner = enlarged[margin : len(enlarged) - margin]
        first = min((int(enlarged[0]) - 1) // 2, (int(inner[0]) - 1) // 2 - 1)
        last = max((int(enlarged[-1]) - 1) // 2 + 2, (int(inner[-1]) - 1) // 2 + 3)
        found.append(
            Span(
                start,
                stop,
                margin,
                positions,
                period,
                _cut(enlarged - 2 * first),
                _cut(inner - 2 * first),
            )
        )
        start, stop = first, last
        period = None if period is None else -(-period // 2)
    return tuple(found)


def _cut(index: Tensor) -> int | Tensor:
    """The first index if all are consecutive, else all of them."""
    return int(index[0]) if int(index[-1] - index[0]) == len(index) - 1 else index
