"""Sequences of segments: drawn as their costs say, and every line used about as often."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from texot.layout.sequences import Array, Segment, draw_sequences, even_sequence

LINES, TOTAL, LENGTHS, TEMPERATURE = 4, 5, (1, 3), 0.5


def costs(jump: Array, price: Array, start: int | None) -> dict[tuple[Segment, ...], float]:
    """Every sequence that fills TOTAL lines, by trying all, with its cost."""
    segments = [Segment(s, s + n) for n in range(LENGTHS[0], LENGTHS[1] + 1) for s in range(LINES + 1 - n)]
    found = {}
    for count in range(1, TOTAL + 1):
        for sequence in itertools.product(segments, repeat=count):
            if sum(s.length for s in sequence) != TOTAL or (start is not None and sequence[0].start != start):
                continue
            follow = sequence[1:] if start is None else (*sequence[1:], sequence[0])
            joins = sum(jump[a.end, b.start] for a, b in zip(sequence, follow, strict=False))
            cost = joins + sum(price[s.start : s.end].sum() for s in sequence)
            if math.isfinite(cost):
                found[sequence] = float(cost)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("start", [None, 1])
def test_they_are_drawn_in_proportion_to_exp_of_their_cost(start: int | None) -> None:
    rng = np.random.default_rng(0)
    jump, price = rng.random((LINES + 1, LINES + 1)), rng.random(LINES) - 0.5
    jump[2, 1] = jump[3, 3] = np.inf
    all_costs = costs(jump, price, start)
    total = sum(math.exp(-c / TEMPERATURE) for c in all_costs.values())
    starts = None if start is None else np.array([start])
    n = 20000
    drawn = draw_sequences(jump, TOTAL, LENGTHS, price, temperature=TEMPERATURE, starts=starts, n=n, rng=rng)
    counts = Counter(tuple(sequence) for sequence in drawn)
    assert set(counts) <= set(all_costs)
    for sequence, cost in all_costs.items():
        expected = n * math.exp(-cost / TEMPERATURE) / total
        assert abs(counts[sequence] - expected) < 5 * math.sqrt(expected) + 3, sequence


def test_long_ones_are_drawn_although_their_costs_are_beyond_floats() -> None:
    rng = np.random.default_rng(0)
    jump, price = 5 + rng.random((21, 21)), np.zeros(20)
    for sequence in draw_sequences(
        jump, 3000, (2, 6), price, temperature=0.05, starts=np.array([4]), n=3, rng=rng
    ):
        assert sum(s.length for s in sequence) == 3000
        assert {s.length for s in sequence} <= set(range(2, 7))


def test_the_only_one_is_drawn_however_dear_it_is() -> None:
    """Twelve lines of two pieces of six, whose join weighs e^-600, beside lengths that cannot be filled."""
    rng = np.random.default_rng(0)
    jump, price = np.full((7, 7), np.inf), np.zeros(6)
    jump[6, 0] = 30
    drawn = draw_sequences(jump, 12, (6, 6), price, temperature=0.05, starts=None, n=2, rng=rng)
    assert drawn == [[Segment(0, 6)] * 2] * 2


def test_there_may_be_none() -> None:
    rng = np.random.default_rng(0)
    jump, none = np.full((7, 7), np.inf), np.zeros(6)
    apart = {"unknown": none, "used": none, "ring": True, "rng": rng}
    assert even_sequence(jump, 8, (2, 4), **apart) is None
    assert draw_sequences(jump, 8, (2, 4), none, temperature=1, starts=None, n=1, rng=rng) == []
    jump[3, 3] = 0
    assert even_sequence(jump, 8, (4, 4), **apart) is None
    assert draw_sequences(np.zeros((7, 7)), 3, (4, 5), none, temperature=1, starts=None, n=1, rng=rng) == []


@pytest.mark.parametrize("ring", [True, False])
def test_all_lines_are_used_though_some_join_better(ring: bool) -> None:
    """Lines 2 to 6 repeat for less than it costs to go on to the others, and they are there too."""
    rng = np.random.default_rng(0)
    cuts = np.arange(25)
    jump = np.where(cuts % 4 == 2, 1.0, np.inf)[:, None] + np.where(cuts % 4 == 2, 0.0, np.inf)
    jump[6, 2] = 0.7
    found = even_sequence(jump, 80, (4, 8), unknown=np.zeros(24), used=np.zeros(24), ring=ring, rng=rng)
    assert found is not None
    use = sum(np.bincount(np.arange(s.start, s.end), minlength=24) for s in found[0])
    assert use.sum() == 80
    assert (use[2:22] >= 2).all()
    assert (use[2:22] <= 7).all()


def test_what_was_used_before_is_used_less() -> None:
    rng = np.random.default_rng(0)
    used = np.where(np.arange(40) < 20, 3.0, 0.0)
    found = even_sequence(np.ones((41, 41)), 60, (4, 10), unknown=np.zeros(40), used=used, ring=True, rng=rng)
    assert found is not None
    use = sum(np.bincount(np.arange(s.start, s.end), minlength=40) for s in found[0])
    assert use[20:].sum() > 2 * use[:20].sum()


def test_unknown_lines_are_avoided() -> None:
    rng = np.random.default_rng(0)
    unknown = np.zeros(40)
    unknown[10:16] = 1
    found = even_sequence(
        np.ones((41, 41)), 60, (4, 10), unknown=unknown, used=np.zeros(40), ring=True, rng=rng
    )
    assert found is not None
    assert not any(unknown[s.start : s.end].any() for s in found[0])
