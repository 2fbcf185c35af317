"""The record in a PNG of how it was made: two JSON texts.

"texot" is an object with the settings. "texot-losses" is the loss curve, a list of at most 200
[scale, step, loss]: scale 0 is the finest, steps count from 1 over all scales. There are no times and no
paths, so that the same work gives the same bytes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from texot.errors import InputError, one_line, printable
from texot.files.schema import check_facts, parse_json
from texot.files.source import opened

SETTINGS, LOSSES = "texot", "texot-losses"
N_POINTS = 200  # maximal points of a loss curve: a few kB
_DIGITS = 5
_MAX_BYTES = 2**20  # of a file of settings


class LossPoint(NamedTuple):
    """A point of a loss curve: scale, step over all scales from 1, loss (finite)."""

    scale: int
    step: int
    loss: float


def loss_curve(losses: Sequence[tuple[int, float]]) -> list[LossPoint]:
    """At most 200 evenly spaced steps, including the first and the last.

    Args:
        losses: (scale, loss) of every step, in order. Values that are not finite are left out.
    """
    last, count = len(losses) - 1, min(len(losses), N_POINTS)
    chosen = [round(k * last / (count - 1)) for k in range(count)] if count > 1 else range(count)
    points = ((losses[step], step + 1) for step in chosen)
    return [
        LossPoint(scale, step, float(f"{loss:.{_DIGITS}g}"))
        for (scale, loss), step in points
        if math.isfinite(loss)
    ]


def png_text(settings: Mapping[str, Any], losses: Sequence[tuple[int, float]] = ()) -> dict[str, str]:
    """The PNG texts with settings and losses, for `write_image`.

    Args:
        settings: plain JSON values. File names are made printable.
        losses: (scale, loss) of every step; if empty, their text is omitted.
    """
    shown = {key: printable(value) if isinstance(value, str) else value for key, value in settings.items()}
    text = {SETTINGS: json.dumps(shown, sort_keys=True)}
    if curve := loss_curve(losses):
        text[LOSSES] = json.dumps(curve, separators=(",", ":"))
    return text


def read_record(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[LossPoint]]:
    """The settings in a PNG written by texot, and its loss curve, which is empty if missing or damaged.

    Raises:
        InputError: the file cannot be read or has no settings.
    """
    from texot.files.decode import read_png_text

    name, texts = os.fsdecode(path), read_png_text(path)
    if SETTINGS not in texts:
        raise InputError(f"{name}: expected a PNG that texot wrote, but it holds no texot settings")
    try:
        settings = check_facts(parse_json(texts[SETTINGS]))
    except ValueError as error:
        found = f"{name}: its texot settings are damaged ({one_line(error)})"
        raise InputError(f"{found}: replay needs the file as texot wrote it") from error
    try:
        points = parse_json(texts.get(LOSSES, "[]"))
    except ValueError:
        points = None
    whole = isinstance(points, list) and len(points) <= N_POINTS and all(_is_point(point) for point in points)
    return settings, [LossPoint(*point) for point in points] if whole else []


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings of a material, which are a JSON file next to its maps.

    Raises:
        InputError: the file cannot be read or holds no settings.
    """
    with opened(os.fsdecode(path)) as (stream, label, _):
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise InputError(
            f"{label} holds more than the settings of a material: give the file as texot wrote it"
        )
    try:
        return check_facts(parse_json(data.decode()))
    except ValueError as error:
        raise InputError(f"{label}: its texot settings are damaged ({one_line(error)})") from error


def _is_point(value: Any) -> bool:
    """Whether a value is a valid [scale, step, loss]."""
    if not isinstance(value, list) or [type(part) for part in value[:2]] != [int, int] or len(value) != 3:
        return False
    scale, step, loss = value
    known = 0 <= scale < 100 and 1 <= step < 2**31
    return known and type(loss) in (int, float) and abs(loss) <= 1e30
