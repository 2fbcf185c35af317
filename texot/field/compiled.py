"""The loops of `loops.py` compiled by numba, if it is installed, for results of many patches.

A background thread compiles them; later processes load them from numba's cache on disk. They give the same
bytes as the tensor code, so it does not matter when they become ready, or whether they do.
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
    """The compiled loops; they release the interpreter lock."""

    improve: Callable[..., None]
    vote: Callable[..., None]


_kernels: Kernels | None = None
_thread: threading.Thread | None = None


def prepare() -> threading.Thread | None:
    """Start to compile, once for each process; return the thread, or None without numba."""
    global _thread
    with _lock:
        if _thread is None and importlib.util.find_spec("numba") is not None:
            _thread = threading.Thread(target=_compile, name="texot compiles", daemon=False)
            _thread.start()
        return _thread


def ready() -> Kernels | None:
    """The compiled loops, or None if they are not ready."""
    return _kernels


def report() -> str:
    """Whether loops can be compiled, as one line of text; takes a second."""
    thread = prepare()
    if thread is None:
        return "no: numba makes large results faster, pip install 'texot[fast]'"
    thread.join()
    return "no: numba is installed but does not compile" if _kernels is None else "yes, by numba"


def in_bands(call: Callable[[int, int], Any], first: int, last: int) -> None:
    """Call a function on consecutive ranges of rows, in as many threads as torch uses."""
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
            except RuntimeError:  # no writable cache folder: every process compiles
                return cast(Callable[..., None], numba.njit([signature], nogil=True)(loop))

        _kernels = Kernels(made(_IMPROVE, loops.improve), made(_VOTE, loops.vote))
    except Exception as error:  # a broken numba or cache must not stop the tensor code
        _logger.warning(
            "numba cannot compile the search; the slower tensor code is used: %s", str(error)[:200]
        )
