"""How good results are: every sample, method and seed through `texot.evaluation`, all figures in one table.

    python -m benchmarks.quality --crop 256 --method normal --method quilting --method unseen
    python -m benchmarks.quality --crop 256 --size 2x --method normal --method gmic
    python -m benchmarks.quality --crop 256 --method normal --method quilting --blind

The exemplar is one crop; where the photograph has a disjoint second one, that is the reference. No figure
stands alone: a shifted copy of the exemplar has the least distance of all, mild blur lowers it, and neither
is a new texture. So rows of both can stand beside the results, and one of the unseen crop. A run may be
stopped and started again: what the table has of this commit is not measured twice.
"""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import click
import torch
from torch import Tensor

from benchmarks import baselines, quality_pages
from benchmarks.common import (
    RESULTS,
    ROOT,
    SAMPLES,
    Table,
    chosen,
    mode_of,
    run_command,
    run_module,
    run_texot,
    stamp,
    warn_if_busy,
)
from benchmarks.quality_pages import COMPARED, FIGURES, GMIC, KEY, METHODS, QUALITIES, REPEATING, image_path
from texot import evaluation
from texot.evaluation import Evaluator
from texot.evaluation.evaluator import blurred
from texot.evaluation.inputs import OPEN, TORUS
from texot.files.exemplar import read_exemplar
from texot.files.sizes import parse_size
from texot.files.write import write_image
from texot.images.pyramid import Periodic


def pieces(name: str, crop: int) -> tuple[Tensor, Tensor | None]:
    """A sample's top left crop with the one beside it, if it has one that is no copy; or all of it."""
    pixels = read_exemplar(SAMPLES[name]).pixels
    if not crop:
        return pixels, None
    if min(pixels.shape[1:]) < crop:
        raise click.BadParameter(f"{name} has no {crop}x{crop} px", param_hint="--crop")
    apart = pixels.shape[2] >= 2 * crop and name not in REPEATING
    return pixels[:, :crop, :crop].contiguous(), pixels[:, :crop, -crop:] if apart else None


def make(exemplar: Path, unseen: Tensor | None, key: dict[str, object], path: Path) -> None:
    """Write the image of a row, by a process of its own unless it is a copy, and what that took beside it."""
    method = key["method"]
    if method in COMPARED:
        pixels = read_exemplar(exemplar).pixels
        shift = [n // 3 for n in pixels.shape[1:]]
        image = {"shifted": pixels.roll(shift, (1, 2)), "blurred": blurred(pixels)}.get(str(method), unseen)
        assert image is not None
        write_image(image, path, mode=mode_of(image))
        return
    options = ["--size", key["size"], "--seed", key["seed"]]
    threads = torch.get_num_threads()
    if method in QUALITIES:
        command = ["synthesize", exemplar, "-o", path, "--quality", method, "-q"]
        spent = run_texot(*command, *options, threads=threads)
    elif method == GMIC:
        height, width = read_exemplar(exemplar).pixels.shape[1:]
        target = parse_size(str(key["size"]), (width, height))
        spent = run_command(gmic(exemplar, path, target, int(str(key["seed"])), threads))
    else:
        spent = run_module("benchmarks.baselines", method, exemplar, path, *options, threads=threads)
    facts = {"seconds": spent.seconds, "peak_mb": spent.peak_mb}
    path.with_suffix(".json").write_text(json.dumps(facts), encoding="utf-8")


def gmic(exemplar: Path, path: Path, size: tuple[int, int], seed: int, threads: int | None) -> list[str]:
    """The command of Debian's `gmic`: patches matched coarse to fine, by David Tschumperle.

    Its result wraps around nowhere.
    """
    width, height = size
    if shutil.which("gmic") is None:
        raise click.ClickException("gmic is not installed: it is a package of Debian's")
    limit = [f"OMP_NUM_THREADS={threads}"] if threads else []
    command = ["env", *limit, "gmic", "-v", "-", str(exemplar), "srand", str(seed)]
    return [*command, "syntexturize_matchpatch", f"{width},{height}", "-o", str(path)]


def wraps(method: str) -> Periodic:
    """Axes along which a method's results wrap around."""
    if method == GMIC:
        return OPEN
    if method in baselines.METHODS:
        return baselines.METHODS[method][1]
    return OPEN if method in ("blurred", "unseen") else TORUS


def measure(evaluator: Evaluator, key: dict[str, object], path: Path, first_seed: int) -> dict[str, object]:
    """The figures of a row, of the image as its file has it."""
    image, periodic = read_exemplar(path).pixels, wraps(str(key["method"]))
    figures: dict[str, object] = dict(evaluator.measure(image, periodic=periodic).figures)
    facts = path.with_suffix(".json")
    if facts.exists():
        figures |= json.loads(facts.read_text(encoding="utf-8"))
    first = image_path(path.parent, {**key, "seed": first_seed})
    if key["seed"] != first_seed and first.exists():
        other = read_exemplar(first).pixels
        figures["seeds_share"] = evaluation.layout_share(image, other, periodic=periodic)
    return {name: "" if figures.get(name) is None else figures[name] for name in FIGURES}


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
@click.option("--blind", is_flag=True, help="Write shuffled pairs of the methods to vote on, and their key.")
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
    blind: bool,
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
    rows = []
    for crop, name in itertools.product(crops or (0,), names):
        pixels, unseen = pieces(name, crop)
        exemplar = folder / f"{name}-{crop or 'full'}.png"
        write_image(pixels, exemplar, mode=mode_of(pixels))
        for method in methods:
            if method == "unseen" and unseen is None:
                continue
            for seed in seeds if method not in COMPARED else [0]:
                key = dict(zip(KEY, (name, crop or "full", size, method, seed), strict=True))
                path = image_path(folder, key)
                if not path.exists():
                    # before anything is measured: a child's peak memory includes what its parent had then
                    make(exemplar, unseen, key, path)
                    click.echo(f"made {path.name}", err=True)
                if not table.find(commit=where["commit"], **key):
                    rows.append((crop, name, key, path))
    for (crop, name), group in itertools.groupby(rows, key=lambda row: row[:2]):
        evaluator = Evaluator(*pieces(name, crop))
        for _, _, key, path in group:
            figures = measure(evaluator, key, path, seeds[0])
            row = table.add({**where, **key, **figures})
            click.echo(" ".join(f"{column}={row[column]}" for column in (*KEY, *FIGURES)))
    for crop in crops or (0,):
        label = str(crop or "full")
        exemplars = {name: pieces(name, crop)[0] for name in names}
        if sheet:
            picture = results / f"quality_{label}_{size}.jpg"
            quality_pages.draw_sheet(exemplars, label, size, methods, seeds[0], folder, picture)
        if blind:
            quality_pages.draw_blind(exemplars, label, size, methods, seeds[0], folder, results)
    quality_pages.write(table, where, results)


if __name__ == "__main__":
    main()
