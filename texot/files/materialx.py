"""A MaterialX document of a material: standard_surface with one image node for each map.

Node definitions: the standard library of MaterialX (Academy Software Foundation), and Autodesk Standard
Surface (Georgiev et al. 2019). Written by the package MaterialX, the extra texot[materials].
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

from texot.files.material import is_signed
from texot.files.surface import is_linear
from texot.images.shading import DEPTH, DIELECTRIC, encoded_of
from texot.packages import imported

if TYPE_CHECKING:
    from texot.files.handover import Textures

_IOR = (1 + math.sqrt(DIELECTRIC)) / (1 - math.sqrt(DIELECTRIC))  # whose reflectance is DIELECTRIC


def check_materialx() -> ModuleType:
    """The package.

    Raises:
        TexotError: it is not installed, or cannot be imported.
    """
    return imported("MaterialX", "MaterialX", "materials")


def materialx_of(textures: Textures) -> str:
    """The document as XML, with the files of the maps as relative names.

    Raises:
        OutputError: a derived texture cannot be written.
        TexotError: see `check_materialx`.
    """
    mx = check_materialx()
    document = mx.createDocument()
    document.setColorSpace("lin_rec709")
    name = mx.createValidName(textures.material.name)
    graph = _Graph(mx, document.addNodeGraph(f"NG_{name}"))
    shader = document.addNode("standard_surface", f"SR_{name}", "surfaceshader")
    shader.setInputValue("base", 1.0)
    for name_of_input, (node, kind) in _inputs(graph, textures).items():
        graph.connect(shader, name_of_input, node, kind)
    _constants(shader, textures)
    found = document.addNode("surfacematerial", name, "material")
    found.addInput("surfaceshader", "surfaceshader").setConnectedNode(shader)
    if "height" in textures.files:
        height = graph.image("height", textures.files["height"], "float")
        displacement = document.addNode("displacement", f"DS_{name}", "displacementshader")
        graph.connect(displacement, "displacement", height, "float")
        displacement.setInputValue("scale", DEPTH)
        found.addInput("displacementshader", "displacementshader").setConnectedNode(displacement)
    text = mx.writeToXmlString(document)
    assert isinstance(text, str)
    return text


class _Graph:
    """A node graph, and the nodes that are made in it."""

    def __init__(self, mx: ModuleType, graph: Any) -> None:
        self.mx, self.graph = mx, graph

    def image(self, name: str, file: str, kind: str, colours: str | None = None) -> Any:
        """A node that reads a file as a type; `colours` is its colour space."""
        node = self.graph.addNode("image", f"image_{name}", kind)
        found = node.addInput("file", "filename")
        found.setValueString(file)
        if colours:
            found.setColorSpace(colours)
        return node

    def apply(self, category: str, name: str, kind: str, of: Any, **values: Any) -> Any:
        """A node of another one, with constant inputs; its first input is `in` or `in1`."""
        node = self.graph.addNode(category, name, kind)
        first = "in1" if "in2" in values else "in"
        node.addInput(first, of.getType()).setConnectedNode(of)
        for key, value in values.items():
            node.setInputValue(key, value)
        return node

    def connect(self, shader: Any, name: str, node: Any, kind: str) -> None:
        """Connect an input of a shader to a node, through an output of the graph."""
        output = self.graph.addOutput(f"out_{name}", kind)
        output.setConnectedNode(node)
        shader.addInput(name, kind).setConnectedOutput(output)


def _inputs(graph: _Graph, textures: Textures) -> dict[str, tuple[Any, str]]:
    """Inputs of the shader that maps give: the node and type of each."""
    layers, files = textures.material.layers, textures.files
    found: dict[str, tuple[Any, str]] = {}
    for role, name in (("basecolor", "base_color"), ("emissive", "emission_color")):
        if role in layers:
            found[name] = _colours(graph, textures, role), "color3"
    packed = graph.image("orm", files["orm"], "vector3") if "orm" in layers else None
    for role, name, channel in (("roughness", "specular_roughness", 1), ("metallic", "metalness", 2)):
        if role in layers:
            found[name] = graph.image(role, files[role], "float"), "float"
        elif role == "roughness" and "gloss" in layers and packed is None:
            gloss = graph.image("gloss", files["gloss"], "float")
            found[name] = graph.apply("invert", "roughness", "float", gloss), "float"
        elif packed is not None:
            found[name] = graph.apply("extract", role, "float", packed, index=channel), "float"
    if "specular" in layers:
        found["specular"] = graph.image("specular", files["specular"], "float"), "float"
    opacity = _opacity(graph, textures)
    if opacity is not None:
        found["opacity"] = graph.apply("convert", "opacity", "color3", opacity), "color3"
    if "normal" in layers or "height" in layers:
        found["normal"] = graph.apply("normalmap", "normal", "vector3", _normals(graph, textures)), "vector3"
    return found


def _constants(shader: Any, textures: Textures) -> None:
    """Inputs of the shader that no map gives, and those that make its reflection that of `surface_of`."""
    surface = textures.surface
    shader.setInputValue("specular_IOR", _IOR)
    if "emissive" in textures.material.layers:
        shader.setInputValue("emission", 1.0)
    for name, planes in (
        ("specular_roughness", surface.roughness),
        ("metalness", surface.metallic),
        ("specular", surface.specular),
    ):
        if shader.getInput(name) is None:
            shader.setInputValue(name, float(planes.mean()))


def _colours(graph: _Graph, textures: Textures, role: str) -> Any:
    """A node of colours; a grey image, of which programs may read the red channel only, is derived as RGB."""
    layer = textures.material.layers[role]
    if layer.values.shape[2] - layer.has_alpha < 3:
        planes = encoded_of(getattr(textures.surface, role).clamp(0, 1))
        return graph.image(role, textures.derive(role, planes), "color3", "srgb_texture")
    space = "lin_rec709" if is_linear(layer) else "srgb_texture"
    return graph.image(role, textures.files[role], "color3", space)


def _opacity(graph: _Graph, textures: Textures) -> Any | None:
    """A node of opacity, of its map or the alpha channel of the base colour; None if there is neither."""
    layers, files = textures.material.layers, textures.files
    if "opacity" in layers:
        return graph.image("opacity", files["opacity"], "float")
    if "basecolor" not in layers or not layers["basecolor"].has_alpha:
        return None
    if layers["basecolor"].values.shape[2] < 4:
        return graph.image("alpha", textures.derive("opacity", textures.surface.opacity), "float")
    return graph.apply(
        "extract", "alpha", "float", graph.image("rgba", files["basecolor"], "vector4"), index=3
    )


def _normals(graph: _Graph, textures: Textures) -> Any:
    """A node of normals encoded from 0 to 1, with y up."""
    material = textures.material
    if "normal" not in material.layers:
        return graph.image("normal", textures.derive("normal", (textures.surface.normal + 1) / 2), "vector3")
    node = graph.image("normal", textures.files["normal"], "vector3")
    signed, flipped = is_signed(material.layers["normal"].values), material.convention == "directx"
    if not signed and not flipped:
        return node
    unit = 0.5 if signed else 1.0
    scale = graph.mx.Vector3(unit, -unit if flipped else unit, unit)
    offset = (
        graph.mx.Vector3(0.5, 0.5, 0.5) if signed else graph.mx.Vector3(0.0, 1.0, 0.0)
    )  # of encoded y, 1 - y
    scaled = graph.apply("multiply", "normal_scaled", "vector3", node, in2=scale)
    return graph.apply("add", "normal_encoded", "vector3", scaled, in2=offset)
