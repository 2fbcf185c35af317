"""How fast everything is, in one table: kernels, jobs by size, training, sampling; with peak memory.

    python -m benchmarks.speed                                    # CPU and, where there is one, CUDA
    python -m benchmarks.speed --part jobs --side 256 --device cpu

Kernels are timed in this process, beside torch's matrix product in the same run; everything else is the
command line in a process of its own, from start to exit, whose peak memory the system tells. Nothing is timed
before its result has been checked, and no speed is told of what is wrong. But for the kernels, what the table
has of this code, machine and threads is not measured again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch

from benchmarks import kernels
from benchmarks.common import RESULTS, Row, Table, markdown, stamp, warn_if_busy, write_page
from benchmarks.speed_jobs import JOBS, TrainedModel, check_job, run_job
from texot.kernels import BackendError, resolve_backend

PARTS = ("kernels", "jobs", "training", "sampling")
SAMPLED = (1024, 2048, 4096, 16384)  # pixels a side
COLUMNS = ("what", "size", "device", "backend", "seconds", "rate", "unit", "share", "peak_mb")
LEGEND = """\
Seconds: of one call of a kernel, the best of several; of a process from start to exit. Rate of a kernel: the
operations of its inner products alone, in the time of all of it; share: of the rate of torch's product of
float32 matrices in the same run, the device's first row (above 1 is possible: bfloat16 finds candidates).
Size of a job: pixels a side of its images; inpaint fills a hole a quarter as wide. Rate of training: steps of
the finest stage, of the default network on 128 px, with deep features where their weights are installed.
Peak MB: resident memory of the process, not a GPU's."""


@dataclass(frozen=True)
class Setting:
    """Where and how something runs: a device, a back end and threads."""

    device: str
    backend: str
    threads: int | None

    @property
    def flags(self) -> tuple[str, ...]:
        """Options of the command line that mean it."""
        return ("--device", self.device, "--backend", self.backend)


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Default: all.")
@click.option("--device", "devices", multiple=True, type=click.Choice(["cpu", "cuda"]), help="Default: all.")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    type=click.Choice(["tiled", "keops", "reference"]),
    help="Default: tiled and KeOps; of jobs on the CPU tiled, as by itself.",
)
@click.option("--side", "sides", multiple=True, type=click.IntRange(64), help="Of jobs; 128, 256, 512.")
@click.option("--steps", type=click.IntRange(12), default=60, show_default=True, help="Of training.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="A kernel is repeated for.")
@click.option("--shrink", type=click.IntRange(1), default=1, help="Divide kernels' shapes, samples' sides.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default: torch's.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
def main(
    parts: tuple[str, ...],
    devices: tuple[str, ...],
    backends: tuple[str, ...],
    sides: tuple[int, ...],
    steps: int,
    seconds: float,
    shrink: int,
    threads: int | None,
    results: Path,
) -> None:
    """Add what is missing to speed.csv and write speed.md."""
    warn_if_busy()
    if threads:
        torch.set_num_threads(threads)
    sheet = _Sheet(Table(results / "speed.csv", COLUMNS), stamp(threads))
    for device in devices or ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        usable = _usable(backends or ("tiled", "keops"), device)
        settings = [Setting(device, name, threads) for name in usable]
        if not backends and device == "cpu":
            settings = [one for one in settings if one.backend == "tiled"]
        if "kernels" in (parts or PARTS):
            _kernels(sheet, usable, device, seconds, shrink)
        with tempfile.TemporaryDirectory() as folder:
            for setting in settings:
                if "jobs" in (parts or PARTS):
                    _jobs(sheet, setting, sides or (128, 256, 512), Path(folder))
                _generator(sheet, setting, parts or PARTS, steps, shrink, Path(folder))
    write_page(results / "speed.md", "Speed", sheet.where, [*sheet.lines(), "", LEGEND])


def _usable(backends: tuple[str, ...], device: str) -> tuple[str, ...]:
    """Those that work here; the others are named."""
    found = []
    for name in backends:
        try:
            found.append(resolve_backend(name, device, 4096, 4096, 48))
        except BackendError as error:
            click.echo(f"{name} is left out on {device}: {error}", err=True)
    return tuple(found)


class _Sheet:
    """The table, of which the rows of this code, machine and threads count."""

    def __init__(self, table: Table, where: Row) -> None:
        self.where = where
        self._table = table
        self._shown: dict[tuple[str, ...], Row] = {}

    def has(self, what: str, size: object, device: str, backend: str) -> bool:
        """Whether it is measured already; then it is shown."""
        here = {name: self.where[name] for name in ("commit", "machine")}
        rows = self._table.find(**here, what=what, size=size, device=device, backend=backend)
        if rows:
            self._show(rows[-1])
        return bool(rows)

    def add(self, **values: object) -> None:
        """Write a row down and tell it."""
        row = self._table.add({**self.where, **values})
        self._show(row)
        click.echo(" ".join(row[name] for name in COLUMNS if row[name]), err=True)

    def lines(self) -> list[str]:
        """A Markdown table."""
        columns = ("what", "size", "device", "back end", "seconds", "rate", "share of peak", "peak MB")
        rows = []
        for row in self._shown.values():
            rate = f"{float(row['rate']):.3g} {row['unit']}" if row["rate"] else ""
            share = f"{float(row['share']):.2f}" if row["share"] else ""
            peak = f"{float(row['peak_mb']):.0f}" if row["peak_mb"] else ""
            seconds = f"{float(row['seconds']):.3g}" if row["seconds"] else ""
            rows.append([*(row[name] for name in COLUMNS[:4]), seconds, rate, share, peak])
        return markdown(columns, rows)

    def _show(self, row: Row) -> None:
        self._shown[tuple(row[name] for name in COLUMNS[:4])] = row


def _kernels(sheet: _Sheet, backends: tuple[str, ...], device: str, least: float, shrink: int) -> None:
    """All kernels in one go, since shares are those of one run: the product of matrices is written last."""
    peak = kernels.matmul_peak(device, least=least)
    timings = list(kernels.measure(backends, device, least=least, shrink=shrink))
    for wrong in (timing for timing in timings if timing.seconds is None):
        raise click.ClickException(
            f"{wrong.backend} is wrong on {device} at {wrong.shape} ({wrong.error:.1e}): no speed is told"
        )
    sheet.add(what="matrix product", device=device, rate=peak, unit="GFLOP/s", share=1.0)
    for timing in timings:
        assert timing.gflops is not None
        sheet.add(
            what=timing.kernel,
            size="x".join(map(str, timing.shape)),
            device=device,
            backend=timing.backend,
            seconds=timing.seconds,
            rate=timing.gflops,
            unit="GFLOP/s",
            share=timing.gflops / peak,
        )


def _jobs(sheet: _Sheet, setting: Setting, sides: tuple[int, ...], folder: Path) -> None:
    for job in JOBS:
        wanted = [side for side in sides if not sheet.has(job, side, setting.device, setting.backend)]
        if wanted:
            check_job(job, folder, setting.flags, setting.threads)
        for side in wanted:
            done = run_job(job, side, folder, setting.flags, setting.threads)
            sheet.add(
                what=job,
                size=side,
                device=setting.device,
                backend=setting.backend,
                seconds=done.seconds,
                rate=side * side / 1000 / done.seconds,
                unit="kilopixels/s",
                peak_mb=done.peak_mb,
            )


def _generator(
    sheet: _Sheet, setting: Setting, parts: tuple[str, ...], steps: int, shrink: int, folder: Path
) -> None:
    """Training and sampling; a model is trained where either is missing."""
    device, backend = setting.device, setting.backend
    wanted = [side // shrink for side in SAMPLED] if "sampling" in parts else []
    wanted = [side for side in wanted if not sheet.has("sample", side, device, "")]
    trains = "training" in parts and not sheet.has("train", f"{steps} steps", device, backend)
    if not trains and not wanted:
        return
    model = TrainedModel.train(steps, folder, setting.flags, setting.threads)
    if trains:
        sheet.add(
            what="train",
            size=f"{steps} steps",
            device=device,
            backend=backend,
            seconds=model.training.seconds,
            rate=_finest_rate(model.training.said),
            unit="steps/s",
            peak_mb=model.training.peak_mb,
        )
    for side in wanted:
        done = model.sample(side)
        rate = side * side / 1e6 / done.seconds
        shown = {"seconds": done.seconds, "rate": rate, "unit": "megapixels/s", "peak_mb": done.peak_mb}
        sheet.add(what="sample", size=side, device=device, **shown)


def _finest_rate(said: str) -> float:
    """Steps a second at the finest scale, from the lines of `--progress json`."""
    points = [(event["total_step"], event["seconds"]) for event in _steps(said) if event["scale"] == 0]
    if len(points) < 2:
        raise click.ClickException("the finest stage told of one step: train for more --steps")
    (first, begun), (last, ended) = points[0], points[-1]
    rate: float = (last - first) / (ended - begun)
    return rate


def _steps(said: str) -> Iterator[dict[str, float]]:
    for line in said.splitlines():
        if line.startswith('{"event": "step"'):
            yield json.loads(line)


if __name__ == "__main__":
    main()
