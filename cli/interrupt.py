"""Ctrl-C, SIGTERM and SIGHUP that keep the work: the first ends the loop after its step, a second at once.

Until there is an image to keep, they raise `Stopped`; while the image is written, they do nothing.
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
    """A signal that asks to end, where there is nothing to keep.

    Attributes:
        signum: its number.
    """

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__()
        self.signum = signum


def raise_on_signals() -> None:
    """From now on signals raise `Stopped`, so that cleaning up works."""
    _handle(_stop)


@contextmanager
def signals_restored() -> Iterator[None]:
    """Put back, in the end, what signals did before."""
    before = _handlers()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class CtrlC:
    """Context that catches the signals; `pressed` says that the loop should end.

    Args:
        hurry: whether a second signal ends a step in its midst; without, the step is always finished.

    Attributes:
        pressed: whether one came.
        signum: the number of the first that came.
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
        """From now on there is an image to keep."""
        self._keeping, self._ignoring = True, False

    def ignore(self) -> None:
        """From now on no signal matters."""
        self._ignoring = True

    def _press(self, signum: int, frame: FrameType | None) -> None:
        again, self.pressed = self.pressed, True
        if not again:
            self.signum = signum
        if self._ignoring or (self._keeping and not (again and self._hurry)):
            return
        if self._keeping:
            self._hurry = False  # one is enough: what follows is the saving
        raise Stopped(self.signum)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise Stopped(signum)


def _handlers() -> "dict[int, Callable[[int, FrameType | None], object] | int | None]":
    """What signals do; nothing in a thread, where they cannot be changed, and none that nohup ignores."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in SIGNALS}
    hangup = getattr(signal, "SIGHUP", None)
    return {n: h for n, h in found.items() if h is not None and not (n == hangup and h == signal.SIG_IGN)}


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in _handlers():
        signal.signal(number, handler)
