"""A material for other programs: `material.mtlx` (MaterialX) and `material.gltf` (glTF 2.0) next to its maps.

Both name the maps' own files. Where a format cannot use a file as it is, a PNG is derived from it, in the
folder `material_textures`, so that reading the material again does not find it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property

from torch import Tensor

from texot.errors import InputError, OutputError, quoted
from texot.files.gltf import gltf_of
from texot.files.material import Material
from texot.files.materialx import check_materialx, materialx_of
from texot.files.surface import surface_of
from texot.files.whole import write_whole
from texot.files.write import write_image
from texot.images.shading import Surface

KINDS = {"mtlx": "material.mtlx", "gltf": "material.gltf"}
"""Kinds of files, and their names."""
DERIVED = "material_textures"
"""The folder of derived PNGs."""


class Textures:
    """The image files of a material, for a document in the same folder.

    Attributes:
        material: the maps.
        files: names of their files by role, relative to the folder.
        written: paths of the PNGs that `derive` wrote.
    """

    def __init__(self, material: Material, folder: str, files: Mapping[str, str]) -> None:
        self.material, self.files, self.written = material, files, list[str]()
        self._folder = folder

    @cached_property
    def surface(self) -> Surface:
        """The quantities of reflection."""
        return surface_of(self.material)

    def is_web(self, role: str) -> bool:
        """Whether the map is a PNG or JPEG file, the formats of glTF."""
        return self.files.get(role, "").lower().endswith((".png", ".jpg", ".jpeg"))

    def derive(self, name: str, planes: Tensor) -> str:
        """Write planes (C, H, W) from 0 to 1 as a PNG, 8 bits, once for each name; return its relative path.

        Raises:
            OutputError: it cannot be written.
        """
        path = os.path.join(self._folder, DERIVED, f"{name}.png")
        if path not in self.written:
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            except OSError as error:
                raise OutputError(f"cannot make the folder of {path!r}: {error.strerror}") from error
            write_image(planes, path)
            self.written.append(path)
        return f"{DERIVED}/{name}.png"


def check_handover(kinds: Sequence[str] = tuple(KINDS)) -> None:
    """Refuse kinds that `write_handover` cannot write, before any work is done.

    Raises:
        InputError: an unknown kind.
        TexotError: MaterialX is needed and not installed.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"hand-over must be {' or '.join(KINDS)}, not {quoted(kind)}")
    if "mtlx" in kinds:
        check_materialx()


def write_handover(
    material: Material,
    folder: str | os.PathLike[str],
    files: Mapping[str, str],
    kinds: Sequence[str] = tuple(KINDS),
) -> list[str]:
    """Write files that make a material of its maps in other programs.

    - `material.mtlx`: a standard_surface shader, with a displacement shader if there is a height map. It has
      no input for occlusion. Written by the package MaterialX, the extra texot[materials].
    - `material.gltf`: a plane of the maps' proportions, the longer side 1, with a metallic-roughness
      material; the specular map by the extension KHR_materials_specular. It has no displacement.

    Normals of the DirectX convention are flipped: by nodes of MaterialX, in a derived PNG for glTF. Without a
    normal map, the height map gives a derived one. Reflectance is that of `texot.files.surface.surface_of`.

    Args:
        material: the maps as written.
        folder: the existing folder of the files; the documents are written in it.
        files: names of the maps' files by role, relative to the folder, such as `Material.names` gives.
        kinds: of "mtlx" and "gltf".

    Returns:
        The paths of all files written, derived PNGs first.

    Raises:
        InputError: an unknown kind, or a role without a file.
        OutputError: a file cannot be written.
        TexotError: MaterialX is needed and not installed.
    """
    check_handover(kinds)
    missing = [role for role in material.layers if role not in files]
    if missing:
        raise InputError(f"no file of the map {missing[0]!r}: name one for every role")
    folder = os.fspath(folder)
    textures = Textures(material, folder, files)
    documents = []
    for kind in dict.fromkeys(kinds):
        path = os.path.join(folder, KINDS[kind])
        text = materialx_of(textures) if kind == "mtlx" else json.dumps(gltf_of(textures), indent=2) + "\n"
        write_whole(path, text.encode("utf-8"))
        documents.append(path)
    return textures.written + documents
