"""Options shared by commands, as decorators, and parsers of their values.

The library's `n_scales` is `--n-scales`.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

MAPS = (
    "horizontal",
    "vertical",
    "radial",
)  # those of texot.solver.barycentric_weights, whose import takes a second


class _File(click.Path):
    """A file name. The library checks whether it exists, with better messages than click.

    `-` is standard input or output if the command supports it; `./-` is a file.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; made absolute if `Path` would normalise it to `-`."""
        if str(value) != "-" and str(Path(value)) == "-":
            value = Path.cwd() / "-"
        return super().convert(value, param, ctx)


FILE = _File(path_type=Path)


def whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """Parser of integers in a range; click's IntRange shows the range in the help."""

    def parse(value: str) -> int:
        text = str(value)
        if not re.fullmatch(r"[+-]?[0-9]{1,20}", text) or not low <= int(text) <= high:
            raise click.BadParameter(f"{text!r} is not a whole number from {low} to {high}.")
        return int(text)

    return parse


def real(*, zero: bool, high: float = 1e12) -> Callable[[str], float]:
    """Parser of finite numbers above zero, or from zero; click's FloatRange accepts nan and inf."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        low = 0 if zero else 1e-12
        if not low <= number <= high:  # nan compares as false
            raise click.BadParameter(f"{value!r} is not a number from {low} to {high:g}.")
        return number

    return parse


def device(value: str) -> str:
    """Parser of `auto`, `cpu`, `cuda` and `cuda:i`; torch checks later whether it exists."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", value):
        raise click.BadParameter(f"{value!r} is not one of auto, cpu, cuda, cuda:0, cuda:1, ...")
    return value


def weights(value: str) -> list[float]:
    """Parser of comma-separated numbers from 0."""
    return [real(zero=True)(part.strip()) for part in str(value).split(",")]


def role_file(value: str) -> tuple[str, Path]:
    """Parser of ROLE=FILE; the library checks the role."""
    role, separator, file = str(value).partition("=")
    if not role or not separator or not file:
        raise click.BadParameter(f"{value!r} is not ROLE=FILE, such as normal=wall_nor.png.")
    path = FILE.convert(file, None, None)
    assert isinstance(path, Path)
    return role, path


def angles(value: str) -> tuple[float, float]:
    """Parser of AZIMUTH,ELEVATION in degrees."""
    try:
        azimuth, elevation = (float(part) for part in str(value).split(","))
    except ValueError:
        azimuth = elevation = math.nan
    if not (-360 <= azimuth <= 360 and 0 <= elevation <= 90):
        raise click.BadParameter(
            f"{value!r} is not AZIMUTH,ELEVATION in degrees, -360 to 360 and 0 to 90, such as 45,30."
        )
    return azimuth, elevation


def example(*commands: str) -> str:
    """An epilog with commands that run as shown; every help text has one."""
    return "\n".join(["\b", "Example:", *(f"  {command}" for command in commands)])


def together(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """One decorator for several options; the help lists them in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def overwrite_option() -> Callable[[Command], Command]:
    """Whether an output may replace a file."""
    return click.option(
        "--overwrite/--no-overwrite", default=True, show_default=True, help="Replace an existing file."
    )


def output_options(*, required: bool, default: str = "") -> Callable[[Command], Command]:
    """-o, and whether it may replace a file."""
    return together(
        click.option(
            "-o",
            "--output",
            metavar="OUT",
            type=FILE,
            required=required,
            help="Output image: PNG (stores settings for replay), TIFF, JPEG, WebP, BMP; -: PNG on stdout."
            + default,
        ),
        overwrite_option(),
    )


def result_options(*, tile: str | None, tile_help: str) -> Callable[[Command], Command]:
    """Options of every result: axes that tile, seed, quality."""
    return together(
        click.option(
            "--tile",
            type=click.Choice(["both", "x", "y", "none"]),
            default=tile,
            show_default=tile is not None,
            help=tile_help,
        ),
        click.option(
            "--seed",
            metavar="N",
            type=whole(0, 2**63 - 1),
            default=0,
            show_default=True,
            help="Random seed; the same seed gives the same image.",
        ),
        click.option(
            "--quality",
            type=click.Choice(["draft", "normal", "high"]),
            default="normal",
            show_default=True,
            help="Speed/quality trade-off.",
        ),
    )


def expert_options(*, adam: bool = False) -> Callable[[Command], Command]:
    """Parameters of the algorithm; by default, preset, quality and image size determine them.

    `adam`: whether the command may use Adam, which has a step size.
    """
    step = click.option(
        "--lr",
        metavar="X",
        type=real(zero=False),
        help="Step size of Adam, with --preset paper or --features.",
    )
    return together(
        click.option(
            "--n-scales", metavar="N", type=whole(1, 10**6), help="Number of scales; each halves the size."
        ),
        click.option(
            "--patch-size", metavar="N", type=whole(1, 10**6), help="Side of the patches, in pixels."
        ),
        click.option("--n-iter", metavar="N", type=whole(1, 10**6), help="Image steps per scale."),
        click.option(
            "--psi-steps",
            metavar="N",
            type=whole(0, 10**6),
            help="Iterations on the potentials per image step; 0: plain nearest neighbours.",
        ),
        *([step] if adam else []),
        click.option(
            "--entropy",
            metavar="X",
            type=real(zero=True),
            help="Entropic regularisation of the transport; 0: a small default.",
        ),
    )


def mix_options() -> Callable[[Command], Command]:
    """Weights of several exemplars: `weights` and `weight_map`, see `check_mix`."""
    return together(
        click.option(
            "--weights",
            metavar="X,X,...",
            type=weights,
            help="Weight of each exemplar; default: equal weights.",
        ),
        click.option(
            "--weight-map",
            metavar="horizontal|vertical|radial|IMAGE",
            help="Weights that vary: from the first exemplar on one side to the last, or black to white of "
            "an IMAGE.",
        ),
    )


def check_mix(weights: list[float] | None, weight_map: str | None) -> list[Path]:
    """The image file of a weight map, if it is one.

    Raises:
        click.UsageError: both weights and a map are given.
    """
    if weights and weight_map:
        raise click.UsageError("--weights and --weight-map exclude each other: give one of the two.")
    return [Path(weight_map)] if weight_map and weight_map not in MAPS else []


def exemplar_options(
    *, alpha: str = "mask", palette: bool = True, size: bool = True
) -> Callable[[Command], Command]:
    """How an image is read: meaning of alpha, palette, maximal size."""
    found = [
        click.option(
            "--alpha",
            type=click.Choice(["mask", "ignore", "channel"]),
            default=alpha,
            show_default=True,
            help="Alpha channel: leave out transparent pixels, ignore it, or synthesise it too.",
        )
    ]
    if palette:
        found.append(
            click.option(
                "--palette",
                type=click.Choice(["exemplar", "none"]),
                help="Restrict the result to the exemplar's colours; default: if it has few.",
            )
        )
    if size:
        found.append(exemplar_size_option())
    return together(*found)


def start_options(*, size: bool = True) -> Callable[[Command], Command]:
    """A start image, and of jobs on photographs the size of a draft."""
    init = click.option(
        "--init",
        metavar="IMAGE",
        type=FILE,
        help="Start image, such as a draft of any size; needs few scales.",
    )
    image_size = click.option(
        "--image-size",
        metavar="PX",
        type=whole(16, 10**6),
        help="Reduce a larger PHOTO to PX x PX pixels first.",
    )
    return together(init, *([image_size] if size else []))


def exemplar_size_option() -> Callable[[Command], Command]:
    """Maximal size of an exemplar."""
    return click.option(
        "--exemplar-size",
        metavar="PX",
        type=whole(16, 10**6),
        help="Reduce larger exemplars to PX x PX pixels; default: crop to what is needed, at most 4096.",
    )


def compute_options() -> Callable[[Command], Command]:
    """Back end, device and threads."""
    return together(
        click.option(
            "--backend",
            type=click.Choice(["auto", "tiled", "keops", "reference"]),
            default="auto",
            show_default=True,
            help="Back end of the nearest-neighbour search; 'texot doctor' lists them.",
        ),
        click.option(
            "--device",
            metavar="DEVICE",
            type=device,
            default="auto",
            show_default=True,
            help="Device: auto, cpu, cuda or cuda:i.",
        ),
        click.option(
            "--threads",
            metavar="N",
            type=whole(1, 4096),
            help="CPU threads; default: all, fewer on a busy machine.",
        ),
    )


def report_options(
    *, preview: bool = True, quiet: str = "Print only errors."
) -> Callable[[Command], Command]:
    """Progress, messages, and what other programs stop the work by.

    The files are for the reporter, which finds them in the context's `meta`.

    Args:
        preview: whether the command has images to show while it works.
        quiet: help of --quiet.
    """
    cancel = click.option(
        "--cancel-file",
        metavar="FILE",
        type=FILE,
        expose_value=False,
        callback=_keep,
        help="Stop as after Ctrl-C once FILE exists.",
    )
    shown = click.option(
        "--preview-file",
        metavar="FILE",
        type=FILE,
        expose_value=False,
        callback=_keep,
        help="Show the image so far in FILE, a PNG of at most 512 px a side.",
    )
    return together(
        click.option(
            "--progress",
            type=click.Choice(["bar", "json"]),
            default="bar",
            show_default=True,
            help="Progress on stderr: a bar, or one JSON object per line.",
        ),
        *([shown] if preview else []),
        cancel,
        click.option("-q", "--quiet", is_flag=True, help=quiet),
    )


def _keep(context: click.Context, option: click.Parameter, value: Path | None) -> None:
    """Keep an option's value for the reporter."""
    context.meta[f"texot.{option.name}"] = value
