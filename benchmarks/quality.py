"""How good results are: every sample, method and seed through the metrics of `texot.evaluation`.

    python -m benchmarks.quality --method draft --method normal
    python -m benchmarks.quality --crop 128 --method normal --method paper --seed 0 --seed 1

A run may be stopped and started again: what the table has of this commit is not measured twice.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from torch import Tensor

from benchmarks import pictures
from benchmarks.common import (
    RESULTS,
    ROOT,
    Row,
    Table,
    chosen,
    markdown,
    mode_of,
    read_sample,
    stamp,
    warn_if_busy,
    write_page,
)
from texot import evaluation, synthesize
from texot.engine.plan import exemplar_side
from texot.files.exemplar import read_exemplar
from texot.files.write import to_pil, write_image

METHODS = ("draft", "normal", "high", "paper")
STRUCTURED = ("brick_old", "stonewall", "rug", "pebbles")
KEY = ("sample", "crop", "method", "seed")
FIGURES = (
    "w2_scale0",
    "w2_scale1",
    "w2_scale2",
    "w2_scale3",
    "w2",
    "p8",
    "excess8",
    "spectrum_db",
    "mean_percent",
    "deviation_percent",
    "copy1",
    "copy2",
    "copy3",
    "copy4",
    "loss",
    "seconds",
)
SHOWN = (  # in the Markdown tables: figure, heading, digits
    ("w2", "4x4 patches", 2),
    ("p8", "8x8 patches", 2),
    ("excess8", "8x8 excess", 2),
    ("spectrum_db", "spectrum dB", 2),
    ("mean_percent", "mean %", 2),
    ("deviation_percent", "deviation %", 2),
    ("copy2", "copied", 2),
    ("copy4", "copied, 4 sides", 2),
    ("seconds", "s", 1),
)
LEGEND = """\
4x4 patches: exact patch distance, relative to the exemplar with itself, mean over scales. 8x8 patches: exact
patch distance relative to that between disjoint halves of the exemplar; 8x8 excess: the part above what
finite samples have anyway, relative to the same (blur cannot lower it). Spectrum: rms difference of radial
spectra. Mean, deviation: worst channel's relative error. Copied: share of 12x12 patches with the same offset
as 2 (4) neighbours. All as defined in `texot.evaluation`; lower is better."""


@dataclass(frozen=True)
class Reference:
    """An exemplar and what its own distances are, computed when first asked for."""

    pixels: Tensor

    @cached_property
    def n_scales(self) -> int:
        """At most 4, and such that an 8x8 window fits the coarsest."""
        side = min(self.pixels.shape[1:])
        return max(1, *(k for k in range(1, 5) if exemplar_side(side, k - 1) >= 8))

    @cached_property
    def by_scale(self) -> list[float]:
        """Distance of 4x4 patches with itself, a scale."""
        return evaluation.multiscale_self_distance(self.pixels, n_scales=self.n_scales)

    @cached_property
    def halves(self) -> float:
        """Distance of 8x8 patches between halves."""
        return evaluation.halves_distance(self.pixels)


def measure(image: Tensor, reference: Reference) -> dict[str, float]:
    """All figures of an image that tiles."""
    exemplar = reference.pixels
    distances = evaluation.multiscale_patch_distance(image, exemplar, n_scales=reference.n_scales)
    scales = [a / max(b, 1e-12) for a, b in zip(distances, reference.by_scale, strict=True)]
    halves = max(reference.halves, 1e-12)
    mean, deviation = evaluation.colour_error(image, exemplar)
    figures = {f"w2_scale{k}": ratio for k, ratio in enumerate(scales)}
    figures |= {
        "w2": statistics.fmean(scales),
        "p8": evaluation.patch_distance(image, exemplar) / halves,
        "excess8": evaluation.excess_distance(image, exemplar) / halves,
        "spectrum_db": evaluation.spectrum_error(image, exemplar),
        "mean_percent": 100 * float(mean.max()),
        "deviation_percent": 100 * float(deviation.max()),
    }
    shares = evaluation.copy_share(image, exemplar).shares
    return figures | {f"copy{k}": share for k, share in enumerate(shares, 1)}


def make(exemplar: Tensor, method: str, seed: int) -> tuple[Tensor, dict[str, float]]:
    """An image of the exemplar's size, rounded to 8 bits as in a file, with its last loss and its time."""
    options: dict[str, Any] = {"preset": "paper"} if method == "paper" else {"quality": method}
    begun = time.perf_counter()
    result = synthesize(exemplar, seed=seed, **options)
    seconds = time.perf_counter() - begun
    return (result.image * 255).round() / 255, {"loss": result.losses[-1].loss, "seconds": seconds}


@click.command()
@click.option("--sample", "samples", multiple=True, help="Default: all.")
@click.option(
    "--crop", "crops", multiple=True, type=click.IntRange(16), help="Middle N x N pixels; default: all."
)
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(METHODS), default=["normal"], show_default=True
)
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0), default=[0], show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default: torch's.")
@click.option("--sheet/--no-sheet", default=True, help="Write a sheet of pictures for every crop.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    default=ROOT / "build" / "quality",
    help="Folder that keeps the images themselves; default: build/quality.",
)
def main(
    samples: tuple[str, ...],
    crops: tuple[int, ...],
    methods: tuple[str, ...],
    seeds: tuple[int, ...],
    threads: int | None,
    sheet: bool,
    results: Path,
    images: Path,
) -> None:
    """Measure samples x crops x methods x seeds; write quality.csv, quality.md and a sheet of pictures."""
    if threads:
        torch.set_num_threads(threads)
    warn_if_busy()
    where = stamp()
    names = chosen(samples)
    table = Table(results / "quality.csv", (*KEY, *FIGURES))
    folder = images / where["commit"]
    folder.mkdir(parents=True, exist_ok=True)
    todo = [(name, crop) for crop in crops or (0,) for name in names]
    for name, crop in todo:
        reference = Reference(read_sample(name, crop or None))
        for method in methods:
            for seed in seeds:
                key = dict(zip(KEY, (name, crop or "full", method, seed), strict=True))
                path = image_path(folder, key)
                if table.find(commit=where["commit"], **key) and path.exists():
                    continue
                image, figures = make(reference.pixels, method, seed)
                write_image(image, path, mode=mode_of(image))
                row = table.add({**where, **key, **figures, **measure(image, reference)})
                click.echo(" ".join(f"{column}={row[column]}" for column in (*KEY, *FIGURES)))
    rows = {  # the last of what was measured twice
        tuple(row[k] for k in KEY): row for row in table.rows if row["commit"] == where["commit"]
    }
    labels = [str(crop or "full") for crop in crops or (0,)]
    for crop, label in zip(crops or (0,), labels, strict=True):
        if sheet:
            picture = results / f"quality_{label}.jpg"
            draw_sheet(names, crop, methods, seeds[0], folder, picture)
    pages = [
        line
        for label in dict.fromkeys(row["crop"] for row in rows.values())
        for line in section(label, [row for row in rows.values() if row["crop"] == label], results)
    ]
    write_page(results / "quality.md", "Quality", where, [LEGEND, "", *pages])


def image_path(folder: Path, key: Mapping[str, object]) -> Path:
    """Where the image of a row is kept."""
    return folder / ("-".join(str(key[k]) for k in KEY) + ".png")


def draw_sheet(
    names: Sequence[str], crop: int, methods: Sequence[str], seed: int, folder: Path, path: Path
) -> None:
    """Exemplars and their results, a sample a row."""
    rows: dict[str, list[Image.Image | None]] = {}
    for name in names:
        exemplar = read_sample(name, crop or None)
        rows[name] = [to_pil(exemplar, mode_of(exemplar))]
        for method in methods:
            found = image_path(folder, dict(zip(KEY, (name, crop or "full", method, seed), strict=True)))
            image = read_exemplar(found).pixels if found.exists() else None
            rows[name].append(None if image is None else to_pil(image, mode_of(image)))
    pictures.sheet(["exemplar", *methods], rows, path)


def section(label: str, rows: list[Row], results: Path) -> list[str]:
    """Tables of one crop: the mean over seeds of every sample and method, then over the samples."""
    size = "whole samples" if label == "full" else f"{label}x{label} crops"
    lines = [f"## {size[0].upper() + size[1:]}", ""]
    if (results / f"quality_{label}.jpg").exists():
        lines += [f"![](quality_{label}.jpg)", ""]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["sample"], row["method"]), []).append(row)
    headings = ["sample", "method", "seeds", *(heading for _, heading, _ in SHOWN)]
    body = [
        [*group, len(found), *summary(found, statistics.fmean)] for group, found in sorted(groups.items())
    ]
    lines += [*markdown(headings, body), ""]
    methods = [m for m in METHODS if any(row["method"] == m for row in rows)]
    body = []
    for method in methods:
        found = [row for row in rows if row["method"] == method]
        body.append([method, "mean", *summary(found, statistics.fmean)])
        body.append([method, "worst", *summary(found, max)])
    lines += [*markdown(["method", "samples", *headings[3:]], body), ""]
    for method in methods:
        found = [row for row in rows if row["method"] == method]
        lines.append(f"- {method}: {goals(label, found)}")
    return [*lines, ""]


def summary(rows: list[Row], of: Callable[[list[float]], float]) -> list[str]:
    """The figures shown, over rows."""
    return [f"{of([float(row[name]) for row in rows]):.{digits}f}" for name, _, digits in SHOWN]


def goals(label: str, rows: list[Row]) -> str:
    """What is asked of results, and by how many samples it is met."""
    spectrum = statistics.fmean(float(row["spectrum_db"]) for row in rows)
    colour = [max(float(row["mean_percent"]), float(row["deviation_percent"])) for row in rows]
    large = label == "full" or int(label) >= 256
    copied = [float(row["copy2"]) for row in rows] if large else []
    structure = [float(row["p8"]) for row in rows if row["sample"] in STRUCTURED]

    def met(values: list[float], limit: float) -> str:
        return f"{sum(v <= limit for v in values)} of {len(values)}"

    said = [
        f"spectrum {spectrum:.2f} dB on average (wanted 1)",
        f"colour within 2%: {met(colour, 2)}",
    ]
    if copied:
        said.append(f"under half copied: {met(copied, math.nextafter(0.5, 0))}")
    if structure:
        said.append(f"8x8 patches within 1.5 on structured samples: {met(structure, 1.5)}")
    return "; ".join(said)


if __name__ == "__main__":
    main()
