"""The published algorithm as a baseline: its speed as a formula, its loss as the preset has it.

    python -m benchmarks.published             # seconds an iteration; is the preset the same algorithm?
    python -m benchmarks.published --curves    # 500 iterations of `--preset paper` on a few samples

`Published` is written from the description in Houdard, Leclaire, Papadakis & Rabin 2020 (arXiv 2007.03408)
and shares no code with texot: 4 scales jointly, all 4x4 patches of the image on the torus against 2000 of the
exemplar, 10 averaged ascent steps a scale and an Adam step on the image an iteration. Costs are full n x m
matrices through which autograd goes back, to the potential and the image, in each of those 11 evaluations.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import pictures
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
from texot import iter_synthesis
from texot.files.write import write_image

N_ITER = 500  # of the published runs
CHECKED = 5  # iterations that the preset is compared over; later a rounding may tip a nearest patch
# Loss of one 128x128 exemplar as the algorithm's author logged it: (iteration, loss).
LOGGED = ((0, 3.39), (50, 0.51), (100, 0.24), (200, 0.20), (450, 0.18))
COLUMNS = (
    "sample",
    "size",
    "iterations",
    "seconds_per_iteration",
    "seconds_of_500",
    "psi_only_seconds_of_500",
    "ours_seconds",
)


class Published:
    """Algorithm 1 as published, an iteration at a time.

    Random draws come from one generator: the image, then the targets from the finest scale to the coarsest.

    Args:
        exemplar: (C, H, W).
        n_scales: number of scales.
        seed: of the first image and of the targets drawn.
        dtype: of all numbers; the draws are the same in all.
        psi_only: spare the ascent steps the image's gradient, which they do not need; losses stay the same.
    """

    def __init__(
        self,
        exemplar: Tensor,
        *,
        n_scales: int = 4,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        psi_only: bool = False,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.psi_only = psi_only
        self.image = torch.rand(exemplar.shape, generator=generator).to(dtype).requires_grad_(True)
        self.adam = torch.optim.Adam([self.image], lr=0.01)
        self.targets: list[Tensor] = []  # a scale, (m, d)
        for scale in range(n_scales):
            exemplar = blur_and_halve(exemplar) if scale else exemplar.to(dtype)
            patches = F.unfold(exemplar[None], 4)[0].T
            if len(patches) > 2000:
                patches = patches[torch.randperm(len(patches), generator=generator)[:2000]]
            self.targets.append(patches.contiguous())
        self.psi = [torch.zeros(len(y), dtype=dtype) for y in self.targets]

    def iterate(self) -> float:
        """10 ascent steps on every potential, then one descent step on the image; the loss before it."""
        image, sources = self.image, []
        for scale in range(len(self.targets)):
            image = blur_and_halve(F.pad(image[None], (1, 2, 1, 2), "circular")[0]) if scale else image
            sources.append(F.unfold(F.pad(image[None], (0, 3, 0, 3), "circular"), 4)[0].T)  # (n, d)
        for scale, (x, y) in enumerate(zip(sources, self.targets, strict=True)):
            self.psi[scale] = self._ascend(x, y, self.psi[scale])
        loss = torch.stack(
            [semi_dual(x, y, psi) for x, y, psi in zip(sources, self.targets, self.psi, strict=True)]
        ).sum()
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        return loss.item()

    def _ascend(self, x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
        """psi_k = psi_{k-1} + dF/dpsi, 10 times; their mean."""
        visited = []
        for _ in range(10):
            psi = psi.detach().requires_grad_(True)
            value = semi_dual(x, y, psi)
            if self.psi_only:
                (slope,) = torch.autograd.grad(value, psi)
            else:
                slope, _ = torch.autograd.grad(value, [psi, self.image], retain_graph=True)
            psi = (psi + slope).detach()
            visited.append(psi)
        return torch.stack(visited).mean(0)


def semi_dual(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """mean_i min_j |x_i - y_j|^2 - psi_j + mean_j psi_j over the full matrix, kept for autograd."""
    cost = (x**2).sum(1, keepdim=True) + (y**2).sum(1) - 2 * x @ y.T  # (n, m)
    return (cost - psi).min(1).values.mean() + psi.mean()


def blur_and_halve(image: Tensor) -> Tensor:
    """4x4 Gaussian of standard deviation 1, every second pixel, nothing padded."""
    t = torch.arange(4, dtype=torch.float64) - 1.5
    kernel = torch.exp(-(t**2) / 2)
    kernel = (torch.outer(kernel, kernel) / kernel.sum() ** 2).to(image)
    channels = len(image)
    return F.conv2d(image[None], kernel.expand(channels, 1, 4, 4), stride=2, groups=channels)[0]


def preset_losses(exemplar: Tensor, n_iter: int, seed: int = 0) -> Iterator[float]:
    """The loss of every iteration of texot's `--preset paper`."""
    states = iter_synthesis(exemplar, preset="paper", n_iter=n_iter, n_scales=4, seed=seed)
    return (state.loss for state in states)


def check(exemplar: Tensor, n_iter: int) -> float:
    """Largest relative difference between both implementations' losses over the first iterations.

    The published formula runs in float64: in float32 its large, uncentred products lose digits (relative
    differences of 1e-4 to 3e-2 within 8 iterations), where texot's costs are exact.

    Raises:
        click.ClickException: they are not the same algorithm.
    """
    published = Published(exemplar, dtype=torch.float64)
    theirs = [published.iterate() for _ in range(n_iter)]
    ours = list(islice(preset_losses(exemplar, N_ITER), n_iter))
    worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs, strict=True))
    if not worst < 1e-5:
        raise click.ClickException(
            f"--preset paper is not the published algorithm: losses {ours} and {theirs}"
        )
    return worst


@click.command()
@click.option("--sample", "samples", multiple=True, help="Default: pebbles; with --curves four samples.")
@click.option("--size", "sizes", multiple=True, type=click.IntRange(48), help="Default: 128 and 256 px.")
@click.option(
    "--iterations", type=click.IntRange(1), default=3, show_default=True, help="Timed, after one more."
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; default: torch's.")
@click.option("--ours/--no-ours", default=True, help="Time `texot synthesize` on the same crops.")
@click.option("--curves", is_flag=True, help="Run the preset to its end and keep the losses instead.")
@click.option("--n-iter", type=click.IntRange(1), default=N_ITER, show_default=True, help="Of --curves.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
def main(
    samples: tuple[str, ...],
    sizes: tuple[int, ...],
    iterations: int,
    threads: int | None,
    ours: bool,
    curves: bool,
    n_iter: int,
    results: Path,
) -> None:
    """Time the published formula over a few iterations, extrapolate to 500; or keep the preset's losses."""
    if threads:
        torch.set_num_threads(threads)
    if curves:
        names = chosen(samples or ("pebbles", "grass_gray", "brick_old", "rust"))
        keep_curves(names, sizes or (128,), n_iter, results)
        return
    warn_if_busy()
    where = stamp()
    table = Table(results / "published.csv", COLUMNS)
    measured: list[Row] = []
    worst = max(check(read_sample(name, 64), CHECKED) for name in chosen(samples or ("pebbles",)))
    click.echo(f"--preset paper has the published losses: within {worst:.1g} over {CHECKED} iterations")
    for name in chosen(samples or ("pebbles",)):
        for size in sizes or (128, 256):
            exemplar = read_sample(name, size)
            seconds, fewest = (seconds_per_iteration(exemplar, iterations, only) for only in (False, True))
            row = {
                "sample": name,
                "size": size,
                "iterations": iterations,
                "seconds_per_iteration": seconds,
                "seconds_of_500": N_ITER * seconds,
                "psi_only_seconds_of_500": N_ITER * fewest,
                "ours_seconds": seconds_of_texot(exemplar, threads) if ours else "",
            }
            measured.append(table.add({**where, **row}))
            click.echo(
                f"{name} {size}: {seconds:.2f} s an iteration, so {N_ITER * seconds:.0f} s for {N_ITER}"
            )
    write_page(results / "published.md", "The published algorithm", where, page(measured, worst))


def seconds_per_iteration(exemplar: Tensor, iterations: int, psi_only: bool) -> float:
    """Median over iterations, after one that is not counted."""
    published = Published(exemplar, psi_only=psi_only)
    times = []
    for _ in range(iterations + 1):
        begun = time.perf_counter()
        published.iterate()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def seconds_of_texot(exemplar: Tensor, threads: int | None) -> float:
    """`texot synthesize` at normal quality, whole process included."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "exemplar.png"
        write_image(exemplar, source, mode=mode_of(exemplar))
        result = Path(folder) / "result.png"
        return run_texot("synthesize", source, "-o", result, "--quiet", threads=threads).seconds


def page(rows: list[Row], worst: float) -> list[str]:
    """The table, and what its figures are."""
    lines = []
    for row in rows:
        theirs = float(row["seconds_of_500"]), float(row["psi_only_seconds_of_500"])
        faster = [f"{t / float(row['ours_seconds']):.0f}x" if row["ours_seconds"] else "" for t in theirs]
        lines.append(
            [
                row["sample"],
                f"{row['size']}x{row['size']}",
                row["seconds_per_iteration"],
                f"{theirs[0]:.0f}",
                f"{theirs[1]:.0f}",
                row["ours_seconds"],
                " / ".join(filter(None, faster)),
            ]
        )
    columns = [
        "exemplar",
        "size",
        "s an iteration",
        f"s for {N_ITER}",
        "without needless gradients",
        "texot, normal (s)",
        "texot is faster",
    ]
    return [
        f"Published: the median of {rows[0]['iterations']} iterations, extrapolated to {N_ITER}; its time "
        "does not depend on the iteration. Without needless gradients: ascent steps go back to the potential "
        "only. texot: the whole process, measured.",
        "",
        *markdown(columns, lines),
        "",
        f"`--preset paper` computes the same: the losses of the first {CHECKED} iterations on 64x64 "
        f"pixels agree within {worst:.1g}, relatively, with the formula's in float64.",
    ]


def keep_curves(names: list[str], sizes: tuple[int, ...], n_iter: int, results: Path) -> None:
    """published_curves.csv, .png and .md: the preset's loss by iteration, beside the author's log."""
    where = stamp()
    lines: dict[str, list[tuple[float, float]]] = {}
    for size in sizes:
        for name in names:
            label = f"{name} {size}x{size}"
            losses = enumerate(preset_losses(read_sample(name, size), n_iter))
            lines[label] = [(float(i), loss) for i, loss in losses]
            click.echo(f"{label}: {lines[label][0][1]:.3g} to {lines[label][-1][1]:.3g}")
    results.mkdir(parents=True, exist_ok=True)
    with (results / "published_curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["iteration", *lines])
        for i in range(n_iter):
            writer.writerow([i, *(f"{line[i][1]:.5g}" for line in lines.values())])
    pictures.curves(
        lines,
        [(i, loss) for i, loss in LOGGED if i < n_iter],
        results / "published_curves.png",
        points_name="the author's log",
        x_name="iteration",
        y_name="multi-scale semi-dual loss",
    )
    marks = [i for i, _ in LOGGED if i < n_iter] + [n_iter - 1]
    table = [[name, *(f"{line[i][1]:.3g}" for i in marks)] for name, line in lines.items()]
    logged = dict(LOGGED)
    table.append(
        ["the author's log, another exemplar", *(f"{logged[i]:g}" if i in logged else "" for i in marks)]
    )
    text = ["![](published_curves.png)", "", *markdown(["loss at iteration", *map(str, marks)], table)]
    write_page(results / "published_curves.md", "Loss of --preset paper", where, text)


if __name__ == "__main__":
    main()
