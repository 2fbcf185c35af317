"""`texot replay`: reproduce a PNG or a material written by texot from its recorded settings."""

from pathlib import Path

import click

from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.material import MaterialOptions
from texot.cli.options import FILE, example, output_options, report_options, role_file
from texot.cli.pictures import check_formats
from texot.cli.progress import reporter
from texot.cli.replay_checks import check_arguments, checked, compare_versions, report_work, threads
from texot.cli.replay_material import MaterialReplay
from texot.cli.replay_specs import OF_MATERIALS, REPLAY_SPECS, ReplayInputs
from texot.cli.run import run, start, use_threads
from texot.errors import InputError
from texot.files.record import read_record, read_settings

_RENAMED = {"map": "weight_map", "map_sha256": "weight_map_sha256"}  # settings of earlier versions


@click.command(
    short_help="Reproduce a PNG or a material written by texot.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --size 2x",
        "texot replay pebbles.png samples/pebbles.jpg -o again.png",
    ),
)
@click.argument("file", type=FILE)
@click.argument("images", type=FILE, nargs=-1, required=True, metavar="IMAGE...")
@output_options(required=False, default=" Default: FILE's name + -replay.")
@click.option("--init", metavar="IMAGE", type=FILE, help="The start image of FILE, if it had one.")
@click.option("--source", metavar="MASK2", type=FILE, help="The --source of FILE, if it had one.")
@click.option("--exemplar", metavar="IMAGE", type=FILE, help="The --exemplar of inpaint, if it had one.")
@click.option("--weight-map", metavar="IMAGE", type=FILE, help="The weight map of FILE, if it was an image.")
@click.option(
    "--features", metavar="FILE", type=FILE, help="The weights file of synthesize --features, if it had one."
)
@click.option("--weights-map", metavar="IMAGE", type=FILE, help="The --weights-map of synthesize.")
@click.option("--labels", metavar="IMAGE", type=FILE, help="The --labels of synthesize.")
@click.option("--target-labels", metavar="IMAGE", type=FILE, help="The --target-labels of synthesize.")
@click.option("--guide", metavar="IMAGE", type=FILE, help="The --guide of synthesize.")
@click.option("--guide-exemplar", metavar="IMAGE", type=FILE, help="The --guide-exemplar of synthesize.")
@click.option("--rotation-map", metavar="IMAGE", type=FILE, help="The --rotation-map of synthesize.")
@click.option("--scale-map", metavar="IMAGE", type=FILE, help="The --scale-map of synthesize.")
@click.option("--force", is_flag=True, help="Accept other input images than FILE's, and extreme settings.")
@click.option(
    "--map",
    "maps",
    metavar="ROLE=FILE",
    type=role_file,
    multiple=True,
    help="The --map of a material, if it had one.",
)
@report_options()
def replay(
    file: Path,
    images: tuple[Path, ...],
    output: Path | None,
    overwrite: bool,
    force: bool,
    maps: tuple[tuple[str, Path], ...],
    progress: str,
    quiet: bool,
    **extra: Path | None,
) -> None:
    """Reproduce FILE, a PNG written by texot, or the maps of a material in the folder FILE.

    Pass the input images, or folders of maps, in the order of the original command. For a further tile of a
    set, pass the first tile. The bytes are the same with the same versions of texot and torch on the same
    kind of machine; a difference is reported.
    """
    folder = file.is_dir()
    again = f"{file.name}-replay" if folder else f"{file.stem}-replay.png"
    outputs = Outputs(output or file.with_name(again))
    with reporter(progress, quiet) as report:
        start()
        from texot.files.original import Original

        settings = read_settings(file / "texot.json") if folder else read_record(file)[0]
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
        if folder != ("maps" in settings):
            raise InputError(f"{file} does not record how it was made: give what texot wrote, unchanged")
        if "mix" in settings:  # materials at an end of a sequence are synthesised
            name, settings = "interpolate", {**settings, "weights": settings["mix"]}
        spec, given = REPLAY_SPECS[name], {key: path for key, path in extra.items() if path}
        if not folder and maps:
            raise click.UsageError("--map is for materials.")
        if folder and {"exemplar", "features"} & set(given):
            raise click.UsageError("--exemplar and --features are not for materials.")
        check_arguments(file, spec, images, given)
        options = spec.parse(file, settings)
        report_work(file, options, report, stop_at=settings.get("stopped_at"), force=force)
        if not folder:
            check_outputs([outputs], [file, *images, *given.values()], overwrite=overwrite)
        use_threads(threads(options.pop("threads", None), file, report), None, report)
        if folder:
            of_material = MaterialOptions.taken_from({"map": maps, **options})
            given_to_job = {key: value for key, value in options.items() if key not in OF_MATERIALS}
            job = MaterialReplay(file, settings, given_to_job, images, given, of_material)
            compare_versions(file, settings, report)
            job.run(outputs.image, report, overwrite=overwrite, force=force)
            return
        source, iterate = spec.read(ReplayInputs(images, given, options, settings))
        size, first = options.get("size"), source[0] if isinstance(source, list) else source
        opaque = isinstance(first, Original) and first.is_opaque(options.get("mask"))
        check_formats([outputs], size or first.size, first.mode, opaque=opaque, depth=first.depth)
        compare_versions(file, settings, report)
        run(
            source,
            options,
            outputs,
            report,
            stop_at=settings.get("stopped_at"),
            iterate=iterate if force else checked(iterate, file, settings),
        )
        if outputs.image == DASH:
            return
        same = file.read_bytes() == outputs.image.read_bytes()
        report.say(f"{outputs.image} {'is identical to' if same else 'differs from'} {file}")
