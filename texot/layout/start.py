"""The start of synthesis: a new layout of whole pieces of the exemplar."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from texot.images.autocorrelation import LOOSE, PATTERN, correlation_length, regularity
from texot.images.masks import filled
from texot.images.pyramid import Periodic, wrap
from texot.layout.courses import courses
from texot.layout.quilt import quilt
from texot.layout.score import PATCH, LayoutScore

_MIN_PIECE = 4  # pixels
_BAND, _PATTERN_BAND = 4 / 3, 2.0  # maximal ratio of bands to pieces in width; that of patterns
_FEATURES = 4.0  # minimal side of pieces of loose textures, in correlation lengths
_MAX_LARGER = 1.5  # maximal enlargement for that
_MAX_SMALLER = 2.0  # maximal reduction of pieces in results larger than the exemplar


def piece_side(side: int, novelty: float) -> int:
    """Side of pieces for an exemplar's shorter side: all of it at novelty 0, 1/4 at .5, 1/16 at 1."""
    return max(min(side, _MIN_PIECE), round(side * 2 ** (-4 * novelty)))


def first_layout(
    exemplar: Tensor,
    size: tuple[int, int],
    novelty: float,
    *,
    known: Tensor | None = None,
    periodic: Periodic = (True, True),
    generator: torch.Generator,
) -> Tensor:
    """The start image: the exemplar's own layout, a quilt of its pieces, or its courses.

    The exemplar's autocorrelation decides. Loose textures (`regularity` below .35) become a quilt. If they
    have large features, pieces are up to half as large again, four times the `correlation_length`, so that
    stones stay whole. A result larger than the exemplar repeats pieces more often; they are then smaller,
    down to half, and so harder to recognise. For other textures, a quilt and `courses` are compared by their
    score; the quilt may repeat pieces nearby (regularity above .5) and continue them (above .7).

    Args:
        exemplar: (C, h, w), at the coarsest scale.
        size: (H, W) of the result there.
        novelty: in [0, 1]. 0: the exemplar, repeated or cropped. Otherwise it decides the size of pieces, see
            `piece_side`; none is larger than half of the result. Bands are at most a third wider.
        known, periodic, generator: see `quilt`.

    Returns:
        (C, H, W).
    """
    if novelty == 0:
        return _own_layout(exemplar if known is None else filled(exemplar, known), size)
    regular = regularity(exemplar, known)
    side = _piece_side_for(exemplar, size, novelty, known, loose=regular < LOOSE)
    pieces = quilt(exemplar, size, side, known=known, regular=regular, periodic=periodic, generator=generator)
    usable = torch.ones(exemplar.shape[1:], dtype=torch.bool) if known is None else known.cpu()
    score = None
    if regular >= LOOSE and min(size) >= PATCH:
        score = LayoutScore.of(exemplar.cpu(), usable, generator=generator)
    if score is None:
        return pieces
    longest = (_PATTERN_BAND if regular >= PATTERN else _BAND) * 2 ** (-4 * novelty)
    rows = courses(
        exemplar,
        size,
        longest,
        known=usable,
        regular=regular,
        periodic=periodic,
        generator=generator,
    )
    best = min([*rows, pieces.cpu()], key=lambda layout: score.loss(layout, periodic=periodic))
    return best.to(exemplar)


def squares(exemplar: Tensor, size: tuple[int, int], side: int, generator: torch.Generator) -> Tensor:
    """An image (C, H, W) of squares of an exemplar (C, h, w) from random positions."""
    height, width = size
    side = min(side, *exemplar.shape[1:])
    found = exemplar.new_zeros(exemplar.shape[0], height, width)
    for y in range(0, height, side):
        for x in range(0, width, side):
            h, w = min(side, height - y), min(side, width - x)
            i, j = (
                int(torch.randint(0, n - d + 1, (), generator=generator))
                for n, d in zip(exemplar.shape[1:], (h, w), strict=True)
            )
            found[:, y : y + h, x : x + w] = exemplar[:, i : i + h, j : j + w]
    return found


def _piece_side_for(
    exemplar: Tensor, size: tuple[int, int], novelty: float, known: Tensor | None, *, loose: bool
) -> int:
    """Side of a quilt's pieces; see `first_layout`."""
    side = min(exemplar.shape[1:])
    piece = float(piece_side(side, novelty))
    if loose:
        features = _FEATURES * correlation_length(exemplar, known)
        growth = math.sqrt(math.prod(size) / exemplar[0].numel())
        piece = max(piece, min(features, _MAX_LARGER * piece)) / min(max(1.0, growth), _MAX_SMALLER)
    return min(max(min(side, _MIN_PIECE), round(piece)), max(_MIN_PIECE, min(size) // 2))


def _own_layout(image: Tensor, size: tuple[int, int]) -> Tensor:
    """An image (C, h, w) repeated or cropped to (C, H, W)."""
    for axis, n in enumerate(size, start=1):
        # coarse scales of an exemplar are computed without padding: they lack a pixel at either end
        missing = max(0, n - image.shape[axis])
        before = missing // 2 if missing <= 2 else 0
        image = wrap(image, axis, -before, n - before)
    return image
