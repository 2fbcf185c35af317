"""Callbacks that a model calls when it changes, so that it needs no toolkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

P = ParamSpec("P")


class Observers(Generic[P]):
    """A list of callbacks with the same arguments."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[P, object]] = []

    def subscribe(self, callback: Callable[P, object]) -> None:
        """Call `callback` at each `notify`, after the callbacks that were subscribed before."""
        self._callbacks.append(callback)

    def notify(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call all callbacks."""
        for callback in self._callbacks:
            callback(*args, **kwargs)
