"""Regular textures at sizes that their periods do not divide: four drawn patterns, and samples with rows.

    python -m benchmarks.regular --threads 1

Exemplars of 256x256 px become textures of 400x370 px that tile on both axes, or on none; beside them image
quilting (`benchmarks.baselines`), which never tiles. Results go to results/regular.md and regular.jpg.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks.common import (
    RESULTS,
    markdown,
    mode_of,
    read_sample,
    run_module,
    run_texot,
    stamp,
    warn_if_busy,
    write_page,
)
from benchmarks.pictures import sheet
from texot import evaluation
from texot.evaluation.inputs import OPEN, TORUS
from texot.files.exemplar import read_exemplar
from texot.files.write import write_image

SIDE, SIZE = 256, "400x370"
METHODS = {"texot": "both", "texot, open": "none", "quilting": None}  # and what --tile says
SAMPLES = ("brick_old", "rug", "wood_planks")
LEGEND = """\
8x8 excess: patch distance to the exemplar without the bias of finite samples, 0 for equal distributions.
Oddness: distance of deep features to the exemplar's nearest, 95th percentile, relative to the exemplar's own
parts; autocorr.: rms difference of autocorrelations; seam: roughness across the edges, about 1 where it
tiles. Lower is better. What tiles has to give in somewhere: no multiple of the periods is 400 or 370."""


def patterns() -> dict[str, np.ndarray]:
    """Four patterns (SIDE, SIDE, 3) with a little noise; periods of 44, 44, 37 and 64 pixels."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)

    def centres(down: float, across: float) -> np.ndarray:
        """Distances to the two nearest points of a staggered lattice."""
        rows, columns = range(-1, int(SIDE / down) + 3), range(-1, int(SIDE / across) + 3)
        found = [np.hypot(y - i * down, x - (j + i % 2 / 2) * across) for i in rows for j in columns]
        return np.sort(np.stack(found), 0)[:2]

    dots = centres(33, 44)[0] < 14
    cells = centres(44 * 0.75**0.5, 44)
    tiles = cells[1] - cells[0] < 4
    stripes = (x + 0.6 * y) % 37 < 18
    straw = np.where((x // 32 + y // 32) % 2 == 0, y, x) % 32
    weave = np.where((x % 32 < 2) | (y % 32 < 2), 0.15, 0.4 + 0.5 * np.abs(np.sin(3 * np.pi * straw / 32)))
    drawn = {
        "dots": np.where(dots[..., None], (0.9, 0.8, 0.3), (0.2, 0.3, 0.5)),
        "hexagons": np.where(tiles[..., None], (0.3, 0.3, 0.3), (0.75, 0.7, 0.6)),
        "stripes": np.where(stripes[..., None], (0.8, 0.2, 0.2), (0.95, 0.9, 0.85)),
        "basket": weave[..., None] * (0.9, 0.75, 0.5),
    }
    noise = 0.03 * random.standard_normal((SIDE, SIDE, 3))
    return {name: (image + noise).clip(0, 1) for name, image in drawn.items()}


@click.command()
@click.option("--threads", type=int)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS)
def main(threads: int | None, seed: int, results: Path) -> None:
    """Synthesise every pattern and sample, measure it, and write the page and picture."""
    warn_if_busy()
    where = stamp(threads)
    lines: list[list[str]] = []
    shown: dict[str, list[Image.Image]] = {kind: [] for kind in ("exemplar", *METHODS)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        exemplars = {name: (255 * image).round().astype(np.uint8) for name, image in patterns().items()}
        for name, pixels in exemplars.items():
            Image.fromarray(pixels).save(folder / f"{name}.png")
        for name in SAMPLES:
            crop = read_sample(name)[:, :SIDE, :SIDE]
            write_image(crop, folder / f"{name}.png", mode=mode_of(crop))
        for name in (*exemplars, *SAMPLES):
            source = folder / f"{name}.png"
            exemplar = read_exemplar(source).pixels
            shown["exemplar"].append(Image.open(source).convert("RGB"))
            for method, tile in METHODS.items():
                path = folder / f"{name}-{method}.png"
                options = ["--size", SIZE, "--seed", seed]
                if tile is not None:
                    options += ["--tile", tile, "-q"]
                    spent = run_texot("synthesize", source, "-o", path, *options, threads=threads)
                else:
                    spent = run_module(
                        "benchmarks.baselines", method, source, path, *options, threads=threads
                    )
                image, periodic = read_exemplar(path).pixels, TORUS if tile == "both" else OPEN
                found = (
                    evaluation.excess_distance(image, exemplar, periodic=periodic),
                    evaluation.oddness(image, exemplar, periodic=periodic),
                    evaluation.autocorrelation_error(image, exemplar),
                    evaluation.seam_score(image),
                    spent.seconds,
                )
                digits = (3, 2, 3, 2, 1)
                figures = [f"{value:.{n}f}" for value, n in zip(found, digits, strict=True)]
                lines.append([name, method, *figures])
                click.echo(" ".join(lines[-1]), err=True)
                shown[method].append(Image.open(path).convert("RGB"))
    sheet([*exemplars, *SAMPLES], shown, results / "regular.jpg", tile=240)
    headings = ["exemplar", "method", "8x8 excess", "oddness", "autocorr.", "seam", "s"]
    page = [*markdown(headings, lines), "", LEGEND, "", "![](regular.jpg)"]
    write_page(results / "regular.md", f"Regular textures, {SIDE}x{SIDE} to {SIZE}", where, page)


if __name__ == "__main__":
    main()
