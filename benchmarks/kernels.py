"""Speed of the kernels' back ends by shape, for `benchmarks.speed`; each is checked by value first.

Shapes are points x targets x dimension. Targets are kept between calls (`texot.kernels.Targets`). Operations
are those of the inner products alone: 2 n m d for Laguerre cells, 4 n m d for soft ones, whose means take as
many again. `plain` is the usual form: rows of the cost matrix at a time with `torch.min`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from texot import kernels
from texot.kernels import Targets, reference

Shape = tuple[int, int, int]

SHAPES: tuple[Shape, ...] = (
    (65536, 2000, 48),
    (16384, 65536, 48),
    (4096, 65536, 48),
    (4096, 16384, 192),
    (256, 4096, 192),
    (16384, 4096, 12),
)
SOFT_SHAPES: tuple[Shape, ...] = (
    (16384, 2000, 48),
    (2000, 16384, 48),
    (4096, 65536, 48),
    (1024, 4096, 192),
)
ENTROPY = 0.02
WORST = {"cells": 1e-5, "soft cells": 1e-4}  # error of a kernel that counts as right


@dataclass(frozen=True)
class Timing:
    """One kernel, shape and back end: its error, and seconds of a call, None where the error is too large."""

    kernel: str
    shape: Shape
    backend: str
    error: float
    seconds: float | None

    @property
    def gflops(self) -> float | None:
        """Billions of operations a second."""
        n, m, d = self.shape
        each = 2 if self.kernel == "cells" else 4
        return None if self.seconds is None else each * n * m * d / self.seconds / 1e9


def measure(
    backends: tuple[str, ...], device: str, *, least: float = 1.0, shrink: int = 1
) -> Iterator[Timing]:
    """Time the kernels.

    Args:
        backends: names of `texot.kernels.BACKENDS`.
        device: "cpu" or "cuda".
        least: seconds that a case is repeated for.
        shrink: divides points and targets, to try it.
    """
    for n, m, d in SHAPES:
        yield from _cells((n // shrink, m // shrink, d), backends, device, least)
    for n, m, d in SOFT_SHAPES:
        yield from _soft_cells((n // shrink, m // shrink, d), backends, device, least)


def matmul_peak(device: str, *, least: float = 1.0) -> float:
    """GFLOP/s of torch's product of two square float32 matrices."""
    side = 8192 if device == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: a @ b, least, device) / 1e9


def _cells(shape: Shape, backends: tuple[str, ...], device: str, least: float) -> Iterator[Timing]:
    x, y, psi = _problem(shape, device)
    ready = Targets(y)
    calls: dict[str, Callable[[], Tensor]] = {"plain": lambda: _plain(x, y, psi)}
    for name in backends:
        calls[name] = lambda name=name: kernels.laguerre_cells(x, ready, psi, backend=name)  # type: ignore[misc]
    for name, call in calls.items():
        wrong = _excess(call(), x, y, psi)
        right = wrong <= WORST["cells"] or name == "plain"
        yield Timing("cells", shape, name, wrong, _seconds(call, least, device) if right else None)


def _soft_cells(shape: Shape, backends: tuple[str, ...], device: str, least: float) -> Iterator[Timing]:
    x, y, psi = _problem(shape, device)
    ready, log_nu = Targets(y), torch.full_like(psi, 1 / len(psi)).log()
    for name in backends:

        def call(name: str = name) -> tuple[Tensor, Tensor]:
            return kernels.soft_cells(x, ready, psi, log_nu, ENTROPY, backend=name)

        wrong = _error(call()[0], x, y, psi, log_nu)
        right = wrong <= WORST["soft cells"]
        yield Timing("soft cells", shape, name, wrong, _seconds(call, least, device) if right else None)


def _problem(shape: Shape, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Points near a low-dimensional set of targets, as patches are, and a potential."""
    n, m, d = shape
    g = torch.Generator().manual_seed(0)
    shapes = torch.randn(8, d, generator=g) / 4
    y = 0.5 + torch.randn(m, 8, generator=g) @ shapes / 4 + 0.05 * torch.randn(m, d, generator=g)
    x = y[torch.randint(m, (n,), generator=g)] + 0.05 * torch.randn(n, d, generator=g)
    return x.to(device), y.to(device), (0.1 * torch.rand(m, generator=g)).to(device)


def _plain(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """The cells as most code finds them."""
    bias = y.square().sum(1) - psi
    rows = 64 if x.device.type == "cpu" else 8192
    return torch.cat([torch.addmm(bias, part, y.T, alpha=-2).min(1).indices for part in torch.split(x, rows)])


def _seconds(call: Callable[[], object], least: float, device: str) -> float:
    """The best time of at least three calls and `least` seconds, after one that compiles and warms up."""
    times: list[float] = []
    call()
    while len(times) < 3 or sum(times) < least:
        if device == "cuda":
            torch.cuda.synchronize()
        begun = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return min(times)


def _excess(cells: Tensor, x: Tensor, y: Tensor, psi: Tensor) -> float:
    """How far above its minimum the cost at `cells` is at some points, by the cost's scale."""
    some = torch.linspace(0, len(x) - 1, min(len(x), 200), device=x.device).long()
    cost = reference.squared_distances(x[some].double(), y.double()) - psi.double()
    gap = cost.gather(1, cells[some, None]).squeeze(1) - cost.min(1).values
    return float(gap.max() / cost.abs().max())


def _error(value: Tensor, x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor) -> float:
    """The largest relative error of a softmin at some points."""
    some = torch.linspace(0, len(x) - 1, min(len(x), 200), device=x.device).long()
    wide = Targets.once(y.double())
    true = reference.softmin(x[some].double(), wide, psi.double(), log_nu.double(), ENTROPY)
    return float((value[some] - true).abs().max() / reference.squared_distances(x[some], y).max())
