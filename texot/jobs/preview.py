"""An image of a lit material: its maps as a surface, reduced to the size of the image, and shaded."""

from __future__ import annotations

import math

from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.material import Material
from texot.files.surface import surface_of
from texot.images.shading import Lighting, shade_plane, shade_sphere

SHAPES = ("plane", "sphere")
MAX_SIDE = 1024
"""Pixels of the longer side of an image if no size is given."""
_MIN_SIDE = 16
_MAX_REPEAT = 64


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
