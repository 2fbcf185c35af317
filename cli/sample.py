"""`texot sample`: images of any size from a trained generator."""

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot import __version__
from texot.cli.errors import bad_option
from texot.cli.experimental import check_critics, refined, sampling_options, show_picture
from texot.cli.files import check_apart
from texot.cli.material import MaterialOptions, check_folders, material_options
from texot.cli.options import (
    FILE,
    check_mix,
    device,
    example,
    mix_options,
    overwrite_option,
    report_options,
    whole,
)
from texot.cli.progress import Quiet, reporter
from texot.cli.run import start, use_threads

if TYPE_CHECKING:
    from torch import Tensor

    from texot.generator.sampling import Generator

_SEED = r"\{seed(?::0?(\d{1,2}))?\}"


def place(value: str) -> tuple[int, int]:
    """Parser of X,Y."""
    found = re.fullmatch(r"\s*([+-]?\d{1,12})\s*,\s*([+-]?\d{1,12})\s*", value)
    if not found:
        raise click.BadParameter(f"{value!r} is not a position: expected X,Y in pixels, such as 1024,-512.")
    return int(found[1]), int(found[2])


def area(value: str) -> tuple[int, int, int, int]:
    """Parser of X,Y,WxH."""
    found = re.fullmatch(
        r"\s*([+-]?\d{1,12})\s*,\s*([+-]?\d{1,12})\s*,\s*(\d{1,12})\s*x\s*(\d{1,12})\s*", value
    )
    if not found:
        raise click.BadParameter(f"{value!r} is not an area: expected X,Y,WxH, such as 0,0,4096x1024.")
    return int(found[1]), int(found[2]), int(found[3]), int(found[4])


@click.command(
    short_help="Sample images from a generator.",
    epilog=example(
        "texot sample pebbles.safetensors -o big.png --size 2048x1024 --seed 7",
        "texot sample pebbles.safetensors -o part.png --tile none --at 4096,0 --size 512x512",
        "texot sample between.safetensors -o mix.png --weights 0.3,0.7",
        "texot sample between.safetensors -o gradient.png --weight-map horizontal --size 1024x256",
    ),
)
@click.argument("model", type=FILE)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    help="Output image: PNG, TIFF, JPEG, WebP, BMP; -: PNG on stdout; of a material a folder. {seed} "
    "stands for the seed.",
)
@overwrite_option()
@material_options(inputs=False)
@click.option(
    "--size",
    metavar="WxH|Nx",
    help="Size in pixels, or a factor of the exemplar's size; default: the exemplar's size.",
)
@click.option(
    "--at",
    metavar="X,Y",
    type=place,
    default="0,0",
    show_default=True,
    help="Top left corner of the image in the plane, in pixels.",
)
@click.option(
    "--tile",
    type=click.Choice(["both", "x", "y", "none"]),
    help="Axes along which the result tiles; none: a window of an unbounded plane; default: both, but not "
    "along a map.",
)
@click.option(
    "--finish",
    type=click.Choice(["auto", "patches", "none"]),
    default="auto",
    show_default=True,
    help="patches: patches of the exemplar that MODEL has kept take over along a correspondence field; none: "
    "the network's sample; auto: patches if it has kept one.",
)
@mix_options()
@click.option(
    "--weight-map-area",
    metavar="X,Y,WxH",
    type=area,
    help="Part of the plane that the map covers, in pixels; default: the image.",
)
@click.option(
    "--seed",
    metavar="N",
    type=whole(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same image.",
)
@click.option(
    "--count",
    metavar="N",
    type=whole(1, 100_000),
    default=1,
    help="Number of images, of seeds SEED, SEED+1, ...; OUT contains {seed} or {seed:03}.",
)
@click.option(
    "--device",
    metavar="DEVICE",
    type=device,
    default="auto",
    show_default=True,
    help="Device: auto, cpu, cuda or cuda:i.",
)
@click.option("--threads", metavar="N", type=whole(1, 4096), help="CPU threads; default: torch's.")
@report_options(preview=False)
@sampling_options()
def sample(
    model: Path,
    output: str,
    overwrite: bool,
    count: int,
    seed: int,
    device: str,
    threads: int | None,
    progress: str,
    quiet: bool,
    weights: list[float] | None,
    weight_map: str | None,
    weight_map_area: tuple[int, int, int, int] | None,
    experimental_refine: str | None,
    experimental_map_from: Path | None,
    **window: Any,
) -> None:
    """Sample an image from the generator MODEL and write it to OUT.

    MODEL is a file written by 'texot train'. Large images are written tile by tile, in bounded memory. Of a
    material's generator, all maps are written to the folder OUT.
    """
    of_material = MaterialOptions.taken_from(window)
    of_map = check_mix(weights, weight_map)
    if weight_map_area and not weight_map:
        raise click.UsageError("--weight-map-area is the area of --weight-map: give --weight-map too.")
    window.update(weights=weights, weight_map=weight_map, weight_map_area=weight_map_area)
    names = _names(output, seed, count)
    with reporter(progress, quiet) as report:
        free = start()
        from texot.files.sizes import parse_size
        from texot.files.write import check_format
        from texot.generator.sampling import Generator

        generator = Generator.load(model, device=device)
        show_picture(generator, experimental_map_from, window)
        with bad_option("--size"):
            window["size"] = parse_size(window["size"], generator.exemplar_size)
        if generator.code is None:
            of_material.is_material(None)
        else:
            if experimental_refine:
                raise click.UsageError("--experimental-refine is for generators of images.")
            _check_material(generator, names, window["size"], of_material, model, overwrite)
        for name in names if generator.code is None else []:
            if name != "-":
                check_format(name, window["size"], generator.mode)
            pictures = [experimental_map_from] if experimental_map_from else []
            _check(name, [model, *of_map, *pictures], overwrite)
        generator.check_mix(weights, weight_map)
        use_threads(threads, free, report)
        check_critics(generator, experimental_refine)
        window["workers"] = share_cores(generator)
        report.images = count
        for number, name in enumerate(names):
            begun = time.perf_counter()
            report.start(version=__version__, output=name, seed=seed + number, size=window["size"])
            own = {**window, "seed": seed + number}
            if generator.code is None:
                _write(generator, name, own, report, experimental_refine, experimental_map_from)
            else:
                _write_material(generator, Path(name), own, report, of_material)
            report.done(output=name, seconds=time.perf_counter() - begun, interrupted=False)


def _names(output: str, seed: int, count: int) -> list[str]:
    """The name of every image: {seed} becomes its seed, but not in the names of folders."""
    folder, name = os.path.split(output)
    found = re.search(_SEED, name)
    if count > 1 and not found:
        raise click.UsageError(
            f"--output {output} is one name for {count} images: use {{seed}} for the seed.",
            click.get_current_context(),
        )
    seeds = range(seed, seed + count)
    if seeds[-1] >= 2**63:
        raise click.UsageError("--seed and --count go beyond the last seed.", click.get_current_context())
    if not found:
        return [output]
    return [os.path.join(folder, re.sub(_SEED, f"{n:0{found[1] or 1}}", name)) for n in seeds]


def _check(name: str, inputs: list[Path], overwrite: bool) -> None:
    """Refuse an output that cannot be written, before any work is done."""
    from texot.errors import OutputError
    from texot.files.write import check_output

    if name == "-":
        if sys.stdout is None:
            raise OutputError("stdout is closed: name a file with -o")
        if sys.stdout.isatty():
            raise click.UsageError(
                "-o - writes a PNG: send stdout to a file or program.", click.get_current_context()
            )
        return
    check_output(name)
    check_apart(inputs, [Path(name)])
    if Path(name).exists() and not overwrite:
        raise OutputError(f"{name} exists and --no-overwrite protects it: choose another name")


def _write(
    generator: "Generator",
    name: str,
    window: dict[str, Any],
    report: Quiet,
    refine: str | None = None,
    picture: Path | None = None,
) -> None:
    """One image, row by row of its tiles where its format can."""
    import torch

    from texot.files.record import png_text
    from texot.files.stream import STREAMED, stream_png, write_rows
    from texot.files.write import write_image

    options = {key: value for key, value in window.items() if key not in ("size", "workers")}
    about = generator.settings(window["size"], **options)
    if refine:
        about["refine"] = "latent" if refine == "noise" else True
    if picture is not None:
        about["map_from"] = picture.name
    rows = generator.rows(**window, on_tile=_tile_reporter(window["size"], report))
    if refine:
        rows = iter([refined(generator, refine, window, rows, about["tile"])])
    size, text = window["size"], png_text(about)
    mode, icc = generator.mode, generator.icc_profile
    if name == "-":
        stream = sys.stdout.buffer
        stream_png(rows, stream, size=size, mode=mode, text=text, icc_profile=icc)
        stream.flush()
    elif name.lower().endswith(STREAMED):
        write_rows(rows, name, size=size, mode=mode, text=text, icc_profile=icc)
    else:
        write_image(torch.cat(list(rows), 1), name, mode=mode, icc_profile=icc)


def _check_material(
    generator: "Generator",
    names: list[str],
    size: tuple[int, int],
    of_material: MaterialOptions,
    model: Path,
    overwrite: bool,
) -> None:
    """Refuse folders that cannot be written, before any work is done."""
    assert generator.code is not None
    generator.sample_size(size)  # all maps are in memory
    folders = [Path(name) for name in names]
    check_folders(generator.code.like, folders, size, of_material, [model], overwrite=overwrite)


def _write_material(
    generator: "Generator", folder: Path, window: dict[str, Any], report: Quiet, of_material: MaterialOptions
) -> None:
    """All maps of one sample, and their record."""
    import torch

    from texot.files.handover import write_handover
    from texot.files.material import name_of
    from texot.jobs.material_files import write_result
    from texot.solver.state import Synthesis

    assert generator.code is not None
    options = {key: value for key, value in window.items() if key not in ("size", "workers")}
    about = generator.settings(window["size"], **options)
    rows = list(generator.rows(**window, on_tile=_tile_reporter(window["size"], report)))
    image = torch.cat(rows, 1)
    made = generator.code.material(image)
    made = made.flipped() if of_material.flip else made
    facts, naming = of_material.facts(), of_material.naming
    write_result(made, Synthesis(image, [], [], {}, about, "multi"), folder, naming=naming, facts=facts)
    if of_material.handover:
        write_handover(made, folder, made.names(naming, name_of(str(folder))), of_material.handover)


def _tile_reporter(size: tuple[int, int], report: Quiet) -> Callable[[int, int, "Tensor"], None]:
    """A function of (top, left, tile) that reports the fraction of the image that is done."""
    (width, height), begun = size, time.perf_counter()

    def on_tile(top: int, left: int, tile: "Tensor") -> None:
        done = top * width + (left + tile.shape[2]) * tile.shape[1]
        report.part(done, width * height, time.perf_counter() - begun)

    return on_tile


def share_cores(generator: "Generator") -> int:
    """The number of threads that compute tiles in parallel, of one torch thread each; 1 for a GPU."""
    import torch

    if generator.network.device.type != "cpu":
        return 1
    workers = torch.get_num_threads()
    torch.set_num_threads(1)
    return workers
