"""The solver on a correspondence field beside today's engine: figures of 256 px crops, at one and two times.

    python -m benchmarks.field
    python -m benchmarks.field --shift 1 --shift .2

The figures are those of `quality.py`, on the same crops and unseen parts. Rows of `texot` are the means in
results/quality.csv. Results go to results/field.md and the images to build/field/. Time is not measured: the
solver has no command yet.
"""

from __future__ import annotations

import csv

import click
import torch
from torch import Tensor

from benchmarks.common import RESULTS, ROOT, chosen, markdown, mode_of, stamp, write_page
from benchmarks.quality import pieces
from texot.evaluation import Yardstick
from texot.files.write import write_image
from texot.images.statistics import Statistics
from texot.solver.field_solver import FieldPlan, finished, solve

CROP = 256
FIGURES = (
    "distance",
    "distance_8x8",
    "spectrum_db",
    "gram",
    "oddness",
    "layout_share",
    "unused",
    "repetition",
    "copied",
    "seam",
)
COLUMNS = ("sample", "size", "method", *FIGURES)


@click.command()
@click.option("--sample", "samples", multiple=True, help="Default: all.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True)
@click.option("--shift", "shifts", type=float, multiple=True, default=(0.2,), show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
def main(samples: tuple[str, ...], seeds: int, shifts: tuple[float, ...], threads: int) -> None:
    """Synthesise every sample at one and two times its size, and write the page."""
    torch.set_num_threads(threads)
    rows: dict[tuple[str, str, str], list[list[float]]] = {}
    for name in chosen(samples):
        exemplar, unseen = pieces(name, CROP)
        yardstick = Yardstick(exemplar, unseen)
        for factor in (1, 2):
            key = name, f"{factor}x"
            rows[(*key, "texot")] = engine_rows(*key)
            for shift in shifts:
                method = f"field, shift {shift:g}"
                plan = FieldPlan(max_shift=shift)
                found = [measure(exemplar, factor, plan, seed, yardstick, name) for seed in range(seeds)]
                rows[(*key, method)] = found
                click.echo(
                    f"{name} {factor}x {method} " + " ".join(f"{v:.2f}" for v in mean(found)), err=True
                )
    lines = [[*key, *(f"{v:.2f}" for v in mean(found))] for key, found in rows.items()]
    for size in ("1x", "2x"):
        for method in dict.fromkeys(key[2] for key in rows):
            every = [mean(found) for key, found in rows.items() if key[1:] == (size, method)]
            lines.append(["mean", size, method, *(f"{v:.3f}" for v in mean(every))])
    write_page(RESULTS / "field.md", "The solver on a field", stamp(threads), markdown(COLUMNS, lines))


def measure(
    exemplar: Tensor, factor: int, plan: FieldPlan, seed: int, yardstick: Yardstick, name: str
) -> list[float]:
    """The figures of one result."""
    torus = (True, True)
    size = (factor * exemplar.shape[1], factor * exemplar.shape[2])
    generator = torch.Generator().manual_seed(seed)
    *_, last = solve(exemplar, None, size, plan=plan, periodic=torus, generator=generator)
    image = finished(last, size, Statistics.of(exemplar), torus)
    folder = ROOT / "build" / "field"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_{factor}x_{plan.max_shift:g}_{seed}.png"
    write_image(image, path, mode=mode_of(image))
    figures = yardstick.measure(image).figures
    return [number(figures[key]) for key in FIGURES]


def engine_rows(name: str, size: str) -> list[list[float]]:
    """Rows of today's engine on the same crop."""
    with (RESULTS / "quality.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["sample"], row["crop"], row["size"], row["method"]) == (name, str(CROP), size, "normal")
        ]
    return [[float(row[key] or "nan") for key in FIGURES] for row in rows]


def number(value: object) -> float:
    """A figure as a number; one that an image has not as NaN."""
    return float(value) if isinstance(value, (int, float)) else float("nan")


def mean(rows: list[list[float]]) -> list[float]:
    """Means of columns, over the rows that have them."""
    values: list[float] = torch.tensor(rows, dtype=torch.float64).nanmean(0).tolist()
    return values


if __name__ == "__main__":
    main()
