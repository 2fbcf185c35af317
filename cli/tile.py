"""`texot tile`: make a photograph tile, or a set of tiles that fit in any order."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.files import Outputs, check_outputs, make_folder, plan_outputs
from texot.cli.material import MaterialOptions, check_folders, material_options
from texot.cli.material_jobs import as_written, run_material, start_of, tiling_job, variation_job
from texot.cli.options import (
    FILE,
    compute_options,
    example,
    exemplar_options,
    expert_options,
    output_options,
    report_options,
    result_options,
    start_options,
    whole,
)
from texot.cli.pictures import check_formats, readable
from texot.cli.progress import Quiet, reporter
from texot.cli.run import again, pixel_size, run, start, use_threads

if TYPE_CHECKING:
    from texot import Synthesis
    from texot.files.original import Original


@click.command(
    short_help="Make a photograph seamless, or a set of tiles.",
    epilog=example(
        "texot tile photo.png -o seamless.png",
        "texot tile photo.png -o set/{i}.png --set 4 --layout example.png",
    ),
)
@click.argument("photo", type=FILE, required=False)
@output_options(required=True)
@click.option(
    "--band",
    metavar="PX",
    type=whole(2),
    help="Width in pixels of the band that is synthesised at the edges; default: a quarter of the shorter "
    "side, none where PHOTO already tiles.",
)
@click.option("--flatten", is_flag=True, help="First remove gradients of brightness and colour.")
@click.option(
    "--source",
    metavar="MASK",
    type=FILE,
    help="Take texture only from the white pixels of this mask of PHOTO.",
)
@click.option(
    "--set",
    "count",
    metavar="N",
    type=whole(1, 10_000),
    default=1,
    help="Make N tiles with the same borders, which fit in any order; OUT contains {i} or {i:03}.",
)
@click.option(
    "--frame",
    metavar="PX",
    type=whole(1),
    help="Width in pixels of the border that the tiles of a set share; default: 1/32 of the shorter side.",
)
@click.option("--layout", metavar="FILE", type=FILE, help="Write a random arrangement of the tiles.")
@click.option("--size", metavar="WxH", help="Size of that arrangement in pixels; default: 4 x 3 tiles.")
@start_options()
@result_options(tile="both", tile_help="Axes along which the result tiles.")
@material_options()
@exemplar_options(alpha="channel", size=False)
@expert_options()
@compute_options()
@report_options()
def tile(
    photo: Path | None,
    output: Path,
    overwrite: bool,
    band: int | None,
    flatten: bool,
    source: Path | None,
    init: Path | None,
    image_size: int | None,
    count: int,
    frame: int | None,
    layout: Path | None,
    size: str | None,
    tile: str,
    seed: int,
    threads: int | None,
    progress: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Make PHOTO seamless: only bands at its edges are synthesised, all other pixels stay unchanged.

    A folder of maps as PHOTO, or --map, is a material: all its maps are changed together, in the folder OUT.
    With --set, the first tile is the photograph; the others share its borders and have new interiors.
    """
    of_material = MaterialOptions.taken_from(options)
    if of_material.is_material(photo):
        if layout or size:
            raise click.UsageError("the tiles of a material have no --layout.")
        folders = [outputs.image for outputs in plan_outputs(output, None, None, None, count)]
        with reporter(progress, quiet) as report:
            options["tile"] = tile
            options["source"] = source
            first: dict[str, Any] = {"band": band, "init": init, "image_size": image_size}
            _tile_material(
                photo, folders, of_material, report, first, frame, flatten, threads, seed, overwrite, options
            )
        return
    if photo is None:
        raise click.UsageError("Missing argument 'PHOTO'.", click.get_current_context())
    if size and not layout:
        raise click.UsageError("--size is the size of --layout: give --layout FILE too.")
    plan = plan_outputs(output, None, None, None, count)
    with reporter(progress, quiet) as report:
        free = start()
        from texot.files.mask import read_mask
        from texot.files.original import read_original
        from texot.jobs.tiling import iter_tileable, iter_variation

        original = read_original(readable(photo), alpha=options["alpha"])
        wanted = None
        if layout:
            width, height = original.size
            wanted = pixel_size(size or f"{4 * width}x{3 * height}", original)
        make_folder(output, count)
        layouts = [Outputs(layout)] if layout else []
        depth, opaque = original.depth, original.is_opaque()
        inputs = [photo, *(path for path in (init, source) if path)]
        check_outputs([*plan, *layouts], inputs, overwrite=overwrite, depth=depth)
        check_formats(plan, original.size, original.mode, opaque=opaque, depth=depth)
        check_formats(layouts, wanted or original.size, original.mode, opaque=opaque, depth=depth)
        use_threads(threads, free, report)
        options["source"] = source and read_mask(readable(source), original.size, name="source mask")
        first = {**options, "band": band, "flatten": flatten, "tile": tile, "seed": seed}
        report.images = count
        first |= {"init": init and readable(init), "image_size": image_size}
        tiles = [run(original, first, plan[0], report, iterate=iter_tileable)]
        _report_seams(original, tiles[0], tile, report)
        for number, outputs in enumerate(plan[1:], start=1):
            more = {**options, "frame": frame, "tile": tile, "seed": seed + number}
            tiles.append(run(again(tiles[0]), more, outputs, report, iterate=iter_variation))
        if layout and wanted:
            draw_layout(tiles, layout, wanted, seed)
            report.say(f"wrote {layout}")


def draw_layout(tiles: "list[Synthesis]", path: Path, size: tuple[int, int], seed: int) -> None:
    """Write a random arrangement of a set."""
    from texot.files.write import write_image
    from texot.jobs.tiling import lay_out

    image = lay_out([tile.image for tile in tiles], size, seed=seed)
    first = tiles[0]
    write_image(image, path, mode=first.mode, icc_profile=first.icc_profile, depth=first.depth)


def _report_seams(original: "Original", result: "Synthesis", tile: str, report: Quiet) -> None:
    """Report how visible the seams are, before and after."""
    from texot.evaluation import seam_score
    from texot.solver.options import TILES

    images = original.pixels, result.image[: len(original.pixels)]
    before, after = (seam_score(image, periodic=TILES[tile]) for image in images)
    report.say(f"seam where copies meet: {before:.2f} before, {after:.2f} now (1: none)")


def _tile_material(
    photo: Path | None,
    folders: list[Path],
    of_material: MaterialOptions,
    report: Quiet,
    first: dict[str, Any],
    frame: int | None,
    flatten: bool,
    threads: int | None,
    seed: int,
    overwrite: bool,
    options: dict[str, Any],
) -> None:
    """Make the maps of a material tile together; further folders get variations with the same borders."""
    free = start()
    from texot.files.mask import read_mask

    material = of_material.read(photo)
    make_folder(folders[0], len(folders))
    inputs = of_material.inputs(photo, first["init"], options["source"])
    check_folders(material, folders, material.size, of_material, inputs, overwrite=overwrite)
    use_threads(threads, free, report)
    job = tiling_job(material, of_material, options, flatten=flatten)
    report.images = len(folders)
    source = options["source"]
    options["source"] = source and read_mask(readable(source), material.size, name="source mask")
    first["init"] = first["init"] and start_of(job, first["init"], of_material)
    run_material(job, {**options, **first, "seed": seed}, folders[0], report, of_material)
    if len(folders) == 1:
        return
    further = replace(of_material, flip=False)  # the first tile has the wanted normals
    job = variation_job(as_written(job, folders[0], of_material), further, options)
    for number, folder in enumerate(folders[1:], start=1):
        given = {**options, "frame": frame, "seed": seed + number}
        run_material(job, given, folder, report, further)
