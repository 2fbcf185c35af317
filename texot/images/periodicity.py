"""Periods of a regular texture along its axes."""

from __future__ import annotations

from torch import Tensor

from texot.images.autocorrelation import LOOSE, autocorrelation, regularity
from texot.images.pyramid import downsample_known

_MAX_SIDE = 255  # pixels of the shorter side where periods are measured
_MIN_PERIOD = 8.0  # pixels there
_MOST = 0.85  # largest lag, as a fraction of the side: beyond, too few pixels overlap
_STEP = 1.0025  # ratio of the periods that are tried
_RISE = 0.2  # of the correlation at whole periods over that at half ones, from which an axis is periodic
_CLEAR = 0.5  # the same for a period of more than half of the side, which is seen once
_NEARLY = 0.75  # ratio of such products
_DOUBLED = 1.3  # ratio of correlations from which the double period is the period


def waves(image: Tensor, known: Tensor | None = None) -> tuple[tuple[float, float], ...]:
    """Plane waves along the axes that have the period of a regular texture.

    A period T rises out of the correlation r of the image with itself along an axis by

        mean over k of r(k T) - mean over k of r((k - 1/2) T).

    The shortest period is taken for which the product of this rise and of the first mean is nearly largest,
    or the double one if the correlation there is higher still (a row of bricks may have a joint in its
    middle). Of quarters of the samples, the rug has periods along both axes, a brick wall that of its rows,
    planks one of three of them.

    Args:
        image: (C, H, W).
        known: (H, W) bool, or None where every pixel is known.

    Returns:
        (cycles along y, along x) per pixel of each; none where `regularity` is below .35.
    """
    factor = 1
    while min(image.shape[1:]) > _MAX_SIDE:
        image, known = downsample_known(image, known)
        factor *= 2
    small, there = image, known
    while min(small.shape[1:]) >= 96:
        small, there = downsample_known(small, there)
    if regularity(small, there) < LOOSE:
        return ()
    correlation = autocorrelation(image, known)
    down, across = (
        _period(line[:n].tolist())
        for line, n in zip((correlation[:, 0], correlation[0]), image.shape[1:], strict=True)
    )
    found = []
    if down:
        found.append((1 / (down * factor), 0.0))
    if across:
        found.append((0.0, 1 / (across * factor)))
    return tuple(found)


def _period(line: list[float]) -> float | None:
    """The period of a correlation at lags 0, 1, ..., or None."""
    farthest = _MOST * len(line)

    def at(lag: float) -> float:
        first = int(lag)
        share = lag - first
        return (1 - share) * line[first] + share * line[min(first + 1, len(line) - 1)]

    def means(period: float) -> tuple[float, float]:
        count = int(farthest / period)
        whole, half = (sum(at((k - b) * period) for k in range(1, count + 1)) / count for b in (0, 0.5))
        return whole, whole - half

    tried, period = list[tuple[float, float]](), _MIN_PERIOD  # (product, period)
    while period <= farthest:
        whole, rise = means(period)
        clear = rise >= (_RISE if 2 * period <= len(line) else _CLEAR)
        tried.append((whole * rise if clear else 0.0, period))
        period *= _STEP
    best = max(tried, default=(0.0, 0.0))[0]
    if best <= 0:
        return None
    first = next(k for k, (product, _) in enumerate(tried) if product >= _NEARLY * best)
    while first + 1 < len(tried) and tried[first + 1][0] > tried[first][0]:
        first += 1
    found = tried[first][1]
    if 4 * found <= len(line) and means(2 * found)[0] > _DOUBLED * means(found)[0]:
        return 2 * found
    return found
