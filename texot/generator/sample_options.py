"""The options of a sample: which window of which plane, and of which mixture of textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from texot.errors import InputError
from texot.generator.weight_map import Area
from texot.solver.barycentric_weights import Weights, tiled_axes
from texot.solver.options import TILES, check_choice, whole

if TYPE_CHECKING:
    from typing_extensions import Self

_MAX_POSITION = 2**40


class SampleKeywords(TypedDict, total=False):
    """Keywords of `Generator.sample`, for type checkers; see `SampleOptions`."""

    seed: int
    at: tuple[int, int]
    tile: str | None
    weights: Weights | None
    weight_map: Any
    weight_map_area: tuple[int, int, int, int] | None
    finish: str


FINISHES = ("auto", "patches", "none")
"""How samples end, see `SampleOptions.finish`."""


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """The options of a sample.

    Attributes:
        seed: 0 <= seed < 2**63; every seed gives another plane of the texture.
        at: (x, y) of the sample's first pixel on the plane.
        tile: axes along which the plane repeats after the sample's size, so that opposite edges fit: "both",
            "x", "y" or "none". None: "both", without the axes along which a map varies.
        weights: one for each exemplar of the model, not negative; normalised to sum 1. None: equal.
        weight_map: weights that vary: "horizontal", "vertical" or "radial", from the first exemplar at the
            left, the top or the centre to the last, or an image whose black is the first and white the last.
            Not with `weights`.
        weight_map_area: (x, y, width, height) that the map covers in the plane; it is constant beyond.
            None: the sample. Windows of one plane need the same area.
        finish: "patches": patches of the exemplar, which the model has kept, take over along a correspondence
            field; "none": the network's sample; "auto": patches if the model has kept the exemplar.
    """

    seed: int = 0
    at: tuple[int, int] = (0, 0)
    tile: str | None = None
    weights: Weights | None = None
    weight_map: Any = None
    weight_map_area: tuple[int, int, int, int] | None = None
    finish: str = "auto"

    @property
    def axes(self) -> str:
        """The axes along which the sample tiles, one of `TILES`."""
        return tiled_axes(self.weight_map) if self.tile is None else self.tile

    def checked(self) -> Self:
        """The same options, with numbers as plain int.

        Raises:
            InputError: a value that cannot be used.
        """
        check_choice("tile", self.axes, tuple(TILES))
        check_choice("finish", self.finish, FINISHES)
        return replace(
            self, seed=whole("seed", self.seed, 0, 2**63 - 1), at=check_position(self.at), tile=self.axes
        )

    def periods(self, size: tuple[int, int]) -> tuple[int | None, int | None]:
        """The periods of the plane along (y, x), in pixels, for a sample of (width, height)."""
        width, height = size
        y, x = TILES[self.axes]
        return height if y else None, width if x else None

    def area(self, size: tuple[int, int]) -> Area:
        """(y, x, height, width) of the map, for a sample of (width, height).

        Raises:
            InputError: `weight_map_area` is not four integers, or empty.
        """
        if self.weight_map_area is None:
            return self.at[1], self.at[0], size[1], size[0]
        try:
            x, y, width, height = self.weight_map_area
        except (TypeError, ValueError) as error:
            raise InputError(
                f"weight_map_area must be (x, y, width, height), not {self.weight_map_area!r}"
            ) from error
        x, y = check_position((x, y))
        width, height = (
            whole(f"weight_map_area's {name}", length, 1, _MAX_POSITION)
            for name, length in (("width", width), ("height", height))
        )
        return y, x, height, width


def check_position(at: Sequence[int]) -> tuple[int, int]:
    """The position of a window on the plane, as plain int (x, y).

    Raises:
        InputError: not two integers of at most 2**40.
    """
    try:
        x, y = at
    except (TypeError, ValueError) as error:
        raise InputError(f"at must be (x, y), two whole numbers, not {at!r}") from error
    x, y = (
        whole(f"at's {name}", value, -_MAX_POSITION, _MAX_POSITION) for name, value in (("x", x), ("y", y))
    )
    return x, y
