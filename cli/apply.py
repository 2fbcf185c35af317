"""`texot apply`: rebuild a texture from another image aligned with its exemplar."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from texot import __version__
from texot.cli.files import DASH, Outputs, check_outputs
from texot.cli.options import FILE, example, report_options
from texot.cli.pictures import check_formats, readable, write_stdout
from texot.cli.progress import reporter
from texot.cli.run import start

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from texot.files.deep import DeepImage
    from texot.files.original import Original


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
@click.option(
    "--overwrite/--no-overwrite",
    default=True,
    show_default=True,
    help="Replace an existing file.",
)
@click.option(
    "--filter",
    type=click.Choice(["auto", "nearest", "linear"]),
    default="auto",
    show_default=True,
    help="Sampling between pixels; auto: nearest for images of few values, such as masks.",
)
@report_options()
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
        from texot.jobs.materials import rebuild

        begun = time.perf_counter()
        found = read_field(readable(field))
        layer, is_palette = read_layer(readable(image))
        height, width = found.field.shape[:2]
        _check_output(output, [field, image], layer, (width, height), overwrite=overwrite)
        report.start(version=__version__, output=output, size=(width, height))
        values = rebuild(
            found.field,
            pixels_of(layer),
            found.exemplar_size,
            filter="nearest" if is_palette and filter == "auto" else filter,
            normals=True,
        )
        _write(layer, values, output)
        report.done(output=output, seconds=time.perf_counter() - begun, interrupted=False)


def read_layer(source: "Path | BinaryIO") -> "tuple[DeepImage | Original, bool]":
    """An image of any depth, and whether it has a palette or is black and white.

    Raises:
        InputError, TexotError: see `texot.files.deep.read_deep`, `texot.files.original.read_original`.
    """
    from texot.files.decode import open_image
    from texot.files.deep import deep_kind, read_deep
    from texot.files.original import read_original
    from texot.files.source import opened

    with opened(source) as (stream, label, name):
        again: Any = source
        if not isinstance(source, Path):  # standard input can be read only once
            stream.name = name  # type: ignore[misc]
            again = stream
        kind = deep_kind(stream)
        if kind is None:
            is_palette = open_image(stream, label).mode in ("1", "P", "PA")
            stream.seek(0)
            return read_original(again, alpha="channel"), is_palette
        return read_deep(again), False


def pixels_of(layer: "DeepImage | Original") -> "npt.NDArray[np.generic]":
    """The values of an image, (H, W, C), including alpha."""
    import torch

    from texot.files.deep import DeepImage

    if isinstance(layer, DeepImage):
        return layer.values
    planes = layer.pixels if layer.alpha is None else torch.cat([layer.pixels, layer.alpha])
    found: npt.NDArray[np.generic] = planes.permute(1, 2, 0).numpy()
    return found


def _check_output(
    output: Path,
    inputs: list[Path],
    layer: "DeepImage | Original",
    size: tuple[int, int],
    *,
    overwrite: bool,
) -> None:
    from texot.files.deep import DeepImage, check_deep_output, check_held

    plan = [Outputs(output)]
    if not isinstance(layer, DeepImage):
        check_outputs(plan, inputs, overwrite=overwrite)
        check_formats(plan, size, layer.mode, opaque=layer.is_opaque())
        return
    check_outputs(plan, inputs, overwrite=overwrite, check=lambda path: check_deep_output(path, layer))
    if output == DASH:
        check_held("PNG", "standard output", layer)


def _write(layer: "DeepImage | Original", values: "npt.NDArray[Any]", output: Path) -> None:
    """Write values in the format of their source image."""
    import torch

    from texot.files.deep import DeepImage, encode_deep, write_deep
    from texot.files.write import encode_image, write_image

    if isinstance(layer, DeepImage):
        made = replace(layer, values=values)
        if output == DASH:
            write_stdout(encode_deep(made))
        else:
            write_deep(made, output)
        return
    planes = torch.from_numpy(values).permute(2, 0, 1)
    about: dict[str, Any] = {"mode": layer.mode, "icc_profile": layer.icc_profile, "dpi": layer.dpi}
    if output == DASH:
        write_stdout(encode_image(planes, **about))
    else:
        write_image(planes, output, **about)
