"""First layouts of 256 px crops at the coarsest scale: the quilt beside what synthesis starts from.

    python -m benchmarks.layouts

Loss is what `texot.layout.score` tells: mean squared distance of 8x8 patches to the exemplar's nearest, and
their sliced distance. Nothing is optimised. Results go to results/layouts.md.
"""

from __future__ import annotations

import time

import click
import torch
from torch import Tensor

from benchmarks.common import RESULTS, chosen, markdown, read_sample, stamp, warn_if_busy, write_page
from texot.evaluation import layout_share
from texot.images.autocorrelation import regularity
from texot.images.pyramid import downsample_known
from texot.layout.quilt import quilt
from texot.layout.score import LayoutScore
from texot.layout.start import first_layout, piece_side

CROP, SCALES, SEEDS, NOVELTY = 256, 2, 3, 0.5
COLUMNS = ("sample", "size", "rolled", "quilt", "start", "layout, quilt", "start", "s, quilt", "start")
LEGEND = f"""\
Loss of the exemplar rolled by a third, of a quilt of its pieces, and of the first layout; share of their
layout that is one shift of the exemplar; seconds. Means of {SEEDS} seeds. A start of regular textures makes a
quilt too, and takes what loses less."""


@click.command()
@click.option("--sample", "samples", multiple=True, help="Default: all.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
def main(samples: tuple[str, ...], threads: int) -> None:
    """Lay every sample at one and two times its size, and write the page."""
    warn_if_busy()
    torch.set_num_threads(threads)
    lines = []
    for name in chosen(samples):
        exemplar = read_sample(name)[:, :CROP, :CROP]
        for _ in range(SCALES):
            exemplar, _known = downsample_known(exemplar)
        known = torch.ones(exemplar.shape[1:], dtype=torch.bool)
        score = LayoutScore.of(exemplar, known, generator=torch.Generator().manual_seed(0))
        assert score is not None
        for factor in (1, 2):
            side = factor * CROP >> SCALES
            lines.append([name, f"{factor}x", *(f"{v:.2f}" for v in measure(exemplar, side, score))])
            click.echo(" ".join(lines[-1]), err=True)
    page = [*markdown(COLUMNS, lines), "", LEGEND]
    write_page(RESULTS / "layouts.md", "First layouts", stamp(threads), page)


def measure(exemplar: Tensor, side: int, score: LayoutScore) -> list[float]:
    """The figures of a row."""
    torus, size = (True, True), (side, side)
    shift = [n // 3 for n in exemplar.shape[1:]]
    regular, piece = regularity(exemplar), piece_side(min(exemplar.shape[1:]), NOVELTY)
    loss, share, seconds = [], [], []
    for kind in ("quilt", "start"):
        images, begun = [], time.perf_counter()
        for seed in range(SEEDS):
            random = torch.Generator().manual_seed(seed)
            if kind == "quilt":
                images.append(quilt(exemplar, size, piece, regular=regular, generator=random))
            else:
                images.append(first_layout(exemplar, size, NOVELTY, generator=random))
        seconds.append((time.perf_counter() - begun) / SEEDS)
        loss.append(sum(score.loss(image, periodic=torus) for image in images) / SEEDS)
        share.append(sum(layout_share(image, exemplar) for image in images) / SEEDS)
    return [score.loss(exemplar.roll(shift, (1, 2)), periodic=torus), *loss, *share, *seconds]


if __name__ == "__main__":
    main()
