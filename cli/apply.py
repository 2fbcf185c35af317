"""`texot apply`: rebuild a texture from another image aligned with its exemplar."""

import time
from pathlib import Path

import click

from texot import __version__
from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.options import FILE, example, overwrite_option, report_options
from texot.cli.pictures import readable, write_stdout
from texot.cli.progress import reporter
from texot.cli.run import start


@click.command(
    short_help="Rebuild a texture from another image.",
    epilog=example(
        "texot synthesize samples/pebbles.jpg -o pebbles.png --save-field field.npz",
        "texot apply field.npz mask.png -o mask-out.png",
    ),
)
@click.argument("field", type=FILE)
@click.argument("image", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=FILE,
    required=True,
    help="Output image, with the bit depth of IMAGE: PNG, TIFF, OpenEXR, JPEG, WebP, BMP; -: PNG on stdout.",
)
@overwrite_option()
@click.option(
    "--filter",
    type=click.Choice(["auto", "nearest", "linear"]),
    default="auto",
    show_default=True,
    help="Sampling between pixels; auto: nearest for images of few values, such as masks.",
)
@report_options(preview=False)
def apply(
    field: Path, image: Path, output: Path, overwrite: bool, filter: str, progress: str, quiet: bool
) -> None:
    """Rebuild a texture from IMAGE, by the FIELD (.npz or .png) that 'texot synthesize --save-field' wrote.

    IMAGE is aligned with the exemplar of that texture: a mask, a height or normal map, the same photograph in
    16 bits. It has the exemplar's size or a multiple of it; OUT has the texture's size. TIFF of more than 8
    bits in colour or of floats, and OpenEXR, need the extra texot[deep].
    """
    if field == image == DASH:
        raise click.UsageError(
            "only one of the two files can be standard input.", click.get_current_context()
        )
    with reporter(progress, quiet) as report:
        start()
        from texot.files.field import read_field
        from texot.files.layer import read_layer
        from texot.jobs.apply_field import rebuild

        begun = time.perf_counter()
        found = read_field(readable(field))
        layer = read_layer(readable(image))
        height, width = found.field.shape[:2]
        check_outputs(
            [Outputs(output)],
            [field, image],
            overwrite=overwrite,
            check=lambda path: layer.check_output(path, (width, height)),
        )
        if output == DASH:
            layer.check_stream()
        report.start(version=__version__, output=output, size=(width, height))
        values = rebuild(
            found.field,
            layer.values,
            found.exemplar_size,
            filter="nearest" if layer.is_palette and filter == "auto" else filter,
            normals=True,
        )
        made = layer.with_values(values)
        if output == DASH:
            write_stdout(made.encode())
        else:
            made.write(output)
        report.done(output=output, seconds=time.perf_counter() - begun, interrupted=False)
