"""Options of `texot train` and `texot sample` for experimental methods, see `texot.experimental`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from texot.cli.options import FILE

if TYPE_CHECKING:
    from torch import Tensor

    from texot.generator.sampling import Generator

Command = TypeVar("Command", bound=Callable[..., Any])

OBJECTIVES = (
    "sinkhorn",
    "wgan-gp",
    "ot-gan",
    "neural-ot",
)  # those of texot.experimental.objectives, whose import takes a second


def training_option() -> Callable[[Command], Command]:
    """`experimental_objective`: an objective that replaces transport."""
    return click.option(
        "--experimental-objective",
        type=click.Choice(OBJECTIVES),
        help="Experimental, no measured gain: train by this objective instead of transport.",
    )


def sampling_options() -> Callable[[Command], Command]:
    """`experimental_refine` and `experimental_map_from`, for generators of such objectives."""
    refine = click.option(
        "--experimental-refine",
        type=click.Choice(["image", "noise"]),
        help="Experimental, no measured gain: move the image, or the noise it is made of, along the critics "
        "of a MODEL of objective wgan-gp.",
    )
    map_from = click.option(
        "--experimental-map-from",
        metavar="PICTURE",
        type=FILE,
        help="Experimental, no measured gain: picture to map, for a MODEL of objective neural-ot.",
    )
    return lambda command: refine(map_from(command))


def show_picture(generator: "Generator", picture: Path | None, window: dict[str, Any]) -> None:
    """Set the picture that a generator maps; size and borders are the picture's unless asked otherwise.

    Raises:
        InputError: a picture for a generator that maps none, or none for one that does.
    """
    from texot.errors import InputError
    from texot.experimental.picture import show
    from texot.files.exemplar import read_exemplar

    maps = generator.network.architecture.maps
    if picture is None and maps:
        raise InputError("this model maps pictures: name one with --experimental-map-from")
    if picture is None:
        return
    if not maps:
        raise InputError(
            "this model makes texture from noise alone: --experimental-map-from is for models of "
            "objective neural-ot"
        )
    source = read_exemplar(picture)
    show(generator.network, source.pixels)
    window["size"] = window["size"] or "{}x{}".format(*source.size)
    window["tile"] = window["tile"] or "none"


def check_critics(generator: "Generator", refine: str | None) -> None:
    """Check that a generator can refine its samples.

    Raises:
        InputError: it has no critics, or damaged ones.
    """
    if refine:
        from texot.experimental.objectives.critics import needed_critics

        needed_critics(generator.network)


def refined(
    generator: "Generator", refine: str, window: dict[str, Any], blocks: "Iterator[Tensor]", tile: str
) -> "Tensor":
    """A sample (C, height, width) moved along the generator's critics.

    Args:
        generator: with critics.
        refine: "image", or "noise".
        window: arguments of `Generator.sample`.
        blocks: the sample from top to bottom; not used for "noise".
        tile: axes along which the sample tiles.
    """
    import torch

    from texot.experimental.latent import refine_latent
    from texot.experimental.refinement import refine as refine_image
    from texot.generator.sample_options import check_position
    from texot.solver.options import TILES

    if refine == "image":
        return refine_image(generator.network, torch.cat(list(blocks), 1), periodic=TILES[tile])
    (width, height), (x, y) = window["size"], check_position(window["at"])
    return refine_latent(generator.network, window["seed"], (height, width), at=(y, x), periodic=TILES[tile])
