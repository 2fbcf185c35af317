"""Torch modes in which the library's steps run, independent of the caller's.

The caller may be inside `no_grad`, `inference_mode` or `autocast`, or may have set torch's default device.
The library's modes apply while a step runs and never between steps, in the calling thread only. Nothing
global changes. (The default dtype cannot be isolated in this way; all tensors are created with an explicit
dtype.)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def own_modes() -> Iterator[None]:
    """Gradients on, inference mode and autocast off, new tensors on the CPU by default."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(device, enabled=False))
        if torch.empty(0).device.type != "cpu":  # a mode costs every call some time
            stack.enter_context(torch.device("cpu"))
        yield


def stepwise(states: Generator[T, None, None]) -> Iterator[T]:
    """Run every step of a generator in `own_modes`; the consumer keeps its modes."""
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
