"""Options of `texot synthesize` that say what goes where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from texot.cli.options import FILE, Command, real, together, weights
from texot.cli.pictures import readable

PICTURES = (
    "source",
    "weights_map",
    "labels",
    "target_labels",
    "guide",
    "guide_exemplar",
    "rotation_map",
    "scale_map",
)
"""Options that name pictures."""
VALUES = ("proportions", "blend_scale", "guide_strength", "symmetry")
"""The others."""


def control_options() -> Callable[[Command], Command]:
    """The options of `texot.iter_synthesis` that say what goes where."""

    def picture(name: str, text: str) -> Callable[[Command], Command]:
        return click.option(name, metavar="IMAGE", type=FILE, help=text)

    return together(
        click.option(
            "--proportions",
            metavar="X,X,...",
            type=weights,
            help="Share of the result of every EXEMPLAR, such as 0.3,0.7; default: by their areas.",
        ),
        click.option(
            "--blend-scale",
            metavar="X",
            type=real(zero=True, high=1),
            help="Size of the areas of several EXEMPLARs, from objects (0) to a side of the result (1); "
            "default: 0.5.",
        ),
        picture("--source", "Take texture only from the white pixels of this mask of EXEMPLAR."),
        picture("--weights-map", "Use bright regions of this picture of EXEMPLAR more, black ones never."),
        picture("--labels", "Label picture of EXEMPLAR: a colour for every texture in it."),
        picture("--target-labels", "Label picture of the result: which texture goes where."),
        picture("--guide", "A picture that the result follows in brightness."),
        picture("--guide-exemplar", "What the guide is compared with, in EXEMPLAR; default: its brightness."),
        click.option(
            "--guide-strength",
            metavar="X",
            type=real(zero=True, high=1),
            help="From 0 (no guide) to 1; default: 0.5.",
        ),
        click.option(
            "--symmetry",
            type=click.Choice(["none", "flips", "rotations", "both"]),
            default="none",
            show_default=True,
            help="Use mirrored and turned copies of EXEMPLAR too; their light comes from other sides.",
        ),
        picture(
            "--rotation-map", "Turn the texture: black as it is, counterclockwise to a whole circle at white."
        ),
        picture("--scale-map", "Resize the texture: black half as large, grey as it is, white double."),
    )


def given_controls(options: dict[str, Any]) -> list[str]:
    """The names of the options that are given, as on the command line."""
    names = [name for name in (*PICTURES, *VALUES) if options[name] not in (None, "none")]
    return ["--" + name.replace("_", "-") for name in names]


def picture_files(options: dict[str, Any]) -> list[Path]:
    """The files of pictures."""
    return [options[name] for name in PICTURES if options[name] is not None]


def read_pictures(options: dict[str, Any]) -> tuple[int, int] | None:
    """Read the pictures in a command's options.

    Returns:
        (width, height) of the one that the result follows, if there is one.
    """
    from texot.files.exemplar import read_exemplar

    for name in PICTURES:
        if options[name] is not None:
            alpha = "channel" if name == "source" else "ignore"
            options[name] = read_exemplar(readable(options[name]), alpha=alpha)
    following = (options[name] for name in ("target_labels", "guide", "rotation_map", "scale_map"))
    return next((picture.size for picture in following if picture is not None), None)


def set_pictures(options: dict[str, Any], extra: dict[str, Path]) -> None:
    """Set the pictures of a command that is repeated, and read them."""
    options.update({name: extra.get(name) for name in PICTURES})
    options["symmetry"] = options["symmetry"] or "none"  # missing in files of older versions
    read_pictures(options)
