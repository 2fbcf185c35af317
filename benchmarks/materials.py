"""Materials: whether maps stay registered, normals of unit length, edges that tile, time and memory.

python -m benchmarks.materials                       # the shipped materials and a synthetic one
python -m benchmarks.materials --folder MATERIAL ... # other folders of maps too
python -m benchmarks.materials --times               # times instead
python -m benchmarks.materials --times --large       # one of 4096 px as well: minutes

Distances are sliced Wasserstein distances of 4x4 patches, each map in units of its deviation. Of all maps
stacked, the distance of the result to the input is compared with that of the halves of the input: whether
the distribution is right. It is compared with the sum of the distances of single maps too: an excess over the
sum comes from maps that do not fit each other. The control are maps that were synthesised one by one. In
the synthetic material, height is a known function of the colour.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
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
from texot.images.seams import tiling_axes

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


def one_map(material: Material, role: str) -> Material:
    """A material of one of the maps."""
    return Material({role: material.layers[role]}, {role: material.files[role]}, material.name)


def one_by_one(material: Material, seed: int) -> Material:
    """The control: every map synthesised by itself, from other random numbers."""
    found = {
        role: texot.synthesize_material(one_map(material, role), seed=seed + 100 * number).material.layers[
            role
        ]
        for number, role in enumerate(material.layers)
    }
    return Material(found, material.files, material.name)


def distances(made: Material, material: Material) -> tuple[float, float]:
    """The distance of the stacked patches of a result, over that of halves and over the sum of single maps.

    A mean over directions is one over coordinates: the terms of the sum are weighted by numbers of channels.
    """
    source = planes(material, material)
    joint = sliced(planes(made, material), source)
    total = 0.0
    for role, layer in material.layers.items():
        alone = one_map(material, role)
        distance = sliced(planes(one_map(made, role), alone), planes(alone, alone))
        total += distance * layer.values.shape[2] / len(source)
    return joint / halves(source), joint / total


def dependence(material: Material) -> float:
    """The largest absolute correlation of a channel of one map with a channel of another."""
    values = [layer.values.reshape(-1, layer.values.shape[2]) for layer in material.layers.values()]
    of = np.repeat(np.arange(len(values)), [one.shape[1] for one in values])
    with np.errstate(invalid="ignore"):  # of constant channels
        correlation = np.corrcoef(np.concatenate(values, 1).T.astype(np.float64))
    return float(np.nanmax(np.abs(correlation[of[:, None] != of])))


def seams(layers: Sequence[Layer]) -> str:
    """The seam scores of a map of several results, and how many of these tile."""
    images = [torch.from_numpy(one.values.astype(np.float32)).permute(2, 0, 1) for one in layers]
    tiling = sum(all(tiling_axes(image)) for image in images)
    return f"{spread([seam_score(image) for image in images])}, {tiling} of {len(images)}"


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


def spread(values: Sequence[float]) -> str:
    """The mean of several seeds, the least and the largest."""
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def quality_row(material: Material, made: Sequence[Material]) -> list[str]:
    """The figures of a material with results of several seeds."""
    control = [one_by_one(material, seed) for seed in range(len(made))]
    joint, over_sum = zip(*(distances(one, material) for one in made), strict=True)
    alone, alone_over_sum = zip(*(distances(one, material) for one in control), strict=True)
    length = "-"
    if "normal" in material.layers:
        lengths = [np.linalg.norm(vectors(one.layers["normal"].values), axis=-1).mean() for one in made]
        length = f"{max(lengths, key=lambda value: abs(value - 1)):.4f}"
    return [
        material.name,
        f"{material.size[0]} px, {', '.join(material.layers)}",
        spread(joint),
        f"{np.mean(over_sum):.2f}",
        spread(alone),
        f"{np.mean(alone_over_sum):.2f}",
        f"{dependence(material):.2f}",
        length,
        "; ".join(seams([one.layers[role] for one in made]) for role in material.layers),
        seams([one.layers["basecolor"] for one in control]),
    ]


def time_row(material: Material) -> list[str]:
    """The time of all maps over that of the base colour alone."""
    seconds = []
    for one in (material, one_map(material, "basecolor")):
        begun = time.perf_counter()
        texot.synthesize_material(one)
        seconds.append(time.perf_counter() - begun)
    maps = f"{material.size[0]} px, {', '.join(material.layers)}"
    return [material.name, maps, f"{seconds[0] / seconds[1]:.2f}"]


def height_error(material: Material) -> float:
    """Root mean square error of the synthetic height as a function of the colour, over its range."""
    colour, height = (material.layers[role].values.astype(float) for role in ("basecolor", "height"))
    expected = np.clip(colour.mean(2, keepdims=True) - 0.1, 0, 1) ** 2
    return float(np.sqrt(np.square(height - expected).mean()) / np.ptp(expected))


@click.command()
@click.option("--folder", "folders", type=Path, multiple=True, help="More materials.")
@click.option("--seeds", type=int, default=4, show_default=True, help="Number of results of each material.")
@click.option("--times", is_flag=True, help="Measure times instead.")
@click.option("--large", is_flag=True, help="With --times: 4096x4096 px of an exemplar of 1024 px too.")
@click.option("--threads", type=int, default=1, show_default=True, help="Threads of the table.")
def main(folders: tuple[Path, ...], seeds: int, times: bool, large: bool, threads: int) -> None:
    """Measure joint synthesis of materials and write results/materials.md, or materials_times.md."""
    torch.set_num_threads(threads)
    materials = [texot.read_material(folder) for folder in (*sorted(SHIPPED.iterdir()), *folders)]
    materials.append(synthetic())
    if times:
        warn_if_busy()
        write_page(
            RESULTS / "materials_times.md", "Times of materials", stamp(threads), time_lines(materials, large)
        )
    else:
        write_page(RESULTS / "materials.md", "Materials", stamp(threads), quality_lines(materials, seeds))


def quality_lines(materials: Sequence[Material], seeds: int) -> list[str]:
    """The table of quality; the last material is the synthetic one."""
    rows = []
    for material in materials:
        made = [texot.synthesize_material(material, seed=seed).material for seed in range(seeds)]
        rows.append(quality_row(material, made))
        click.echo(" | ".join(rows[-1]))
    error = max(height_error(one) for one in made)
    copied = height_error(texot.synthesize_material(materials[-1], copy=True).material)
    columns = ["material", "maps", "joint", "/ sum", "one by one", "/ sum", "dependence"]
    columns += ["normal length", "seams", "alone"]
    return [
        *markdown(columns, rows),
        "",
        f"Means of {seeds} seeds, with the least and the largest.",
        "",
        "*joint*: distance of stacked 4x4 patches over all maps to the input, over that of the input's "
        "halves. At most 1.1 is wanted.",
        "*/ sum*: the same distance over the sum of the distances of single maps. At most 1.05 is wanted: "
        "then maps fit each other as in the input.",
        "*one by one*: the control, maps made separately. Its quotient by the sum is above 1.5 where maps "
        "depend on each other. *dependence*: the largest correlation of two channels of two maps.",
        "*normal length*: the mean of the seed that is farthest from 1.",
        "*seams*: roughness across the edges over that inside, of each map; *alone*: of a base colour made "
        "by itself. About 1 where nothing shows, and up to 1.4 by chance. Beside them, how many results "
        "tile: at every scale, the edge has at most 1.25, or one in twenty lines inside is rougher.",
        "",
        "Height in the synthetic material, root mean square error over its range, worst seed: "
        f"{100 * error:.1f}%, with `--copy` {100 * copied:.1f}%.",
    ]


def time_lines(materials: Sequence[Material], large: bool) -> list[str]:
    """The table of times."""
    texot.synthesize_material(materials[-1], 64)  # what is slow only once
    lines = markdown(["material", "maps", "time"], [time_row(material) for material in materials])
    lines += ["", "*time*: all maps over the base colour alone."]
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
    return lines


if __name__ == "__main__":
    main()
