"""Materials in one joint solve: all maps of a surface are taken from the same places.

`texot.files.material_stack` makes one image of all maps; the jobs on images work on it. Their votes are
linear: all maps of the result are means of the same patches with the same weights, and so registered as in
the input. Afterwards normals are scaled to unit length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from texot.errors import InputError
from texot.files.exemplar import read_exemplar
from texot.files.material import Material, top_of
from texot.files.material_code import cast
from texot.files.material_stack import MaterialStack
from texot.files.sizes import at_most, exemplar_side
from texot.images.lighting import level
from texot.jobs.apply_field import apply_field
from texot.jobs.inpainting import inpaint
from texot.jobs.interpolation import interpolate
from texot.jobs.synthesis import synthesize
from texot.jobs.tiling import make_tileable, make_variation
from texot.solver.state import State, Synthesis

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from texot.jobs.keywords import (
        InpaintOptions,
        InterpolationOptions,
        SynthesisOptions,
        TileOptions,
        VariationOptions,
    )

Callback = Callable[[State], object] | None


@dataclass(frozen=True, eq=False)
class MaterialResult:
    """A synthesised material.

    Attributes:
        material: its maps, with the types and metadata of the input's files.
        synthesis: the result of the solver: the stack of maps, losses, timings, settings, field.
    """

    material: Material
    synthesis: Synthesis


def synthesize_material(
    material: Material | Sequence[Material],
    size: str | int | tuple[int, int] | None = None,
    *,
    map_weights: Mapping[str, float] | None = None,
    callback: Callback = None,
    **options: Unpack[SynthesisOptions],
) -> MaterialResult:
    """Synthesise a material from a material, all maps together.

    Args:
        material: see `texot.files.material.read_material`; or several with the same maps, as one texture, see
            `proportions` of `texot.iter_synthesis`.
        size: see `texot.synthesize`.
        map_weights: weights of roles in the distance of patches, see `WEIGHTS`.
        callback: called with a `State` after every step; its image is the stack of maps.
        **options: see `texot.iter_synthesis`; without `alpha`, `features` and `palette`.

    Raises:
        InputError: see `texot.synthesize` and `MaterialStack`.
    """
    options.setdefault("palette", "none")
    materials = [material] if isinstance(material, Material) else list(material)
    turned = options.get("rotation_map") is not None or options.get("symmetry", "none") != "none"
    check_turned(materials, turned=turned)
    stack = MaterialStack(materials, map_weights)
    fit = at_most(exemplar_side(options.get("exemplar_size")))
    exemplars = [read_exemplar(stack.exemplar(number), fit=fit) for number in range(len(materials))]
    result = synthesize(exemplars, size, callback=callback, **options)
    return MaterialResult(finish_synthesis(stack, result, exemplars[0].size), result)


def check_turned(materials: Sequence[Material], *, turned: bool) -> None:
    """Refuse to mirror or turn maps of vectors, which would point into wrong directions.

    Raises:
        InputError: a normal map, and `turned`: a symmetry or a rotation map is given.
    """
    if turned and "normal" in materials[0].layers:
        raise InputError(
            "symmetry would turn a normal map without its vectors, as would rotation_map: leave it out"
        )


def finish_synthesis(stack: MaterialStack, result: Synthesis, exemplar_size: tuple[int, int]) -> Material:
    """The material of a result of `texot.synthesize` on a stack, see `synthesize_material`.

    Args:
        stack: the stack.
        result: the result.
        exemplar_size: (width, height) of the exemplar, which may have been reduced.
    """
    if result.field is None or not result.settings.get("copy"):
        return stack.material(result.image)
    source = stack.materials[0]
    return source.with_values(
        {
            role: apply_field(result.field, layer.values, exemplar_size=exemplar_size, filter="nearest")
            for role, layer in source.layers.items()
        }
    )


def tile_material(
    material: Material,
    *,
    map_weights: Mapping[str, float] | None = None,
    callback: Callback = None,
    **options: Unpack[TileOptions],
) -> MaterialResult:
    """Make a material tile; see `texot.make_tileable`. Pixels outside the bands keep their values exactly.

    `flatten` changes the base colour only.
    """
    if options.pop("flatten", False):
        material = flattened(material)
    stack = MaterialStack([material], map_weights)
    options.setdefault("palette", "none")
    result = make_tileable(stack.original(), callback=callback, **options)
    return MaterialResult(stack.material(result.image, unchanged=0), result)


def vary_material(
    material: Material,
    *,
    map_weights: Mapping[str, float] | None = None,
    callback: Callback = None,
    **options: Unpack[VariationOptions],
) -> MaterialResult:
    """Another tile with the same borders, see `texot.make_variation`."""
    stack = MaterialStack([material], map_weights)
    options.setdefault("palette", "none")
    result = make_variation(stack.original(), callback=callback, **options)
    return MaterialResult(stack.material(result.image, unchanged=0), result)


def inpaint_material(
    material: Material,
    mask: Any,
    *,
    map_weights: Mapping[str, float] | None = None,
    callback: Callback = None,
    **options: Unpack[InpaintOptions],
) -> MaterialResult:
    """Fill the white pixels of a mask in all maps, see `texot.inpaint`. Other pixels stay unchanged."""
    stack = MaterialStack([material], map_weights)
    options.setdefault("palette", "none")
    result = inpaint(stack.original(), mask, callback=callback, **options)
    return MaterialResult(stack.material(result.image, unchanged=0), result)


def interpolate_materials(
    materials: Sequence[Material],
    weights: Sequence[float] | None = None,
    *,
    map_weights: Mapping[str, float] | None = None,
    callback: Callback = None,
    **options: Unpack[InterpolationOptions],
) -> MaterialResult:
    """Synthesise a material between several ones with the same maps, see `texot.interpolate`."""
    stack = MaterialStack(materials, map_weights)
    exemplars = [stack.exemplar(number) for number in range(len(materials))]
    result = interpolate(exemplars, weights, callback=callback, **options)
    return MaterialResult(stack.material(result.image), result)


def flattened(material: Material) -> Material:
    """A material without slow variations of its base colour, see `texot.images.lighting.level`."""
    if "basecolor" not in material.layers:
        raise InputError("flatten changes the base colour, and this material has none")
    values = {role: layer.values for role, layer in material.layers.items()}
    colour = values["basecolor"]
    top = max(top_of(colour), float(colour.max()))
    planes = torch.from_numpy((colour / top).astype(np.float32)).permute(2, 0, 1)
    planes = torch.cat([level(planes[:3]), planes[3:]])
    even = planes.permute(1, 2, 0).double().numpy() * top
    return material.with_values({**values, "basecolor": cast(even, colour)})
