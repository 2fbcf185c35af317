"""Errors as one line on stderr and an exit code, never as a traceback.

Exit codes: 2 wrong usage, 128 + n signal n (Ctrl-C: 130), 1 other errors. TEXOT_DEBUG=1 shows the traceback
of an unexpected error.
"""

import contextlib
import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from texot.cli.calling import wants_json
from texot.cli.interrupt import signals_restored
from texot.errors import DeviceError, InputError, OutputError, TexotError, short

MEMORY_ADVICE = "out of memory: ask for a smaller --size, or use --device cpu if the GPU ran out"


class Interrupted(click.ClickException):
    """Ctrl-C or another signal to stop, with a message about the saved work.

    Args:
        message: what was saved.
        signum: the signal's number.
    """

    exit_code: int  # type: ignore[misc]  # click has one exit code for the class

    def __init__(
        self,
        message: str = "interrupted before there was an image to keep",
        signum: int = signal.SIGINT,
    ) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum

    @classmethod
    def of(cls, error: KeyboardInterrupt) -> "Interrupted":
        """The message if nothing was saved."""
        return cls(signum=getattr(error, "signum", signal.SIGINT))


class OneLineErrors(click.Group):
    """A click group whose `main` turns every exception into one line and an exit code."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run and exit; click's own `main` spreads usage errors over several lines."""
        code: object
        given = kwargs.get("args") or (args[0] if args else None)
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            code = error.exit_code
        except Exception as error:  # outermost frame: otherwise there would be a traceback
            code = exit_code(error)
            as_json = wants_json(sys.argv[1:] if given is None else given)
            line = json_line(error_event(error)) if as_json else f"texot: {one_line(error)}"
            print(line, file=sys.stderr)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would answer Ctrl-C with a blank line and exit code 1."""
        try:
            with signals_restored():
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted.of(error) from error


def exit_code(error: Exception) -> int:
    """The process's exit code for an error."""
    return error.exit_code if isinstance(error, click.ClickException) else 1


def error_event(error: Exception) -> dict[str, Any]:
    """An error as the last object of `--progress json`."""
    if isinstance(error, Interrupted):
        return {"event": "interrupted", "message": one_line(error), "exit_code": error.exit_code}
    kinds: dict[str, Any] = {
        "usage": click.UsageError,
        "input": (InputError, click.FileError),
        "output": OutputError,
        "device": DeviceError,
        "memory": MemoryError,
    }
    kind = next((kind for kind, classes in kinds.items() if isinstance(error, classes)), "other")
    kind = "memory" if _is_torch_memory_error(error) else kind
    return {"event": "error", "kind": kind, "message": one_line(error), "exit_code": exit_code(error)}


def json_line(value: Any) -> str:
    """A value as JSON on one line; null for nan and inf, which JSON does not have."""

    def plain(part: Any) -> Any:
        if isinstance(part, float) and not math.isfinite(part):
            return None
        if isinstance(part, dict):
            return {key: plain(own) for key, own in part.items()}
        return [plain(own) for own in part] if isinstance(part, list | tuple) else part

    return json.dumps(plain(value), default=str, allow_nan=False)


def one_line(error: Exception) -> str:
    """The message of an error on one line: what was wrong, and what to do.

    Raises:
        Exception: the error itself, if it is a bug and TEXOT_DEBUG is set.
    """
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "texot"
        text = f"{error.format_message().rstrip('.')} (see '{command} --help')"
    elif isinstance(error, click.ClickException):
        text = error.format_message()
    elif isinstance(error, TexotError):
        text = str(error)
    elif isinstance(error, MemoryError) or _is_torch_memory_error(error):
        text = MEMORY_ADVICE
    elif isinstance(error, ImportError):
        text = f"{error}: install texot again, with its dependencies"
    elif isinstance(error, OSError):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    elif os.environ.get("TEXOT_DEBUG"):
        raise error
    else:
        text = (
            f"this is a bug in texot, please report it: {type(error).__name__}: {error} "
            "(TEXOT_DEBUG=1 shows the traceback)"
        )
    return " ".join(short(text).split())


@contextlib.contextmanager
def bad_option(name: str) -> Iterator[None]:
    """Report the library's error about an option's value as wrong usage of that option."""
    try:
        yield
    except TexotError as error:
        raise click.BadParameter(str(error), click.get_current_context(), param_hint=f"'{name}'") from error


def _is_torch_memory_error(error: Exception) -> bool:
    """torch reports memory as a RuntimeError: a subclass on CUDA, on the CPU only by its message."""
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    )
