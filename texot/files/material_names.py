"""Names of the maps of materials: the role that a file's name gives it, and the names that engines expect.

A role stands in a name in the spellings of engines and libraries: `basecolor`, `albedo`, `diff`, `NormalGL`,
`rough`, `Displacement`, `ARM` and so on, after the name of the material and before its resolution
(ambientCG: `Bricks001_1K-JPG_NormalGL.jpg`, Poly Haven: `brick_wall_001_nor_gl_1k.exr`).
"""

from __future__ import annotations

import os
import re

ROLES: dict[str, tuple[str, ...]] = {
    "basecolor": (
        "basecolor",
        "basecolour",
        "albedo",
        "diffuse",
        "diff",
        "color",
        "colour",
        "col",
        "basemap",
    ),
    "normal": ("normal", "normals", "normalmap", "nrm", "norm", "nor", "nm"),
    "roughness": ("roughness", "rough", "rgh"),
    "gloss": ("gloss", "glossiness", "smoothness", "smooth"),
    "specular": ("specular", "spec"),
    "metallic": ("metallic", "metalness", "metal", "met"),
    "occlusion": ("ao", "occlusion", "ambientocclusion", "occ"),
    "height": ("height", "heightmap", "displacement", "disp", "bump"),
    "opacity": ("opacity", "alpha", "transparency", "mask"),
    "emissive": ("emissive", "emission", "emit"),
    "orm": ("orm", "arm", "occlusionroughnessmetallic"),
}
"""Roles, and their spellings in lower case without separators. `orm` (or ARM) packs occlusion, roughness and
metallic in one image."""

NAMINGS: dict[str, dict[str, str]] = {
    "unreal": {
        "basecolor": "T_{name}_BC",
        "normal": "T_{name}_N",
        "roughness": "T_{name}_R",
        "metallic": "T_{name}_M",
        "occlusion": "T_{name}_AO",
        "height": "T_{name}_H",
        "opacity": "T_{name}_O",
        "emissive": "T_{name}_E",
        "specular": "T_{name}_S",
        "orm": "T_{name}_ORM",
    },
    "unity": {
        "basecolor": "{name}_Albedo",
        "normal": "{name}_Normal",
        "roughness": "{name}_Roughness",
        "gloss": "{name}_Smoothness",
        "metallic": "{name}_Metallic",
        "occlusion": "{name}_Occlusion",
        "height": "{name}_Height",
        "emissive": "{name}_Emission",
    },
    "godot": {"occlusion": "{name}_ao", "basecolor": "{name}_albedo", "emissive": "{name}_emission"},
    "ambientcg": {
        "basecolor": "{name}_Color",
        "normal": "{name}_NormalGL",
        "roughness": "{name}_Roughness",
        "metallic": "{name}_Metalness",
        "occlusion": "{name}_AmbientOcclusion",
        "height": "{name}_Displacement",
        "opacity": "{name}_Opacity",
        "emissive": "{name}_Emission",
    },
}
"""Names of files by naming scheme and role; roles without an entry are `{name}_{role}`."""

_SPELLINGS = {spelling: role for role, spellings in ROLES.items() for spelling in spellings}
_CONVENTIONS = {"gl": "opengl", "opengl": "opengl", "dx": "directx", "directx": "directx"}
_RESOLUTION = re.compile(r"\d+k?|\d+px|jpg|jpeg|png|exr|tif|tiff")
_MAX_WORDS = 3  # words of a spelling


def role_of(file: str) -> tuple[str, str | None] | None:
    """The role that a file's name gives it, and the convention of normals in it or None; None without a role.

    >>> role_of("Bricks001_1K-JPG_NormalDX.jpg"), role_of("brick_wall_001_diff_1k.png"), role_of("readme.png")
    (('normal', 'directx'), ('basecolor', None), None)
    """
    stem = os.path.splitext(os.path.basename(file))[0]
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-zA-Z]?", stem)]
    convention = None
    while words and (_RESOLUTION.fullmatch(words[-1]) or (words[-1] in _CONVENTIONS and len(words) > 1)):
        convention = _CONVENTIONS.get(words[-1], convention)
        words.pop()
    for count in range(min(_MAX_WORDS, len(words)), 0, -1):
        role = _SPELLINGS.get("".join(words[-count:]))
        if role is not None:
            return role, convention if role == "normal" else None
    return None


def with_convention(file: str, convention: str) -> str:
    """A file name with the other convention of normals in it, if it names one."""
    stem, suffix = os.path.splitext(file)
    pairs = (("OpenGL", "DirectX"), ("opengl", "directx"), ("GL", "DX"), ("gl", "dx"))
    for gl, dx in pairs:
        old, new = (gl, dx) if convention == "directx" else (dx, gl)
        if re.search(rf"{old}(?![a-z])", stem):
            return re.sub(rf"{old}(?![a-z])", new, stem) + suffix
    return file
