"""The palette of label pictures: each colour is the name of a texture."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 64
"""Labels that the library accepts."""
_FIRST = (
    *("#2ca02c", "#e0a030", "#1f77b4", "#d62728", "#9467bd", "#17becf"),
    *("#8c564b", "#e377c2", "#bcbd22", "#606060", "#ffffff", "#000000"),
)
_LEVELS = (64, 160, 255, 0, 112, 208)  # of red, green and blue, when those are used up
_APART = 60  # distance of two colours that are told apart, at first


class LabelPalette:
    """Colours to paint labels with, and which of them paints.

    Attributes:
        colours: as "#rrggbb", no two alike.
        current: index of the one that paints.
    """

    def __init__(self, colours: Sequence[str] = _FIRST[:2]) -> None:
        self.colours, self.current = list(colours), 0

    @property
    def colour(self) -> str:
        """The colour that paints."""
        return self.colours[self.current]

    @property
    def is_full(self) -> bool:
        """Whether no colour can be added."""
        return len(self.colours) >= MOST

    def choose(self, place: int) -> None:
        """Paint with the colour of an index."""
        self.current = min(max(place, 0), len(self.colours) - 1)

    def pick(self, colour: str) -> None:
        """Paint with a colour, which is added if it is new and there is room."""
        if colour not in self.colours and not self.is_full:
            self.colours.append(colour)
        if colour in self.colours:
            self.current = self.colours.index(colour)

    def add(self) -> None:
        """Add a colour unlike the others, and paint with it."""
        if not self.is_full:
            self.colours.append(self._unlike())
            self.current = len(self.colours) - 1

    def show(self, colours: Sequence[str]) -> None:
        """Add the colours of label pictures, up to the limit, before those that nothing has."""
        found = list(dict.fromkeys(colours))[:MOST]
        self.colours = found if len(found) > 1 else [*found, *(c for c in _FIRST if c not in found)][:2]
        self.current = 0

    def _unlike(self) -> str:
        grid = [f"#{r:02x}{g:02x}{b:02x}" for r in _LEVELS for g in _LEVELS for b in _LEVELS]
        unused = [colour for colour in (*_FIRST, *grid) if colour not in self.colours]
        apart = (c for c in unused if all(_distance(c, other) >= _APART for other in self.colours))
        return next(apart, unused[0])


def _distance(a: str, b: str) -> int:
    """The sum of the differences of red, green and blue."""
    return sum(abs(int(a[k : k + 2], 16) - int(b[k : k + 2], 16)) for k in (1, 3, 5))
