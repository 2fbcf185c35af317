"""What the benchmarks share: where they ran, crops of the samples, timed processes, tables.

Every row of a table names the commit of the code that it measured, the machine and the day; a table's
Markdown page also names the command. Rows are appended as they are measured: a stopped run keeps them.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from texot.files.exemplar import read_exemplar

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SAMPLES = {
    path.stem: path for path in sorted((ROOT / "samples").glob("*.*")) if path.suffix in (".jpg", ".png")
}
CODE = ("texot", "cli", "kernels")

Row = dict[str, str]


# ---------------------------------------------------------------------------------------------- where it ran


def code_version() -> str:
    """The last commit that changed the code; "+" and a hash of the code where the checkout's differs from it.

    Commits to anything else do not count: a figure stays valid while the code that made it does.
    """
    commit = _git("log", "-1", "--format=%h", "--", *CODE)
    if not _git("status", "--porcelain", "--", *CODE):
        return commit
    code = hashlib.sha256()
    for path in sorted(path for folder in CODE for path in (ROOT / folder).rglob("*.py")):
        code.update(path.read_bytes())
    return f"{commit}+{code.hexdigest()[:6]}"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"benchmarks run in a git checkout: {done.stderr.strip()}")
    return done.stdout.strip()


def machine(threads: int | None = None) -> str:
    """Processor, cores, memory, torch and its threads, in a line."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    memory = ""
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB, "
    return (
        f"{_processor()}, {cores} core(s), {memory}Python {platform.python_version()}, "
        f"torch {torch.__version__}, {threads or torch.get_num_threads()} thread(s)"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")


def stamp(threads: int | None = None) -> Row:
    """Columns that every row begins with."""
    return {"commit": code_version(), "date": date.today().isoformat(), "machine": machine(threads)}


def warn_if_busy() -> None:
    """Times of a busy machine are no figures."""
    if hasattr(os, "getloadavg") and (load := os.getloadavg()[0]) > 0.3:
        click.echo(f"warning: something else runs here (load {load:.1f}): times will be too long", err=True)


# --------------------------------------------------------------------------------------------------- samples


def chosen(names: Sequence[str]) -> list[str]:
    """The samples named, or all.

    Raises:
        click.BadParameter: there is no such sample.
    """
    for name in names:
        if name not in SAMPLES:
            raise click.BadParameter(f"no sample {name!r}: there are {', '.join(SAMPLES)}")
    return list(names) or list(SAMPLES)


def read_sample(name: str, crop: int | None = None) -> Tensor:
    """A sample (C, H, W), or its middle `crop` x `crop` pixels; larger ones are tiled by mirror images."""
    pixels = read_exemplar(SAMPLES[name]).pixels
    if crop is None:
        return pixels
    while min(pixels.shape[1:]) < crop:
        pixels = torch.cat([pixels, pixels.flip(2)], 2)
        pixels = torch.cat([pixels, pixels.flip(1)], 1)
    top, left = ((n - crop) // 2 for n in pixels.shape[1:])
    return pixels[:, top : top + crop, left : left + crop].contiguous()


def mode_of(image: Tensor) -> str:
    """Mode of a file that holds this grey or colour image."""
    return "L" if len(image) == 1 else "RGB"


# ------------------------------------------------------------------------------------------------- processes


@dataclass(frozen=True)
class Measured:
    """One process: wall-clock and processor time in seconds, peak resident memory in MB, what it said."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: str = ""


def run_texot(*arguments: object, threads: int | None = None) -> Measured:
    """Run `python -m texot ...` of this checkout to its end and measure all of it, from start to exit.

    Raises:
        click.ClickException: it fails; with what it said.
    """
    return run_module("texot", *arguments, threads=threads)


def run_module(module: str, *arguments: object, threads: int | None = None) -> Measured:
    """`run_texot` for any module that takes --threads."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    if threads:
        command += ["--threads", str(threads)]
    return run_command(command)


def run_command(command: Sequence[str]) -> Measured:
    """`run_texot` for any command."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        launcher = [sys.executable, "-I", "-S", str(ROOT / "benchmarks" / "launch.py"), str(figures)]
        done = subprocess.run(
            [*launcher, *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode:
            raise click.ClickException(f"{shlex.join(command)}:\n{said}")
        seconds, cpu_seconds, peak = json.loads(figures.read_text(encoding="utf-8"))
    return Measured(seconds, cpu_seconds, peak / 1e6, said)


# ---------------------------------------------------------------------------------------------------- tables


class Table:
    """A CSV file under results/ to which rows are appended."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self.columns = path, ["commit", "date", "machine", *columns]
        self.rows: list[Row] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                self.rows = list(reader)
            if reader.fieldnames != self.columns:
                raise click.ClickException(f"{path} has other columns than are measured now: move it away")

    def add(self, row: dict[str, Any]) -> Row:
        """Append a row now; numbers are rounded to 5 digits."""
        text = {name: _short(row.get(name, "")) for name in self.columns}
        new = not self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(text)
        self.rows.append(text)
        return text

    def find(self, **values: object) -> list[Row]:
        """Rows with these values, compared as they are written."""
        wanted = {name: _short(value) for name, value in values.items()}
        return [row for row in self.rows if all(row[name] == value for name, value in wanted.items())]


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [columns, ["---"] * len(columns), *([_short(value) for value in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def write_page(path: Path, title: str, where: Row, lines: Iterable[str]) -> None:
    """A Markdown page of results, under what made them."""
    module = Path(sys.argv[0]).stem
    command = shlex.join(["python", "-m", f"benchmarks.{module}", *sys.argv[1:]])
    head = [f"# {title}", "", f"{where['machine']}; commit {where['commit']}; {where['date']}.", ""]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*head, "```", command, "```", "", *lines])
    path.write_text(text.rstrip() + "\n", encoding="utf-8")
    click.echo(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}", err=True)
