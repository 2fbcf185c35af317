"""Messages that C libraries write to stderr, such as libtiff's about a damaged file."""

from __future__ import annotations

import os
import stat


def silence_libraries() -> None:
    """Redirect descriptor 2 to the null device if it is a pipe or socket: without a reader, writing would
    block.

    Only for texot's own processes, whose messages use another descriptor. TEXOT_DEBUG disables it, so that
    the messages of a crash are visible.
    """
    kind = os.fstat(2).st_mode
    if os.environ.get("TEXOT_DEBUG") or not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
