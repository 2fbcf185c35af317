"""`texot inpaint`: fill holes in a photograph with its own texture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.files import Outputs, check_outputs
from texot.cli.material import MaterialOptions, check_folders, material_options
from texot.cli.material_jobs import inpainting_job, run_material, start_of
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
    start_options,
)
from texot.cli.pictures import check_formats, readable
from texot.cli.progress import Quiet, reporter
from texot.cli.run import run, start, use_threads

if TYPE_CHECKING:
    from torch import Tensor

    from texot.files.original import Original


@click.command(
    short_help="Fill holes in a photograph.", epilog=example("texot inpaint photo.png mask.png -o filled.png")
)
@click.argument("photo", type=FILE)
@click.argument("mask", type=FILE, required=False)
@output_options(required=False)
@click.option("--invert-mask", is_flag=True, help="Fill the black pixels of MASK instead of the white ones.")
@click.option("--show-mask", metavar="FILE", type=FILE, help="Write PHOTO with the filled pixels in red.")
@click.option(
    "--source", metavar="MASK2", type=FILE, help="Take texture only from the white pixels of MASK2."
)
@click.option("--exemplar", metavar="IMAGE", type=FILE, help="Take texture from another image.")
@click.option(
    "--reach",
    metavar="PX",
    type=real(zero=False, high=1e6),
    help="Distance in pixels from which a hole takes texture; default: its width, at least 64.",
)
@start_options()
@result_options(tile="none", tile_help="Axes along which PHOTO tiles.")
@material_options()
@exemplar_options()
@expert_options()
@compute_options()
@report_options()
def inpaint(
    photo: Path,
    mask: Path | None,
    output: Path | None,
    overwrite: bool,
    show_mask: Path | None,
    threads: int | None,
    progress: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Fill the white pixels of MASK with the texture around them in PHOTO, and write OUT.

    A folder of maps as PHOTO is a material: all its maps are filled together, in the folder OUT.

    MASK has the size of PHOTO; without MASK, the transparent pixels of PHOTO are filled. All other pixels
    stay unchanged. With --show-mask and no -o, only the preview is written.
    """
    of_material = MaterialOptions.taken_from(options)
    if of_material.is_material(photo):
        if output is None or mask is None or show_mask or options["exemplar"]:
            raise click.UsageError("a material needs MASK and -o FOLDER, without --show-mask and --exemplar.")
        with reporter(progress, quiet) as report:
            _fill_material(photo, mask, output, of_material, report, threads, overwrite, options)
        return
    if output is None and show_mask is None:
        raise click.UsageError("Missing option '-o' / '--output'.", click.get_current_context())
    extra = [options[name] for name in ("source", "exemplar", "init")]
    inputs = [path for path in (photo, mask, *extra) if path]
    with reporter(progress, quiet) as report:
        free = start()
        from texot.files.original import read_original
        from texot.jobs.inpainting import find_hole, iter_inpaint

        original = read_original(readable(photo), alpha=options["alpha"])
        plan, shown = ([Outputs(path)] if path else [] for path in (output, show_mask))
        depth = original.depth
        check_outputs(plan, [*inputs, *([show_mask] if show_mask else [])], overwrite=overwrite, depth=depth)
        check_outputs(shown, inputs, overwrite=overwrite)
        hole = find_hole(original, mask and readable(mask), invert=options["invert_mask"])
        opaque = original.is_opaque(hole)
        check_formats(plan, original.size, original.mode, opaque=opaque, depth=depth)
        check_formats(shown, original.size, "RGB")
        use_threads(threads, free, report)
        if show_mask:
            _write_preview(original, hole, show_mask)
            report.say(f"wrote {show_mask}")
        if output:
            options["mask"] = ~hole if options["invert_mask"] else hole
            for name in ("source", "exemplar", "init"):
                options[name] = options[name] and readable(options[name])
            run(original, options, Outputs(output), report, iterate=iter_inpaint)


def _write_preview(original: "Original", hole: "Tensor", path: Path) -> None:
    """Write the photograph with the pixels to fill in red."""
    import torch

    from texot.files.write import write_image

    planes = original.pixels[: 1 if original.mode in ("L", "LA", "I;16") else 3].expand(3, -1, -1)
    red = planes.new_tensor([1.0, 0.0, 0.0])[:, None, None]
    write_image(torch.where(hole, 0.3 * planes + 0.7 * red, planes), path)


def _fill_material(
    photo: Path,
    mask: Path,
    folder: Path,
    of_material: MaterialOptions,
    report: Quiet,
    threads: int | None,
    overwrite: bool,
    options: dict[str, Any],
) -> None:
    """Fill the white pixels of a mask in all maps of a material."""
    free = start()
    from texot.jobs.inpainting import find_hole

    material = of_material.read(photo)
    job = inpainting_job(material, of_material, options)
    hole = find_hole(job.stack.original(), readable(mask), invert=options["invert_mask"])
    inputs = of_material.inputs(photo, mask, options["source"], options["init"])
    check_folders(material, [folder], material.size, of_material, inputs, overwrite=overwrite)
    use_threads(threads, free, report)
    options["mask"] = ~hole if options["invert_mask"] else hole
    options["source"] = options["source"] and readable(options["source"])
    options["init"] = options["init"] and start_of(job, options["init"], of_material)
    run_material(job, options, folder, report, of_material)
