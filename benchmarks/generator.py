"""Algorithm 2 beside Algorithm 1 on the same exemplars: distance, structure, sharpness, processor seconds.

    python -m benchmarks.generator --sample grass_gray --sample pebbles --sample gravel --sample rust
    python -m benchmarks.generator --sample pebbles --method "paper preset"
    python -m benchmarks.generator --between pebbles --between gravel

Exemplar and reference are disjoint quarters of one photograph, reduced to `--side` pixels. Both methods make
a texture of twice the exemplar's sides that tiles. Figures of distance are relative to the reference's own to
the exemplar. Deep Gram uses SqueezeNet, which training never sees. Between two samples, one generator of both
is trained; its ends stand beside the generators of one that the table has. What the table has of this code is
not measured again.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

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
from texot import evaluation
from texot.evaluation.inputs import OPEN, TORUS
from texot.files.exemplar import read_exemplar
from texot.files.write import to_pil, write_image
from texot.images.autocorrelation import autocorrelation
from texot.images.masks import details

METHODS = (
    "algorithm 1",
    "algorithm 2",
    "algorithm 2, no finish",
    "algorithm 2, sliced",
    "algorithm 2, semi-dual",
    "algorithm 2, both",
    "algorithm 2, no features",
    "paper preset",
)
FIGURES = (
    ("w2", "4x4", 2),
    ("p8", "8x8", 2),
    ("gram", "deep Gram", 2),
    ("spectrum_db", "spectrum dB", 2),
    ("lattice_db", "lattice dB", 2),
    ("peak", "peak", 3),
    ("oddness", "oddness", 2),
    ("mean_percent", "mean %", 1),
    ("deviation_percent", "deviation %", 1),
    ("copied", "copied", 2),
    ("forgotten", "forgotten", 2),
    ("train_seconds", "training s", 0),
    ("seconds", "making s", 1),
)
LAGS = (2, 4, 8)
COLUMNS = ("sample", "side", "method", "seed", *(name for name, _, _ in FIGURES))
LEGEND = """\
4x4 (mean over scales) and 8x8: exact patch distance to the exemplar, relative to that of the reference, an
unseen part of the photograph; deep Gram too. Lower is better, 1 is as like as another part. Spectrum: rms
difference of radial spectra; lattice: rise of a weave of 2, 4 or 8 pixels; peak: how much more the
autocorrelation of details stands out at lags of 2, 4 or 8 pixels (the network's scales) than the exemplar's,
on 1024x1024 px of a generator. Mean, deviation: worst channel's relative error. Copied: share of 12x12
patches that are coherent copies. Forgotten: share of the exemplar that no patch was taken from. Seconds are
of one processor, start to exit: of training once, and of making one 2x texture. The quarters of rust and
stonewall repeat each other: their reference is no unseen part, and what is relative to it says only which
method is nearer. A method that this commit was not measured with names the last that was."""


def pair(sample: str, side: int) -> tuple[Tensor, Tensor]:
    """Exemplar and reference: the first and the last quarter of a sample, each reduced to `side` pixels."""
    pixels = read_sample(sample)
    found = []
    for part in (slice(None, min(pixels.shape[1:]) // 2), slice(-(min(pixels.shape[1:]) // 2), None)):
        quarter = pixels[:, part, part]
        found.append(
            F.interpolate(quarter[None], size=(side, side), mode="bicubic", antialias=True)[0].clamp(0, 1)
        )
    return found[0], found[1]


def figures(image: Tensor, exemplar: Tensor, reference: Tensor) -> dict[str, float]:
    """All figures but times."""

    def both(metric: object, **options: object) -> float:
        assert callable(metric)
        own, other = metric(image, exemplar, periodic=TORUS, **options), None
        other = metric(reference, exemplar, periodic=OPEN, **options)
        if isinstance(own, list):
            return sum(a / b for a, b in zip(own, other, strict=True)) / len(own)
        return float(own / other)

    mean, deviation = evaluation.colour_error(image, exemplar)
    copies = evaluation.copy_share(image, exemplar)
    return {
        "w2": both(evaluation.multiscale_patch_distance, patch_size=4, n_scales=4),
        "p8": both(evaluation.patch_distance),
        "gram": both(evaluation.deep_gram),
        "spectrum_db": evaluation.spectrum_error(image, exemplar),
        "lattice_db": evaluation.lattice_error(image, exemplar),
        "oddness": evaluation.oddness(image, exemplar),
        "mean_percent": 100 * float(mean.abs().max()),
        "deviation_percent": 100 * float(deviation.abs().max()),
        "copied": copies.share,
        "forgotten": copies.unused,
    }


def peak(image: Tensor, exemplar: Tensor) -> float:
    """The largest rise of the autocorrelation of details at lags of 2, 4, 8 px, less the exemplar's there."""

    def rises(pixels: Tensor) -> Tensor:
        found = autocorrelation(details(pixels))
        return torch.stack(
            [
                line[lag] - (line[lag - 1] + line[lag + 1]) / 2
                for line in (found[0], found[:, 0])
                for lag in LAGS
            ]
        )

    return float((rises(image) - rises(exemplar)).max())


def measure(method: str, exemplar: Tensor, folder: Path, seed: int, threads: int | None) -> dict[str, float]:
    """Make `result.png` in a folder; its seconds. Methods that differ in sampling only share a training."""
    source, result, wide = folder / "exemplar.png", folder / "result.png", folder / "wide.png"
    write_image(exemplar, source, mode=mode_of(exemplar))
    wide.unlink(missing_ok=True)
    if method == "algorithm 1":
        done = run_texot("synthesize", source, "-o", result, "--size", "2x", "--seed", seed, threads=threads)
        return {"train_seconds": 0.0, "seconds": done.cpu_seconds}
    kinds: dict[str, tuple[str, ...]] = {
        "algorithm 2": (),
        "algorithm 2, no finish": (),
        "algorithm 2, no features": ("--features", "none"),
        "paper preset": ("--preset", "paper"),
    }
    kind = kinds.get(method, ("--feature-transport", method.rpartition(", ")[2]))
    model = folder / f"model{''.join(kind)}.safetensors"
    took = model.with_suffix(".seconds")
    if not model.exists():
        trained = run_texot("train", source, "-o", model, "--seed", seed, *kind, threads=threads)
        took.write_text(str(trained.cpu_seconds))
    finish = ("--finish", "none") if method.endswith("no finish") else ()
    made = run_texot("sample", model, "-o", result, "--size", "2x", "--seed", seed, *finish, threads=threads)
    wider = "--size", "1024x1024", "--seed", seed + 1, *finish
    run_texot("sample", model, "-o", wide, *wider, threads=threads)
    return {"train_seconds": float(took.read_text()), "seconds": made.cpu_seconds}


@click.command()
@click.option("--sample", "samples", multiple=True, help="Samples; default: all.")
@click.option(
    "--method", "methods", multiple=True, type=click.Choice(METHODS), help="Default: the first three."
)
@click.option("--side", type=int, default=128, show_default=True, help="Pixels of the exemplar's sides.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=int)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for all pictures as they are.")
@click.option("--picture", is_flag=True, help="Only put what --keep has kept side by side in results/.")
@click.option("--between", multiple=True, help="Two samples: train one generator of both instead.")
def main(
    samples: tuple[str, ...],
    methods: tuple[str, ...],
    side: int,
    seed: int,
    threads: int | None,
    keep: Path | None,
    picture: bool,
    between: tuple[str, ...],
) -> None:
    """Fill results/generator.csv and write its page."""
    if picture:
        draw(chosen(samples), side, keep or Path())
        return
    warn_if_busy()
    if between:
        first, last = between
        measure_between(first, last, side, seed, threads)
        return
    table = Table(RESULTS / "generator.csv", COLUMNS)
    where = stamp(threads)
    for sample in chosen(samples):
        exemplar, reference = pair(sample, side)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for method in methods or METHODS[:3]:
                key = {"sample": sample, "side": side, "method": method, "seed": seed}
                if table.find(commit=where["commit"], **key):
                    continue
                times = measure(method, exemplar, folder, seed, threads)
                image = read_exemplar(folder / "result.png").pixels
                wide = folder / "wide.png"
                times["peak"] = peak(read_exemplar(wide).pixels if wide.exists() else image, exemplar)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    name = f"{sample}-{side}-{method.replace(' ', '_')}"
                    (folder / "result.png").rename(keep / f"{name}.png")
                    write_image(exemplar, keep / f"{sample}-{side}.png", mode=mode_of(exemplar))
                row = table.add({**where, **key, **times, **figures(image, exemplar, reference)})
                click.echo(" ".join(f"{name} {row[name]}" for name in COLUMNS), err=True)
    last = {(row["sample"], row["method"]): row for row in table.find(side=side, seed=seed)}
    here = {row["sample"] for row in last.values() if row["commit"] == where["commit"]}
    shown: list[Row] = [row for row in last.values() if row["sample"] in here]
    shown.sort(key=lambda row: (row["sample"], METHODS.index(row["method"])))
    headings = ["sample", "method", *(heading for _, heading, _ in FIGURES)]
    lines = []
    for row in shown:
        of = "" if row["commit"] == where["commit"] else f" ({row['commit']})"
        cells = (f"{float(row[name]):.{digits}f}" if row[name] else "" for name, _, digits in FIGURES)
        lines.append([row["sample"], row["method"] + of, *cells])
    title = f"The generator on {side}x{side} px exemplars"
    write_page(RESULTS / f"generator_{side}.md", title, where, [*markdown(headings, lines), "", LEGEND])


def draw(samples: list[str], side: int, folder: Path) -> None:
    """A row a sample: the exemplar, textures of Algorithm 1, of the generator, and without its finish."""
    sheet = Image.new("RGB", (side * 7 + 24, len(samples) * (2 * side + 8) - 8), "white")
    for row, sample in enumerate(samples):
        names = [f"{sample}-{side}", *(f"{sample}-{side}-{m.replace(' ', '_')}" for m in METHODS[:3])]
        left = 0
        for name in names:
            with Image.open(folder / f"{name}.png") as image:
                sheet.paste(image.convert("RGB"), (left, row * (2 * side + 8)))
                left += image.width + 8
    sheet = sheet.reduce(max(1, side // 128))
    sheet.save(RESULTS / f"generator_{side}.jpg", quality=88)


WAY = (0.0, 0.25, 0.5, 0.75, 1.0)


def measure_between(first: str, last: str, side: int, seed: int, threads: int | None) -> None:
    """One generator of two samples: its ends beside generators of one, a picture of the way between."""
    where, lines = stamp(threads), []
    pairs = [pair(sample, side) for sample in (first, last)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources, model = [folder / "0.png", folder / "1.png"], folder / "model.safetensors"
        for (exemplar, _), source in zip(pairs, sources, strict=True):
            write_image(exemplar, source, mode=mode_of(exemplar))
        trained = run_texot("train", *sources, "-o", model, "--seed", seed, threads=threads)

        def sample(name: str, *options: object) -> Tensor:
            run_texot("sample", model, "-o", folder / name, "--seed", seed, *options, threads=threads)
            return read_exemplar(folder / name).pixels

        way = [sample(f"{t}.png", "--size", "2x", "--weights", f"{1 - t},{t}") for t in WAY]
        strip = sample("map.png", "--size", f"{7 * side + 48}x{2 * side}", "--weight-map", "horizontal")
    table = Table(RESULTS / "generator.csv", COLUMNS)
    shown = [figure for figure in FIGURES if figure[0] not in ("seconds", "peak", "forgotten")]
    for name, image, (exemplar, reference) in zip((first, last), (way[0], way[-1]), pairs, strict=True):
        alone = table.find(sample=name, side=side, method=METHODS[2], seed=seed)
        own = {**figures(image, exemplar, reference), "train_seconds": trained.cpu_seconds}
        for which, row in (("of both", own), *(("of one", row) for row in alone[-1:])):
            cells = [f"{float(row[figure]):.{digits}f}" for figure, _, digits in shown]
            lines.append([name, which, *cells])
    columns = ["end", "generator", *(heading for _, heading, _ in shown)]
    picture = f"generator_between_{first}_{last}"
    draw_between([exemplar for exemplar, _ in pairs], way, strip, RESULTS / f"{picture}.jpg")
    text = "Above: exemplar, t = 0, .25, .5, .75, 1, exemplar; below: one sample with a horizontal map."
    page = [*markdown(columns, lines), "", LEGEND, "", text, "", f"![{first} to {last}]({picture}.jpg)"]
    write_page(RESULTS / f"{picture}.md", f"One generator between {first} and {last}", where, page)


def draw_between(exemplars: list[Tensor], way: list[Tensor], strip: Tensor, path: Path) -> None:
    """Exemplars at the sides of samples on the way between them, and a strip with a map below."""
    side, gap = exemplars[0].shape[1], 8
    cells = [exemplars[0], *(image[:, :, :side] for image in way), exemplars[1]]
    sheet = Image.new("RGB", (7 * side + 6 * gap, 4 * side + gap), "white")
    for place, cell in enumerate(cells):
        sheet.paste(to_pil(cell, mode_of(cell)).convert("RGB"), (place * (side + gap), 0))
    sheet.paste(to_pil(strip, mode_of(strip)).convert("RGB"), (0, 2 * side + gap))
    sheet.save(path, quality=88)


if __name__ == "__main__":
    main()
