"""How materials are shown: one of their maps, or all of them in light.

Materials are folders; their pictures come from the worker on demand. The light moves faster than the worker
shades: one request at a time is under way for each material, and the next one has the latest light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from texot.desktop.job_queue import OpenImage
from texot.desktop.observers import Observers
from texot.desktop.results import Result
from texot.desktop.session import Session

LIT = "lit"
"""The look of all maps in light; other looks are the roles of maps."""
SIDE, FINE_SIDE = 512, 1024
"""Pixels of the longer side of a lit material, at most: while the light moves, and when it rests."""

MIN_ELEVATION = 10
"""Degrees of the light at the edge of the view."""

Shown = OpenImage | Result


@dataclass(frozen=True)
class Light:
    """Where the light is.

    Attributes:
        azimuth: degrees, counterclockwise from the right: 90 is from the top.
        elevation: degrees above the plane, 0 to 90.
    """

    azimuth: float = 135.0
    elevation: float = 45.0

    @classmethod
    def at(cls, x: float, y: float) -> Light:
        """The light of a place in a view: from the viewer in the middle, lower towards the edges.

        Args:
            x, y: from the middle to the right and up, in halves of the view's shorter side.
        """
        distance = min(1.0, math.hypot(x, y))
        azimuth = math.degrees(math.atan2(y, x)) % 360 if distance else cls.azimuth
        return cls(round(azimuth, 1), round(90 - (90 - MIN_ELEVATION) * distance, 1))


class Looks:
    """The pictures of the open material and of the selected result.

    Args:
        session: has both, and asks the worker.

    Attributes:
        look: the role of a map, or `LIT`; empty: the pictures that the session has.
        light: of the look `LIT`.
        changed: there are other pictures, or other looks to choose from.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.look = ""
        self.light = Light()
        self.changed: Observers[[]] = Observers()
        self._side = SIDE
        self._pictures: dict[tuple[Shown, str], Any] = {}
        self._lit: dict[Shown, tuple[Light, int]] = {}  # what the picture of a lit material shows
        self._under_way: set[tuple[Shown, str]] = set()
        self._failed: set[tuple[Shown, str]] = set()
        session.events.image_changed.subscribe(self.update)
        session.events.selection_changed.subscribe(self.update)
        session.events.reference_changed.subscribe(self.update)

    @property
    def choices(self) -> list[str]:
        """The looks that the shown materials have; empty where none is shown."""
        roles = dict.fromkeys(role for shown in self._shown() for role in shown.maps)
        return [*roles, LIT] if roles else []

    @property
    def is_lit(self) -> bool:
        """Whether a material is shown in light."""
        return self.look == LIT and bool(self.choices)

    def picture(self, shown: Shown | None) -> Any:
        """The picture of a material in the present look; None: its own picture, until there is one."""
        return None if shown is None else self._pictures.get((shown, self.look))

    def choose(self, look: str) -> None:
        """Show all materials in another look."""
        self.look = look
        self._failed.clear()  # it may be readable by now
        self.update()

    def move_light(self, light: Light, *, rests: bool = False) -> None:
        """Light the materials from another direction.

        Args:
            light: the direction.
            rests: whether it stays there for now: then the picture is finer.
        """
        self.light, self._side = light, FINE_SIDE if rests else SIDE
        self._ask()

    def update(self) -> None:
        """Forget the pictures of what is not shown any more, and ask for those that are missing."""
        shown = self._shown()
        self._pictures = {key: one for key, one in self._pictures.items() if key[0] in shown}
        self._lit = {key: one for key, one in self._lit.items() if key in shown}
        self._failed = {key for key in self._failed if key[0] in shown}
        self._ask()
        self.changed.notify()

    def _shown(self) -> list[Shown]:
        found = [self._session.image, self._session.reference, self._session.selected]
        return list(dict.fromkeys(one for one in found if one is not None and one.maps))

    def _ask(self) -> None:
        for shown in self._shown():
            key = shown, self.look
            if key in self._under_way or key in self._failed:
                continue
            if self.look == LIT:
                self._ask_lit(shown)
            elif self.look in shown.maps[1:] and key not in self._pictures:  # it has the picture of the first
                self._send(shown, "map", role=self.look)

    def _ask_lit(self, shown: Shown) -> None:
        wanted = self.light, self._side
        if self._lit.get(shown) == wanted:
            return
        self._lit[shown] = wanted
        light = [self.light.azimuth, self.light.elevation]
        self._send(shown, LIT, light=light, side=self._side)

    def _send(self, shown: Shown, do: str, **facts: Any) -> None:
        key = shown, self.look
        self._under_way.add(key)

        def answered(header: dict[str, Any], picture: Any) -> None:
            self._under_way.discard(key)
            if shown in self._shown():
                self._pictures[key] = picture
            self._ask()  # the light has moved since
            self.changed.notify()

        def failed() -> None:
            self._under_way.discard(key)
            self._failed.add(key)
            self._lit.pop(shown, None)

        self._session.ask(do, answered, failed, path=shown.folder, **facts)
