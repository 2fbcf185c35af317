"""Validation of JSON in files, which may be hostile: plain values of bounded size.

Known facts have a type, a range and a length. Unknown ones, from later versions, must be plain and bounded
too. All numbers are finite, and all text is printable, without control characters that a terminal would
interpret.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from texot.errors import printable

Check = Callable[[Any], bool]
"""A predicate for the valid values of a fact."""

_MAX_DIGITS = 20  # of an integer
_MAX_TEXT, _MAX_KEY, _MAX_ENTRIES, _MAX_DEPTH = 10_000, 100, 10_000, 4
_LARGEST = 1e30
_STEPS = 2**31 - 1
_MAX_STEPS = 10**6  # maximal value of options that count steps


def parse_json(text: str, *, finite: bool = True) -> Any:
    """The value of a JSON text.

    Args:
        text: JSON.
        finite: whether NaN, infinities and overflows are refused.

    Raises:
        ValueError: not JSON, nested too deeply, or a number out of range.
    """
    try:
        return json.loads(
            text,
            parse_constant=_no_constant if finite else None,
            parse_float=_finite if finite else None,
            parse_int=_bounded,
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def check_facts(facts: object) -> dict[str, Any]:
    """Validate facts and return them.

    Raises:
        ValueError: an invalid fact; the message names it.
    """
    if not isinstance(facts, dict) or len(facts) > _MAX_KEY:
        raise ValueError("its facts are not an object, or too many")
    for name, value in facts.items():
        if not (_text(_MAX_KEY)(name) and _plain(value) and KNOWN.get(name, _plain)(value)):
            raise ValueError(f"its fact {printable(str(name))[:_MAX_KEY]!r} is not one that texot writes")
    return facts


def is_text(value: object, most: int = _MAX_TEXT) -> bool:
    """Whether this is printable text of bounded length; line breaks and tabs are allowed."""
    if not isinstance(value, str) or len(value) > most:
        return False
    flat = " ".join(value.split())
    return printable(flat) == flat


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:_MAX_DIGITS]} is out of range")
    return value


def _bounded(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("a whole number is out of range")
    return int(text)


def _text(most: int) -> Check:
    return lambda value: is_text(value, most)


def _whole(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _real(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _LARGEST


def _flag(value: Any) -> bool:
    return type(value) is bool


def _none_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list(check: Check, least: int, most: int) -> Check:
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(check, value))


def _either(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _plain(value: Any, depth: int = 0) -> bool:
    """Whether this is a plain value of bounded size."""
    if value is None or _flag(value) or is_text(value):
        return True
    if type(value) is int:
        return bool(abs(value) < 2**63)
    if isinstance(value, float):
        return math.isfinite(value)
    if depth == _MAX_DEPTH or not isinstance(value, list | dict) or len(value) > _MAX_ENTRIES:
        return False
    if isinstance(value, dict):
        return all(_text(_MAX_KEY)(key) and _plain(part, depth + 1) for key, part in value.items())
    return all(_plain(part, depth + 1) for part in value)


_HASH = _text(64)
_SIZE = _list(_whole(1, 2**31 - 1), 2, 2)
KNOWN: dict[str, Check] = {
    "texot": _text(100),
    "torch": _text(100),
    "algorithm": _whole(1, 1000),
    "job": _text(40),
    "mode": _text(10),
    "device": _text(20),
    "preset": _text(40),
    "objective": _text(40),
    "seed": _whole(0, 2**63 - 1),
    "threads": _whole(1, 4096),
    "size": _SIZE,
    "exemplar_size": _none_or(_either(_SIZE, _whole(1, 2**31 - 1))),  # of a model, or of an option
    "quad": _list(_real, 8, 8),
    "image_size": _none_or(_whole(1, 2**31 - 1)),
    "exemplar_part": _none_or(_whole(1, 2**31 - 1)),
    "at": _list(_whole(-(2**40), 2**40), 2, 2),
    "weight_map_area": _none_or(_list(_whole(-(2**40), 2**40), 4, 4)),
    "weights": _none_or(_list(_real, 1, 100)),
    "proportions": _none_or(_list(_real, 1, 100)),
    "blend_scale": _real,
    "guide_strength": _real,
    "symmetry": _text(20),
    "stopped_at": _none_or(_whole(1, _STEPS)),
    "loss": _none_or(_real),
    "dual_gap": _none_or(_real),
    "total_step": _whole(0, _STEPS),
    "total_steps": _whole(0, _STEPS),
    "plan_steps": _list(_whole(0, _STEPS), 1, 100),
    "attempts": _whole(1, 1000),
    "steps": _none_or(_whole(1, _STEPS)),
    "n_scales": _none_or(_whole(1, 2**31 - 1)),
    "n_iter": _none_or(_whole(1, _MAX_STEPS)),
    "psi_steps": _none_or(_whole(0, _MAX_STEPS)),
    "patch_size": _none_or(_whole(1, _MAX_STEPS)),
    "time_limit": _none_or(_real),
    "lr": _none_or(_real),
    "entropy": _none_or(_real),
    "copy": _flag,
    "maps": _list(_text(20), 1, 20),
    "map_weight": lambda value: isinstance(value, dict) and all(map(_real, value.values())),
    "naming": _text(20),
    "handover": _list(_text(10), 0, 2),
    "flip_normal_y": _flag,
    "flatten": _flag,
    "mix": _list(_real, 1, 100),
    "early_stop": _flag,
    "deep_features": _flag,
    "exemplar_sha256": _none_or(_either(_HASH, _list(_HASH, 1, 100))),
    **{
        name: _none_or(_HASH)
        for name in (
            "image_sha256",
            "hole_sha256",
            "source_sha256",
            "map_sha256",
            "weight_map_sha256",
            "init_sha256",
            "weights_map_sha256",
            "labels_sha256",
            "target_labels_sha256",
            "guide_sha256",
            "guide_exemplar_sha256",
            "rotation_map_sha256",
            "scale_map_sha256",
        )
    },
}
"""Predicates for the facts of models and the settings of PNGs, by name."""
