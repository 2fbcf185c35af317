"""`texot interpolate`: textures between several exemplars."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.errors import Interrupted
from texot.cli.files import Outputs, check_outputs, is_numbered, make_folder, plan_outputs
from texot.cli.interrupt import CtrlC, Stopped
from texot.cli.material import MaterialOptions, check_folders, material_options
from texot.cli.material_jobs import as_written, interpolation_job, run_material, start_of
from texot.cli.options import (
    FILE,
    check_mix,
    compute_options,
    example,
    exemplar_options,
    expert_options,
    mix_options,
    output_options,
    real,
    report_options,
    result_options,
    start_options,
    whole,
)
from texot.cli.pictures import check_formats, readable
from texot.cli.progress import Quiet, reporter
from texot.cli.run import pixel_size, run, start, steps, use_threads
from texot.errors import OutputError

if TYPE_CHECKING:
    from texot import Synthesis
    from texot.files.exemplar import Exemplar


_TWO_PATHS = "--frames goes from the first image to the last: leave out --weights, --weight-map."


@click.command(
    short_help="Interpolate between textures.",
    epilog=example(
        "texot interpolate samples/pebbles.jpg photo.png -o mix.png --weights 0.5,0.5",
        "texot interpolate samples/pebbles.jpg photo.png -o frames/{i:03}.png --frames 9",
        "texot interpolate samples/pebbles.jpg photo.png -o g.png --weight-map horizontal --size 1024x256",
    ),
)
@click.argument("exemplars", type=FILE, nargs=-1, required=True, metavar="IMAGE IMAGE...")
@output_options(required=True, default=" With --frames also GIF; contains {i} for one file per frame.")
@mix_options()
@click.option(
    "--frames",
    metavar="N",
    type=whole(2, 10_000),
    help="N images from the first exemplar to the last; each starts from the one before. Or an animation.",
)
@click.option("--sheet", metavar="FILE", type=FILE, help="Also write the frames side by side.")
@click.option(
    "--size",
    metavar="WxH|Nx",
    help="Size in pixels, or a factor of the largest exemplar's size; default: that size.",
)
@result_options(tile=None, tile_help="Axes along which the result tiles; default: both, but not along a map.")
@click.option(
    "--novelty",
    metavar="X",
    type=real(zero=True, high=1),
    help="How far the layout departs from the exemplar's, 0 to 1; 0 only makes it tile; default: 0.5.",
)
@start_options(size=False)
@material_options()
@exemplar_options(palette=False)
@expert_options()
@compute_options()
@report_options()
def interpolate(
    exemplars: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    weights: list[float] | None,
    weight_map: str | None,
    frames: int | None,
    sheet: Path | None,
    init: Path | None,
    size: str | None,
    threads: int | None,
    progress: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Synthesise a texture between two or more images: features change shape, size and colour together.

    Folders of maps are materials: their maps are interpolated together, and written to the folder OUT, which
    contains {i} with --frames.
    """
    if len(exemplars) < 2:
        raise click.UsageError("give two or more images.")
    of_map = check_mix(weights, weight_map)
    of_material = MaterialOptions.taken_from(options)
    if of_material.maps:
        raise click.UsageError("--map is for one material: give folders of maps.")
    if any(of_material.is_material(path) for path in exemplars):
        if sheet or not all(path.is_dir() for path in exemplars):
            raise click.UsageError("materials are interpolated with materials, and without --sheet.")
        if frames and (weights or weight_map):
            raise click.UsageError(_TWO_PATHS)
        if frames and not is_numbered(output):
            raise click.UsageError(f"frames of materials are folders: give -o {output}/{{i}}.")
        with reporter(progress, quiet) as report:
            options.update(weights=weights, weight_map=weight_map, init=init)
            _interpolate_materials(
                exemplars, of_map, output, frames, of_material, report, size, threads, overwrite, options
            )
        return
    if frames and (weights or weight_map):
        raise click.UsageError(_TWO_PATHS)
    if sheet and not frames:
        raise click.UsageError("--sheet shows frames: give --frames N as well.")
    numbered = bool(frames) and is_numbered(output)
    plan = plan_outputs(output, None, None, None, frames or 1) if numbered else [Outputs(output)]
    inputs = [*exemplars, *of_map, *([init] if init else [])]
    with reporter(progress, quiet) as report:
        free = start()
        from texot.files.animation import check_animation, sheet_size
        from texot.files.depth import common_depth
        from texot.files.exemplar import read_exemplar
        from texot.files.part import part_side
        from texot.files.sizes import at_most, exemplar_side
        from texot.jobs.interpolation import iter_interpolation

        fit = at_most(exemplar_side(options["exemplar_size"]))
        part, alpha = part_side(size, options["exemplar_size"]), options["alpha"]
        sources = [read_exemplar(readable(path), alpha=alpha, fit=fit, part=part) for path in exemplars]
        largest = max(sources, key=lambda e: (e.size[0] * e.size[1], e.size))
        options["size"] = pixel_size(size, largest)
        make_folder(output, len(plan))
        sheets = [Outputs(sheet)] if sheet else []
        kind = check_animation if frames and not numbered else None
        depth = common_depth([source.depth for source in sources], "exemplars")
        check_outputs(plan, inputs, overwrite=overwrite, check=kind, depth=depth)
        written = [outputs.image for outputs in plan]
        check_outputs(sheets, [*inputs, *written], overwrite=overwrite, depth=depth)
        mode = max(sources, key=lambda e: (e.mode in ("LA", "RGBA"), e.pixels.shape[0])).mode
        if not numbered and frames:
            mode = mode.removesuffix("A")
        if kind and depth is not None and depth.floats:
            raise OutputError(f"an animation holds no floats: give -o NAME{{i}}.exr, got {str(output)!r}")
        if kind and depth is not None:
            report.say("an animation holds 8 bits a channel: 16 bits are rounded to 8")
        check_formats(plan, options["size"], mode, depth=None if kind else depth)
        check_formats(sheets, sheet_size(frames or 1, options["size"]), mode, depth=depth)
        use_threads(threads, free, report)
        options["init"] = "noise" if init is None else readable(init)
        if not frames:
            options.update(weights=weights, weight_map=weight_map)
            run(sources, options, plan[0], report, iterate=iter_interpolation)
            return
        report.images = frames
        with CtrlC() as ctrl_c:  # around all frames, the animation and the sheet
            made = _sequence(sources, frames, options, plan if numbered else None, report, ctrl_c)
            if not numbered:
                _animate(made, output, report)
            if sheet:
                _draw_sheet(made, sheet, report)
        if len(made) < frames:
            raise Interrupted(f"interrupted: {len(made)} of {frames} frames are done", ctrl_c.signum)


def _sequence(
    sources: "list[Exemplar]",
    frames: int,
    options: dict[str, Any],
    plan: list[Outputs] | None,
    report: Quiet,
    ctrl_c: CtrlC,
) -> "list[Synthesis]":
    """The frames, each started from the previous one, and written if `plan` is given; fewer after Ctrl-C."""
    from texot.files.write import as_written
    from texot.jobs.interpolation import interpolation_path, iter_interpolation

    made: list[Synthesis] = []
    for number, weights in enumerate(interpolation_path(len(sources), frames)):
        given = {**options, "weights": weights}
        if made:
            last, deep = made[-1], made[-1].deep_image()
            init = as_written(last.image, last.mode) if deep is None else deep
            given.update(init=init, novelty=None)
        if plan is not None:
            made.append(run(sources, given, plan[number], report, iterate=iter_interpolation))
        else:
            report.start(output=f"frame {number + 1}", seed=given["seed"], size=given["size"])
            try:
                state, _ = steps(sources, given, Outputs(Path()), report, ctrl_c, iterate=iter_interpolation)
            except Stopped:
                if not made:
                    raise
            if not ctrl_c.pressed:
                made.append(state.result())
            report.close()
        ctrl_c.keep()  # from here on there are frames to save
        if ctrl_c.pressed:
            break
    ctrl_c.ignore()
    return made


def _animate(made: "list[Synthesis]", output: Path, report: Quiet) -> None:
    from texot.files.animation import write_animation

    if made:
        write_animation([result.image for result in made], output)
        report.say(f"wrote {output} ({len(made)} frames)")


def _draw_sheet(made: "list[Synthesis]", sheet: Path, report: Quiet) -> None:
    from texot.files.animation import contact_sheet
    from texot.files.write import write_image

    if made:
        image = contact_sheet([result.image for result in made])
        write_image(image, sheet, mode=made[0].mode, depth=made[0].depth)
        report.say(f"wrote {sheet}")


def _interpolate_materials(
    folders: tuple[Path, ...],
    of_map: list[Path],
    output: Path,
    frames: int | None,
    of_material: MaterialOptions,
    report: Quiet,
    size: str | None,
    threads: int | None,
    overwrite: bool,
    options: dict[str, Any],
) -> None:
    """Interpolate the maps of materials together: one material, or a sequence of folders."""
    free = start()
    from texot.jobs.interpolation import interpolation_path
    from texot.solver.barycentric_weights import whole_weights

    materials = [of_material.read(folder) for folder in folders]
    job = interpolation_job(materials, of_material)
    assert isinstance(job.source, list)
    options["size"] = pixel_size(size, max(job.source, key=lambda e: (e.size[0] * e.size[1], e.size)))
    outputs = [files.image for files in plan_outputs(output, None, None, None, frames or 1)]
    make_folder(outputs[0], len(outputs))
    init = options["init"]
    inputs = [*folders, *of_map, *([init] if init else [])]
    check_folders(materials[0], outputs, options["size"], of_material, inputs, overwrite=overwrite)
    use_threads(threads, free, report)
    options["init"] = "noise" if init is None else start_of(job, init, of_material)
    if not frames:
        if options["weight_map"] is None:
            options["weights"] = whole_weights(options["weights"], len(folders))
        run_material(job, options, output, report, of_material)
        return
    report.images = frames
    for weights, folder in zip(interpolation_path(len(folders), frames), outputs, strict=True):
        run_material(job, {**options, "weights": weights}, folder, report, of_material)
        options.update(init=job.stack.start(as_written(job, folder, of_material)), novelty=None)
