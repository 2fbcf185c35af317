"""`texot straighten`: crop, turn and set upright a photograph before it becomes a texture."""

import math
import re
from pathlib import Path
from typing import Any

import click

from texot.cli.files import Outputs, check_outputs
from texot.cli.options import FILE, example, exemplar_options, output_options, report_options
from texot.cli.pictures import check_formats, readable
from texot.cli.progress import reporter
from texot.cli.run import run, start


def corners(value: str) -> list[float]:
    """Parser of X,Y,X,Y,X,Y,X,Y."""
    try:
        found = [float(part) for part in str(value).split(",")]
    except ValueError:
        found = []
    if len(found) != 8 or not all(map(math.isfinite, found)):
        raise click.BadParameter(f"{value!r} is not X,Y,X,Y,X,Y,X,Y: four corners in pixels.")
    return found


def box(value: str) -> tuple[int, ...]:
    """Parser of WxH+X+Y."""
    found = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})\+([0-9]{1,9})\+([0-9]{1,9})", str(value).strip())
    if found is None:
        raise click.BadParameter(f"{value!r} is not WxH+X+Y in pixels, such as 512x512+100+40.")
    return tuple(map(int, found.groups()))


@click.command(
    short_help="Crop, turn and set upright a photograph.",
    epilog=example(
        "texot straighten photo.png -o part.png --crop 400x300+40+20 --rotate 2.5",
        "texot straighten photo.png -o wall.png --quad 31,12,480,40,470,330,22,310 --flatten",
    ),
)
@click.argument("photo", type=FILE)
@output_options(required=True)
@click.option(
    "--quad",
    metavar="X,Y,...",
    type=corners,
    help="Four corners that become the image, clockwise from its upper left, in pixels of PHOTO.",
)
@click.option("--crop", metavar="WxH+X+Y", type=box, help="A part of PHOTO, X and Y pixels from its corner.")
@click.option(
    "--rotate",
    metavar="DEG",
    type=float,
    default=0.0,
    help="Turn the content counterclockwise; without --crop, what is beyond PHOTO is cut off.",
)
@click.option(
    "--size", metavar="WxH|Nx", help="Size in pixels, or a factor of the part's; default: the part's size."
)
@click.option("--flatten", is_flag=True, help="Remove gradients of brightness and colour.")
@exemplar_options(palette=False, size=False)
@report_options(preview=False)
def straighten(
    photo: Path, output: Path, overwrite: bool, progress: str, quiet: bool, **options: Any
) -> None:
    """Write a part of PHOTO to OUT, seen from the front: an exemplar without tilt, border and uneven light.

    Pixels are copied where OUT has pixels of PHOTO; the bit depth stays. 'texot replay' reproduces a PNG.
    """
    with reporter(progress, quiet) as report:
        start()
        from texot.files.original import read_original
        from texot.jobs.straightening import iter_straightened

        original = read_original(readable(photo), alpha=options["alpha"])
        outputs = Outputs(output)
        check_outputs([outputs], [photo], overwrite=overwrite, depth=original.depth)
        opaque = original.is_opaque()
        check_formats([outputs], original.size, original.mode, opaque=opaque, depth=original.depth)
        run(original, options, outputs, report, iterate=iter_straightened)
