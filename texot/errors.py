"""The exceptions texot raises on purpose; the command line prints them as one line.

Every message says what was expected, what arrived and what to do about it.
"""


class TexotError(Exception):
    """Base of every error that texot raises on purpose (command-line exit code 1)."""


class InputError(TexotError, ValueError):
    """An exemplar, mask, array or option value that cannot be used."""


class OutputError(TexotError, OSError):
    """A result that cannot be written where it was asked for."""


class DeviceError(TexotError, RuntimeError):
    """A device or back end that was asked for by name and is not available."""


def one_line(error: BaseException) -> str:
    """An exception's text on one line, or its name where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
