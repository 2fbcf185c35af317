"""The exceptions texot raises on purpose; the command line prints them as one line.

Every message says what was expected, what arrived and what to do about it. What arrived is quoted with at
most 200 characters.
"""

from __future__ import annotations

import re

_MAX_QUOTED, _MAX_LENGTH = 200, 1000
_CHARACTER = r"(?:\\.|(?!(?P=open))[^\\])"
_QUOTED = re.compile(
    rf"(?P<open>'|\")(?P<start>{_CHARACTER}{{{_MAX_QUOTED - 3}}}){_CHARACTER}{{4,}}(?P=open)", re.DOTALL
)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text for people: what a terminal would obey, and what no encoding has, is written as an escape."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def quoted(value: object) -> str:
    """What was given, as Python writes it, in at most 200 characters."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - 3] + "..."


def short(text: str) -> str:
    """A message in which what is quoted has at most 200 characters, and that has at most 1000."""
    text = _QUOTED.sub(r"\g<open>\g<start>...\g<open>", text)
    return (
        text
        if len(text) <= _MAX_LENGTH
        else f"{text[: _MAX_LENGTH // 2]} ... {text[-_MAX_LENGTH // 2 + 5 :]}"
    )


class TexotError(Exception):
    """Base of every error that texot raises on purpose (command-line exit code 1)."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(short(arg) if isinstance(arg, str) else arg for arg in args))


class InputError(TexotError, ValueError):
    """An exemplar, mask, array or option value that cannot be used."""


class OutputError(TexotError, OSError):
    """A result that cannot be written where it was asked for."""


class DeviceError(TexotError, RuntimeError):
    """A device or back end that was asked for by name and is not available."""


def one_line(error: BaseException) -> str:
    """An exception's text on one line, or its name where it has none."""
    return printable(" ".join(str(error).split())) or type(error).__name__
