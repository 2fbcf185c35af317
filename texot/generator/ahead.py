"""Work computed ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_AHEAD = 8  # values per worker that are computed ahead
P = TypeVar("P")
T = TypeVar("T")


def in_order(make: Callable[[P], T], places: Iterable[P], workers: int) -> Iterator[T]:
    """make(place) of all places, in order, computed ahead by threads: consumers do not block workers."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for place in places:
                waiting.append(pool.submit(make, place))
                if len(waiting) == _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
