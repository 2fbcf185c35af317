"""`texot replay`: make a PNG that texot wrote again, from the settings it holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot import __version__
from texot.cli.files import Outputs, check_outputs
from texot.cli.options import FILE, example, output_options, report_options
from texot.cli.progress import Quiet, reporter
from texot.cli.run import pixel_size, read_inputs, run, start, use_threads
from texot.cli.synthesize import synthesize
from texot.errors import InputError
from texot.files.record import read_record

if TYPE_CHECKING:
    from texot.files.exemplar import Exemplar

# options that decide the pixels; a file's settings carry them under the same names
_OPTIONS = (
    "size",
    "tile",
    "seed",
    "preset",
    "quality",
    "n_scales",
    "patch_size",
    "n_iter",
    "psi_steps",
    "lr",
    "entropy",
    "novelty",
    "backend",
    "device",
    "threads",
)


@click.command(
    short_help="Make a PNG of ours again.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --size 2x",
        "texot replay pebbles.png samples/pebbles.jpg -o again.png",
    ),
)
@click.argument("file", type=FILE)
@click.argument("exemplar", type=FILE)
@output_options(required=False, default=" Default: FILE's name + -replay.")
@click.option("--init", metavar="IMAGE", type=FILE, help="The image FILE was started from, if it was.")
@click.option("--force", is_flag=True, help="Go on with another exemplar or start image than FILE's.")
@report_options()
def replay(
    file: Path,
    exemplar: Path,
    output: Path | None,
    overwrite: bool,
    init: Path | None,
    force: bool,
    progress: str,
    quiet: bool,
) -> None:
    """Make FILE, a PNG written by texot, again from its EXEMPLAR: the same bytes.

    That takes the same versions of texot and torch on the same kind of machine; a difference is said.
    """
    outputs = Outputs(output or file.with_name(f"{file.stem}-replay.png"))
    with reporter(progress, quiet) as report:
        start()
        settings, _ = read_record(file)
        if settings.get("job", "synthesize") != "synthesize":
            raise InputError(f"{file} was made by 'texot {settings['job']}': give that command again instead")
        source, first = read_inputs(exemplar, str(init or "noise"))
        if not force:
            _check_inputs(file, settings, source, first)
        options = _options(file, settings)
        options.update(init=first, size=pixel_size(options["size"], source))
        check_outputs([outputs], [file, exemplar, *([init] if init else [])], overwrite=overwrite)
        record = use_threads(options.pop("threads"), None, report)
        _compare_versions(file, settings, record, report)
        run(source, options, outputs, report, record=record, stop_at=settings.get("stopped_at"))
        same = file.read_bytes() == outputs.image.read_bytes()
        report.say(f"{outputs.image} {'is identical to' if same else 'differs from'} {file}")


def _check_inputs(file: Path, settings: dict[str, Any], exemplar: "Exemplar", init: "Exemplar | str") -> None:
    """Refuse other images than those that FILE was made from.

    Raises:
        InputError: another exemplar, another start image, or one where there was none.
    """
    if exemplar.sha256 != settings.get("exemplar_sha256"):
        raise InputError(
            f"{file} was made from another exemplar than {exemplar.name}: give that one, or --force"
        )
    sha256 = None if isinstance(init, str) else init.sha256
    if sha256 != settings.get("init_sha256"):
        was = "another image" if settings.get("init_sha256") else "noise"
        raise InputError(f"{file} was started from {was}: match it with --init, or --force")


def _options(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The options FILE was made with, read as the command line reads them: a file may hold anything.

    Raises:
        InputError: a value that its option would not take.
    """
    given = {name: settings[name] for name in _OPTIONS if settings.get(name) is not None}
    if isinstance(size := given.get("size"), list):
        given["size"] = "x".join(map(str, size))
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    try:
        parsed = synthesize.make_context("synthesize", ["EXEMPLAR", "-o", "OUT", *arguments]).params
    except click.UsageError as error:
        raise InputError(f"{file}: its texot settings are damaged: {error.format_message()}") from error
    return {name: parsed[name] for name in _OPTIONS}


def _compare_versions(file: Path, settings: dict[str, Any], record: dict[str, Any], report: Quiet) -> None:
    """Say it where other code than FILE's is at work: the result may then differ."""
    for what, ours in ("texot", __version__), ("torch", record["torch"]):
        if settings.get(what) != ours:
            report.say(
                f"{file} was made by {what} {settings.get(what)}, this is {ours}: the image may differ"
            )
