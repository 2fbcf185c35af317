"""What `texot replay` needs to know of every command whose PNGs it can reproduce."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.controls import PICTURES, VALUES, set_pictures
from texot.cli.inpaint import inpaint
from texot.cli.interpolate import interpolate
from texot.cli.options import MAPS
from texot.cli.pictures import readable
from texot.cli.run import pixel_size
from texot.cli.straighten import straighten
from texot.cli.synthesize import synthesize
from texot.cli.tile import tile
from texot.errors import InputError

if TYPE_CHECKING:
    from texot import State
    from texot.files.exemplar import Exemplar
    from texot.files.original import Original

_COMMON_OPTIONS = (
    "tile",
    "seed",
    "quality",
    "n_scales",
    "patch_size",
    "n_iter",
    "psi_steps",
    "entropy",
    "alpha",
    "backend",
    "device",
    "threads",
)
"""Options that every command records under the names that its command line gives them."""

OF_MATERIALS = ("map_weight", "naming", "flip_normal_y", "handover")
"""Options of materials that are recorded."""

Iterate = Callable[..., "Iterator[State]"]


@dataclass(frozen=True)
class ReplayInputs:
    """The inputs of a command that is repeated.

    Attributes:
        images: arguments IMAGE, in their order.
        extra: images that options name, by the option.
        options: of the command.
        settings: recorded in FILE.
    """

    images: tuple[Path, ...]
    extra: dict[str, Path]
    options: dict[str, Any]
    settings: dict[str, Any]


def _synthesis(given: ReplayInputs) -> tuple["Exemplar | list[Exemplar]", Iterate]:
    from texot.jobs.synthesis import iter_synthesis

    sources, given.options["init"] = _read(given, given.images), _init(given)
    set_pictures(given.options, given.extra)
    given.options["size"] = pixel_size(given.options["size"], sources[0])
    given.options["features"] = _features(given)
    given.options["attempts"] = given.options["attempts"] or 1  # missing in files of older versions
    if given.options["preset"] == "default" and given.options["features"] == "none":
        given.options["lr"] = None  # older algorithms had one
    return sources if len(sources) > 1 else sources[0], iter_synthesis


def _read(given: ReplayInputs, images: tuple[Path, ...]) -> "list[Exemplar]":
    """Exemplars, as FILE's command read them."""
    from texot.files.exemplar import read_exemplar
    from texot.files.sizes import at_most, exemplar_side

    alpha, fit = given.options["alpha"], at_most(exemplar_side(given.options["exemplar_size"]))
    part = given.settings.get("exemplar_part")
    return [read_exemplar(readable(path), alpha=alpha, fit=fit, part=part) for path in images]


def _init(given: ReplayInputs) -> "Exemplar | str":
    """The start image, or "noise"."""
    from texot.files.exemplar import read_exemplar

    if "init" not in given.extra:
        return "noise"
    return read_exemplar(readable(given.extra["init"]), alpha=given.options["alpha"])


def _features(given: ReplayInputs) -> str:
    """The network of deep features, or the file of its weights.

    Raises:
        InputError: the file of weights is needed and was not given.
    """
    name = str(given.options["features"])
    if "features" in given.extra:
        return str(given.extra["features"])
    if name not in ("none", "efficientnet-lite0", "squeezenet"):
        raise InputError(f"deep features were those of {name}: give the file of its weights (--features)")
    return name


def _inpainting(given: ReplayInputs) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.inpainting import find_hole, iter_inpaint

    given.options.update({name: readable(path) for name, path in given.extra.items()})
    if "exemplar" in given.extra:
        given.options["exemplar"] = _read(given, (given.extra["exemplar"],))[0]
    original = read_original(readable(given.images[0]), alpha=given.options["alpha"])
    mask, invert = given.images[1:], given.options["invert_mask"]
    hole = find_hole(original, readable(mask[0]) if mask else None, invert=invert)
    given.options["mask"] = ~hole if invert else hole
    return original, iter_inpaint


def _tile(given: ReplayInputs) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.tiling import iter_tileable

    given.options.update({name: readable(path) for name, path in given.extra.items()})
    return read_original(readable(given.images[0]), alpha=given.options["alpha"]), iter_tileable


def _variation(given: ReplayInputs) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.tiling import iter_variation

    given.options.update({name: readable(path) for name, path in given.extra.items()})
    return read_original(readable(given.images[0]), alpha=given.options["alpha"]), iter_variation


def _straightening(given: ReplayInputs) -> tuple["Original", Iterate]:
    from texot.files.original import read_original
    from texot.jobs.straightening import iter_straightened

    original = read_original(readable(given.images[0]), alpha=given.options["alpha"])
    given.options["size"] = pixel_size(given.options["size"], original)
    return original, iter_straightened


def _interpolation(given: ReplayInputs) -> tuple["list[Exemplar]", Iterate]:
    from texot.jobs.interpolation import iter_interpolation

    sources = _read(given, given.images)
    given.options["size"], given.options["init"] = pixel_size(given.options["size"], sources[0]), _init(given)
    name = given.settings.get("weight_map")
    given.options["weight_map"] = given.extra.get("weight_map", name if name in MAPS else None)
    return sources, iter_interpolation


@dataclass(frozen=True)
class ReplaySpec:
    """How to repeat a command from the settings in its PNG.

    Attributes:
        command: the command.
        read: reads the inputs and adapts `options` to the library's function; returns what the result is made
            of, and the function.
        options: recorded options of this command only.
        min_images, max_images: number of arguments IMAGE.
        extra: options of `replay` that name more images.
        common: recorded options that other commands have too.
    """

    command: click.Command
    read: Callable[[ReplayInputs], tuple[Any, Iterate]]
    options: tuple[str, ...] = ()
    min_images: int = 1
    max_images: int = 1
    extra: tuple[str, ...] = ()
    common: tuple[str, ...] = _COMMON_OPTIONS

    def parse(self, file: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """The recorded options, validated by the command line's own parser: a file may hold anything.

        Raises:
            InputError: a value that its option does not accept.
        """
        names = (*self.common, *self.options)
        names = (*names, *OF_MATERIALS) if "maps" in settings else names
        arguments = [*["IMAGE"] * self.min_images, "-o", "OUT"]
        for name in names:
            value, option = settings.get(name), f"--{name.replace('_', '-')}"
            if value is True:
                arguments.append(option)
            elif isinstance(value, dict):  # --map-weight
                arguments += [f"{option}={role}={weight}" for role, weight in value.items()]
            elif value is not None and value is not False:
                between = "x" if name == "size" else ","
                text = between.join(map(str, value)) if isinstance(value, list) else str(value)
                arguments.append(f"{option}={text}")
        try:
            parsed = self.command.make_context(self.command.name, arguments).params
        except click.UsageError as error:
            raise InputError(f"{file}: its texot settings are damaged: {error.format_message()}") from error
        return {name: parsed[name] for name in names}


REPLAY_SPECS = {
    "synthesize": ReplaySpec(
        synthesize,
        _synthesis,
        (
            *("size", "preset", "novelty", "attempts", "features", "palette", "exemplar_size", "lr", "copy"),
            *VALUES,
        ),
        max_images=100,
        extra=("init", "features", *PICTURES),
    ),
    "inpaint": ReplaySpec(
        inpaint,
        _inpainting,
        ("reach", "invert_mask", "palette", "exemplar_size", "image_size"),
        max_images=2,
        extra=("source", "exemplar", "init"),
    ),
    "tile": ReplaySpec(tile, _tile, ("band", "flatten", "palette", "image_size"), extra=("init", "source")),
    "variation": ReplaySpec(tile, _variation, ("frame", "palette"), extra=("source",)),
    "straighten": ReplaySpec(straighten, _straightening, ("quad", "size", "flatten"), common=("alpha",)),
    "interpolate": ReplaySpec(
        interpolate,
        _interpolation,
        ("size", "weights", "novelty", "exemplar_size"),
        min_images=2,
        max_images=100,
        extra=("init", "weight_map"),
    ),
}
