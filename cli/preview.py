"""`texot preview`: a shaded image of a material."""

import time
from pathlib import Path

import click

from texot import __version__
from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.options import FILE, angles, example, overwrite_option, report_options, role_file, whole
from texot.cli.pictures import readable, write_stdout
from texot.cli.progress import reporter
from texot.cli.run import start


@click.command(
    short_help="Show a material in light.",
    epilog=example(
        "texot preview samples/materials/cliff -o lit.png --light 45,30 --repeat 2",
        "texot preview samples/materials/cliff -o ball.png --shape sphere",
    ),
)
@click.argument("material", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    type=FILE,
    required=True,
    help="Output image: PNG, TIFF, JPEG, WebP, BMP; -: PNG on stdout.",
)
@overwrite_option()
@click.option(
    "--map",
    "maps",
    metavar="ROLE=FILE",
    type=role_file,
    multiple=True,
    help="One map of the material, in place of the folder's; can be given several times.",
)
@click.option(
    "--light",
    metavar="AZIMUTH,ELEVATION",
    type=angles,
    default="135,45",
    show_default=True,
    help="Direction to the light in degrees. Azimuth: 0 right, 90 top, 180 left. Elevation: 0 to 90, 90 from "
    "the viewer.",
)
@click.option(
    "--shape",
    type=click.Choice(["plane", "sphere"]),
    default="plane",
    show_default=True,
    help="Shape that the material covers.",
)
@click.option(
    "--repeat",
    metavar="N",
    type=whole(1, 64),
    default=1,
    show_default=True,
    help="Copies of the material along each axis; on a sphere, from pole to pole.",
)
@click.option(
    "--size",
    metavar="PX",
    type=whole(16, 2**14),
    default=1024,
    show_default=True,
    help="Most pixels of the longer side; larger materials are reduced, smaller ones are not enlarged.",
)
@report_options(preview=False)
def preview(
    material: Path,
    output: Path,
    overwrite: bool,
    maps: tuple[tuple[str, Path], ...],
    light: tuple[float, float],
    shape: str,
    repeat: int,
    size: int,
    progress: str,
    quiet: bool,
) -> None:
    """Show MATERIAL, a folder of maps or one image of its base colour, in the light of one lamp and the sky.

    The names of the files give their roles: basecolor, normal (normal_dx: DirectX), roughness or gloss,
    specular, metallic, occlusion, height, opacity, emissive, orm (packed). Missing maps have default values;
    without a normal map, normals are computed from the height map. Shading: GGX reflection, no cast shadows.
    """
    given, context = dict(maps), click.get_current_context()
    if len(given) < len(maps):
        raise click.UsageError(
            "--map names a role twice: give one file for each.", click.get_current_context()
        )
    if [material, *given.values()].count(DASH) > 1:
        raise click.UsageError("only one map can be standard input.", context)
    with reporter(progress, quiet) as report:
        start()
        from texot.files.material import read_material
        from texot.files.write import encode_image, write_image
        from texot.images.shading import Lighting
        from texot.jobs.preview import preview as shaded

        begun = time.perf_counter()
        opened = {role: readable(path) for role, path in given.items()}
        if material.is_dir():
            found = read_material(material, opened)
            inputs = [material / name for role, name in found.files.items() if role not in given]
        else:
            found = read_material({"basecolor": readable(material)}, opened)
            inputs = [material]
        check_outputs([Outputs(output)], [*inputs, *given.values()], overwrite=overwrite)
        report.start(version=__version__, output=output, size=found.size)
        image = shaded(found, lighting=Lighting(*light), shape=shape, repeat=repeat, size=size)
        if output == DASH:
            write_stdout(encode_image(image))
        else:
            write_image(image, output)
        report.done(output=output, seconds=time.perf_counter() - begun, interrupted=False)
