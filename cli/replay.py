"""`texot replay`: reproduce a PNG written by texot from its recorded settings."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot._version import ALGORITHM, __version__
from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.options import FILE, example, output_options, report_options
from texot.cli.pictures import check_formats
from texot.cli.progress import Quiet, reporter
from texot.cli.replay_specs import REPLAY_SPECS, Iterate, ReplayInputs, ReplaySpec
from texot.cli.run import run, start, use_threads
from texot.errors import InputError
from texot.files.record import read_record

if TYPE_CHECKING:
    from texot import State

_IMAGES = {
    "image_sha256": ("photograph", "IMAGE"),
    "hole_sha256": ("mask", "second IMAGE"),
    "source_sha256": ("source mask", "--source"),
    "exemplar_sha256": ("exemplar", "IMAGE"),
    "weight_map_sha256": ("weight map", "--weight-map"),
    "init_sha256": ("start image", "--init"),
    "features_sha256": ("file of weights", "--features"),
}
"""Recorded hash of an input -> what it is, and how it is given."""

_RENAMED = {"map": "weight_map", "map_sha256": "weight_map_sha256"}  # settings of earlier versions
_FIRST_ALGORITHM = 2  # of files that do not record it
_MAX_THREADS = 64  # accepted on any machine
_USUAL = {"n_iter": 500, "psi_steps": 20, "size": 4096**2}  # above: announced before the work begins
_MAX = {"n_iter": 10_000, "psi_steps": 1000}  # above: only with --force


@click.command(
    short_help="Reproduce a PNG written by texot.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --size 2x",
        "texot replay pebbles.png samples/pebbles.jpg -o again.png",
    ),
)
@click.argument("file", type=FILE)
@click.argument("images", type=FILE, nargs=-1, required=True, metavar="IMAGE...")
@output_options(required=False, default=" Default: FILE's name + -replay.")
@click.option("--init", metavar="IMAGE", type=FILE, help="The start image of FILE, if it had one.")
@click.option("--source", metavar="MASK2", type=FILE, help="The --source of inpaint, if it had one.")
@click.option("--exemplar", metavar="IMAGE", type=FILE, help="The --exemplar of inpaint, if it had one.")
@click.option("--weight-map", metavar="IMAGE", type=FILE, help="The weight map of FILE, if it was an image.")
@click.option(
    "--features", metavar="FILE", type=FILE, help="The weights file of synthesize --features, if it had one."
)
@click.option("--force", is_flag=True, help="Accept other input images than FILE's, and extreme settings.")
@report_options()
def replay(
    file: Path,
    images: tuple[Path, ...],
    output: Path | None,
    overwrite: bool,
    force: bool,
    progress: str,
    quiet: bool,
    **extra: Path | None,
) -> None:
    """Reproduce FILE, a PNG written by texot. Pass the input images in the order of the original command.

    For a tile that shares the borders of another, also pass that other tile. The bytes are the same with the
    same versions of texot and torch on the same kind of machine; a difference is reported.
    """
    outputs = Outputs(output or file.with_name(f"{file.stem}-replay.png"))
    with reporter(progress, quiet) as report:
        start()
        from texot.files.original import Original

        settings, _ = read_record(file)
        for old, name in _RENAMED.items():
            if old in settings:
                settings[name] = settings.pop(old)
        name = settings.get("job", "synthesize")
        if "texot" not in settings:
            raise InputError(f"{file} does not record how it was made")
        if name == "sample":
            at, size = (settings.get(key) for key in ("at", "size"))
            raise InputError(
                f"{file} is a sample of a generator: use 'texot sample MODEL' with seed "
                f"{settings.get('seed')}, at {at}, size {size}"
            )
        if not isinstance(name, str) or name not in REPLAY_SPECS:
            raise InputError(f"{file} was made by another version of texot: unknown job {name!r}")
        spec, given = REPLAY_SPECS[name], {key: path for key, path in extra.items() if path}
        _check_arguments(file, spec, images, given)
        options = spec.parse(file, settings)
        _report_work(file, options, report, stop_at=settings.get("stopped_at"), force=force)
        check_outputs([outputs], [file, *images, *given.values()], overwrite=overwrite)
        use_threads(_threads(options.pop("threads"), file, report), None, report)
        source, iterate = spec.read(ReplayInputs(images, given, options, settings))
        size, first = options.get("size"), source[0] if isinstance(source, list) else source
        opaque = isinstance(first, Original) and first.is_opaque(options.get("mask"))
        check_formats([outputs], size or first.size, first.mode, opaque=opaque, depth=first.depth)
        _compare_versions(file, settings, report)
        run(
            source,
            options,
            outputs,
            report,
            stop_at=settings.get("stopped_at"),
            iterate=iterate if force else _checked(iterate, file, settings),
        )
        if outputs.image == DASH:
            return
        same = file.read_bytes() == outputs.image.read_bytes()
        report.say(f"{outputs.image} {'is identical to' if same else 'differs from'} {file}")


def _threads(asked: int | None, file: Path, report: Quiet) -> int | None:
    """The recorded number of threads, or the largest plausible one."""
    most = max(_MAX_THREADS, os.cpu_count() or 1)
    if asked is None or asked <= most:
        return asked
    report.say(f"{file} asks for {asked} threads, {most} are used: the image may differ")
    return most


def _report_work(
    file: Path, options: dict[str, Any], report: Quiet, *, stop_at: int | None, force: bool
) -> None:
    """Announce long work before it begins: a file from others may ask for anything.

    Raises:
        InputError: it would take days, and --force is not given.
    """
    from texot.files.sizes import parse_size

    asked = {name: options.get(name) or 0 for name in ("n_iter", "psi_steps")}
    asked["n_iter"] = min(asked["n_iter"], stop_at or asked["n_iter"])
    over = [name for name, most in _MAX.items() if asked[name] > most]
    if over and not force:
        raise InputError(
            f"{file} asks for {over[0]} {asked[over[0]]}, at most {_MAX[over[0]]} are usual: this would take "
            "hours or days; use --force to run it"
        )
    reported = [f"{name} {count}" for name, count in asked.items() if count > _USUAL[name]]
    with suppress(InputError):  # it is refused later
        width, height = parse_size(options.get("size"), (1, 1))
        if width * height > _USUAL["size"]:
            reported.append(f"{width}x{height} px")
    if reported:
        report.say(f"{file} asks for {', '.join(reported)}: this may take long; Ctrl-C saves the image")


def _check_arguments(file: Path, spec: ReplaySpec, images: tuple[Path, ...], given: dict[str, Path]) -> None:
    """Refuse options and images that FILE's command does not have."""
    for name in given:
        if name not in spec.extra:
            raise click.UsageError(
                f"{file} was made by 'texot {spec.command.name}', which has no --{name.replace('_', '-')}."
            )
    if len(images) > spec.max_images:
        raise click.UsageError(
            f"{file} was made by 'texot {spec.command.name}': {spec.max_images} image(s), not {len(images)}."
        )


def _checked(iterate: Iterate, file: Path, settings: dict[str, Any]) -> Iterate:
    """The same states, after a check that the inputs are those of FILE."""

    def states(*source: Any, **options: Any) -> "Iterator[State]":
        first = True
        for state in iterate(*source, **options):
            if first:
                _compare_images(file, settings, state.result().settings)
                first = False
            yield state

    return states


def _compare_images(file: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Refuse inputs other than those of FILE.

    Raises:
        InputError: an input differs.
    """
    for key, (what, how) in _IMAGES.items():
        if wanted.get(key) == found.get(key):
            continue
        if key == "exemplar_sha256" and wanted.get("job") == "inpaint":
            how = "--exemplar"
        if wanted.get(key) is None:
            raise InputError(f"{file} was made without {what}: leave out its {how}, or --force")
        raise InputError(f"{file} was made from another {what}: give that one ({how}), or --force")


def _compare_versions(file: Path, settings: dict[str, Any], report: Quiet) -> None:
    """Report other versions than those of FILE: the result may then differ."""
    import torch

    algorithm = settings.get("algorithm", _FIRST_ALGORITHM)
    if algorithm != ALGORITHM:
        report.say(f"{file} was made by algorithm {algorithm}, this is {ALGORITHM}: the image will differ")
        return
    for what, present in ("texot", __version__), ("torch", str(torch.__version__)):
        if settings.get(what) != present:
            report.say(
                f"{file} was made by {what} {settings.get(what)}, this is {present}: the image may differ"
            )
