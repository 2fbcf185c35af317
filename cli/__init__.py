"""The command line. `main` is the `texot` script and `python -m texot`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 128 + n stopped by signal n (Ctrl-C: 130).
"""

import contextlib
import os
import signal
import sys
import warnings
from types import FrameType

from texot.cli.streams import settle_streams


def main() -> None:
    """Run the command line on sys.argv and exit the process."""
    settle_streams()
    signal.signal(signal.SIGINT, _quit)
    if not sys.warnoptions and not os.environ.get("TEXOT_DEBUG"):
        warnings.simplefilter("ignore")  # other packages' warnings are not for our user's terminal
    from texot.cli.app import texot

    texot.main(prog_name="texot")


def _quit(signum: int, frame: FrameType | None) -> None:
    """Leave at once: while modules are imported there is nothing to keep, and C code may eat exceptions."""
    with contextlib.suppress(OSError, ValueError):  # also of a stream in Python's memory, without a number
        os.write(sys.stderr.fileno(), b"texot: interrupted\n")
    os._exit(130)
