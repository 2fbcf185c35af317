"""`texot batch`: one job or several on many images or materials."""

import os
import shlex
import time
from pathlib import Path
from typing import Any

import click

from texot import __version__
from texot.cli.batch_page import write_page
from texot.cli.batch_recipe import COMMANDS, Item, Recipe, items_of, read_recipe
from texot.cli.batch_records import Record
from texot.cli.batch_run import Runner, plan
from texot.cli.errors import Interrupted
from texot.cli.interrupt import raise_on_signals
from texot.cli.options import FILE, example, report_options, whole
from texot.cli.progress import Quiet, reporter
from texot.errors import InputError, OutputError, TexotError


def name_and_value(value: str) -> tuple[str, Any]:
    """Parser of NAME=VALUE; a NAME alone is a switch."""
    name, separator, text = str(value).partition("=")
    name = name.lstrip("-")
    if not name:
        raise click.BadParameter(f"{value!r} is not NAME=VALUE, such as quality=draft.")
    return name, text if separator else True


@click.command(
    short_help="Run a job on many images or materials.",
    epilog=example(
        "texot batch samples/materials -o seamless --option quality=draft",
        "texot batch samples/materials -o seamless --option quality=draft --print",
    ),
)
@click.argument("source", type=FILE)
@click.option("-o", "--output", metavar="OUT", type=FILE, required=True, help="Folder of the results.")
@click.option(
    "--command",
    type=click.Choice(COMMANDS),
    help="Command that runs on each image or material of a folder; default: tile.",
)
@click.option(
    "--option",
    "options",
    metavar="NAME=VALUE",
    type=name_and_value,
    multiple=True,
    help="An option of that command, such as quality=draft; can be given several times.",
)
@click.option(
    "--jobs",
    metavar="N",
    type=whole(1, 1024),
    default=1,
    show_default=True,
    help="Processes at the same time.",
)
@click.option(
    "--threads", metavar="N", type=whole(1, 4096), help="CPU threads, shared by the processes; default: all."
)
@click.option("--force", is_flag=True, help="Also make again what is done and unchanged.")
@click.option(
    "--print",
    "printed",
    is_flag=True,
    help="Print one command line for each item that is to be made, and make none.",
)
@click.option("--only", metavar="ITEM", multiple=True, help="Make this item; --print writes such lines.")
@report_options(preview=False)
def batch(
    source: Path,
    output: Path,
    command: str | None,
    options: tuple[tuple[str, Any], ...],
    jobs: int,
    threads: int | None,
    force: bool,
    printed: bool,
    only: tuple[str, ...],
    progress: str,
    quiet: bool,
) -> None:
    """Run one command on every image and material of the folder SOURCE, or the jobs of a recipe.

    A recipe is a .toml or .json file.

    What is done is skipped next time, if the contents of its inputs, the settings and texot's algorithm are
    the same. An item that fails stops no other; then the exit code is 1. OUT gets index.html, a contact
    sheet, and summary.json.
    """
    if source.is_dir():
        job = {"command": command or "tile", "inputs": str(source.absolute()), "options": dict(options)}
        recipe = Recipe(Path.cwd(), [job])
    elif command or options:
        raise click.UsageError("--command and --option are for a folder: a recipe has its own.")
    else:
        recipe = read_recipe(source)
    group = click.get_current_context().find_root().command
    assert isinstance(group, click.Group)
    items = items_of(recipe, output, group.commands)
    chosen = _chosen(items, only)
    if printed:
        for line in lines(chosen, source, output, command, options, threads, force=force):
            click.echo(line)
        return
    with reporter(progress, quiet) as report:
        raise_on_signals()
        _make_folder(output)
        records = _run(chosen, output, jobs, threads, report, force=force)
        if only:  # another process makes the others, and maybe the page
            _fail([record for record in records if record.state == "failed"], len(records), output)
            return
        _finish(items, records, output, report)


def _chosen(items: list[Item], only: tuple[str, ...]) -> list[Item]:
    names = {item.name for item in items}
    for name in only:
        if name not in names:
            raise InputError(f"there is no item {name!r}: --print shows all, and the recipe may have changed")
    return [item for item in items if not only or item.name in only]


def lines(
    items: list[Item],
    source: Path,
    output: Path,
    command: str | None,
    options: tuple[tuple[str, Any], ...],
    threads: int | None,
    *,
    force: bool,
) -> list[str]:
    """Command lines for a POSIX shell, of the items that are to be made; they run in any folder and order.

    Raises:
        InputError: a path holds a line break.
    """
    todo, _ = plan(items, output, force=force)
    common = [str(source.absolute()), "-o", str(output.absolute()), "-q"]
    common += [f"--command={command}"] if command else []
    common += [f"--option={name}" if value is True else f"--option={name}={value}" for name, value in options]
    common += [f"--threads={threads}"] if threads else []
    common += ["--force"] if force else []
    made = [
        shlex.join(["texot", "batch", *common, f"--only={item.name}"]) for item in items if item.name in todo
    ]
    if any("\n" in line for line in made):
        raise InputError("a path or option holds a line break: --print writes one line for each item")
    return made


def _make_folder(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {str(output)!r}: {error.strerror}") from error


def _run(
    items: list[Item], out: Path, jobs: int, threads: int | None, report: Quiet, *, force: bool
) -> list[Record]:
    """Make the items that are not done; the records of all."""
    begun = time.perf_counter()
    keys, done = plan(items, out, force=force)
    todo = [item for item in items if item.name in keys]
    jobs = max(1, min(jobs, len(todo)))
    each = max(1, (threads or os.cpu_count() or 1) // jobs)
    report.start(version=__version__, output=out, items=len(items), unchanged=len(done))
    try:
        made = Runner(out, jobs, each, report).run(todo, keys)
    except KeyboardInterrupt as error:
        stopped = Interrupted.of(error)
        message = f"interrupted: what is done is kept in {out}; run the same command to go on"
        raise Interrupted(message, stopped.exit_code - 128) from error
    failed = sum(record.state == "failed" for record in made)
    counts = {"made": len(made) - failed, "unchanged": len(done), "failed": failed}
    report.done(output=out, seconds=time.perf_counter() - begun, interrupted=False, **counts)
    by_name = {**done, **{record.item: record for record in made}}
    return [by_name[item.name] for item in items]


def _finish(items: list[Item], records: list[Record], out: Path, report: Quiet) -> None:
    """Write the page and the summary, and fail if an item did."""
    failed = [record for record in records if record.state != "done"]
    unchanged = sum(record.unchanged for record in records)
    made = len(records) - len(failed) - unchanged
    headline = f"{len(items)} items: {made} made, {unchanged} unchanged, {len(failed)} failed"
    write_page(records, out, headline)
    report.say(f"{headline}; see {out / 'index.html'}")
    _fail(failed, len(records), out)


def _fail(failed: list[Record], count: int, out: Path) -> None:
    if failed and count == 1:
        raise TexotError(failed[0].message)
    if failed:
        first = failed[0]
        raise TexotError(
            f"{len(failed)} of {count} items failed in {out}, first {first.item}: {first.message}"
        )
