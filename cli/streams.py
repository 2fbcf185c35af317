"""Standard streams that cost no result, whatever state they are in.

A closed stderr would hand its descriptor to the next file that is opened, and a full or broken one would end
the work with an error about a message. Neither says anything about the result.
"""

import io
import os
import sys
from typing import Any


def settle_streams() -> None:
    """Make sure that descriptors 0 to 2 are open and that nothing written to stderr fails.

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
            io.BufferedWriter(_Lossy(2, "w", closefd=False)),
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


class _Lossy(io.FileIO):
    """A file that drops what cannot be written to it."""

    def write(self, data: Any) -> int:
        """Write as much as can be; the rest is as good as written."""
        try:
            done = super().write(data)
        except OSError:
            done = None
        return len(data) if done is None else done
