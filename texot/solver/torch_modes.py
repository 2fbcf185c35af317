"""The modes a step of the library runs in, whatever mode its caller is in.

A caller may sit inside `no_grad`, `inference_mode` or `autocast`, or have moved torch's default device. Ours
hold while a step runs and never between steps, in the calling thread only; nothing global is touched. (The
default dtype cannot be held that way: tensors made here name theirs.)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def own_modes() -> Iterator[None]:
    """Gradients on, inference mode and autocast off, new tensors on the CPU unless they say otherwise."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(device, enabled=False))
        if torch.empty(0).device.type != "cpu":  # else spare every call the detour that a mode is
            stack.enter_context(torch.device("cpu"))
        yield


def stepwise(states: Generator[T, None, None]) -> Iterator[T]:
    """Every step of a generator in `own_modes`, its consumer in their own."""
    try:
        while True:
            with own_modes():
                try:
                    state = next(states)
                except StopIteration:
                    return
            yield state
    finally:
        states.close()
