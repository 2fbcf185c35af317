"""Materials: whether maps stay registered, normals of unit length, edges that tile, time and memory.

python -m benchmarks.materials                       # the shipped materials and a synthetic one
python -m benchmarks.materials --folder MATERIAL ... # other folders of maps too
python -m benchmarks.materials --large               # one of 4096 px as well: minutes

Registration is the sliced Wasserstein distance of stacked 4x4 patches over all maps, each map in units of its
deviation, of the result to the input, over that of the halves of the input. The control are maps that were
synthesised one by one. In the synthetic material, height is a known function of the colour.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import texot
from benchmarks.common import RESULTS, markdown, read_sample, run_texot, stamp, warn_if_busy, write_page
from texot.evaluation import seam_score
from texot.files.layer import Layer
from texot.files.material import Material, vectors
from texot.files.original import Original

SHIPPED = Path(__file__).parents[1] / "samples" / "materials"
PATCHES, DIRECTIONS = 40_000, 200


def planes(material: Material, like: Material) -> Tensor:
    """(C, H, W): all maps, each divided by its deviation in another material."""
    parts = [
        layer.values / max(1e-6, float(like.layers[role].values.std()))
        for role, layer in material.layers.items()
    ]
    return torch.from_numpy(np.concatenate(parts, 2).astype(np.float32)).permute(2, 0, 1)


def sliced(a: Tensor, b: Tensor) -> float:
    """Sliced Wasserstein distance, squared, between samples of the 4x4 patches of two images."""
    generator = torch.Generator().manual_seed(0)
    x, y = (F.unfold(image[None], 4)[0].T for image in (a, b))
    count = min(len(x), len(y), PATCHES)
    x, y = (p[torch.randperm(len(p), generator=generator)[:count]] for p in (x, y))
    axes = F.normalize(torch.randn(x.shape[1], DIRECTIONS, generator=generator), dim=0)
    return float(((x @ axes).sort(0).values - (y @ axes).sort(0).values).square().mean())


def halves(image: Tensor) -> float:
    """The mean distance between the halves of an image, cut both ways."""
    height, width = image.shape[1] // 2, image.shape[2] // 2
    up = sliced(image[:, :height], image[:, height:])
    return (up + sliced(image[:, :, :width], image[:, :, width:])) / 2


def single(material: Material, role: str, seed: int) -> Material:
    """One map, synthesised by itself."""
    alone = Material({role: material.layers[role]}, {role: material.files[role]}, material.name)
    return texot.synthesize_material(alone, seed=seed).material


def seam(layer: Layer) -> float:
    """The seam score of a map."""
    return seam_score(torch.from_numpy(layer.values.astype(np.float32)).permute(2, 0, 1))


def synthetic() -> Material:
    """Pebbles with a height that is a function of their brightness."""
    colour = np.rint(read_sample("pebbles", 256).permute(1, 2, 0).numpy() * 255) / 255
    height = np.clip(colour.mean(2, keepdims=True) - 0.1, 0, 1) ** 2

    def layer(values: Any, mode: str) -> Layer:
        return Layer(
            Original.of(torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1), mode, None, None)
        )

    layers = {"basecolor": layer(colour, "RGB"), "height": layer(height, "I;16")}
    return Material(layers, {role: f"{role}.png" for role in layers}, "synthetic")


def row(material: Material) -> tuple[list[str], Material]:
    """The figures of a material, and the result."""
    begun = time.perf_counter()
    made = texot.synthesize_material(material).material
    joint_seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    one_by_one = {}
    for seed, role in enumerate(material.layers):
        one_by_one[role] = single(material, role, seed).layers[role]
        if role == "basecolor":
            seconds = time.perf_counter() - begun
    control = Material(one_by_one, material.files, material.name)
    source, unit = planes(material, material), halves(planes(material, material))
    normal = made.layers.get("normal")
    length = "-" if normal is None else f"{float(np.linalg.norm(vectors(normal.values), axis=-1).mean()):.4f}"
    seams = [seam(layer) for layer in made.layers.values()]
    return [
        material.name,
        f"{material.size[0]} px, {', '.join(material.layers)}",
        f"{sliced(planes(made, material), source) / unit:.2f}",
        f"{sliced(planes(control, material), source) / unit:.2f}",
        f"{joint_seconds / seconds:.2f}",
        length,
        ", ".join(f"{score:.2f}" for score in seams),
        f"{seam(one_by_one['basecolor']):.2f}",
    ], made


def height_error(material: Material) -> float:
    """Root mean square error of the synthetic height as a function of the colour, over its range."""
    colour, height = (material.layers[role].values.astype(float) for role in ("basecolor", "height"))
    expected = np.clip(colour.mean(2, keepdims=True) - 0.1, 0, 1) ** 2
    return float(np.sqrt(np.square(height - expected).mean()) / np.ptp(expected))


@click.command()
@click.option("--folder", "folders", type=Path, multiple=True, help="More materials.")
@click.option("--large", is_flag=True, help="Also synthesise 4096x4096 px of an exemplar of 1024 px.")
@click.option("--threads", type=int, default=1, show_default=True, help="Threads of the table.")
def main(folders: tuple[Path, ...], large: bool, threads: int) -> None:
    """Measure joint synthesis of materials and write results/materials.md."""
    warn_if_busy()
    torch.set_num_threads(threads)
    rows = []
    texot.synthesize_material(synthetic(), 64)  # what is slow only once
    for folder in (*sorted(SHIPPED.iterdir()), *folders):
        rows.append(row(texot.read_material(folder))[0])
        click.echo(" | ".join(rows[-1]))
    exact = synthetic()
    found, made = row(exact)
    rows.append(found)
    copied = texot.synthesize_material(exact, copy=True).material
    columns = ["material", "maps", "joint", "one by one", "time", "normal length", "seams", "colour alone"]
    lines = [
        *markdown(columns, rows),
        "",
        "*joint*: distance of stacked 4x4 patches over all maps to the input, over the input's halves.",
        "*one by one*: the same with maps made separately. *time*: all maps over the base colour alone.",
        "*seams*: roughness across the edges over that inside, of each map and of the colour alone; about 1 "
        "where nothing shows, and up to 1.4 by chance.",
        "",
        "Height in the synthetic material, root mean square error over its range: "
        f"{100 * height_error(made):.1f}%, with `--copy` {100 * height_error(copied):.1f}%.",
    ]
    if large:
        with tempfile.TemporaryDirectory() as name:
            texot.synthesize_material(texot.read_material(SHIPPED / "cliff"), 1024).material.write(name)
            out = Path(name) / "large"
            done = run_texot("synthesize", name, "-o", out, "--size", "4096x4096", threads=2)
        lines += [
            "",
            "4096x4096 px of base colour and normals from 1024x1024, a whole process on two threads: "
            f"{done.seconds:.0f} s, {done.peak_mb:.0f} MB.",
        ]
    write_page(RESULTS / "materials.md", "Materials", stamp(threads), lines)


if __name__ == "__main__":
    main()
