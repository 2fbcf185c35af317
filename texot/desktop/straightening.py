"""The part of a photograph that becomes the image: a rectangle, which may be turned, or four free corners.

Positions are (x, y) in pixels from the photograph's upper left corner; corners are clockwise from the upper
left of the part. It is always inside the photograph, convex, and not smaller than a few pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

Point = tuple[float, float]
LEAST = 8.0
"""Pixels of the shortest side."""
_SLACK = 1e-9  # pixels: rounding
_HALVINGS = 24  # of a move that would leave the photograph


class Part:
    """The part and how it changes.

    Args:
        size: (width, height) of the photograph.

    Attributes:
        size: as given.
        corners: the four of the part.
        free: whether each corner moves alone; else the part stays a rectangle.
        angle: degrees by which the content is turned counterclockwise.
        flatten: whether gradients of brightness and colour are removed.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.free, self.angle, self.flatten = False, 0.0, False
        self.reset()

    def reset(self) -> None:
        """Take the whole photograph, not turned."""
        width, height = map(float, self.size)
        self.angle = 0.0
        self.corners: list[Point] = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)]

    def set_free(self, free: bool) -> None:
        """Let each corner move alone; or make the part a rectangle again, the whole photograph."""
        if self.free and not free:
            self.reset()
        elif free:
            self.angle = 0.0
        self.free = free

    def turn(self, degrees: float) -> None:
        """Turn a rectangle about its middle; it shrinks where it would leave the photograph."""
        if self.free:
            return
        x, y = _middle(self.corners)
        cosine, sine = _rotation(degrees - self.angle)
        offsets = [(u - x, v - y) for u, v in self.corners]
        turned = [(cosine * u - sine * v, sine * u + cosine * v) for u, v in offsets]

        def shrunk(share: float) -> list[Point]:
            return [(x + share * u, y + share * v) for u, v in turned]

        self.angle = degrees
        whole = shrunk(1.0)
        self.corners = self._clipped(whole if self._is_inside(whole) else self._furthest(shrunk))

    def move_corner(self, number: int, place: Point) -> None:
        """Move a corner as far towards a place as the part stays valid."""
        start = self.corners[number]

        def moved(share: float) -> list[Point]:
            at = tuple(a + share * (b - a) for a, b in zip(start, place, strict=True))
            return self._with_corner(number, (at[0], at[1]))

        self._move(moved)

    def move(self, across: float, down: float) -> None:
        """Move the part as far as it stays in the photograph."""
        before = list(self.corners)
        self._move(lambda share: [(x + share * across, y + share * down) for x, y in before])

    @property
    def result_size(self) -> tuple[int, int]:
        """(width, height) of the image in pixels: the means of opposite sides."""
        a, b, c, d = self.corners
        width, height = (math.dist(a, b) + math.dist(d, c)) / 2, (math.dist(a, d) + math.dist(b, c)) / 2
        return max(1, round(width)), max(1, round(height))

    @property
    def quad(self) -> list[float]:
        """The corners as eight numbers, whole ones of an upright rectangle, so that its pixels are copied."""
        digits = None if not self.free and not self.angle else 2
        return [float(round(value, digits)) for corner in self.corners for value in corner]

    def _with_corner(self, number: int, place: Point) -> list[Point]:
        found = list(self.corners)
        found[number] = place
        if self.free:
            return found
        x, y = found[(number + 2) % 4]  # the opposite corner stays
        cosine, sine = _rotation(self.angle)
        across = cosine * (place[0] - x) + sine * (place[1] - y)
        along_x = (x + across * cosine, y + across * sine)
        along_y = (place[0] - across * cosine, place[1] - across * sine)
        before, after = (number - 1) % 4, (number + 1) % 4
        # the neighbour along the row of the opposite corner: corners 0, 1 and 2, 3 are rows
        found[after], found[before] = (along_y, along_x) if number % 2 == 0 else (along_x, along_y)
        return found

    def _move(self, moved: Callable[[float], list[Point]]) -> None:
        self.corners = self._clipped(moved(1.0) if self._is_valid(moved(1.0)) else self._furthest(moved))

    def _clipped(self, corners: list[Point]) -> list[Point]:
        """Corners without what rounding has moved out of the photograph."""
        width, height = self.size
        return [(min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))) for x, y in corners]

    def _furthest(self, moved: Callable[[float], list[Point]]) -> list[Point]:
        """The valid part of the largest share; at share 0 it is valid, or a point."""
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            found = moved(middle)
            ok = self._is_inside(found) if moved(0.0)[0] == moved(0.0)[2] else self._is_valid(found)
            low, high = (middle, high) if ok else (low, middle)
        return moved(low)

    def _is_inside(self, corners: list[Point]) -> bool:
        width, height = self.size
        return all(-_SLACK <= x <= width + _SLACK and -_SLACK <= y <= height + _SLACK for x, y in corners)

    def _is_valid(self, corners: list[Point]) -> bool:
        if not self._is_inside(corners):
            return False
        least = min(LEAST, *self.size)
        sides = [math.dist(corners[k], corners[(k + 1) % 4]) for k in range(4)]
        if min(sides) < least:
            return False
        cosine, sine = _rotation(self.angle)
        (x, y), (u, v) = corners[:2]
        if not self.free and cosine * (u - x) + sine * (v - y) <= 0:  # upside down
            return False
        for k in range(4):  # clockwise, and not flat: each corner is away from the line of its neighbours
            (x, y), (u, v), (s, t) = (corners[(k + i) % 4] for i in range(3))
            if (u - x) * (t - v) - (v - y) * (s - u) < least * least / 2:
                return False
        return True


def _middle(corners: list[Point]) -> Point:
    return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4


def _rotation(degrees: float) -> Point:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
