"""The loops of `loops.py`, compiled by numba where it is installed: for results of many patches.

They are compiled in a thread of their own, and taken from numba's cache on disk later. As they make the bytes
that the tensor code makes, it does not matter when they are ready, nor whether they ever are.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import torch

from texot.field import loops

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_IMPROVE = (
    "void(int16[:,::1], int16[:,::1], int32[:,::1], int32[:,::1], int64, int64, int64, int64[::1], "
    "int64[::1], int64[:,::1], int32[:,:,::1], float32[::1], boolean[::1], boolean[::1], int64[::1], "
    "int32[::1], int64)"
)
_VOTE = (
    "void(float32[:,:,::1], float32[:,::1], int64[:,::1], float32[:,::1], float32[:,::1], int64, int64, "
    "int64, int64)"
)


@dataclass(frozen=True)
class Kernels:
    """The compiled loops; they let go of the interpreter's lock."""

    improve: Callable[..., None]
    vote: Callable[..., None]


_kernels: Kernels | None = None
_thread: threading.Thread | None = None


def prepare() -> threading.Thread | None:
    """Begin to compile, unless that was done; the thread that does it, or None without numba."""
    global _thread
    with _lock:
        if _thread is None and importlib.util.find_spec("numba") is not None:
            _thread = threading.Thread(target=_compile, name="texot compiles", daemon=False)
            _thread.start()
        return _thread


def ready() -> Kernels | None:
    """The compiled loops, or None as long as there are none."""
    return _kernels


def report() -> str:
    """Whether loops can be compiled here, in a line; takes a second."""
    thread = prepare()
    if thread is None:
        return "no: numba makes large results faster, pip install 'texot[fast]'"
    thread.join()
    return "no: numba is installed but does not compile" if _kernels is None else "yes, by numba"


def in_bands(call: Callable[[int, int], Any], first: int, last: int) -> None:
    """Call a function with consecutive ranges of rows, as many at a time as torch has threads."""
    count = max(1, min(torch.get_num_threads(), last - first))
    bounds = [first + (last - first) * k // count for k in range(count + 1)]
    if count == 1:
        call(first, last)
        return
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(call, bounds[:-1], bounds[1:]))


def _compile() -> None:
    global _kernels
    try:
        import numba

        def made(signature: str, loop: Callable[..., None]) -> Callable[..., None]:
            try:
                return cast(Callable[..., None], numba.njit([signature], nogil=True, cache=True)(loop))
            except RuntimeError:  # no folder that can be written: compiled anew by every process
                return cast(Callable[..., None], numba.njit([signature], nogil=True)(loop))

        _kernels = Kernels(made(_IMPROVE, loops.improve), made(_VOTE, loops.vote))
    except Exception as error:  # of an installed but broken numba, of its cache: the tensor code goes on
        _logger.warning("numba does not compile the search, which goes on without: %s", str(error)[:200])
