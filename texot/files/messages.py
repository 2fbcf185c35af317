"""What C libraries write by themselves while they read a file: libtiff's lines about a damaged one."""

from __future__ import annotations

import os
import stat


def silence_libraries() -> None:
    """Lead descriptor 2 nowhere, where it is a pipe or socket: nobody may read it, and they would wait.

    For processes of ours alone, whose own messages go through another descriptor. TEXOT_DEBUG leaves all as
    it is, so that a crash can say why.
    """
    kind = os.fstat(2).st_mode
    if os.environ.get("TEXOT_DEBUG") or not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
