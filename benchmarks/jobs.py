"""Inpainting, tiles and interpolation: figures beside the usual other ways, and pictures.

python -m benchmarks.jobs            # all three
python -m benchmarks.jobs --job tile

Takes OpenCV and scikit-image for other ways to fill a hole (pip install opencv-python-headless scikit-image);
without one, its rows are left out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

import texot
from benchmarks.common import RESULTS, markdown, read_sample, stamp, warn_if_busy, write_page
from texot.evaluation import deep_gram, multiscale_patch_distance, seam_score
from texot.files.animation import contact_sheet
from texot.files.exemplar import read_exemplar
from texot.files.write import write_image
from texot.images.mixing import mixed
from texot.images.statistics import Statistics, band_power

OPEN = (False, False)
HOLES = ("pebbles", "gravel", "grass_gray", "stonewall", "brick_old", "rust")
TILED = ("pebbles", "gravel", "grass_gray", "stonewall", "brick_old", "wood_planks")
TRIPOD_BLOBS = (
    (232, 450, 276, 486),
    (226, 478, 262, 511),
    (380, 466, 412, 498),
    (272, 305, 320, 345),
    (312, 224, 348, 248),
)
TRIPOD_LINES = (
    (292, 318, 232, 511),
    (298, 318, 404, 511),
    (294, 240, 294, 490),
    (280, 318, 342, 300),
    (240, 488, 400, 482),
    (260, 462, 330, 488),
)
PAIRS = (("pebbles", "gravel"), ("grass_gray", "rust"), ("brick_old", "stonewall"))


def colour(image: Tensor) -> Tensor:
    """Three channels."""
    return image.expand(3, -1, -1) if len(image) == 1 else image


def reduced(name: str, side: int) -> Tensor:
    """A sample with its shorter side reduced to 256 px, (3, side, side) of its corner."""
    pixels = read_sample(name)
    factor = 256 / min(pixels.shape[1:])
    small = F.interpolate(pixels[None], scale_factor=factor, mode="bicubic", antialias=True)[0].clamp(0, 1)
    return colour(small[:, :side, :side]).contiguous()


def distance(a: Tensor, b: Tensor, patch_size: int = 8) -> float:
    """Sum over four scales."""
    return sum(
        multiscale_patch_distance(a, b, patch_size=patch_size, n_scales=4, n_samples=600, periodic=OPEN)
    )


# ------------------------------------------------------------------------------------------------ inpainting


def fillers() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """The ways to fill a hole (H, W) of an image (C, H, W)."""
    ways: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "texot": lambda image, hole: texot.inpaint(image, hole.float()).image,
    }
    try:
        import cv2

        def opencv(flag: int) -> Callable[[Tensor, Tensor], Tensor]:
            def fill(image: Tensor, hole: Tensor) -> Tensor:
                levels = (image.movedim(0, -1).numpy() * 255).round().astype(np.uint8)
                found = cv2.inpaint(levels, hole.numpy().astype(np.uint8) * 255, 3, flag)
                return torch.from_numpy(found.reshape(levels.shape)).movedim(-1, 0).float() / 255

            return fill

        ways |= {"OpenCV Telea": opencv(cv2.INPAINT_TELEA), "OpenCV NS": opencv(cv2.INPAINT_NS)}
    except ImportError:
        click.echo("no OpenCV here: its rows are left out", err=True)
    try:
        from skimage.restoration import inpaint_biharmonic

        def biharmonic(image: Tensor, hole: Tensor) -> Tensor:
            found = inpaint_biharmonic(
                image.movedim(0, -1).numpy(), hole.numpy(), channel_axis=-1, split_into_regions=False
            )
            return torch.from_numpy(found).movedim(-1, 0).float().clamp(0, 1)

        ways["biharmonic"] = biharmonic
    except ImportError:
        click.echo("no scikit-image here: its row is left out", err=True)
    return ways


def inpainting(results: Path) -> None:
    """A centred hole of a quarter of the area, against what it held."""
    ways = fillers()
    hole = torch.zeros(256, 256, dtype=torch.bool)
    hole[64:192, 64:192] = True
    rows, pictures = [], []
    for name in HOLES:
        image = colour(read_sample(name, 256))
        quarters = [image[:, y : y + 128, x : x + 128] for y in (0, 128) for x in (0, 128)]
        pairs = list(itertools.combinations(quarters, 2))
        usual = sum(distance(a, b) for a, b in pairs) / len(pairs)
        usual_gram = sum(deep_gram(a, b) for a, b in pairs) / len(pairs)
        held = image[:, 64:192, 64:192]
        pictures.append(torch.where(hole, 1.0, image))
        for way, fill in ways.items():
            begun = time.perf_counter()
            found = fill(image, hole)
            seconds = time.perf_counter() - begun
            inside = found[:, 64:192, 64:192]
            edge = max(seam_score(found.roll((k, k), (1, 2))) for k in (-64, -192))
            rows.append(
                (
                    name,
                    way,
                    distance(inside, held) / usual,
                    deep_gram(inside, held) / usual_gram,
                    edge,
                    seconds,
                )
            )
            click.echo(" ".join(str(value) for value in rows[-1]))
            if way in ("texot", "OpenCV Telea"):
                pictures.append(found)
    write_image(contact_sheet(pictures, columns=6), results / "inpaint.jpg")
    removed = removal(results / "inpaint_removal.jpg")
    means = [
        (way, *(float(np.mean([row[k] for row in rows if row[1] == way])) for k in (2, 3, 4, 5)))
        for way in ways
    ]
    large = colour(read_sample("gravel", 512))
    mask = torch.zeros(512, 512)
    mask[192:320, 192:320] = 1
    begun = time.perf_counter()
    texot.inpaint(large, mask)
    seconds = time.perf_counter() - begun
    lines = [
        "Middle 256x256 px of samples, a centred hole of 128x128. Distance (8x8 patches, four scales) and",
        "deep Gram distance of the fill to what was there, over the mean between two quarters of the",
        "photograph; seam: the worst line of the hole's edges, 1 where none shows.",
        "",
        *markdown(["way", "8x8 distance", "deep Gram", "seam", "s"], means),
        "",
        *markdown(["sample", "way", "8x8 distance", "deep Gram", "seam", "s"], rows),
        "",
        f"512x512 px with a hole of 128x128 (gravel): {seconds:.1f} s.",
        "",
        "![hole, texot, OpenCV Telea](inpaint.jpg)",
        *removed,
    ]
    write_page(results / "inpaint.md", "Inpainting", stamp(), lines)


def removal(path: Path) -> list[str]:
    """A photograph with a tripod and a tower removed; what the page says of it."""
    try:
        from skimage import data
    except ImportError:
        return []
    photo = Image.fromarray(data.camera())
    mask = Image.new("L", photo.size)
    draw = ImageDraw.Draw(mask)
    draw.rectangle((404, 108, 442, 197), fill=255)
    for box in TRIPOD_BLOBS:
        draw.ellipse(box, fill=255)
    for line in TRIPOD_LINES:
        draw.line(line, fill=255, width=22)
    begun = time.perf_counter()
    found = texot.inpaint(photo, mask)
    seconds = time.perf_counter() - begun
    before = read_exemplar(photo).pixels
    marked = torch.where(read_exemplar(mask).pixels > 0.5, 1.0, before)
    write_image(contact_sheet([before, marked, found.image], columns=3), path)
    return [
        "",
        f"A photograph (scikit-image's `camera`, CC0, 512x512 px) without tripod and tower: {seconds:.1f} s.",
        "",
        f"![photograph, mask, texot]({path.name})",
    ]


# ----------------------------------------------------------------------------------------------------- tiles


def tiles(results: Path) -> None:
    """Crops made to tile."""
    rows, pictures = [], []
    for name in TILED:
        image = reduced(name, 256)
        begun = time.perf_counter()
        found = texot.make_tileable(image).image
        seconds = time.perf_counter() - begun
        rows.append((name, seam_score(image), seam_score(found), seconds))
        click.echo(" ".join(str(value) for value in rows[-1]))
        pictures += [picture.repeat(1, 2, 2) for picture in (image, found)]
    sheet = F.interpolate(contact_sheet(pictures, columns=4)[None], scale_factor=0.5, mode="area")[0]
    write_image(sheet, results / "tile.jpg")
    first = texot.make_tileable(reduced("gravel", 256))
    several = [first, *(texot.make_variation(first, seed=k) for k in (1, 2, 3))]
    pairs = [
        seam_score(torch.cat([b.image, a.image], axis), periodic=(axis == 1, axis == 2))
        for a in several
        for b in several
        for axis in (1, 2)
    ]
    from texot.jobs.tiling import lay_out

    write_image(lay_out([tile.image for tile in several], (1024, 512)), results / "tile_set.jpg")
    lines = [
        "Corners of 256x256 px of samples reduced to 256 px; `texot tile` at its defaults. Each before and",
        "after, 2x2 copies. Seam: 1 where none shows.",
        "",
        *markdown(["sample", "seam before", "seam after", "s"], rows),
        "",
        f"A set of four (gravel): worst seam of all {len(pairs)} pairs, beside and above each other,",
        f"{max(pairs):.2f}; of the first with itself {seam_score(first.image):.2f}.",
        "",
        "![before and after](tile.jpg)",
        "![a set of four](tile_set.jpg)",
    ]
    write_page(results / "tile.md", "Tiles", stamp(), lines)


# --------------------------------------------------------------------------------------------- interpolation


def remapped(image: Tensor, exemplars: list[Tensor], weights: tuple[float, float]) -> Tensor:
    """The image with the mixture's histogram in every channel."""
    planes = []
    for channel in range(len(image)):
        values = image[channel].flatten()
        ticks = torch.linspace(0, 1, values.numel())
        quantiles = [torch.quantile(e[channel].flatten(), ticks) for e in exemplars]
        wanted = sum(w * q for w, q in zip(weights, quantiles, strict=True))
        plane = torch.empty_like(values)
        plane[values.argsort()] = wanted
        planes.append(plane.view(image.shape[1:]))
    return torch.stack(planes)


def off_spectrum(image: Tensor, exemplars: list[Tensor], weights: tuple[float, float]) -> float:
    """How far its radial spectrum is from the exemplars' barycentre, in dB (rms over rings)."""
    wanted = mixed([Statistics.of(e) for e in exemplars], weights).power
    assert wanted is not None
    power, count = band_power(image)
    return float((10 * torch.log10(power / wanted))[count > 0].square().mean().sqrt())


def interpolation(results: Path) -> None:
    """Between pairs of samples, against blends and remapped ends."""
    rows: list[tuple[Any, ...]] = []
    pictures = []
    own: dict[tuple[int, int], float] = {}

    def excess(image: Tensor, exemplars: list[Tensor], weights: tuple[float, float], size: int) -> float:
        """Weighted distance without what two samples of one distribution are apart."""
        total = -distance(image, image, size) / 2
        for exemplar, weight in zip(exemplars, weights, strict=True):
            key = id(exemplar), size
            if key not in own:
                own[key] = distance(exemplar, exemplar, size)
            total += weight * (distance(image, exemplar, size) - own[key] / 2)
        return total

    for names in PAIRS:
        exemplars = [reduced(name, 192) for name in names]
        ends = [texot.synthesize(e).image for e in exemplars]
        strip = [exemplars[0]]
        for t in (0.25, 0.5, 0.75):
            weights = (1 - t, t)
            begun = time.perf_counter()
            found = texot.interpolate(exemplars, weights, size="192x192").image
            seconds = time.perf_counter() - begun
            images = {
                "texot": found,
                "pixel blend": weights[0] * ends[0] + weights[1] * ends[1],
                "first, remapped": remapped(ends[0], exemplars, weights),
                "last, remapped": remapped(ends[1], exemplars, weights),
            }
            for way, image in images.items():
                figures = [excess(image, exemplars, weights, size) for size in (4, 8)]
                figures.append(off_spectrum(image, exemplars, weights))
                rows.append(("-".join(names), t, way, *figures, seconds if way == "texot" else ""))
                click.echo(" ".join(str(value) for value in rows[-1]))
            strip.append(found)
            if t == 0.5:
                blend = images["pixel blend"]
        pictures += [*strip, exemplars[1], blend]
    write_image(contact_sheet(pictures, columns=6), results / "interpolate.jpg")
    gradient = texot.interpolate(
        [reduced(name, 192) for name in PAIRS[2]], weight_map="horizontal", size="768x192"
    )
    write_image(gradient.image, results / "interpolate_map.jpg")
    lines = [
        "192x192 px of samples reduced to 256 px. Weighted patch distance to both exemplars, summed over",
        "four scales, less half of what two samples of the image and of the exemplar are apart (else blur",
        "would gain). Spectrum: rms difference of radial spectra to the amplitudes' weighted mean.",
        "",
        *markdown(["pair", "t", "way", "4x4 excess", "8x8 excess", "spectrum dB", "s"], rows),
        "",
        "A row: first exemplar, t = .25, .5, .75, last exemplar; at the end, the pixel blend at .5.",
        "",
        "![between](interpolate.jpg)",
        "![brick_old to stonewall](interpolate_map.jpg)",
    ]
    write_page(results / "interpolate.md", "Interpolation", stamp(), lines)


JOBS = {"inpaint": inpainting, "tile": tiles, "interpolate": interpolation}


@click.command()
@click.option("--job", "jobs", multiple=True, type=click.Choice(list(JOBS)), help="Default: all.")
@click.option("--threads", type=click.IntRange(1), help="Default: torch's.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="Folder to write."
)
def main(jobs: tuple[str, ...], threads: int | None, results: Path) -> None:
    """Run JOBS and write a page and a picture for each."""
    warn_if_busy()
    if threads:
        torch.set_num_threads(threads)
    results.mkdir(parents=True, exist_ok=True)
    for job in jobs or JOBS:
        JOBS[job](results)


if __name__ == "__main__":
    main()
