"""Shares of exemplars in whole percent, which always add up to 100."""

from __future__ import annotations

from collections.abc import Sequence

WHOLE = 100


def equal(count: int) -> list[int]:
    """Equal shares; what a division leaves goes to the first ones."""
    return in_proportion([1] * count, WHOLE) if count else []


def in_proportion(weights: Sequence[int], whole: int) -> list[int]:
    """`whole` in proportion to weights, by the largest remainders; equal parts of it where all are 0."""
    weights = weights if any(weights) else [1] * len(weights)
    mass = sum(weights)
    found = [whole * weight // mass for weight in weights]
    order = sorted(range(len(weights)), key=lambda k: (-(whole * weights[k] % mass), k))
    for k in order[: whole - sum(found)]:
        found[k] += 1
    return found


def with_share(shares: Sequence[int], place: int, value: int) -> list[int]:
    """Shares of which one has a value, and the others what is left, in their proportion.

    Args:
        shares: of sum 100.
        place: index of the one.
        value: from 0 to 100; a single share stays 100.
    """
    if len(shares) == 1:
        return [WHOLE]
    others = [share for k, share in enumerate(shares) if k != place]
    found = in_proportion(others, WHOLE - value)
    return [*found[:place], value, *found[place:]]


def with_one_more(shares: Sequence[int]) -> list[int]:
    """One share more, as large as their mean."""
    return with_share([*shares, 0], len(shares), WHOLE // (len(shares) + 1))


def without(shares: Sequence[int], place: int) -> list[int]:
    """One share less; the others grow in proportion."""
    left = [share for k, share in enumerate(shares) if k != place]
    return in_proportion(left, WHOLE) if left else []
