"""Where synthesis starts: a layout of the exemplar that is new, of whole pieces."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from texot.images.autocorrelation import LOOSE, regularity
from texot.images.masks import filled
from texot.images.pyramid import Periodic, wrap
from texot.layout.courses import CONTINUED, courses
from texot.layout.judge import PATCH, Judge
from texot.layout.quilt import quilt

_LEAST_PIECE = 4  # pixels
_BAND, _CONTINUED_BAND = 4 / 3, 2.0  # how much broader bands may be than pieces; those that may go on
_MOST_SMALLER = 2.0  # how much smaller pieces are of results larger than the exemplar


def piece_side(side: int, novelty: float) -> int:
    """Side of pieces, of an exemplar's shorter side: all at novelty 0, a quarter at .5, a sixteenth at 1."""
    return max(min(side, _LEAST_PIECE), round(side * 2 ** (-4 * novelty)))


def first_layout(
    exemplar: Tensor,
    size: tuple[int, int],
    novelty: float,
    *,
    known: Tensor | None = None,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> Tensor:
    """Where synthesis starts: the exemplar's own layout, or a quilt of its pieces.

    The exemplar's `regularity` tells how new it may be: walls and planks (above .5) may use a piece again
    nearby, patterns (above .7) may go on from piece to piece. A larger result shows every piece more often:
    those of loose textures (below .35) are smaller there, down to half, so that they are not known again.

    Args:
        exemplar: (C, h, w), at the coarsest scale.
        size: (H, W) of the result there.
        novelty: in [0, 1]. 0: the exemplar, repeated or cut off; else a quilt, see `piece_side`; no piece is
            larger than half of the result.
        known, periodic, generator: see `quilt`.

    Returns:
        (C, H, W).
    """
    if novelty > 0:
        regular, side = regularity(exemplar, known), min(exemplar.shape[1:])
        piece = piece_side(side, novelty)
        if regular < LOOSE:
            growth = math.sqrt(math.prod(size) / exemplar[0].numel())
            piece = max(min(side, _LEAST_PIECE), round(piece / min(max(1.0, growth), _MOST_SMALLER)))
        piece = min(piece, max(_LEAST_PIECE, min(size) // 2))
        pieces = quilt(
            exemplar,
            size,
            piece,
            known=known,
            regular=regular,
            periodic=periodic,
            generator=generator,
        )
        if regular < LOOSE:
            return pieces
        whole = torch.ones(exemplar.shape[1:], dtype=torch.bool) if known is None else known.cpu()
        judge = Judge.of(exemplar.cpu(), whole, generator=generator) if min(size) >= PATCH else None
        if judge is None:
            return pieces
        longest = (_CONTINUED_BAND if regular >= CONTINUED else _BAND) * 2 ** (-4 * novelty)
        rows = courses(
            exemplar,
            size,
            longest,
            judge,
            known=whole,
            regular=regular,
            periodic=periodic,
            generator=generator,
        )
        found = [pieces] if rows is None else [rows.to(pieces), pieces]
        return min(found, key=lambda layout: judge.loss(layout.cpu(), periodic=periodic))
    image = exemplar if known is None else filled(exemplar, known)
    for axis, n in enumerate(size, start=1):
        # no padding makes an exemplar's coarse scales: they lack a pixel at either end
        missing = max(0, n - image.shape[axis])
        before = missing // 2 if missing <= 2 else 0
        image = wrap(image, axis, -before, n - before)
    return image
