"""The command line. `main` is the `texot` script and `python -m texot`.

Exit codes: 0 done, 1 failed, 2 wrong usage, 128 + n stopped by signal n (Ctrl-C: 130).
"""

import contextlib
import os
import signal
import sys
import warnings
from types import FrameType

from texot.cli.calling import wants_json
from texot.cli.streams import settle_streams


def main() -> None:
    """Run the command line on sys.argv and exit the process."""
    settle_streams()
    signal.signal(signal.SIGINT, _quit)
    if not sys.warnoptions and not os.environ.get("TEXOT_DEBUG"):
        warnings.simplefilter("ignore")  # users need not see warnings of other packages
    from texot.cli.app import texot

    texot.main(prog_name="texot")


def _quit(signum: int, frame: FrameType | None) -> None:
    """Exit at once: during imports there is no work to save, and C code may swallow exceptions."""
    line = b"texot: interrupted"
    if wants_json(sys.argv[1:]):
        line = b'{"event": "interrupted", "message": "interrupted before the work began", "exit_code": 130}'
    with contextlib.suppress(OSError, ValueError):  # also for in-memory streams without a descriptor
        os.write(sys.stderr.fileno(), line + b"\n")
    os._exit(130)
