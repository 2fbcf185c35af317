"""The command line on a busy machine: beside processes that compute, against a quiet one.

python -m benchmarks.busy
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.common import (
    RESULTS,
    Table,
    markdown,
    mode_of,
    read_sample,
    run_texot,
    stamp,
    warn_if_busy,
    write_page,
)
from texot.files.write import write_image

COLUMNS = ("size", "others", "threads", "repeat", "seconds")


@click.command()
@click.option(
    "--size", type=click.IntRange(16), default=128, show_default=True, help="Of exemplar and result."
)
@click.option("--others", multiple=True, type=click.IntRange(0), default=[0, 1, 2], show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Folder to write to.")
def main(size: int, others: tuple[int, ...], repeats: int, results: Path) -> None:
    """Time whole processes beside OTHERS busy ones; threads by default, which then are fewer, and all."""
    import torch

    warn_if_busy()
    where, table = stamp(), Table(results / "busy.csv", COLUMNS)
    medians: dict[tuple[int, str], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        exemplar = Path(folder) / "exemplar.png"
        pixels = read_sample("pebbles", size)
        write_image(pixels, exemplar, mode=mode_of(pixels))
        for count in others:
            loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
            try:
                for threads in (None, torch.get_num_threads()):
                    label = "default" if threads is None else str(threads)
                    seconds = []
                    for repeat in range(1, repeats + 1):
                        out = Path(folder) / "out.png"
                        found = run_texot("synthesize", exemplar, "-o", out, "-q", threads=threads).seconds
                        row = {"size": size, "others": count, "threads": label, "repeat": repeat}
                        table.add({**where, **row, "seconds": found})
                        seconds.append(found)
                    medians[count, label] = statistics.median(seconds)
                    click.echo(f"{count} others, threads {label}: {medians[count, label]:.1f} s")
            finally:
                for loop in loops:
                    loop.kill()
                    loop.wait()
    quiet = medians[min(others), "default"]
    rows = [(*key, f"{found:.1f}", f"{found / quiet:.2f}") for key, found in medians.items()]
    lines = [f"Exemplar and result of {size} px, normal quality, whole process, median of {repeats}.", ""]
    lines += markdown(["busy processes beside", "--threads", "s", "x quiet"], rows)
    write_page(results / "busy.md", "On a busy machine", where, lines)


if __name__ == "__main__":
    main()
