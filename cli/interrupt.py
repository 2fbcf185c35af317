"""Ctrl-C, SIGTERM and SIGHUP save the work: the first ends the loop after its step, a second one at once.

Before there is an image to save they raise `Stopped`; while the image is written they are ignored.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


class Stopped(KeyboardInterrupt):
    """A signal to stop while there is nothing to save.

    Attributes:
        signum: the signal's number.
    """

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__()
        self.signum = signum


def raise_on_signals() -> None:
    """Make signals raise `Stopped`, so that cleanup runs."""
    _handle(_stop)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Restore the earlier signal handlers at the end."""
    before = _handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class CtrlC:
    """Context that catches the signals; `pressed` says that the loop should end.

    Args:
        hurry: whether a second signal interrupts the current step; otherwise the step is finished.

    Attributes:
        pressed: whether a signal arrived.
        signum: the number of the first one.
    """

    def __init__(self, *, hurry: bool = True) -> None:
        self.pressed = False
        self.signum: int = signal.SIGINT
        self._hurry = hurry
        self._keeping = self._ignoring = False

    def __enter__(self) -> "CtrlC":
        self._before = _handlers()
        _handle(self._press)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def keep(self) -> None:
        """From now on there is an image to save."""
        self._keeping, self._ignoring = True, False

    def ignore(self) -> None:
        """Ignore signals from now on."""
        self._ignoring = True

    def _press(self, signum: int, frame: FrameType | None) -> None:
        again, self.pressed = self.pressed, True
        if not again:
            self.signum = signum
        if self._ignoring or (self._keeping and not (again and self._hurry)):
            return
        if self._keeping:
            self._hurry = False  # one is enough: the image is saved next
        raise Stopped(self.signum)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped(signum)


def _handlers() -> "dict[int, Callable[[int, FrameType | None], object] | int | None]":
    """Set the handlers, except in threads, where that is impossible, and for signals ignored by nohup."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in SIGNALS}
    hangup = getattr(signal, "SIGHUP", None)
    return {n: h for n, h in found.items() if h is not None and not (n == hangup and h == signal.SIG_IGN)}


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in _handlers():
        signal.signal(number, handler)
