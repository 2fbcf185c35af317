"""`texot replay`: make a PNG that texot wrote again, from the settings it holds."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot._version import ALGORITHM, __version__
from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.inpaint import inpaint
from texot.cli.interpolate import interpolate
from texot.cli.options import FILE, MAPS, example, output_options, report_options
from texot.cli.pictures import check_formats, readable
from texot.cli.progress import Quiet, reporter
from texot.cli.run import pixel_size, run, start, use_threads
from texot.cli.synthesize import synthesize
from texot.cli.tile import tile
from texot.errors import InputError
from texot.files.record import read_record

if TYPE_CHECKING:
    from texot import State
    from texot.files.exemplar import Exemplar
    from texot.files.original import Original

# options that decide the pixels; a file's settings carry them under the same names
_ALL = (
    "tile",
    "seed",
    "quality",
    "n_scales",
    "patch_size",
    "n_iter",
    "psi_steps",
    "entropy",
    "alpha",
    "backend",
    "device",
    "threads",
)
_IMAGES = {  # what a file remembers of the images it was made from: what they are, and how they are given
    "image_sha256": ("photograph", "IMAGE"),
    "hole_sha256": ("mask", "second IMAGE"),
    "source_sha256": ("source mask", "--source"),
    "exemplar_sha256": ("exemplar", "IMAGE"),
    "map_sha256": ("map", "--map"),
    "init_sha256": ("start image", "--init"),
    "features_sha256": ("file of weights", "--features"),
}


_FIRST_ALGORITHM = 2  # of files that do not tell
_MOST_THREADS = 64  # that any machine gives to a file that asks for them
_USUAL = {
    "n_iter": 500,
    "psi_steps": 20,
    "size": 4096**2,
}  # steps, steps, pixels: more is told before it begins
_MOST = {"n_iter": 10_000, "psi_steps": 1000}  # that a file is given without --force

Iterate = Callable[..., "Iterator[State]"]


@dataclass(frozen=True)
class _Asked:
    """What is made again: IMAGEs, other images by their options' names, options, FILE's settings."""

    images: tuple[Path, ...]
    extra: dict[str, Path]
    options: dict[str, Any]
    settings: dict[str, Any]


def _synthesis(asked: _Asked) -> tuple["Exemplar", Iterate]:
    from texot.jobs.synthesis import iter_synthesis

    source, asked.options["init"] = _read(asked, asked.images)[0], _init(asked)
    asked.options["size"] = pixel_size(asked.options["size"], source)
    asked.options["features"] = _features(asked)
    asked.options["attempts"] = asked.options["attempts"] or 1  # files of older versions do not tell
    if asked.options["preset"] == "default" and asked.options["features"] == "none":
        asked.options["lr"] = None  # older algorithms had one
    return source, iter_synthesis


def _read(asked: _Asked, images: tuple[Path, ...]) -> "list[Exemplar]":
    """Exemplars, as FILE's command read them."""
    from texot.files.exemplar import read_exemplar
    from texot.files.sizes import at_most, exemplar_side

    alpha, fit = asked.options["alpha"], at_most(exemplar_side(asked.options["exemplar_size"]))
    part = asked.settings.get("exemplar_part")
    return [read_exemplar(readable(path), alpha=alpha, fit=fit, part=part) for path in images]


def _init(asked: _Asked) -> "Exemplar | str":
    """What FILE was started from."""
    from texot.files.exemplar import read_exemplar

    if "init" not in asked.extra:
        return "noise"
    return read_exemplar(readable(asked.extra["init"]), alpha=asked.options["alpha"])


def _features(asked: _Asked) -> str:
    """The network of deep features that FILE was made with, or the file of its weights.

    Raises:
        InputError: that file is not told.
    """
    name = str(asked.options["features"])
    if "features" in asked.extra:
        return str(asked.extra["features"])
    if name not in ("none", "efficientnet-lite0", "squeezenet"):
        raise InputError(f"deep features were those of {name}: give the file of its weights (--features)")
    return name


def _inpainting(asked: _Asked) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.inpainting import find_hole, iter_inpaint

    asked.options.update({name: readable(path) for name, path in asked.extra.items()})
    if "exemplar" in asked.extra:
        asked.options["exemplar"] = _read(asked, (asked.extra["exemplar"],))[0]
    original = read_original(readable(asked.images[0]), alpha=asked.options["alpha"])
    mask, invert = asked.images[1:], asked.options["invert_mask"]
    hole = find_hole(original, readable(mask[0]) if mask else None, invert=invert)
    asked.options["mask"] = ~hole if invert else hole
    return original, iter_inpaint


def _tile(asked: _Asked) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.tiling import iter_tileable

    return read_original(readable(asked.images[0]), alpha=asked.options["alpha"]), iter_tileable


def _variation(asked: _Asked) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.tiling import iter_variation

    asked.options["axes"] = asked.options.pop("tile")
    return read_original(readable(asked.images[0]), alpha=asked.options["alpha"]), iter_variation


def _interpolation(asked: _Asked) -> tuple["list[Exemplar]", Iterate]:
    from texot.jobs.interpolation import iter_interpolation

    sources = _read(asked, asked.images)
    asked.options["size"], asked.options["init"] = pixel_size(asked.options["size"], sources[0]), _init(asked)
    map_ = asked.settings.get("map")
    asked.options["map"] = asked.extra.get("map", map_ if map_ in MAPS else None)
    return sources, iter_interpolation


@dataclass(frozen=True)
class _Job:
    """A kind of file.

    Attributes:
        command: that makes it.
        read: its source, and the library's iterator; fits the options to that.
        options: of the command, beside those of all.
        least, most: images that the command takes.
        extra: options of `replay` that name more images.
    """

    command: click.Command
    read: Callable[[_Asked], tuple[Any, Iterate]]
    options: tuple[str, ...] = ()
    least: int = 1
    most: int = 1
    extra: tuple[str, ...] = ()

    def parse(self, file: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """The options FILE was made with, read as the command line reads them: a file may hold anything.

        Raises:
            InputError: a value that its option would not take.
        """
        names = (*_ALL, *self.options)
        arguments = [*["IMAGE"] * self.least, "-o", "OUT"]
        for name in names:
            value, option = settings.get(name), f"--{name.replace('_', '-')}"
            if value is True:
                arguments.append(option)
            elif value is not None and value is not False:
                between = "x" if name == "size" else ","
                text = between.join(map(str, value)) if isinstance(value, list) else str(value)
                arguments.append(f"{option}={text}")
        try:
            parsed = self.command.make_context(self.command.name, arguments).params
        except click.UsageError as error:
            raise InputError(f"{file}: its texot settings are damaged: {error.format_message()}") from error
        return {name: parsed[name] for name in names}


_JOBS = {
    "synthesize": _Job(
        synthesize,
        _synthesis,
        ("size", "preset", "novelty", "attempts", "features", "palette", "exemplar_size", "lr"),
        extra=("init", "features"),
    ),
    "inpaint": _Job(
        inpaint,
        _inpainting,
        ("reach", "invert_mask", "palette", "exemplar_size"),
        most=2,
        extra=("source", "exemplar"),
    ),
    "tile": _Job(tile, _tile, ("band", "flatten", "palette")),
    "variation": _Job(tile, _variation, ("frame", "palette")),
    "interpolate": _Job(
        interpolate,
        _interpolation,
        ("size", "weights", "novelty", "exemplar_size"),
        least=2,
        most=100,
        extra=("init", "map"),
    ),
}


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
@click.option("--map", metavar="IMAGE", type=FILE, help="The --map of interpolate, if it was an image.")
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
        name = settings.get("job", "synthesize")
        if "texot" not in settings:
            raise InputError(f"{file} does not say how it was made")
        if name == "sample":
            at, size = (settings.get(key) for key in ("at", "size"))
            raise InputError(
                f"{file} is a sample of a generator: 'texot sample MODEL' makes it again, with seed "
                f"{settings.get('seed')}, at {at}, size {size}"
            )
        if not isinstance(name, str) or name not in _JOBS:
            raise InputError(f"{file} was made by a texot that knows more jobs: {name!r}")
        job, given = _JOBS[name], {key: path for key, path in extra.items() if path}
        _check_arguments(file, job, images, given)
        options = job.parse(file, settings)
        _tell_work(file, options, report, stop_at=settings.get("stopped_at"), force=force)
        check_outputs([outputs], [file, *images, *given.values()], overwrite=overwrite)
        record = use_threads(_threads(options.pop("threads"), file, report), None, report)
        source, iterate = job.read(_Asked(images, given, options, settings))
        size, first = options.get("size"), source[0] if isinstance(source, list) else source
        opaque = isinstance(first, Original) and first.is_opaque(options.get("mask"))
        check_formats([outputs], size or first.size, first.mode, opaque=opaque)
        _compare_versions(file, settings, record, report)
        run(
            source,
            options,
            outputs,
            report,
            record=record,
            stop_at=settings.get("stopped_at"),
            iterate=iterate if force else _checked(iterate, file, settings),
        )
        if outputs.image == DASH:
            return
        same = file.read_bytes() == outputs.image.read_bytes()
        report.say(f"{outputs.image} {'is identical to' if same else 'differs from'} {file}")


def _threads(asked: int | None, file: Path, report: Quiet) -> int | None:
    """As many threads as FILE was made with, but no number that only a forged one asks for."""
    most = max(_MOST_THREADS, os.cpu_count() or 1)
    if asked is None or asked <= most:
        return asked
    report.say(f"{file} asks for {asked} threads, {most} are used: the image may differ and take long")
    return most


def _tell_work(
    file: Path, options: dict[str, Any], report: Quiet, *, stop_at: int | None, force: bool
) -> None:
    """Say what takes long, before it begins: a file that others made may ask for anything.

    Raises:
        InputError: it would take days, and --force is not given.
    """
    from texot.files.sizes import parse_size

    asked = {name: options.get(name) or 0 for name in ("n_iter", "psi_steps")}
    asked["n_iter"] = min(asked["n_iter"], stop_at or asked["n_iter"])
    over = [name for name, most in _MOST.items() if asked[name] > most]
    if over and not force:
        raise InputError(
            f"{file} asks for {over[0]} {asked[over[0]]}, at most {_MOST[over[0]]} are usual: it would take "
            "hours or days; --force does it all the same"
        )
    told = [f"{name} {count}" for name, count in asked.items() if count > _USUAL[name]]
    with suppress(InputError):  # which is refused in its turn
        width, height = parse_size(options.get("size"), (1, 1))
        if width * height > _USUAL["size"]:
            told.append(f"{width}x{height} px")
    if told:
        report.say(
            f"{file} asks for {', '.join(told)}: that may take long; Ctrl-C keeps what there is by then"
        )


def _check_arguments(file: Path, job: _Job, images: tuple[Path, ...], given: dict[str, Path]) -> None:
    """Refuse what FILE's command does not take."""
    for name in given:
        if name not in job.extra:
            raise click.UsageError(f"{file} was made by 'texot {job.command.name}', which has no --{name}.")
    if len(images) > job.most:
        raise click.UsageError(
            f"{file} was made by 'texot {job.command.name}': {job.most} image(s), not {len(images)}."
        )


def _checked(iterate: Iterate, file: Path, settings: dict[str, Any]) -> Iterate:
    """The same states, but none if they come from other images than FILE."""

    def states(*source: Any, **options: Any) -> "Iterator[State]":
        first = True
        for state in iterate(*source, **options):
            if first:
                _compare_images(file, settings, state.result().settings)
                first = False
            yield state

    return states


def _compare_images(file: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Refuse other images than those that FILE was made from.

    Raises:
        InputError: which, and how it is given.
    """
    for key, (what, how) in _IMAGES.items():
        if wanted.get(key) == found.get(key):
            continue
        if key == "exemplar_sha256" and wanted.get("job") == "inpaint":
            how = "--exemplar"
        if wanted.get(key) is None:
            raise InputError(f"{file} was made without {what}: leave out its {how}, or --force")
        raise InputError(f"{file} was made from another {what}: give that one ({how}), or --force")


def _compare_versions(file: Path, settings: dict[str, Any], record: dict[str, Any], report: Quiet) -> None:
    """Say it where other code than FILE's is at work: the result may then differ."""
    algorithm = settings.get("algorithm", _FIRST_ALGORITHM)
    if algorithm != ALGORITHM:
        report.say(f"{file} was made by algorithm {algorithm}, this is {ALGORITHM}: the image will differ")
        return
    for what, ours in ("texot", __version__), ("torch", record["torch"]):
        if settings.get(what) != ours:
            report.say(
                f"{file} was made by {what} {settings.get(what)}, this is {ours}: the image may differ"
            )
