"""Ctrl-C that keeps the work: the first press ends the loop after its step, a second one at once.

Until there is an image to keep, Ctrl-C is the usual KeyboardInterrupt; while the image is written, nothing.
"""

import signal
import threading
from types import FrameType, TracebackType


class CtrlC:
    """Context that catches SIGINT; `pressed` says that the loop should end."""

    def __init__(self) -> None:
        self.pressed = False
        self._keeping = self._ignoring = False

    def __enter__(self) -> "CtrlC":
        self._main = threading.current_thread() is threading.main_thread()  # signal refuses elsewhere
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def keep(self) -> None:
        """From now on there is an image to keep."""
        self._keeping = True

    def ignore(self) -> None:
        """From now on no press matters."""
        self._ignoring = True

    def _press(self, signum: int, frame: FrameType | None) -> None:
        second, self.pressed = self.pressed, True
        if not self._ignoring and (second or not self._keeping):
            raise KeyboardInterrupt
