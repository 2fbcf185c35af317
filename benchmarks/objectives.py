"""Compare the objectives of `texot train`: same network, same exemplars, same time.

    python -m benchmarks.objectives --sample gravel --sample grass_gray --time-limit 120 --threads 1

Every objective trains the generator on a quarter of a sample, reduced to 128x128 px, as long as the limit
says; a texture of twice its sides is measured by figures that none of them optimises alone. Neural optimal
transport learns a map from one sample's quarter (--source) to each; the refined samples are WGAN-GP's, moved
along its critics (discriminator optimal transport). Rows are kept in results/objectives.csv.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click
import torch
from PIL import Image
from torch import Tensor

from benchmarks.common import (
    RESULTS,
    Table,
    chosen,
    markdown,
    mode_of,
    run_texot,
    stamp,
    warn_if_busy,
    write_page,
)
from benchmarks.generator import figures, pair
from texot import evaluation
from texot.experimental.picture import show
from texot.experimental.refinement import refine
from texot.files.exemplar import read_exemplar
from texot.files.write import to_pil, write_image
from texot.generator.sampling import Generator

METHODS = (
    "transport, features",
    "transport",
    "sinkhorn",
    "wgan-gp",
    "wgan-gp, refined",
    "ot-gan",
    "neural-ot",
)
FIGURES = (
    ("steps", "steps", 0),
    ("train_seconds", "training s", 0),
    ("w2", "4x4", 2),
    ("p8", "8x8", 2),
    ("gram", "deep Gram", 2),
    ("spectrum_db", "spectrum dB", 2),
    ("oddness", "oddness", 2),
    ("layout", "layout", 2),
    ("copied", "copied", 2),
)
COLUMNS = ("sample", "side", "method", "limit", "seed", *(name for name, _, _ in FIGURES))
LEGEND = """\
4x4 (mean over scales) and 8x8: exact patch distance to the exemplar, relative to that of an unseen part of
the photograph; deep Gram too. Lower is better. Spectrum: rms difference of radial spectra. Layout: share of
the commonest shift of the exemplar. All but the first two train without sliced terms, and all but the first
without deep features. Neural-ot maps another sample (--source, or the first) to each. Refining counts as
training; else that includes start and exit, and measuring the dual gap of transport.

Read with care: one seed, two exemplars, and two minutes in which none converges; differences of a few
hundredths mean nothing. A low 8x8 beside a large spectrum error and deep Gram is what a flat mean picture
gets, not a merit. On one core beside another process that computed."""
MANY = 200_000  # steps: the time limit decides


@click.command()
@click.option("--sample", "samples", multiple=True, help="Samples; default: all.")
@click.option("--method", "methods", multiple=True, type=click.Choice(METHODS), help="Default: all.")
@click.option(
    "--time-limit", "limit", type=float, default=120, show_default=True, help="Seconds of training."
)
@click.option("--source", help="Sample that neural-ot maps to the others; default: the first.")
@click.option("--side", type=int, default=128, show_default=True, help="Pixels of the exemplar's sides.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=int)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for all pictures as they are.")
def main(
    samples: tuple[str, ...],
    source: str | None,
    methods: tuple[str, ...],
    limit: float,
    side: int,
    seed: int,
    threads: int | None,
    keep: Path | None,
) -> None:
    """Fill results/objectives.csv and write its page and picture."""
    warn_if_busy()
    names = chosen(samples)
    source = source or names[0]
    table, where, shown = Table(RESULTS / "objectives.csv", COLUMNS), stamp(threads), []
    pictures: dict[tuple[str, str], Tensor] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        pairs = {sample: pair(sample, side) for sample in names}
        origin = pair(source, side)[0]
        for sample, pixels in ((source, origin), *((name, both[0]) for name, both in pairs.items())):
            write_image(pixels, folder / f"{sample}.png", mode=mode_of(pixels))
        for sample, (exemplar, reference) in pairs.items():
            for method in methods or METHODS:
                if method == "neural-ot" and (sample == source or len(exemplar) != len(origin)):
                    continue
                row = run(method, sample, source, folder, limit, seed, threads)
                image = row.pop("image")
                assert isinstance(image, Tensor)
                pictures[sample, method] = image
                write_image(image, folder / f"{sample}-{method}.png", mode=mode_of(image))
                row.update(
                    figures(image, exemplar, reference), layout=evaluation.layout_share(image, exemplar)
                )
                key = {"sample": sample, "side": side, "method": method, "limit": limit, "seed": seed}
                shown.append(table.add({**where, **key, **row}))
                click.echo(" ".join(f"{name} {shown[-1][name]}" for name in COLUMNS), err=True)
    lines = [
        [row["sample"], row["method"], *(f"{float(row[name]):.{digits}f}" for name, _, digits in FIGURES)]
        for row in shown
    ]
    draw(pairs, pictures, side, RESULTS / "objectives.jpg")
    headings = ["sample", "objective", *(heading for _, heading, _ in FIGURES)]
    page = [*markdown(headings, lines), "", LEGEND, "", "![objectives](objectives.jpg)"]
    write_page(RESULTS / "objectives.md", f"Objectives, {limit:g} s each", where, page)


def run(
    method: str, sample: str, first: str, folder: Path, limit: float, seed: int, threads: int | None
) -> dict[str, object]:
    """Train one objective; its texture of twice the exemplar's sides as "image", steps and seconds."""
    source, trained_as = folder / f"{sample}.png", method.partition(",")[0]
    model = folder / f"{sample}-{trained_as}.safetensors"
    options: list[object] = ["--steps", MANY, "--no-early-stop"]
    options += ["--time-limit", f"{limit:g}s", "--seed", seed]
    if method == "transport":
        options += ["--features", "none"]
    elif trained_as != "transport":
        options += ["--experimental-objective", trained_as]
    sources = [folder / f"{first}.png", source] if method == "neural-ot" else [source]
    row: dict[str, object] = {}
    if not (method.endswith("refined") and model.exists()):
        row["train_seconds"] = run_texot("train", *sources, "-o", model, *options, threads=threads).seconds
    begun = time.perf_counter()
    generator = Generator.load(model)
    row["steps"] = generator.facts["total_step"]
    exemplar = read_exemplar(source).pixels
    size = 2 * exemplar.shape[2], 2 * exemplar.shape[1]
    if generator.network.architecture.maps:
        show(generator.network, read_exemplar(sources[0]).pixels)
        row["image"] = generator.sample(size, seed=seed, tile="none").image
    else:
        row["image"] = generator.sample(size, seed=seed).image
    if method.endswith("refined"):
        image = row["image"]
        assert isinstance(image, torch.Tensor)
        row["image"] = refine(generator.network, image)
        row.setdefault("train_seconds", time.perf_counter() - begun)
    return row


def draw(
    pairs: dict[str, tuple[Tensor, Tensor]], pictures: dict[tuple[str, str], Tensor], side: int, path: Path
) -> None:
    """A row a sample: the exemplar, then every objective's texture, whose top left part is shown."""
    methods = [method for method in METHODS if any(own == method for _, own in pictures)]
    wide, gap = 3 * side // 2, 8
    sheet = Image.new(
        "RGB", ((1 + len(methods)) * (wide + gap) - gap, len(pairs) * (wide + gap) - gap), "white"
    )
    for row, (sample, (exemplar, _)) in enumerate(pairs.items()):
        cells = [exemplar, *(pictures.get((sample, method)) for method in methods)]
        for place, cell in enumerate(cells):
            if cell is not None:
                part = cell[:, :wide, :wide]
                box = place * (wide + gap), row * (wide + gap)
                sheet.paste(to_pil(part, mode_of(part)).convert("RGB"), box)
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()
