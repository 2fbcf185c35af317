"""What goes where: shares of two textures, a river by labels, a portrait in pebbles, and their times.

python -m benchmarks.guides          # pictures, figures and times
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

import texot
from benchmarks.common import RESULTS, markdown, read_sample, stamp, warn_if_busy, write_page
from benchmarks.pictures import sheet
from texot.files.exemplar import Exemplar
from texot.files.write import to_pil

SIZE, EXEMPLAR = 512, 512
PORTRAIT, STONES = 768, 192  # sides of the portrait and of its exemplar
SHARES, STRENGTHS = (0.1, 0.5, 0.9), (0.25, 0.5, 1.0)
GRASS, STONE = (40, 160, 40), (150, 120, 90)
RIVER = [
    (0, 90),
    (60, 120),
    (110, 190),
    (180, 220),
    (230, 300),
    (310, 310),
    (360, 380),
    (430, 400),
    (512, 460),
]


def run(exemplar: Any, seed: int = 0, size: int = SIZE, **options: Any) -> tuple[Tensor, Any, float]:
    """The result, the solver's last step, and the processor time in seconds."""
    begun = time.process_time()
    *_, state = texot.iter_synthesis(exemplar, (size, size), seed=seed, **options)
    image = state.result().image
    return image, state._result.args[1], time.process_time() - begun  # type: ignore[attr-defined]


def measured_share(step: Any, width: int) -> float:
    """The share of patches that come from the left `width` pixels of the target."""
    return float((step.found % step.source.shape[1] < width).double().mean())


def bordered() -> tuple[Tensor, np.ndarray]:
    """An exemplar of grass beside stones, and its labels."""
    grass, stone = colour("grass_gray"), colour("stonewall")
    labels = Image.new("RGB", (EXEMPLAR, EXEMPLAR), GRASS)
    edge = [(round(256 + 60 * np.sin(y / 50)), y) for y in range(0, EXEMPLAR + 1, 8)]
    ImageDraw.Draw(labels).polygon([*edge, (EXEMPLAR, EXEMPLAR), (EXEMPLAR, 0)], fill=STONE)
    where = torch.from_numpy(np.asarray(labels)[..., 0] == STONE[0])
    return torch.where(where, stone, grass), np.asarray(labels)


def river() -> np.ndarray:
    """A label picture of ten strokes: a bent path in nine, and a place."""
    picture = Image.new("RGB", (SIZE, SIZE), GRASS)
    draw = ImageDraw.Draw(picture)
    for first, last in itertools.pairwise(RIVER):
        draw.line([first, last], fill=STONE, width=84)
        draw.ellipse([last[0] - 42, last[1] - 42, last[0] + 42, last[1] + 42], fill=STONE)
    draw.ellipse([330, 40, 480, 180], fill=STONE)
    return np.asarray(picture)


def portrait() -> Tensor:
    """The portrait of Eileen Collins (NASA, public domain) that scikit-image ships, (1, 512, 512)."""
    from skimage.data import astronaut

    return torch.from_numpy(astronaut().astype(np.float32) / 255).mean(-1)[None]


def colour(name: str) -> Tensor:
    """A sample as (3, 512, 512)."""
    return read_sample(name, EXEMPLAR).expand(3, -1, -1).contiguous()


def ratio(options: dict[str, Any], exemplar: Any, plain: Any) -> float:
    """The time with options over that of a plain synthesis: median of five pairs, after one."""
    pairs = [(run(exemplar, seed, **options)[2], run(plain, seed)[2]) for seed in range(6)]
    return sorted(own / other for own, other in pairs[1:])[2]


def show(name: str, images: dict[str, Tensor]) -> None:
    """Write results/guides_NAME.jpg."""
    row = {"": [to_pil(image, "RGB") for image in images.values()]}
    sheet(list(images), row, RESULTS / f"guides_{name}.jpg", tile=512)


@click.command()
def main() -> None:
    """Make results/guides.md and its pictures."""
    torch.set_num_threads(1)
    warn_if_busy()
    grass, stone, pebbles = colour("grass_gray"), colour("stonewall"), colour("pebbles")
    both = [grass, stone]
    first = min(both, key=lambda image: Exemplar(image).sha256)
    rows, shown = [], []
    for share in SHARES:
        image, step, _ = run(both, proportions=[share, 1 - share])
        of_first = measured_share(step, EXEMPLAR)
        found = of_first if first is grass else 1 - of_first
        rows.append([f"grass {share:g}", f"{found:.3f}"])
        shown.append(image)
    show("shares", {f"grass {share:g}": image for share, image in zip(SHARES, shown, strict=True)})
    exemplar, labels = bordered()
    wanted = river()
    image, step, _ = run(exemplar, labels=labels, target_labels=wanted)
    right = label_share(step, labels, wanted)
    show("labels", {"exemplar": exemplar, "painted": picture(wanted), "result": image})
    face = portrait()
    small: dict[str, Any] = {"size": PORTRAIT, "exemplar_size": STONES}  # stones smaller than the face
    made = [run(pebbles, guide=face, guide_strength=strength, **small)[0] for strength in STRENGTHS]
    likeness = [correlation(one, face) for one in (run(pebbles, **small)[0], *made)]
    names = [f"strength {strength:g}" for strength in STRENGTHS]
    show("portrait", {"guide": face.expand(3, -1, -1), **dict(zip(names, made, strict=True))})
    times = [
        ["labels", f"{ratio({'labels': labels, 'target_labels': wanted}, exemplar, exemplar):.2f}"],
        ["guide", f"{ratio({'guide': face}, pebbles, pebbles):.2f}"],
        ["source", f"{ratio({'source': labels[..., 0] > 100}, exemplar, exemplar):.2f}"],
        ["weights map", f"{ratio({'weights_map': face[0] + 0.01}, pebbles, pebbles):.2f}"],
        ["two exemplars", f"{ratio({}, both, grass):.2f}"],
        ["symmetry both", f"{ratio({'symmetry': 'both'}, pebbles, pebbles):.2f}"],
    ]
    lines = [
        f"Exemplars and results of {SIZE} px, one thread.",
        "",
        "## Shares",
        "",
        *markdown(["asked", "measured, by the field"], rows),
        "",
        "Grass and stones, `guides_shares.jpg`.",
        "",
        "## Labels",
        "",
        f"Patches whose source has the label of their place: {100 * right:.1f}%. Exemplar, painted labels, "
        "result: `guides_labels.jpg`.",
        "",
        "## A portrait in pebbles",
        "",
        *markdown(
            ["strength", "correlation with the guide, means of 17x17 px"],
            [
                [f"{strength:g}", f"{found:.2f}"]
                for strength, found in zip((0, *STRENGTHS), likeness, strict=True)
            ],
        ),
        "",
        f"Guide and results of {PORTRAIT} px, of an exemplar reduced to {STONES} px: `guides_portrait.jpg`.",
        "",
        "## Time",
        "",
        *markdown(["with", "over plain synthesis"], times),
        "",
        "Processor time, medians of five seeds. Two exemplars have twice the target, symmetry eight times.",
    ]
    write_page(RESULTS / "guides.md", "What goes where", stamp(1), lines)


def label_share(step: Any, labels: np.ndarray, wanted: np.ndarray) -> float:
    """The share of patches whose centre has the label of their place."""
    columns, half = step.source.shape[1], step.grid.side // 2
    own, there = torch.from_numpy(labels[..., 0].copy()), torch.from_numpy(wanted[..., 0].copy())
    y, x = step.found // columns + half, step.found % columns + half
    rows, across = (torch.arange(n) * step.grid.stride + half for n in step.grid.shape)
    place = there[rows[:, None] % SIZE, across % SIZE].flatten()
    return float((own[y, x] == place).double().mean())


def correlation(image: Tensor, guide: Tensor) -> float:
    """Correlation of brightness, blurred by boxes of 17 pixels."""
    guide = F.interpolate(guide[None], image.shape[1:], mode="area")[0]
    planes = [F.avg_pool2d(one.mean(0)[None, None], 17, 1).flatten() for one in (image, guide)]
    return float(torch.corrcoef(torch.stack(planes))[0, 1])


def picture(labels: np.ndarray) -> Tensor:
    return torch.from_numpy(labels.astype(np.float32) / 255).permute(2, 0, 1)


if __name__ == "__main__":
    main()
