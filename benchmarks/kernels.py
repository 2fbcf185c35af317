"""Speed of the kernels' back ends by shape; each is checked by value first, and a wrong one is not timed.

    python benchmarks/kernels.py --threads 1

Shapes are points x targets x dimension. Times are wall time (or the thread's own, --cpu-time), the best of
several calls after one that compiles and warms up; "ns" is a call's time divided by points x targets. `plain`
is the usual form, 64 rows of the cost matrix at a time with `torch.min`. Targets are kept between calls
(`texot.kernels.Targets`).
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from texot import kernels
from texot.kernels import Targets, reference, shortlist

SHAPES = [
    (65536, 2000, 48),
    (16384, 65536, 48),
    (4096, 65536, 48),
    (4096, 16384, 192),
    (256, 4096, 192),
    (16384, 4096, 12),
]
SOFT_SHAPES = [(16384, 2000, 48), (2000, 16384, 48), (4096, 65536, 48), (1024, 4096, 192)]


clock = time.perf_counter


def problem(n: int, m: int, d: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return points near a low-dimensional set of targets, as patches are, and a potential."""
    g = torch.Generator().manual_seed(0)
    shapes = torch.randn(8, d, generator=g) / 4
    y = 0.5 + torch.randn(m, 8, generator=g) @ shapes / 4 + 0.05 * torch.randn(m, d, generator=g)
    x = y[torch.randint(m, (n,), generator=g)] + 0.05 * torch.randn(n, d, generator=g)
    return x.to(device), y.to(device), (0.1 * torch.rand(m, generator=g)).to(device)


def plain(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """Return the cells as most code finds them."""
    bias = y.square().sum(1) - psi
    rows = 64 if x.device.type == "cpu" else 8192
    return torch.cat([torch.addmm(bias, part, y.T, alpha=-2).min(1).indices for part in x.split(rows)])


def seconds(call: Callable[[], object], least: float, device: str) -> float:
    """Return the best time of at least three calls and `least` seconds."""
    times: list[float] = []
    call()
    while len(times) < 3 or sum(times) < least:
        start = clock()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times)


def excess(cells: Tensor, x: Tensor, y: Tensor, psi: Tensor) -> float:
    """Return how far above its minimum the cost at `cells` is at some points, by the cost's scale."""
    some = torch.linspace(0, len(x) - 1, min(len(x), 200), device=x.device).long()
    cost = reference.squared_distances(x[some].double(), y.double()) - psi.double()
    gap = cost.gather(1, cells[some, None]).squeeze(1) - cost.min(1).values
    return float(gap.max() / cost.abs().max())


def error(value: Tensor, x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float) -> float:
    """Return the largest relative error of a softmin at some points."""
    some = torch.linspace(0, len(x) - 1, min(len(x), 200), device=x.device).long()
    wide = Targets.once(y.double())
    true = reference.softmin(x[some].double(), wide, psi.double(), log_nu.double(), entropy)
    return float((value[some] - true).abs().max() / reference.squared_distances(x[some], y).max())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--seconds", type=float, default=1.0, help="time at least this long a case")
    parser.add_argument("--entropy", type=float, default=0.02)
    parser.add_argument("--backends", nargs="+", default=["tiled", "keops"], choices=kernels.BACKENDS)
    parser.add_argument("--cpu-time", action="store_true", help="for one thread on a machine that is busy")
    options = parser.parse_args()
    if options.cpu_time:
        global clock
        clock = time.thread_time
    torch.set_num_threads(options.threads)
    device = options.device
    where = (
        torch.cuda.get_device_name() if device == "cuda" else f"{platform.processor() or platform.machine()}"
    )
    print(
        f"# {device} ({where}, {torch.backends.cpu.get_cpu_capability()}), {os.cpu_count()} cores, ", end=""
    )
    print(
        f"{options.threads} threads, torch {torch.__version__}, bfloat16 shortlist: {shortlist.available()}"
    )
    print("times: " + ("the thread's own" if options.cpu_time else "wall"))
    print("\nLaguerre cells\nshape\tback end\tms\tns\tspeed of plain\tworst excess")
    for shape in SHAPES:
        x, y, psi = problem(*shape, device)
        ready = Targets(y)
        base = seconds(lambda: plain(x, y, psi), options.seconds, device)  # noqa: B023
        line("x".join(map(str, shape)), "plain", base, shape, base, excess(plain(x, y, psi), x, y, psi))
        for name in options.backends:
            gap = excess(kernels.laguerre_cells(x, ready, psi, backend=name), x, y, psi)
            if gap > 1e-5:
                sys.exit(f"{name} is wrong at {shape}: a cost {gap:.1e} above the minimum")

            def cells(name: str = name) -> Tensor:
                return kernels.laguerre_cells(x, ready, psi, backend=name)  # noqa: B023

            line("", name, seconds(cells, options.seconds, device), shape, base, gap)
    print(f"\nsoft cells, entropy {options.entropy}\nshape\tback end\tms\tns\tof which softmin\tworst error")
    for shape in SOFT_SHAPES:
        x, y, psi = problem(*shape, device)
        ready, log_nu = Targets(y), torch.full_like(psi, -torch.tensor(float(shape[1])).log())
        for name in options.backends:
            arguments = (x, ready, psi, log_nu, options.entropy)
            wrong = error(kernels.soft_cells(*arguments, backend=name)[0], x, y, psi, log_nu, options.entropy)
            if wrong > 1e-4:
                sys.exit(f"{name} is wrong at {shape}: relative error {wrong:.1e}")

            def both(name: str = name) -> object:
                return kernels.soft_cells(*arguments, backend=name)  # noqa: B023

            def value(name: str = name) -> object:
                return kernels.softmin(*arguments, backend=name)  # noqa: B023

            kernels.softmin(*arguments, backend=name)
            whole, part = (seconds(call, options.seconds, device) for call in (both, value))
            label = "x".join(map(str, shape)) if name == options.backends[0] else ""
            print(f"{label:14}\t{name}\t{whole * 1e3:.1f}\t{whole * 1e9 / shape[0] / shape[1]:.3f}", end="")
            print(f"\t{part * 1e3:.1f}\t{wrong:.0e}", flush=True)


def line(label: str, name: str, time_: float, shape: tuple[int, int, int], base: float, gap: float) -> None:
    """Print one row of the first table."""
    each = time_ * 1e9 / shape[0] / shape[1]
    print(f"{label:14}\t{name}\t{time_ * 1e3:.1f}\t{each:.3f}\t{base / time_:.2f}x\t{gap:.0e}", flush=True)


if __name__ == "__main__":
    main()
