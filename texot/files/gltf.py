"""A glTF 2.0 document of a plane with a material (Khronos Group, glTF 2.0 specification, sections 3 and 5).

Occlusion, roughness and metallic are the red, green and blue channel of one texture. Specular reflectance is
0.08 x specular: the extension KHR_materials_specular scales 0.04, so that its factor is 2.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import torch

from texot._version import __version__
from texot.files.material import is_signed
from texot.images.shading import encoded_of

if TYPE_CHECKING:
    from texot.files.handover import Textures

_FLOAT, _USHORT = 5126, 5123  # component types
_VERTICES, _INDICES = 34962, 34963  # targets of buffer views
_LINEAR, _MIPMAPPED, _REPEAT = 9729, 9987, 10497  # filters and wrapping of samplers
_PACKED = ("occlusion", "roughness", "metallic", "gloss", "orm")


def gltf_of(textures: Textures) -> dict[str, Any]:
    """The document, with the plane's vertices in it and the textures as relative URIs.

    Raises:
        OutputError: a derived texture cannot be written.
    """
    images: list[str] = []
    material = _material(textures, images)
    data, views, accessors = _plane(*textures.material.size)
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode("ascii")
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    found: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"texot {__version__}"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "plane"}],
        "meshes": [{"primitives": [{"attributes": attributes, "indices": 3, "material": 0}]}],
        "materials": [material],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"uri": uri, "byteLength": len(data)}],
    }
    if images:
        sampler = {"magFilter": _LINEAR, "minFilter": _MIPMAPPED, "wrapS": _REPEAT, "wrapT": _REPEAT}
        found["samplers"] = [sampler]
        found["images"] = [{"uri": quote(file)} for file in images]
        found["textures"] = [{"source": source, "sampler": 0} for source in range(len(images))]
    if "extensions" in material:
        found["extensionsUsed"] = sorted(material["extensions"])
    return found


def _material(textures: Textures, images: list[str]) -> dict[str, Any]:
    """The material; the files of its textures are added to `images`."""
    layers, surface = textures.material.layers, textures.surface

    def texture(file: str) -> dict[str, int]:
        if file not in images:
            images.append(file)
        return {"index": images.index(file)}

    reflection: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.5}
    found: dict[str, Any] = {"name": textures.material.name, "pbrMetallicRoughness": reflection}
    if float(surface.opacity.min()) < 1:
        found["alphaMode"] = "BLEND"
    if "opacity" in layers:
        planes = torch.cat([encoded_of(surface.basecolor), surface.opacity])
        reflection["baseColorTexture"] = texture(textures.derive("basecolor_opacity", planes))
    elif "basecolor" in layers:
        reflection["baseColorTexture"] = texture(_colours(textures, "basecolor"))
    if any(role in layers for role in _PACKED):
        packed = texture(_packed(textures))
        reflection |= {"metallicRoughnessTexture": packed, "metallicFactor": 1.0, "roughnessFactor": 1.0}
        if "occlusion" in layers or "orm" in layers:
            found["occlusionTexture"] = packed
    if "normal" in layers or "height" in layers:
        found["normalTexture"] = texture(_normals(textures))
    if "emissive" in layers:
        found |= {
            "emissiveTexture": texture(_colours(textures, "emissive")),
            "emissiveFactor": [1.0, 1.0, 1.0],
        }
    if "specular" in layers:
        made = texture(textures.derive("specular", encoded_of(surface.specular)))
        extension = {"specularColorFactor": [2.0, 2.0, 2.0], "specularColorTexture": made}
        found["extensions"] = {"KHR_materials_specular": extension}
    return found


def _colours(textures: Textures, role: str) -> str:
    """A file of sRGB-encoded colours: the map's own, if it is one."""
    if textures.is_web(role):
        return textures.files[role]
    planes = encoded_of(getattr(textures.surface, role).clamp(0, 1))
    opacity = textures.surface.opacity
    with_alpha = role == "basecolor" and float(opacity.min()) < 1
    return textures.derive(role, torch.cat([planes, opacity]) if with_alpha else planes)


def _packed(textures: Textures) -> str:
    """A file of occlusion, roughness and metallic: the map's own, if nothing overrides its channels."""
    given = [role for role in _PACKED if role in textures.material.layers]
    if given == ["orm"] and textures.is_web("orm"):
        return textures.files["orm"]
    surface = textures.surface
    planes = torch.cat([surface.occlusion, surface.roughness, surface.metallic])
    return textures.derive("occlusion_roughness_metallic", planes)


def _normals(textures: Textures) -> str:
    """A file of normals with y up: the map's own, if it is one."""
    material = textures.material
    layer = material.layers.get("normal")
    own = layer is not None and textures.is_web("normal") and not is_signed(layer.values)
    if own and material.convention == "opengl":
        return textures.files["normal"]
    return textures.derive("normal", (textures.surface.normal + 1) / 2)


def _plane(width: int, height: int) -> tuple[bytes, list[dict[str, Any]], list[dict[str, Any]]]:
    """Data, buffer views and accessors of a plane that faces z: positions, normals, coordinates, indices."""
    x, y = (side / max(width, height) / 2 for side in (width, height))
    positions = [(-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)]
    corners = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]  # v is down in glTF
    indices = (0, 1, 2, 0, 2, 3)
    low, high = ([pick(axis) for axis in zip(*positions, strict=True)] for pick in (min, max))
    parts: list[tuple[bytes, int, dict[str, Any]]] = [
        (
            b"".join(struct.pack("<3f", *p) for p in positions),
            _VERTICES,
            {"componentType": _FLOAT, "count": 4, "type": "VEC3", "min": low, "max": high},
        ),
        (
            struct.pack("<3f", 0, 0, 1) * 4,
            _VERTICES,
            {"componentType": _FLOAT, "count": 4, "type": "VEC3"},
        ),
        (
            b"".join(struct.pack("<2f", *p) for p in corners),
            _VERTICES,
            {"componentType": _FLOAT, "count": 4, "type": "VEC2"},
        ),
        (
            struct.pack("<6H", *indices),
            _INDICES,
            {"componentType": _USHORT, "count": len(indices), "type": "SCALAR"},
        ),
    ]
    data, views, accessors = b"", [], []
    for number, (part, target, accessor) in enumerate(parts):
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part), "target": target})
        accessors.append({"bufferView": number, **accessor})
        data += part
    return data, views, accessors
