"""Time and memory of `texot synthesize`, other jobs and G'MIC: whole processes, by size.

    python -m benchmarks.synthesis_speed --repeats 3

A case crops the middle of a sample (or mirrors it, beyond its size) to a PNG, runs a command on it in a
process of its own and reads wall-clock time and peak memory from the system. The jobs that are timed are
checked on a small case first; without it no speed is reported.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.common import (
    RESULTS,
    Measured,
    Row,
    Table,
    markdown,
    mode_of,
    read_sample,
    run_command,
    run_texot,
    stamp,
    warn_if_busy,
    write_page,
)
from benchmarks.quality import gmic
from benchmarks.speed_jobs import check_job, run_job, size_of
from texot.files.write import write_image

METHODS = ("normal", "draft", "gmic", "high")


@dataclass(frozen=True)
class Case:
    """Sizes of exemplar and result, both square, in pixels; most seconds wanted by method, and most MB."""

    exemplar: int
    size: int
    seconds: dict[str, float]
    mb: float = math.inf

    @property
    def name(self) -> str:
        """exemplar -> result."""
        return f"{self.exemplar} -> {self.size}"


CASES = (
    Case(256, 256, {"normal": 2.0, "draft": 1.7}),
    Case(256, 512, {"normal": 2.4, "draft": 1.9}),
    Case(512, 512, {"normal": 2.6, "draft": 2.0}),
    Case(512, 1024, {}),
    Case(512, 2048, {"normal": 10, "draft": 6}, 1000),
    Case(2048, 2048, {"normal": 14, "draft": 8}, 1500),
    Case(512, 4096, {"normal": 40, "draft": 20}, 2000),
)
JOBS = {"inpaint": 4.0, "tile": 4.0, "interpolate": 6.0}  # most seconds wanted
JOB_SIDE = 512
COLUMNS = ("case", "method", "repeat", "seconds", "cpu_seconds", "peak_mb", "max_seconds", "max_mb")


@click.command()
@click.option("--case", "names", multiple=True, help="As the page names it: '256 -> 512'. Default: all.")
@click.option("--job", "jobs", multiple=True, type=click.Choice(list(JOBS)), help="Default: all.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Default: all but high.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads of the commands; default: their own.")
@click.option("--shrink", type=click.IntRange(1), default=1, help="Divide all sizes: to try the script.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
def main(
    names: tuple[str, ...],
    jobs: tuple[str, ...],
    methods: tuple[str, ...],
    repeats: int,
    threads: int | None,
    shrink: int,
    results: Path,
) -> None:
    """Measure cases, append their rows to synthesis_speed.csv and write synthesis_speed.md."""
    table = Table(results / "synthesis_speed.csv", COLUMNS)
    everything = not names and not jobs
    cases = [case for case in CASES if everything or case.name in names]
    wanted_jobs = [job for job in JOBS if everything or job in jobs]
    warn_if_busy()
    where = stamp(threads)
    rows: list[Row] = []

    def add(case: str, method: str, repeat: int, spent: Measured, seconds: float, mb: float) -> None:
        figures = {"seconds": spent.seconds, "cpu_seconds": spent.cpu_seconds, "peak_mb": spent.peak_mb}
        limits = {"max_seconds": seconds, "max_mb": mb}
        rows.append(
            table.add({**where, "case": case, "method": method, "repeat": repeat, **figures, **limits})
        )
        click.echo(f"{case}, {method}: {spent.seconds:.2f} s, {spent.peak_mb:.0f} MB")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for job in ("synthesize", *wanted_jobs):
            check_job(job, folder, (), threads)
        for repeat in range(1, repeats + 1):
            for case in cases:
                for method in methods or METHODS[:-1]:
                    spent = measure(case, method, folder, threads, shrink)
                    ours = method != "gmic"
                    limit = case.seconds.get(method, math.inf)
                    add(case.name, method, repeat, spent, limit, case.mb if ours else math.inf)
            for job in wanted_jobs:
                spent = run_job(job, JOB_SIDE // shrink, folder, (), threads)
                add(f"{job} {JOB_SIDE}", "normal", repeat, spent, JOBS[job], math.inf)
    write_page(results / "synthesis_speed.md", "Speed and memory by size", where, page(rows))


def measure(case: Case, method: str, folder: Path, threads: int | None, shrink: int) -> Measured:
    """Run a case once.

    Raises:
        click.ClickException: it fails, or the result has another size.
    """
    side, size = case.exemplar // shrink, case.size // shrink
    source, result = folder / f"exemplar-{side}.png", folder / "result.png"
    if not source.exists():
        image = read_sample("pebbles", side)
        write_image(image, source, mode=mode_of(image))
    if method == "gmic":
        spent = run_command(gmic(source, result, (size, size), 0, threads))
    else:
        words = ("synthesize", source, "-o", result, "--size", f"{size}x{size}", "--quality", method, "-q")
        spent = run_texot(*words, threads=threads)
    if size_of(result) != (size, size):
        raise click.ClickException(f"{case.name}, {method}: the result has another size")
    return spent


def page(rows: list[Row]) -> list[str]:
    """The medians of every case and method, beside what is wanted."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["case"], row["method"]), []).append(row)
    lines = []
    for (case, method), found in groups.items():
        seconds = [float(row["seconds"]) for row in found]
        median, peak = statistics.median(seconds), max(float(row["peak_mb"]) for row in found)
        limits = [float(found[0][name]) for name in ("max_seconds", "max_mb")]
        wanted = [
            f"{'met' if value <= limit else 'MISSED'}: {limit:.4g} {unit}"
            for value, limit, unit in zip((median, peak), limits, ("s", "MB"), strict=True)
            if limit < math.inf
        ]
        spread = f"{min(seconds):.2f} - {max(seconds):.2f}" if len(seconds) > 1 else ""
        lines.append([case, method, f"{median:.2f}", spread, f"{peak:.0f}", "; ".join(wanted)])
    columns = ["exemplar -> result (px)", "method", "median s", "range s", "peak MB", "wanted"]
    return ["Exemplar: pebbles, mirrored beyond 512 px.", "", *markdown(columns, lines)]


if __name__ == "__main__":
    main()
