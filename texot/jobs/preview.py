"""An image of a lit material: its maps as a surface, reduced to the size of the image, and shaded."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from PIL import Image
from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.material import Material, read_material
from texot.files.surface import surface_of
from texot.files.write import to_pil
from texot.images.shading import Lighting, shade_plane, shade_sphere

SHAPES = ("plane", "sphere")
MAX_SIDE = 1024
"""Pixels of the longer side of an image if no size is given."""
_MIN_SIDE = 16
_MAX_REPEAT = 64


def preview_material(
    material: Material | str | os.PathLike[str] | Mapping[str, Any],
    *,
    light: tuple[float, float] = (135.0, 45.0),
    shape: str = "plane",
    repeat: int = 1,
    size: int = MAX_SIDE,
) -> Image.Image:
    """A picture of a material in the light of one lamp and the sky, as `texot preview` makes it.

    Args:
        material: a material, or a folder or files that `texot.read_material` reads.
        light: azimuth and elevation of the lamp in degrees: azimuth 0 is right, 90 top, 180 left; elevation
            is from 0 to 90, which is from the viewer.
        shape, repeat, size: see `preview`.

    Returns:
        An RGB picture.

    Raises:
        InputError, TexotError: see `preview` and `texot.read_material`.
    """
    found = material if isinstance(material, Material) else read_material(material)
    return to_pil(preview(found, lighting=Lighting(*light), shape=shape, repeat=repeat, size=size))


def preview(
    material: Material,
    *,
    lighting: Lighting | None = None,
    shape: str = "plane",
    repeat: int = 1,
    size: int = MAX_SIDE,
) -> Tensor:
    """Shade a material.

    Args:
        material: its maps; missing ones have default values, see `texot.files.surface.surface_of`.
        lighting: the light; None: from the upper left.
        shape: "plane", seen from above, or "sphere", with the material around it.
        repeat: copies of the material along both axes of the plane; on the sphere, from pole to pole.
        size: most pixels of the longer side; a material is reduced to fit, never enlarged.

    Returns:
        (3, H, W), sRGB-encoded, from 0 to 1. The plane has `repeat` times the size of the material; the
        sphere is in a square of the longer side of that.

    Raises:
        InputError: an unknown shape, or an option outside its range.
    """
    lighting = lighting or Lighting()
    if shape not in SHAPES:
        raise InputError(f"shape must be {' or '.join(SHAPES)}, not {quoted(shape)}")
    if not 1 <= repeat <= _MAX_REPEAT:
        raise InputError(f"repeat must be from 1 to {_MAX_REPEAT}, not {quoted(repeat)}")
    if size < _MIN_SIDE:
        raise InputError(f"size must be at least {_MIN_SIDE} px, not {quoted(size)}")
    if not 0 <= lighting.elevation <= 90 or not math.isfinite(lighting.azimuth):
        raise InputError(
            f"the light must have an elevation from 0 to 90 degrees and a finite azimuth, not "
            f"{lighting.azimuth:g},{lighting.elevation:g}"
        )
    width, height = material.size
    surface = surface_of(material).reduced(size / repeat)
    if shape == "plane":
        return shade_plane(surface, lighting, repeat=repeat)
    return shade_sphere(surface, min(size, max(width, height) * repeat), lighting, repeat=repeat)
