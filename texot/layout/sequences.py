"""Which lines of a source follow each other: random sequences of its segments, cheap ones likely.

Segments [s, e) of a source's n lines fill a given number of lines. Joining one that ends at cut e to one that
begins at cut s costs jump[e, s], and a line has a price. Sequences are drawn with probability in proportion
to exp(-cost / temperature), exactly: forward sums over all of them, then draws backwards (as for semi-Markov
chains: Rabiner 1989, "A tutorial on hidden Markov models", sections III and IV.D). Prices rise where lines
are used too often on the mean, which is dual ascent for the transport of use to an even one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_TEMPERATURE = 0.05  # of the median cost of a join
_ROUNDS, _PRICE = 5, 0.2  # of dual ascent, and its step for a whole segment, in median joins
_DRAWS = 16  # sequences a round; the best of all is kept
_STARTS = 3  # first cuts that are tried where a sequence is a ring
_JOINS, _UNEVEN = 1.5, 2.0  # weights of a join a segment, in median joins, and of uneven use
_UNKNOWN = 0.5  # price of a line that is not known, in median joins
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
        jump: (m + 1, m + 1) cost of a join between two cuts of m lines, infinite where there can be none. A
            cut whose joins all are is in no sequence.
        total: lines to fill.
        lengths: fewest and most lines of a segment.
        price: (m,) of lines.
        temperature: above 0; what costs more than 700 times as much is as if infinite.
        starts: cuts where sequences begin that are rings, whose last segment joins the first; None for open
            ones, that begin and end where they like.
        n: number of sequences.
        rng: of the draws.

    Returns:
        n sequences, or none where there is no sequence of finite cost.
    """
    cuts = len(jump)
    least, most = lengths[0], min(lengths[1], total, cuts - 1)
    if least > most:
        return []
    away = np.exp(-jump / temperature)
    # worth of a segment: worth[e] / worth[s]; centred, so that it stays within what floats can hold
    worth = np.concatenate([[0.0], np.cumsum(price)]) / temperature
    worth = np.exp(np.clip(worth.mean() - worth, -300, 300))
    rings = starts is not None
    first = np.zeros((len(starts) if starts is not None else 1, cuts))
    if starts is not None:
        first[np.arange(len(starts)), starts] = 1
    else:
        first[0] = away.max(0) > 0
    # over all sequences that fill t lines: ends[t] end at a cut, begin[t] go on from one; logs: their units
    begin = np.zeros((total + 1, *first.shape))
    ends, logs = np.zeros_like(begin), np.full(total + 1, -np.inf)
    begin[0], logs[0] = first, 0
    ring = np.zeros((most, len(first), total + cuts))  # begin / worth by s - t: a column is a diagonal
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
        unknown: (m,) share of a line's pixels that should not be used.
        used: (m,) how often lines were used before.
        ring: whether the last segment joins the first.

    Returns:
        The best of those drawn, and what it costs: its joins, in median joins, and how uneven its use is; or
        None where there is none.
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
    """An index, drawn in proportion to (n,) masses."""
    total = np.cumsum(mass)
    return min(int(np.searchsorted(total, rng.random() * total[-1], side="right")), len(mass) - 1)
