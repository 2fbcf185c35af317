"""Protect the work from bad standard streams.

The descriptor of a closed stderr would be reused by the next opened file; writing to a full or broken one
would end the work with an error; one without a reader would block forever. None of these should affect the
result.
"""

import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

_PATIENCE = 0.5  # seconds to wait for a reader of messages
_AT_ONCE = getattr(select, "PIPE_BUF", 512)  # bytes that a ready pipe accepts without blocking


def settle_streams() -> None:
    """Make sure that descriptors 0 to 2 are open and that nothing written to stderr fails or waits for long.

    `sys.stdout` stays None if stdout is closed: then a result cannot be written there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif type(getattr(sys.stderr.buffer, "raw", sys.stderr.buffer)) is io.FileIO:  # not a Windows console
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(os.dup(2), "w")),  # a private copy, see `shield_stderr`
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def shield_stderr() -> None:
    """Keep C libraries from blocking on stderr, see `silence_libraries`; texot's messages still appear."""
    from texot.files.messages import silence_libraries

    if isinstance(getattr(getattr(sys.stderr, "buffer", None), "raw", None), _Lossy):
        silence_libraries()


class _Lossy(io.FileIO):
    """A file that drops what cannot be written soon, for example to a full pipe without a reader."""

    patience = _PATIENCE
    torn = False  # the last write was incomplete

    def write(self, data: Any) -> int:
        """Write as much as possible; the rest counts as written."""
        pieces = b"\n" * self.torn + bytes(data)
        done = 0
        with suppress(OSError):
            while done < len(pieces) and self._is_ready():
                done += super().write(pieces[done : done + _AT_ONCE]) or len(pieces)
        self.torn = done < len(pieces) if done else self.torn
        return len(data)

    def _is_ready(self) -> bool:
        """Whether this can be written without blocking; the timeout decreases if the reader was slow."""
        if sys.platform == "win32":  # its pipes cannot be polled
            return True
        ready = bool(select.select([], [self], [], self.patience)[1])
        self.patience = _PATIENCE if ready else self.patience / 2
        return ready
