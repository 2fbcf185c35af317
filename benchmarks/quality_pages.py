"""What the quality benchmark writes: its tables as Markdown, sheets of pictures, blind pairs to vote on."""

from __future__ import annotations

import csv
import itertools
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from PIL import Image
from torch import Tensor

from benchmarks import baselines, pictures
from benchmarks.common import Row, Table, markdown, mode_of, write_page
from texot.files.exemplar import read_exemplar
from texot.files.write import to_pil

QUALITIES = ("draft", "normal", "high")
COMPARED = ("shifted", "blurred", "unseen")
GMIC = "gmic"
METHODS = (*QUALITIES, GMIC, *baselines.METHODS, *COMPARED)
REPEATING = ("granite_blue", "rust", "stonewall", "wood_planks")  # hold copies of themselves
RELATIVE = ("distance", "distance_8x8", "sliced", "gram", "sifid")  # to what real texture has
REGULAR = ("brick_old", "rug", "wood_planks")  # shifts of themselves by their own period
KEY = ("sample", "crop", "size", "method", "seed")
SHOWN = (  # in the Markdown tables: figure, heading, digits
    ("distance", "4x4", 2),
    ("distance_8x8", "8x8", 2),
    ("excess_8x8", "8x8 excess", 2),
    ("sliced", "sliced", 2),
    ("spectrum_db", "spectrum dB", 2),
    ("lattice_db", "lattice dB", 2),
    ("autocorrelation", "autocorr.", 3),
    ("histogram", "histogram", 2),
    ("gram", "deep Gram", 2),
    ("sifid", "SIFID", 2),
    ("oddness", "oddness", 2),
    ("layout_share", "layout", 2),
    ("seeds_share", "seeds", 2),
    ("repetition", "repeated", 2),
    ("copied", "copied", 2),
    ("unused", "forgotten", 2),
    ("seam", "seam", 2),
    ("seconds", "s", 1),
    ("peak_mb", "MB", 0),
)
FIGURES = (*(name for name, _, _ in SHOWN), "mean_error", "deviation_error")
LEGEND = """\
Figures as `texot evaluate` and `texot.evaluation.FIGURES` define them; lower is better, but 1 is enough
where relative to real texture. 4x4, 8x8, sliced, deep Gram, SIFID: 1 is what real texture has, as far as
the exemplar is from a disjoint crop of its photograph; where there is no such crop (four samples hold
copies of themselves), as far as its halves are from each other, which share those copies and so ask too
much: means and worst leave these samples out of relative figures. Oddness: relative to the exemplar's own
parts. Layout: share of the coarse layout that is one shift of the exemplar; seeds: the same between the
results of two seeds (regular patterns are shifts of themselves: means leave them out). Copied: share of
12x12 patches with the same offset as 2 neighbours. Forgotten: share of the exemplar's pixels nothing was
taken from. Seam: roughness across the edges, about 1 where it tiles. s, MB: time and peak memory of the
whole process, on a machine that others used too. `shifted`: the exemplar rolled by a third. `blurred`:
under a Gaussian of 1 pixel. `unseen`: that disjoint crop. `psi0`, `paper`, `gram`, `quilting`, `tiling`:
see `benchmarks/baselines.py`; gram minimises its own figure."""


def image_path(folder: Path, key: Mapping[str, object]) -> Path:
    """Where the image of a row is kept."""
    return folder / ("-".join(str(key[k]) for k in KEY) + ".png")


def write(table: Table, where: Row, results: Path) -> None:
    """quality.md: all rows of the present commit, the last of what was measured twice."""
    rows = {tuple(row[k] for k in KEY): row for row in table.rows if row["commit"] == where["commit"]}
    lines = [LEGEND, ""]
    for label, of in dict.fromkeys((row["crop"], row["size"]) for row in rows.values()):
        found = [row for row in rows.values() if (row["crop"], row["size"]) == (label, of)]
        lines += section(label, of, found, results)
    write_page(results / "quality.md", "Quality", where, lines)


def _picture(folder: Path, *key: object) -> Image.Image | None:
    path = image_path(folder, dict(zip(KEY, key, strict=True)))
    if not path.exists():
        return None
    image = read_exemplar(path).pixels
    return to_pil(image, mode_of(image))


def draw_sheet(
    exemplars: Mapping[str, Tensor],
    label: str,
    size: str,
    methods: Sequence[str],
    seed: int,
    folder: Path,
    path: Path,
) -> None:
    """Exemplars and their results, a sample a row."""
    rows = {
        name: [
            to_pil(exemplar, mode_of(exemplar)),
            *(_picture(folder, name, label, size, m, 0 if m in COMPARED else seed) for m in methods),
        ]
        for name, exemplar in exemplars.items()
    }
    pictures.sheet(["exemplar", *methods], rows, path)


def draw_blind(
    exemplars: Mapping[str, Tensor],
    label: str,
    size: str,
    methods: Sequence[str],
    seed: int,
    folder: Path,
    results: Path,
) -> None:
    """Every pair of methods on every sample, in random order, on random sides; the key in a second file.

    A voter notes left or right for each numbered pair, and only then opens the key.
    """
    pairs = [
        (name, pair)
        for name in exemplars
        for pair in itertools.combinations([m for m in methods if m not in COMPARED], 2)
    ]
    order = random.SystemRandom()
    order.shuffle(pairs)
    rows: dict[str, list[Image.Image | None]] = {}
    key = []
    for name, pair in pairs:
        left, right = order.sample(pair, 2)
        shown = [_picture(folder, name, label, size, method, seed) for method in (left, right)]
        if None in shown:
            continue
        number = len(rows) + 1
        exemplar = exemplars[name]
        rows[f"pair {number}"] = [to_pil(exemplar, mode_of(exemplar)), *shown]
        key.append([number, name, left, right])
    if not rows:
        raise click.UsageError("--blind compares two methods or more: give --method twice.")
    sheet = results / f"quality_blind_{label}_{size}.jpg"
    pictures.sheet(["exemplar", "left", "right"], rows, sheet, max_bytes=4_000_000)
    with sheet.with_name(f"{sheet.stem}_key.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["pair", "sample", "left", "right"], *key])


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
    """The figures shown, over the rows that have them; what means nothing for a sample does not count."""
    cells = []
    for name, _, digits in SHOWN:
        skip: tuple[str, ...] = ()
        if len({row["sample"] for row in rows}) > 1:
            skip = REGULAR if name.endswith("_share") else REPEATING if name in RELATIVE else ()
        found = [float(row[name]) for row in rows if row[name] and row["sample"] not in skip]
        cells.append(f"{of(found):.{digits}f}" if found else "")
    return cells
