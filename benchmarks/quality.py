"""How good results are: every sample, method and seed through `texot.evaluation`, all figures in one table.

    python -m benchmarks.quality --method normal --method shifted --method blurred --seed 0 --seed 1
    python -m benchmarks.quality --crop 256 --method normal --method unseen
    python -m benchmarks.quality --crop 256 --size 2x

No figure stands alone: a shifted copy of the exemplar has the least distance of all, mild blur lowers it, and
neither is a new texture. So rows of both can stand beside the results, and one of an unseen part of the same
photograph. A run may be stopped and started again: what the table has of this commit is not measured twice.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks import pictures
from benchmarks.common import (
    RESULTS,
    ROOT,
    SAMPLES,
    Row,
    Table,
    chosen,
    markdown,
    mode_of,
    stamp,
    warn_if_busy,
    write_page,
)
from texot import evaluation, synthesize
from texot.engine.plan import exemplar_side
from texot.evaluation.inputs import OPEN, TORUS
from texot.files.exemplar import read_exemplar
from texot.files.write import to_pil, write_image
from texot.images.pyramid import Periodic

METHODS = ("draft", "normal", "high", "paper", "shifted", "blurred", "unseen")
REPEATING = (
    "granite_blue",
    "rust",
    "stonewall",
    "wood_planks",
)  # hold copies of themselves
REGULAR = ("brick_old", "rug", "wood_planks")  # shifts of themselves by their own period
KEY = ("sample", "crop", "size", "method", "seed")
FIGURES = (
    "w2",
    "p8",
    "excess8",
    "unseen4",
    "unseen8",
    "spectrum_db",
    "lattice_db",
    "gram",
    "oddness",
    "layout_share",
    "seeds_share",
    "repetition",
    "copied",
    "mean_percent",
    "deviation_percent",
    "loss",
    "seconds",
)
SHOWN = (  # in the Markdown tables: figure, heading, digits
    ("w2", "4x4", 2),
    ("p8", "8x8", 2),
    ("excess8", "8x8 excess", 2),
    ("unseen4", "4x4 to unseen", 2),
    ("unseen8", "8x8 to unseen", 2),
    ("spectrum_db", "spectrum dB", 2),
    ("lattice_db", "lattice dB", 2),
    ("gram", "deep Gram", 2),
    ("oddness", "oddness", 2),
    ("layout_share", "layout", 2),
    ("seeds_share", "seeds", 2),
    ("repetition", "repeated", 2),
    ("copied", "copied", 2),
    ("deviation_percent", "deviation %", 1),
)
LEGEND = """\
4x4: exact patch distance, relative to the exemplar with itself, mean over scales. 8x8: relative to that
between disjoint halves of the exemplar; excess: the part above what finite samples have anyway (blur cannot
lower it). To unseen: distance to a disjoint crop of the same photograph, relative to the exemplar's own
distance to that; deep Gram and oddness are relative to that crop's too, where there is one. Spectrum: rms
difference of radial spectra; lattice: rise of a weave of 2, 4 or 8 pixels. Layout: share of the coarse layout
that is one shift of the exemplar; seeds: the same between the results of two seeds (regular patterns are
shifts of themselves: means leave them out).
Repeated: share that repeats another part of the result. Copied: share of 12x12 patches with the same offset
as 2 neighbours. Deviation: worst channel's relative error. All as defined in `texot.evaluation`; lower is
better, but 1 is enough where relative to an unseen part. `shifted`: the exemplar rolled by a third.
`blurred`: the exemplar under a Gaussian of 1 pixel. `unseen`: that disjoint crop."""


@dataclass(frozen=True)
class Reference:
    """An exemplar and what its own distances are, computed when first asked for."""

    pixels: Tensor
    unseen: Tensor | None = None

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
    def to_unseen(self) -> tuple[float, float, list[float], float]:
        """The unseen part's deep Gram distance and oddness, the exemplar's distances to it: 4x4, 8x8."""
        assert self.unseen is not None
        return (
            evaluation.deep_gram(self.unseen, self.pixels, periodic=OPEN),
            evaluation.oddness(self.unseen, self.pixels, periodic=OPEN),
            _scales(self.pixels, self.unseen, OPEN),
            evaluation.patch_distance(self.pixels, self.unseen, periodic=OPEN),
        )

    @cached_property
    def halves(self) -> float:
        """Distance of 8x8 patches between halves."""
        return evaluation.halves_distance(self.pixels)


def pieces(name: str, crop: int) -> Reference:
    """A sample's top left crop with the one beside it, if it has one that is no copy; or all of it."""
    pixels = read_exemplar(SAMPLES[name]).pixels
    if not crop:
        return Reference(pixels)
    if min(pixels.shape[1:]) < crop:
        raise click.BadParameter(f"{name} has no {crop}x{crop} px", param_hint="--crop")
    apart = pixels.shape[2] >= 2 * crop and name not in REPEATING
    return Reference(pixels[:, :crop, :crop].contiguous(), pixels[:, :crop, -crop:] if apart else None)


def measure(image: Tensor, reference: Reference, periodic: Periodic) -> dict[str, float]:
    """All figures of an image."""
    exemplar = reference.pixels
    distances = evaluation.multiscale_patch_distance(
        image, exemplar, n_scales=reference.n_scales, periodic=periodic
    )
    scales = [a / max(b, 1e-12) for a, b in zip(distances, reference.by_scale, strict=True)]
    halves = max(reference.halves, 1e-12)
    mean, deviation = evaluation.colour_error(image, exemplar)
    figures = {
        "w2": statistics.fmean(scales),
        "p8": evaluation.patch_distance(image, exemplar, periodic=periodic) / halves,
        "excess8": evaluation.excess_distance(image, exemplar, periodic=periodic) / halves,
        "spectrum_db": evaluation.spectrum_error(image, exemplar),
        "lattice_db": evaluation.lattice_error(image, exemplar),
        "gram": evaluation.deep_gram(image, exemplar, periodic=periodic),
        "oddness": evaluation.oddness(image, exemplar, periodic=periodic),
        "layout_share": evaluation.layout_share(image, exemplar, periodic=periodic),
        "repetition": evaluation.repetition(image, periodic=periodic),
        "copied": evaluation.copy_share(image, exemplar, periodic=periodic).share,
        "mean_percent": 100 * float(mean.max()),
        "deviation_percent": 100 * float(deviation.max()),
    }
    if reference.unseen is not None:
        gram, odd, four, eight = reference.to_unseen
        figures["gram"] /= gram
        figures["oddness"] /= odd
        figures["unseen4"] = statistics.fmean(
            a / b for a, b in zip(_scales(image, reference.unseen, periodic), four, strict=True)
        )
        figures["unseen8"] = evaluation.patch_distance(image, reference.unseen, periodic=periodic) / eight
    return figures


def _scales(image: Tensor, other: Tensor, periodic: Periodic) -> list[float]:
    return evaluation.multiscale_patch_distance(image, other, n_scales=3, periodic=periodic)


def make(reference: Reference, method: str, size: str, seed: int) -> tuple[Tensor, dict[str, float]]:
    """An image, rounded to 8 bits as in a file, with its last loss and its time if it was synthesised."""
    exemplar = reference.pixels
    if method == "shifted":
        return exemplar.roll((exemplar.shape[1] // 3, exemplar.shape[2] // 3), (1, 2)), {}
    if method == "blurred":
        return blurred(exemplar), {}
    if method == "unseen":
        assert reference.unseen is not None
        return reference.unseen, {}
    options: dict[str, Any] = {"preset": "paper"} if method == "paper" else {"quality": method}
    begun = time.perf_counter()
    result = synthesize(exemplar, size, seed=seed, **options)
    seconds = time.perf_counter() - begun
    return (result.image * 255).round() / 255, {"loss": result.losses[-1].loss, "seconds": seconds}


def blurred(image: Tensor) -> Tensor:
    """The image under a Gaussian of 1 pixel, its border replicated."""
    t = torch.arange(-4.0, 5)
    kernel = torch.exp(-(t**2) / 2)
    kernel = (kernel / kernel.sum()).expand(len(image), 1, 1, -1)
    padded = F.pad(image[None], (4, 4, 4, 4), mode="replicate")
    rows = F.conv2d(padded, kernel, groups=len(image))
    return F.conv2d(rows, kernel.mT, groups=len(image))[0]


@click.command()
@click.option("--sample", "samples", multiple=True, help="Default: all.")
@click.option(
    "--crop", "crops", multiple=True, type=click.IntRange(16), help="Top left N x N pixels; default: all."
)
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(METHODS), default=["normal"], show_default=True
)
@click.option("--size", default="1x", show_default=True, help="Of results: a factor.")
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
    size: str,
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
        reference = pieces(name, crop)
        for method in methods:
            if method == "unseen" and reference.unseen is None:
                continue
            for seed in seeds if method not in ("shifted", "blurred", "unseen") else [0]:
                key = dict(zip(KEY, (name, crop or "full", size, method, seed), strict=True))
                path = image_path(folder, key)
                if table.find(commit=where["commit"], **key) and path.exists():
                    continue
                image, figures = make(reference, method, size, seed)
                write_image(image, path, mode=mode_of(image))
                periodic = OPEN if method in ("blurred", "unseen") else TORUS
                figures |= measure(image, reference, periodic)
                first = image_path(folder, {**key, "seed": seeds[0]})
                if seed != seeds[0] and first.exists():
                    figures["seeds_share"] = evaluation.layout_share(
                        image, read_exemplar(first).pixels, periodic=periodic
                    )
                row = table.add({**where, **key, **figures})
                click.echo(" ".join(f"{column}={row[column]}" for column in (*KEY, *FIGURES)))
    rows = {  # the last of what was measured twice
        tuple(row[k] for k in KEY): row for row in table.rows if row["commit"] == where["commit"]
    }
    labels = [str(crop or "full") for crop in crops or (0,)]
    for crop, label in zip(crops or (0,), labels, strict=True):
        if sheet:
            picture = results / f"quality_{label}_{size}.jpg"
            draw_sheet(names, crop, size, methods, seeds[0], folder, picture)
    pages = [
        line
        for label, of in dict.fromkeys((row["crop"], row["size"]) for row in rows.values())
        for line in section(
            label, of, [row for row in rows.values() if (row["crop"], row["size"]) == (label, of)], results
        )
    ]
    write_page(results / "quality.md", "Quality", where, [LEGEND, "", *pages])


def image_path(folder: Path, key: Mapping[str, object]) -> Path:
    """Where the image of a row is kept."""
    return folder / ("-".join(str(key[k]) for k in KEY) + ".png")


def draw_sheet(
    names: Sequence[str],
    crop: int,
    size: str,
    methods: Sequence[str],
    seed: int,
    folder: Path,
    path: Path,
) -> None:
    """Exemplars and their results, a sample a row."""
    rows: dict[str, list[Image.Image | None]] = {}
    for name in names:
        exemplar = pieces(name, crop).pixels
        rows[name] = [to_pil(exemplar, mode_of(exemplar))]
        for method in methods:
            found = image_path(
                folder, dict(zip(KEY, (name, crop or "full", size, method, seed), strict=True))
            )
            image = read_exemplar(found).pixels if found.exists() else None
            rows[name].append(None if image is None else to_pil(image, mode_of(image)))
    pictures.sheet(["exemplar", *methods], rows, path)


def section(label: str, size: str, rows: list[Row], results: Path) -> list[str]:
    """Tables of one crop and size: the mean over seeds of every sample and method, then over the samples."""
    what = "Whole samples" if label == "full" else f"{label}x{label} crops"
    lines = [f"## {what}, results of {size}", ""]
    if (results / f"quality_{label}_{size}.jpg").exists():
        lines += [f"![](quality_{label}_{size}.jpg)", ""]
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
    return lines


def summary(rows: list[Row], of: Callable[[list[float]], float]) -> list[str]:
    """The figures shown, over the rows that have them; layouts of regular patterns do not count."""
    cells = []
    for name, _, digits in SHOWN:
        skip = REGULAR if len({row["sample"] for row in rows}) > 1 and name.endswith("_share") else ()
        found = [float(row[name]) for row in rows if row[name] and row["sample"] not in skip]
        cells.append(f"{of(found):.{digits}f}" if found else "")
    return cells


if __name__ == "__main__":
    main()
