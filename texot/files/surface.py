"""The quantities of reflection from the maps of a material, whatever roles and types they have."""

from __future__ import annotations

import logging

import numpy as np
import torch
from torch import Tensor

from texot.files.deep_image import DeepImage
from texot.files.layer import Layer, Values
from texot.files.material import Material, vectors
from texot.images.shading import Surface, curl_of, linear_of, normals_of

log = logging.getLogger("texot")

DEFAULTS = {"basecolor": 0.8, "roughness": 0.5, "metallic": 0.0, "occlusion": 1.0, "specular": 0.5}
"""Values of missing maps, as stored; a missing normal map is flat, or that of the height map."""

_PACKED = ("occlusion", "roughness", "metallic")  # the channels of an `orm` map
_CHECKED = 1024  # pixels on each axis whose slopes are checked
_DOUBTED = 0.5  # of the curl that the other convention would have


def surface_of(material: Material) -> Surface:
    """The quantities that shading needs.

    - base colour and emission: decoded from sRGB, except from files of floats, which are linear;
    - normals: unit vectors with y up; from the height map if there is no normal map;
    - roughness: the map, or 1 - gloss, or the second channel of a packed map;
    - metallic, occlusion: the map, or the third and first channel of a packed map;
    - specular: as stored; 1 is a reflectance of 0.08 at normal incidence (Burley 2012);
    - opacity: the map, or the alpha channel of the base colour.

    Args:
        material: its maps; those that are missing have the values of `DEFAULTS`, no emission, and are opaque.
    """
    found = {role: planes_of(layer) for role, layer in material.layers.items() if role != "normal"}
    for channel, role in enumerate(_PACKED):
        if role not in found and "orm" in found:
            found[role] = found["orm"][channel : channel + 1]
    if "roughness" not in found and "gloss" in found:
        found["roughness"] = 1 - found["gloss"]
    width, height = material.size
    for role, value in DEFAULTS.items():
        found.setdefault(role, torch.full((1, 1, 1), value).expand(1, height, width))
    found.setdefault("emissive", torch.zeros(1, 1, 1).expand(1, height, width))
    return Surface(
        basecolor=_rgb(_linear(material, "basecolor", found)),
        normal=normals(material),
        roughness=_grey(found["roughness"]),
        metallic=_grey(found["metallic"]),
        occlusion=_grey(found["occlusion"]),
        specular=_rgb(found["specular"].clamp(0, 1)),
        emissive=_rgb(_linear(material, "emissive", found)),
        opacity=opacity(material),
    )


def planes_of(layer: Layer) -> Tensor:
    """The map without alpha, (C, H, W) float32; integers become values from 0 to 1."""
    values = layer.values[..., : layer.values.shape[2] - layer.has_alpha]
    return _scaled(values)


def normals(material: Material) -> Tensor:
    """Unit normals (3, H, W) float32 with y up, of the normal map, the height map, or flat ones.

    A warning is logged if the slopes would be those of a height map (without curl) rather in the other
    convention.
    """
    width, height = material.size
    if "normal" in material.layers:
        found = torch.from_numpy(vectors(material.layers["normal"].values)).float().permute(2, 0, 1)
        flip = torch.tensor([1.0, -1.0, 1.0])[:, None, None]
        if material.convention == "directx":
            found = found * flip
        part = found[:, :_CHECKED, :_CHECKED]
        if min(part.shape[1:]) >= 3 and curl_of(part * flip) < _DOUBTED * curl_of(part):
            log.warning(
                "%s was taken for a normal map of the %s convention, but its slopes fit the other: name it "
                "..._normal_gl or ..._normal_dx",
                material.files.get("normal", "the normal map"),
                {"opengl": "OpenGL", "directx": "DirectX"}[material.convention],
            )
        return torch.nn.functional.normalize(found, dim=0, eps=1e-6)
    if "height" in material.layers:
        return normals_of(_grey(planes_of(material.layers["height"])))
    return torch.tensor([0.0, 0.0, 1.0])[:, None, None].expand(3, height, width)


def opacity(material: Material) -> Tensor:
    """Opacity (1, H, W) float32 from 0 to 1."""
    if "opacity" in material.layers:
        return _grey(planes_of(material.layers["opacity"]))
    layer = material.layers.get("basecolor")
    if layer is not None and layer.has_alpha:
        return _scaled(layer.values[..., -1:]).clamp(0, 1)
    width, height = material.size
    return torch.ones(1, 1, 1).expand(1, height, width)


def is_linear(layer: Layer) -> bool:
    """Whether colours are stored linearly, as in files of floats, and not sRGB-encoded."""
    return isinstance(layer.image, DeepImage) and layer.values.dtype.kind == "f"


def _scaled(values: Values) -> Tensor:
    """Values (H, W, C) as planes (C, H, W) float32; integers become values from 0 to 1."""
    top = np.iinfo(values.dtype).max if values.dtype.kind in "iu" else 1
    return torch.from_numpy(values.astype(np.float32) / np.float32(top)).permute(2, 0, 1)


def _linear(material: Material, role: str, found: dict[str, Tensor]) -> Tensor:
    layer = material.layers.get(role)
    if layer is None or is_linear(layer):
        values = found[role].clamp_min(0)
        return values if role == "emissive" else values.clamp_max(1)
    return linear_of(found[role].clamp(0, 1))


def _grey(planes: Tensor) -> Tensor:
    """The mean of all channels (1, H, W), from 0 to 1."""
    return planes.mean(0, keepdim=True).clamp(0, 1)


def _rgb(planes: Tensor) -> Tensor:
    """Three channels: the first three, or the first one three times."""
    return planes[:3] if planes.shape[0] >= 3 else planes[:1].expand(3, -1, -1)
