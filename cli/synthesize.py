"""`texot synthesize`: a new texture from one exemplar."""

from pathlib import Path
from typing import Any

import click

from texot.cli.controls import PICTURES, VALUES, control_options, given_controls, picture_files, read_pictures
from texot.cli.files import DASH, check_outputs, make_folder, plan_outputs
from texot.cli.material import MaterialOptions, check_folders, material_options
from texot.cli.material_jobs import run_material, start_of, synthesis_job
from texot.cli.options import (
    FILE,
    compute_options,
    example,
    exemplar_options,
    expert_options,
    output_options,
    real,
    report_options,
    result_options,
    whole,
)
from texot.cli.pictures import check_formats, read_inputs
from texot.cli.progress import Quiet, reporter
from texot.cli.run import again, pixel_size, run, start, use_threads

_FIRST_ONLY = (
    "size",
    "init",
    "preset",
    "novelty",
    "attempts",
    "features",
    "exemplar_size",
    "lr",
    "copy",
    *PICTURES,
    *VALUES,
)  # options of the first tile only, whose border the others share


@click.command(
    short_help="Synthesise a texture from one image.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --size 2x",
        "texot synthesize samples/pebbles.jpg samples/gravel.jpg -o both.png --proportions 0.3,0.7",
    ),
)
@click.argument("exemplars", type=FILE, nargs=-1, metavar="EXEMPLAR...")
@output_options(required=True)
@click.option(
    "--size",
    metavar="WxH|Nx",
    help="Size in pixels, or a factor of the exemplar's size; default: the exemplar's size.",
)
@result_options(tile="both", tile_help="Axes along which the result tiles.")
@click.option(
    "--variations",
    metavar="N",
    type=whole(1, 100_000),
    default=1,
    help="Number of images, of seeds SEED, SEED+1, ...; OUT contains {i} or {i:03} for their number.",
)
@click.option(
    "--share-border", is_flag=True, help="All variations share one border: tiles that fit in any order."
)
@click.option(
    "--novelty",
    metavar="X",
    type=real(zero=True, high=1),
    help="How far the layout departs from EXEMPLAR's, 0 to 1; 0 only makes it tile; default: 0.5.",
)
@click.option(
    "--attempts",
    metavar="N",
    type=whole(1, 100),
    help="Keep the best of N results by deep features (texot[evaluate]); default: 4 at quality high, else 1.",
)
@click.option(
    "--features",
    metavar="none|efficientnet-lite0|squeezenet|FILE",
    default="none",
    show_default=True,
    help="Also match deep features of a network; FILE: weights of VGG-19 or EfficientNet-Lite0.",
)
@click.option("--init", metavar="noise|IMAGE", default="noise", show_default=True, help="Start image.")
@click.option(
    "--preset",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="texot's defaults, or Algorithm 1 as published (arXiv 2007.03408).",
)
@click.option(
    "--copy", is_flag=True, help="Copy every pixel from one place, exactly; else they are means of patches."
)
@control_options()
@material_options()
@exemplar_options()
@expert_options(adam=True)
@compute_options()
@click.option(
    "--save-field",
    metavar="FILE",
    type=FILE,
    help="Save where in EXEMPLAR each pixel comes from, .npz or 16-bit .png, for 'texot apply'.",
)
@click.option("--loss-plot", metavar="FILE", type=FILE, help="Plot the loss of every step.")
@click.option("--save-every", metavar="N", type=whole(1), help="Save the image of every N-th step.")
@click.option(
    "--frames", metavar="DIR", type=FILE, help="Folder for those images; default: OUT's name + -frames."
)
@report_options()
def synthesize(
    exemplars: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    size: str | None,
    seed: int,
    variations: int,
    share_border: bool,
    init: str,
    threads: int | None,
    save_field: Path | None,
    loss_plot: Path | None,
    save_every: int | None,
    frames: Path | None,
    progress: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Synthesise a texture from the image EXEMPLAR and write it to OUT.

    Several EXEMPLARs become one texture with areas of each; 'texot interpolate' makes one between them.

    A folder of maps (NAME_basecolor.png, NAME_normal.png, ...) as EXEMPLAR, or --map, is a material: all maps
    are synthesised together and written to the folder OUT, with field.npz for 'texot apply'. Press Ctrl-C to
    stop early; the current image is saved. 'texot replay' reproduces a PNG.
    """
    of_material = MaterialOptions.taken_from(options)
    several = len(exemplars) > 1
    if of_material.is_material(exemplars[0] if exemplars else None):
        if several and (of_material.maps or not all(path.is_dir() for path in exemplars)):
            raise click.UsageError("several materials are folders, without --map.")
        if share_border or save_field or loss_plot or save_every:
            raise click.UsageError(
                "--share-border, --save-field, --loss-plot and --save-every are not for materials."
            )
        if options["preset"] == "paper" or options["features"] != "none":
            raise click.UsageError("--preset paper and --features are not for materials.")
        folders = [outputs.image for outputs in plan_outputs(output, None, None, None, variations)]
        options["init"] = init
        with reporter(progress, quiet) as report:
            _synthesize_material(
                exemplars, folders, of_material, report, size, threads, seed, overwrite, options
            )
        return
    if not exemplars:
        raise click.UsageError("Missing argument 'EXEMPLAR...'.", click.get_current_context())
    if any(path.is_dir() for path in exemplars):
        raise click.UsageError("images and folders of maps cannot be mixed: give one kind.")
    controls = given_controls(options)
    if share_border and (several or controls):
        without = f", without {', '.join(controls)}" if controls else ""
        raise click.UsageError(f"--share-border takes one EXEMPLAR{without}.")
    copies = options["symmetry"] != "none" or options["rotation_map"] or options["scale_map"]
    if save_field and (several or copies):
        raise click.UsageError("--save-field takes one EXEMPLAR, neither turned nor resized.")
    if share_border and options["tile"] == "none":
        raise click.UsageError("--share-border needs results that tile: leave out --tile none.")
    if share_border and options["preset"] == "paper":
        raise click.UsageError("--share-border does not work with --preset paper.")
    if options["copy"] and (options["preset"] == "paper" or options["features"] != "none"):
        raise click.UsageError("--copy does not work with --preset paper and --features.")
    if share_border and options["features"] != "none":
        raise click.UsageError("--share-border does not work with deep features: leave out --features.")
    if output == DASH and save_every and not frames:
        raise click.UsageError("with -o -, --save-every needs a folder: give --frames DIR.")
    if save_field and (options["preset"] == "paper" or options["features"] != "none" or share_border):
        raise click.UsageError("--save-field does not work with --preset paper, --features, --share-border.")
    plan = plan_outputs(output, loss_plot, frames, save_every, variations, save_field)
    with reporter(progress, quiet) as report:
        free = start()
        from texot.jobs.tiling import iter_variation

        inputs = [*exemplars, Path(init), *picture_files(options)]
        target = read_pictures(options)
        sources, options["init"] = read_inputs(exemplars, init, size, options)
        source = sources[0]
        options["size"] = target if size is None and target else pixel_size(size, source)
        make_folder(output, variations)
        check_outputs(plan, inputs, overwrite=overwrite, depth=source.depth)
        check_formats(plan, options["size"], source.mode, depth=source.depth)
        use_threads(threads, free, report)
        first, report.images = None, variations
        for number, outputs in enumerate(plan):
            if first and share_border:
                given = {name: value for name, value in options.items() if name not in _FIRST_ONLY}
                given["seed"] = seed + number
                run(again(first), given, outputs, report, iterate=iter_variation)
            else:
                made = run(
                    sources if several else source, {**options, "seed": seed + number}, outputs, report
                )
                first = first or made


def _synthesize_material(
    exemplars: tuple[Path, ...],
    folders: list[Path],
    of_material: MaterialOptions,
    report: Quiet,
    size: str | None,
    threads: int | None,
    seed: int,
    overwrite: bool,
    options: dict[str, Any],
) -> None:
    """Synthesise the maps of one material or several together, once for each folder."""
    free = start()
    materials = [of_material.read(path) for path in exemplars or (None,)]
    pictures = picture_files(options)
    target = read_pictures(options)
    job = synthesis_job(materials, of_material, options)
    source = job.source[0] if isinstance(job.source, list) else job.source
    options["size"] = target if size is None and target else pixel_size(size, source)
    make_folder(folders[0], len(folders))
    first = None if options["init"] == "noise" else Path(options["init"])
    inputs = of_material.inputs(*exemplars, first, *pictures)
    check_folders(materials[0], folders, options["size"], of_material, inputs, overwrite=overwrite)
    use_threads(threads, free, report)
    report.images = len(folders)
    options["init"] = "noise" if first is None else start_of(job, first, of_material)
    for number, folder in enumerate(folders):
        run_material(job, {**options, "seed": seed + number}, folder, report, of_material)
