"""Standard streams that cost no result, whatever state they are in.

A closed stderr would hand its descriptor to the next file that is opened, a full or broken one would end the
work with an error about a message, and one that nobody reads would hold it up for ever. None of them says
anything about the result.
"""

import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

_PATIENCE = 0.5  # seconds that a reader of messages is waited for
_AT_ONCE = getattr(select, "PIPE_BUF", 512)  # bytes that a pipe takes without waiting when it is ready


def settle_streams() -> None:
    """Make sure that descriptors 0 to 2 are open and that nothing written to stderr fails or waits for long.

    `sys.stdout` stays None where stdout is closed: a result that should go there has no place.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    elif type(getattr(sys.stderr.buffer, "raw", sys.stderr.buffer)) is io.FileIO:  # no console of Windows
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Lossy(os.dup(2), "w")),  # ours, see `shield_stderr`
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def shield_stderr() -> None:
    """Keep C libraries from waiting for a reader of stderr, see `silence_libraries`; ours go on."""
    from texot.files.messages import silence_libraries

    if isinstance(getattr(getattr(sys.stderr, "buffer", None), "raw", None), _Lossy):
        silence_libraries()


class _Lossy(io.FileIO):
    """A file that drops what cannot be written to it, or not soon: a pipe that nobody reads gets full."""

    patience = _PATIENCE
    torn = False  # the last thing that was written lacks its end

    def write(self, data: Any) -> int:
        """Write as much as can be; the rest is as good as written."""
        pieces = b"\n" * self.torn + bytes(data)
        done = 0
        with suppress(OSError):
            while done < len(pieces) and self._is_ready():
                done += super().write(pieces[done : done + _AT_ONCE]) or len(pieces)
        self.torn = done < len(pieces) if done else self.torn
        return len(data)

    def _is_ready(self) -> bool:
        """Whether so much can be written without waiting; who did not read is waited for less and less."""
        if sys.platform == "win32":  # whose pipes do not tell
            return True
        ready = bool(select.select([], [self], [], self.patience)[1])
        self.patience = _PATIENCE if ready else self.patience / 2
        return ready
