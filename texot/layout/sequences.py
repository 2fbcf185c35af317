"""Random sequences of segments of a source's lines; cheap sequences are likely.

Segments [s, e) of a source's n lines fill a given number of lines. Joining a segment that
ends at cut e to one that starts at cut s costs jump[e, s], and each line has a price. Sequences are drawn
with probability in proportion to exp(-cost / temperature), exactly: forward sums over all of them, then draws
backwards (as for semi-Markov chains: Rabiner 1989, "A tutorial on hidden Markov models", sections III and
IV.D). Prices rise for lines that are used too often on average: dual ascent towards even use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_TEMPERATURE = 0.05  # relative to the median cost of a join
_ROUNDS, _PRICE = 5, 0.2  # rounds of dual ascent; step for a whole segment, in median joins
_DRAWS = 16  # sequences per round; the best of all is kept
_STARTS = 3  # first cuts that are tried for closed sequences
_JOINS, _UNEVEN = 1.5, 2.0  # weights of the mean cost of a join and of uneven use
_UNKNOWN = 0.5  # price of an unknown line, in median joins
_FLOOR = 1e-300


@dataclass(frozen=True)
class Segment:
    """Lines [start, end) of a source."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Number of lines."""
        return self.end - self.start


def draw_sequences(
    jump: Array,
    total: int,
    lengths: tuple[int, int],
    price: Array,
    *,
    temperature: float,
    starts: npt.NDArray[np.int64] | None,
    n: int,
    rng: np.random.Generator,
) -> list[list[Segment]]:
    """Random sequences of segments.

    Args:
        jump: (m + 1, m + 1) cost of a join between two cuts of m lines, infinite if forbidden.
        total: number of lines to fill.
        lengths: minimal and maximal number of lines of a segment.
        price: (m,) prices of lines.
        temperature: above 0; costs of more than 700 times as much count as infinite.
        starts: first cuts of closed sequences, whose last segment joins the first; None for open sequences,
            which start and end at any cut.
        n: number of sequences.
        rng: random generator.

    Returns:
        n sequences, or none if no sequence has finite cost.
    """
    cuts = len(jump)
    least, most = lengths[0], min(lengths[1], total, cuts - 1)
    if least > most:
        return []
    away = np.exp(-jump / temperature)
    # weight of a segment: worth[e] / worth[s]; centred to avoid overflow
    worth = np.concatenate([[0.0], np.cumsum(price)]) / temperature
    worth = np.exp(np.clip(worth.mean() - worth, -300, 300))
    rings = starts is not None
    first = np.zeros((len(starts) if starts is not None else 1, cuts))
    if starts is not None:
        first[np.arange(len(starts)), starts] = 1
    else:
        first[0] = away.max(0) > 0
    # sums over sequences of t lines: ends[t] end at a cut, begin[t] continue from one; logs: log scales
    begin = np.zeros((total + 1, *first.shape))
    ends, logs = np.zeros_like(begin), np.full(total + 1, -np.inf)
    begin[0], logs[0] = first, 0
    ring = np.zeros((most, len(first), total + cuts))  # begin / worth, indexed by s - t
    ring[0, :, total : total + cuts] = first / worth
    for t in range(1, total + 1):
        before = np.arange(max(0, t - most), t - least + 1)
        most_likely = logs[before].max(initial=-np.inf)
        if most_likely > -np.inf:
            diagonals = ring[before % most, :, total - t : total - t + cuts]
            ends[t] = worth * np.tensordot(np.exp(logs[before] - most_likely), diagonals, 1)
            top = ends[t].max()
            if top > 0:
                ends[t] /= top
                logs[t] = most_likely + np.log(top)
        begin[t] = ends[t] @ away
        ring[t % most] = 0
        ring[t % most, :, total - t : total - t + cuts] = begin[t] / worth
    last = ends[total] * (away[:, starts].T if rings else away.max(1) > 0)
    if last.sum() <= _FLOOR:
        return []
    found = []
    for _ in range(n):
        which, end = divmod(_chosen(last.ravel(), rng), cuts)
        t, sequence = total, []
        while True:
            length = np.arange(least, min(most, t, end) + 1)
            mass = begin[t - length, which, end - length] / worth[end - length]
            mass *= np.exp(logs[t - length] - logs[t - length].max())
            start = end - int(length[_chosen(mass, rng)])
            sequence.append(Segment(start, end))
            t -= end - start
            if t == 0:
                break
            end = _chosen(ends[t, which] * away[:, start], rng)
        found.append(sequence[::-1])
    return found


def even_sequence(
    jump: Array,
    total: int,
    lengths: tuple[int, int],
    *,
    unknown: Array,
    used: Array,
    ring: bool,
    rng: np.random.Generator,
) -> tuple[list[Segment], float] | None:
    """A sequence of cheap joins that uses all lines about equally often.

    Args:
        jump, total, lengths, rng: see `draw_sequences`.
        unknown: (m,) fraction of each line's pixels that should not be used.
        used: (m,) number of earlier uses of each line.
        ring: whether the last segment joins the first.

    Returns:
        The best drawn sequence and its cost: joins in units of the median join, plus unevenness of use; or
        None if there is no sequence.
    """
    finite = np.isfinite(jump)
    if not finite.any():
        return None
    jump = jump / max(float(np.median(jump[finite])), 1e-12)
    cuts = np.flatnonzero(finite.any(1))
    usable = np.zeros(len(used), bool)
    usable[cuts[0] : cuts[-1]] = True
    begins = cuts[cuts + lengths[0] <= cuts[-1]]
    if not len(begins):
        return None
    known = usable & (unknown < 1)
    want = total / max(1, known.sum())
    even = want + used[known].mean() if known.any() else want
    price = _UNKNOWN * unknown
    best: tuple[list[Segment], float] | None = None
    for _ in range(_ROUNDS):
        drawn = draw_sequences(
            jump,
            total,
            lengths,
            price,
            temperature=_TEMPERATURE,
            starts=rng.choice(begins, _STARTS) if ring else None,
            n=_DRAWS,
            rng=rng,
        )
        mean = np.zeros(len(used))
        for sequence in drawn:
            use = np.zeros(len(used))
            for segment in sequence:
                use[segment.start : segment.end] += 1
            mean += use / len(drawn)
            follow = sequence[1:] + sequence[:1] if ring else sequence[1:]
            joins = sum(float(jump[a.end, b.start]) for a, b in zip(sequence, follow, strict=False))
            uneven = float(np.abs((used + use - even)[known]).mean()) / want if known.any() else 0.0
            cost = (
                _JOINS * joins * sum(lengths) / total
                + _UNEVEN * uneven
                + _UNKNOWN * float((use * unknown).sum())
            )
            if best is None or cost < best[1]:
                best = sequence, cost
        if drawn:
            price = price + 2 * _PRICE / sum(lengths) * ((used + mean) / even - 1) * usable
    return best


def _chosen(mass: Array, rng: np.random.Generator) -> int:
    """A random index with probabilities proportional to (n,) masses."""
    total = np.cumsum(mass)
    return min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(mass) - 1)
