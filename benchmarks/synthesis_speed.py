"""Time and memory of `texot synthesize`, whole process included, by size and quality.

    python -m benchmarks.synthesis_speed --repeats 3

A case crops the middle of a sample (or mirrors it, beyond its size) to a PNG, runs the command line on it in
a process of its own and reads wall-clock time and peak memory from the system. A small case that must come
out right, twice with the same bytes, goes first; without it no speed is reported.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click

from benchmarks.common import (
    RESULTS,
    Row,
    Table,
    chosen,
    markdown,
    mode_of,
    read_sample,
    run_texot,
    stamp,
    warn_if_busy,
    write_page,
)
from benchmarks.speed_jobs import check_job
from texot.files.exemplar import read_exemplar
from texot.files.write import write_image


@dataclass(frozen=True)
class Case:
    """One size of exemplar and result, both square, in pixels; limits in seconds and MB (infinite: none)."""

    group: str
    exemplar: int
    size: int
    quality: str
    max_seconds: float = math.inf
    max_mb: float = math.inf

    @property
    def name(self) -> str:
        """exemplar -> result, quality."""
        return f"{self.exemplar} -> {self.size}, {self.quality}"


NORMAL = (
    Case("speed", 128, 128, "normal", 5),
    Case("speed", 256, 256, "normal", 18),
    Case("speed", 512, 512, "normal", 110),
    Case("speed", 256, 512, "normal", 80),
)
CASES = (
    *NORMAL,
    *(replace(case, quality="draft", max_seconds=case.max_seconds / 3) for case in NORMAL),
    Case("memory", 512, 1024, "normal", max_mb=2500),
    *(Case("output", 128, size, "normal") for size in (128, 256, 512, 1024)),
    *(Case("exemplar", exemplar, 256, "normal") for exemplar in (256, 512, 1024, 2048)),
)
GROUPS = {
    "speed": "Speed at normal and draft quality",
    "memory": "Peak memory of a large result",
    "output": "Time by output size, from one exemplar",
    "exemplar": "Time by exemplar size, at one output size",
}
COLUMNS = (
    "group",
    "exemplar",
    "size",
    "quality",
    "sample",
    "repeat",
    "seconds",
    "cpu_seconds",
    "peak_mb",
    "max_seconds",
    "max_mb",
)


@click.command()
@click.option("--group", "groups", multiple=True, type=click.Choice(list(GROUPS)), help="Default: all.")
@click.option("--quality", "qualities", multiple=True, type=click.Choice(["draft", "normal"]))
@click.option("--sample", "samples", multiple=True, default=["pebbles"], show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads of the command; default: its own.")
@click.option("--shrink", type=click.IntRange(1), default=1, help="Divide all sizes: to try the script.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
def main(
    groups: tuple[str, ...],
    qualities: tuple[str, ...],
    samples: tuple[str, ...],
    repeats: int,
    threads: int | None,
    shrink: int,
    results: Path,
) -> None:
    """Measure cases, append their rows to synthesis_speed.csv and write synthesis_speed.md."""
    table = Table(results / "synthesis_speed.csv", COLUMNS)
    cases = [
        case if shrink == 1 else Case(case.group, case.exemplar // shrink, case.size // shrink, case.quality)
        for case in CASES
        if (not groups or case.group in groups) and (not qualities or case.quality in qualities)
    ]
    warn_if_busy()
    where = stamp(threads)
    measured: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        check_job("synthesize", Path(folder), (), threads)
        for case in cases:
            for sample in chosen(samples):
                for repeat in range(1, repeats + 1):
                    row = measure(case, sample, Path(folder), threads)
                    measured.append(table.add({**where, "repeat": repeat, **row}))
                    click.echo(f"{case.name} ({sample}): {row['seconds']:.1f} s, {row['peak_mb']:.0f} MB")
    lines = [
        line
        for group, title in GROUPS.items()
        if (rows := [row for row in measured if row["group"] == group])
        for line in section(title, group, rows)
    ]
    write_page(results / "synthesis_speed.md", "Synthesis speed", where, lines)


def measure(case: Case, sample: str, folder: Path, threads: int | None) -> dict[str, object]:
    """Run a case once."""
    source, result = folder / f"{sample}-{case.exemplar}.png", folder / "result.png"
    if not source.exists():
        image = read_sample(sample, case.exemplar)
        write_image(image, source, mode=mode_of(image))
    size = f"{case.size}x{case.size}"
    arguments = ("synthesize", source, "-o", result, "--size", size, "--quality", case.quality, "--quiet")
    measured = run_texot(*arguments, threads=threads)
    if read_exemplar(result).size != (case.size, case.size):
        raise click.ClickException(f"{case.name}: the result has another size")
    return {
        "group": case.group,
        "exemplar": case.exemplar,
        "size": case.size,
        "quality": case.quality,
        "sample": sample,
        "seconds": measured.seconds,
        "cpu_seconds": measured.cpu_seconds,
        "peak_mb": measured.peak_mb,
        "max_seconds": case.max_seconds,
        "max_mb": case.max_mb,
    }


def section(title: str, group: str, rows: list[Row]) -> list[str]:
    """A table of medians; for the scaling groups with the exponent of time in pixels."""
    by_case: dict[tuple[int, int, str], list[Row]] = {}
    for row in rows:
        by_case.setdefault((int(row["exemplar"]), int(row["size"]), row["quality"]), []).append(row)
    lines = []
    before: tuple[float, float] | None = None
    for (exemplar, size, quality), found in by_case.items():
        seconds = [float(row["seconds"]) for row in found]
        median, peak = statistics.median(seconds), max(float(row["peak_mb"]) for row in found)
        limits = [float(found[0][name]) for name in ("max_seconds", "max_mb")]
        wanted = [
            f"{'met' if value <= limit else 'MISSED'}: {limit:.4g} {unit}"
            for value, limit, unit in zip((median, peak), limits, ("s", "MB"), strict=True)
            if limit < math.inf
        ]
        if group in ("output", "exemplar"):
            pixels = float(size if group == "output" else exemplar) ** 2
            if before is not None:
                exponent = math.log(median / before[1]) / math.log(pixels / before[0])
                wanted = [f"time ~ pixels^{exponent:.2f} from the line above"]
            before = pixels, median
        spread = f"{min(seconds):.1f} - {max(seconds):.1f}" if len(seconds) > 1 else ""
        lines.append(
            [f"{exemplar} -> {size}", quality, f"{median:.1f}", spread, f"{peak:.0f}", "; ".join(wanted)]
        )
    names = ", ".join(dict.fromkeys(row["sample"] for row in rows))
    columns = ["exemplar -> result (px)", "quality", "median s", "range s", "peak MB", "wanted"]
    return [f"## {title}", "", f"Exemplar: {names}.", "", *markdown(columns, lines), ""]


if __name__ == "__main__":
    main()
