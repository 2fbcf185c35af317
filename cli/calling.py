"""What other programs call texot by: the handshake, the file that cancels, the picture of the work so far.

`docs/calling.md` describes the protocol. It has a number, which rises if a field or its meaning is removed.
"""

import _thread
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from texot._version import ALGORITHM, __version__
from texot.errors import OutputError

if TYPE_CHECKING:
    from torch import Tensor

    from texot import State

PROTOCOL = 1
"""Number of the protocol."""

_POLL = 0.1  # seconds between two looks for the file that cancels
_PREVIEW_SIDE = 512  # pixels of the longer side of a preview, at most
_PREVIEW_INTERVAL = 1.0  # seconds between two previews, at least
_PREVIEW_SHARE = 0.05  # of the time, at most, that previews take

Picture = Callable[["State"], "Tensor"]
"""The image of a state that people see, (1 or 3, H, W) in [0, 1]."""


def handshake(commands: Iterable[str]) -> dict[str, Any]:
    """What `texot --version --json` prints.

    Args:
        commands: names of the commands.
    """
    return {
        "texot": __version__,
        "algorithm": ALGORITHM,
        "protocol": PROTOCOL,
        "commands": sorted(commands),
        "python": platform.python_version(),
        "executable": sys.executable,
    }


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, so that errors before the work are JSON too."""
    given = list(arguments)
    given = given[: given.index("--")] if "--" in given else given
    return "--json" in given or "--progress=json" in given or ("--progress", "json") in pairwise(given)


class CancelFile:
    """Context that looks for a file, and does what Ctrl-C does once it is there.

    Args:
        path: the file, or None.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="texot-cancel-file", daemon=True)

    def __enter__(self) -> "CancelFile":
        if self._path is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        if self._path is not None:
            self._thread.join()

    def _watch(self) -> None:
        assert self._path is not None
        while not self._end.is_set():
            if self._path.exists():
                _interrupt()
                return
            self._end.wait(_POLL)


def _interrupt() -> None:
    """Send SIGINT to the main thread."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)  # which ends waiting for a lock, too
    else:
        _thread.interrupt_main()


class Preview:
    """Writes the image so far to a file now and then.

    Args:
        path: the file, a PNG, or None.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._next = 0.0

    def write(self, state: "State", picture: Picture) -> Path | None:
        """Write the image of a state, unless the last one was written a moment ago.

        Returns:
            The file if it was written.

        Raises:
            OutputError: the file cannot be written. The next calls do nothing then.
        """
        begun = time.monotonic()
        if self._path is None or (begun < self._next and state.total_step < state.total_steps):
            return None
        path = self._path
        try:
            self._write(picture(state), path)
        except OutputError:
            self._path = None
            raise
        spent = time.monotonic() - begun
        self._next = begun + max(_PREVIEW_INTERVAL, spent / _PREVIEW_SHARE)
        return path

    @staticmethod
    def _write(image: "Tensor", path: Path) -> None:
        from torch.nn.functional import interpolate

        from texot.files.whole import write_whole
        from texot.files.write import encode_image

        height, width = image.shape[1:]
        factor = min(1.0, _PREVIEW_SIDE / max(height, width))
        if factor < 1:
            size = max(1, round(height * factor)), max(1, round(width * factor))
            image = interpolate(image[None], size, mode="area")[0]
        write_whole(path, encode_image(image))


def shown(state: "State") -> "Tensor":
    """The image of a state without alpha; of more than 4 channels the first 3."""
    image = state.image
    return image[:3] if len(image) >= 3 else image[:1]
