"""Fit a generator to handwritten digits by semi-discrete optimal transport, with several entropies.

    python -m examples.digits
    python -m examples.digits --entropy 0 --psi network --mnist train-images-idx3-ubyte.gz

Half of the digits are fitted, the other half is held out. psi, the dual variable, is a vector or a network.
Samples are shown above their nearest fitted digits: the optimal generator of semi-discrete transport samples
the fitted digits uniformly, and nothing else.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import cast

import click
import torch

from examples.datasets import Digits, read_digits
from examples.fitting import Figures, Fit, Psi, distance_to, fit, fresh, gaps, measure_samples
from examples.sheet import Block, draw
from texot.cli.options import real
from texot.errors import TexotError
from texot.files.whole import check_target, write_whole

_SHOWN = 12  # samples of a fit
_HEADINGS = [
    "psi",
    "entropy",
    "fit s",
    "OT to held out",
    "OT to fitted",
    "dual gap %",
    "gap, held out %",
    "nearest fitted",
    "memorised %",
    "missed %",
    "variance %",
]
_MEANING = """\
OT (without entropy, nearly exact) and nearest are mean squared differences per pixel x 1000, of as many
new samples as there are fitted digits. Entropy: lambda, in units of the mean squared difference per pixel.
Dual gap: (OT - F(psi)) / OT on a larger new sample, with the fit's entropy; held out: of the network's psi at
unseen digits. Memorised: percentage of samples nearer to a fitted digit than to any held-out one (50 without
memorisation, 100 for copies). Missed: percentage of held-out digits nearest to no sample. Variance: of
samples about their mean, relative to that of held-out digits; blur and missing modes lower it. The two last
rows are not generators: fitted digits as samples are the result of perfect copying, held-out digits that of a
perfect generator.
One seed. Steps and rates were chosen with these figures in view, including those of held-out digits.
At entropy 0.1, more than the digits' variance per pixel, all samples are the mean digit: memorised, missed
and dual gap are meaningless there."""


@click.command(
    epilog="\b\nExample:\n  python -m examples.digits --entropy 0 --entropy 0.01 -o digits.png",
    context_settings={"show_default": True},
)
@click.option(
    "--entropy",
    "entropies",
    metavar="LAMBDA",
    multiple=True,
    type=real(zero=True, high=10),
    default=(0, 0.001, 0.01, 0.1),
    help="Entropic regularisation, in units of the mean squared difference per pixel; may be repeated.",
)
@click.option(
    "--psi", type=click.Choice(["vector", "network", "both"]), default="both", help="The dual variable."
)
@click.option(
    "--mnist", metavar="FILE", type=click.Path(path_type=Path), help="MNIST images: idx, idx.gz or npz."
)
@click.option(
    "--most", metavar="N", type=click.IntRange(20), default=2000, help="Digits to fit, at most half of all."
)
@click.option("--steps", metavar="N", type=click.IntRange(1), default=4000, help="Steps of a fit.")
@click.option("--batch", metavar="N", type=click.IntRange(1), default=256, help="Samples a step.")
@click.option(
    "--seed", metavar="N", type=click.IntRange(0, 2**62 - 1), default=0, help="Same seed, same picture."
)
@click.option("--threads", metavar="N", type=click.IntRange(1), default=1, help="Threads of a fit.")
@click.option(
    "-o",
    "--output",
    metavar="PNG",
    type=click.Path(path_type=Path),
    default="digits.png",
    help="Picture to write: samples above their nearest digits.",
)
@click.option(
    "--page", metavar="MD", type=click.Path(path_type=Path), help="Markdown file of the table to write."
)
def main(
    entropies: tuple[float, ...],
    psi: str,
    mnist: Path | None,
    most: int,
    steps: int,
    batch: int,
    seed: int,
    threads: int,
    output: Path,
    page: Path | None,
) -> None:
    """Fit a generator to handwritten digits by semi-discrete optimal transport."""
    try:
        for path in filter(None, (output, page)):
            check_target(str(path))  # before minutes of work, not after
        torch.set_num_threads(threads)
        digits = read_digits(mnist, most=most, seed=seed)
        kinds = cast("Sequence[Psi]", ("vector", "network") if psi == "both" else (psi,))
        fits = [
            [
                _said(fit(digits.train, psi=kind, entropy=lam, steps=steps, batch=batch, seed=seed))
                for lam in entropies
            ]
            for kind in kinds
        ]
        table = _table([made for column in fits for made in column], digits)
        write_whole(output, draw([[_block(made, digits) for made in column] for column in fits], digits.side))
        click.echo("\n".join(table))
        if page is not None:
            write_whole(page, _page(table, digits, output.name).encode())
    except TexotError as error:
        raise click.ClickException(str(error)) from error


def _said(made: Fit) -> Fit:
    click.echo(f"psi as a {made.psi}, entropy {made.entropy:g}: {made.seconds:.0f} s", err=True)
    return made


def _block(made: Fit, digits: Digits) -> Block:
    x = fresh(made, _SHOWN)
    nearest = digits.train[distance_to(x, digits.train)[1]]
    return Block(f"psi a {made.psi}, lambda {made.entropy:g}: samples, nearest fitted", x, nearest)


def _table(fits: Sequence[Fit], digits: Digits) -> list[str]:
    """Lines of Markdown."""
    m = len(digits.train)
    rows = []
    for made in fits:
        found = measure_samples(fresh(made, m), digits.train, digits.held_out)
        own, unseen = gaps(made, digits.held_out, 4 * m)
        head = [made.psi, f"{made.entropy:g}", f"{made.seconds:.0f}"]
        rows.append(
            [*head, *_cells(found, f"{100 * own:.1f}", "" if unseen is None else f"{100 * unseen:.1f}")]
        )
    for name, x in (("fitted digits", digits.train), ("held-out digits", digits.held_out)):
        rows.append([name, "", "", *_cells(measure_samples(x, digits.train, digits.held_out), "", "")])
    return ["| " + " | ".join(row) + " |" for row in [_HEADINGS, ["---"] * len(_HEADINGS), *rows]]


def _cells(found: Figures, own: str, unseen: str) -> list[str]:
    thousandths = [f"{1000 * value:.1f}" for value in (found.to_held_out, found.to_train)]
    percentages = [f"{100 * value:.0f}" for value in (found.memorised, found.missed, found.variance)]
    return [*thousandths, own, unseen, f"{1000 * found.nearest:.1f}", *percentages]


def _page(table: Iterable[str], digits: Digits, picture: str) -> str:
    from benchmarks.common import code_version, machine

    where = f"{machine()}; commit {_or_none(code_version)}; {date.today().isoformat()}."
    command = shlex.join(["python", "-m", "examples.digits", *sys.argv[1:]])
    lines = ["# Digits by semi-discrete transport", "", where, "", "```", command, "```", ""]
    lines += [f"{digits.name}, {digits.side}x{digits.side} px.", "", *table, "", _MEANING, ""]
    return "\n".join([*lines, f"![samples above their nearest fitted digits]({picture})", ""])


def _or_none(version: Callable[[], str]) -> str:
    try:
        return version()
    except click.ClickException:  # no git checkout
        return "unknown"


if __name__ == "__main__":
    main(prog_name="python -m examples.digits")
