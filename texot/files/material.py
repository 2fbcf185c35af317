"""Materials: maps of one surface that belong together, such as base colour, normals and roughness."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from texot.errors import InputError, OutputError, quoted
from texot.files.layer import Layer, Values, read_layer
from texot.files.material_names import NAMINGS, ROLES, role_of, with_convention

log = logging.getLogger("texot")

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".webp", ".bmp", ".tga")
"""Files of a folder that may be maps."""

_MAX_SIDE = 2**15  # pixels of a map: wider headers are refused before the pixels are read
_ZERO = 1e-6  # length of vectors without a direction
_OF_UNIT = 0.1  # mean deviation of a normal's length from 1 that is reported


@dataclass(frozen=True, eq=False)
class Material:
    """Maps of one surface.

    Attributes:
        layers: the maps by role, all of the same size.
        files: names of their files by role.
        name: name of the material.
        convention: direction of y in the normal map, "opengl" or "directx".
    """

    layers: dict[str, Layer]
    files: dict[str, str]
    name: str
    convention: str = "opengl"

    def __repr__(self) -> str:
        width, height = self.size
        return f"{type(self).__name__}({self.name!r}, {width}x{height}, {', '.join(self.layers)})"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return next(iter(self.layers.values())).size

    def with_values(self, values: Mapping[str, Values]) -> Material:
        """The same maps with other values (H, W, C), by role."""
        layers = {role: self.layers[role].with_values(values[role]) for role in self.layers}
        return replace(self, layers=layers)

    def only(self, roles: Collection[str]) -> Material:
        """The material with some of its maps.

        Raises:
            InputError: it lacks one of them.
        """
        missing = [role for role in roles if role not in self.layers]
        if missing:
            raise InputError(
                f"{self.name!r} has no {', '.join(missing)} map: its maps are {', '.join(self.layers)}"
            )
        layers = {role: layer for role, layer in self.layers.items() if role in roles}
        return replace(self, layers=layers, files={role: self.files[role] for role in layers})

    def flipped(self) -> Material:
        """The material with the other convention of the normal map: y is negated."""
        if "normal" not in self.layers:
            raise InputError("this material has no normal map whose y could be flipped")
        layer = self.layers["normal"]
        values = layer.values.copy()
        top = 0 if is_signed(values) else values.dtype.type(top_of(values))
        values[..., 1] = top - values[..., 1]
        other = "directx" if self.convention == "opengl" else "opengl"
        files = {**self.files, "normal": with_convention(self.files["normal"], other)}
        layers = {**self.layers, "normal": layer.with_values(values)}
        return replace(self, layers=layers, files=files, convention=other)

    def in_convention(self, convention: str) -> Material:
        """The material with the given convention of normals, if it has a normal map."""
        same = self.convention == convention or "normal" not in self.layers
        return self if same else self.flipped()

    def names(self, naming: str = "as-input", name: str | None = None) -> dict[str, str]:
        """File names by role.

        Args:
            naming: "as-input" or one of `NAMINGS`.
            name: name of the material in them; None: its own.

        Raises:
            InputError: an unknown naming.
        """
        if naming == "as-input":
            return dict(self.files)
        if naming not in NAMINGS:
            raise InputError(f"naming must be as-input, {', '.join(NAMINGS)}, not {quoted(naming)}")
        found = {}
        for role, file in self.files.items():
            pattern = NAMINGS[naming].get(role, "{name}_{role}")
            if naming == "ambientcg" and role == "normal" and self.convention == "directx":
                pattern = "{name}_NormalDX"
            stem = pattern.format(name=name or self.name, role=role)
            found[role] = stem + os.path.splitext(file)[1].lower()
        return found

    def check_output(
        self, folder: str | os.PathLike[str], size: tuple[int, int], naming: str = "as-input"
    ) -> list[str]:
        """Refuse a folder that `write` could not write, before any work is done; return the files' paths.

        Args:
            folder: an existing folder, or a new one in an existing folder.
            size: (width, height) of the maps to write.
            naming: see `names`.

        Raises:
            OutputError: a file cannot be written.
        """
        folder = os.fspath(folder)
        parent = folder if os.path.isdir(folder) else os.path.dirname(os.path.abspath(folder))
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise OutputError(f"cannot write {folder!r}: it is a file; name a folder for the maps")
        if not os.path.isdir(parent):
            raise OutputError(f"cannot write {folder!r}: no such folder; make {parent!r} first")
        names = self.names(naming, name_of(folder))
        for role, name in names.items():
            self.layers[role].check_output(os.path.join(parent, name), size)
        return [os.path.join(folder, name) for name in names.values()]

    def write(self, folder: str | os.PathLike[str], naming: str = "as-input") -> list[str]:
        """Write all maps to a folder, each file whole or not at all; return their paths.

        Args:
            folder: created if missing.
            naming: see `names`.

        Raises:
            OutputError: the folder or a file cannot be written.
        """
        folder = os.fspath(folder)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder!r}: {error.strerror}") from error
        paths = []
        for role, name in self.names(naming, name_of(folder)).items():
            paths.append(os.path.join(folder, name))
            self.layers[role].write(paths[-1])
        return paths


def read_material(
    source: str | os.PathLike[str] | Mapping[str, Any], maps: Mapping[str, Any] | None = None
) -> Material:
    """Read the maps of a material.

    Args:
        source: a folder, whose files' names give the roles; or files by role.
        maps: more files by role, which take precedence.

    Raises:
        InputError: no map, two files of one role, an unknown role, sizes that do not divide, or a map that is
            not one of its role, such as a normal map of one channel.
        TexotError: a map needs a package that is not installed.
    """
    given = dict(source) if isinstance(source, Mapping) else {}
    given |= dict(maps or {})
    for role in given:
        if role not in ROLES:
            raise InputError(f"unknown role {quoted(role)}: expected one of {', '.join(ROLES)}")
    name, found, convention = "material", dict(given), "opengl"
    if not isinstance(source, Mapping):
        folder = os.fsdecode(source)
        name = name_of(folder)
        of_folder, convention = _files_of(folder, given)
        found = {**of_folder, **found}
    if isinstance(given.get("normal"), (str, os.PathLike)):
        convention = (role_of(os.fsdecode(given["normal"])) or ("", None))[1] or "opengl"
    found = {role: found[role] for role in ROLES if role in found}
    if not found:
        where = "" if isinstance(source, Mapping) else f" in {os.fsdecode(source)!r}"
        raise InputError(
            f"no map of a material{where}: name files by their roles, such as NAME_basecolor.png"
        )
    layers = {role: read_layer(file) for role, file in found.items()}
    layers = _of_one_size(layers)
    for role, layer in layers.items():
        _check(role, layer)
    files = {
        role: os.path.basename(os.fsdecode(file)) if isinstance(file, (str, os.PathLike)) else f"{role}.png"
        for role, file in found.items()
    }
    return Material(layers, files, name, convention)


def is_signed(values: Values) -> bool:
    """Whether the vectors (..., 3) of a normal map are from -1 to 1, not encoded as colours from 0 to 1."""
    return values.dtype.kind == "f" and float(values[..., :2].min()) < -0.01


def top_of(values: Values) -> float:
    """The value that stands for 1 in the type of values: the largest integer, or 1 in floats."""
    return float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0


def unit_normals(values: Values, top: float, *, signed: bool) -> Values:
    """Values (..., C) of a normal map with vectors of unit length; zero vectors and further channels stay.

    Args:
        values: floats in the map's encoding.
        top: value of the encoding that stands for 1, if not signed.
        signed: whether the vectors are stored from -1 to 1.
    """
    scale, zero = (1.0, 0.0) if signed else (top / 2, top / 2)
    found: Values = values.copy()
    directions = (values[..., :3] - zero) / scale
    length = np.linalg.norm(directions, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found[..., :3] = np.where(length > _ZERO, directions / length, directions) * scale + zero
    return found


def name_of(folder: str) -> str:
    """The name of a material in a folder."""
    return os.path.basename(os.path.abspath(folder)) or "material"


def _files_of(folder: str, given: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """The files of a folder by role, without the roles that are given, and the convention of normals."""
    try:
        entries = sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(f"cannot read the folder {folder!r}: {error.strerror or error}") from error
    entries = [entry for entry in entries if entry.lower().endswith(SUFFIXES)]
    found: dict[str, str] = {}
    convention, rest = "opengl", []
    for entry in entries:
        role = role_of(entry)
        if role is None:
            rest.append(entry)
            continue
        if role[0] in given:
            continue
        if role[0] in found:
            both = {role[1], role_of(found[role[0]])[1]}  # type: ignore[index]
            if both != {"opengl", "directx"}:
                raise InputError(
                    f"{folder!r} has two maps of role {role[0]}, {found[role[0]]!r} and {entry!r}: remove "
                    f"one, or name one by --map {role[0]}=FILE"
                )
            log.info("%s: both conventions of normals are there, the OpenGL one is used", folder)
            if role[1] == "directx":
                continue
        found[role[0]] = entry
        if role[0] == "normal":
            convention = role[1] or "opengl"
    if "basecolor" not in found and "basecolor" not in given and len(rest) == 1:
        found["basecolor"] = rest.pop()
    if rest:
        log.info("%s: no role in the names of %s: not used", folder, ", ".join(map(repr, rest[:5])))
    return {role: os.path.join(folder, entry) for role, entry in found.items()}, convention


def _of_one_size(layers: dict[str, Layer]) -> dict[str, Layer]:
    """The layers at the size of the largest one; smaller sizes must be integer fractions of it."""
    width, height = max((layer.size for layer in layers.values()), key=lambda size: size[0] * size[1])
    if max(width, height) > _MAX_SIDE:
        raise InputError(f"a map of {width}x{height} px is larger than {_MAX_SIDE} px a side: reduce it")
    found = {}
    for role, layer in layers.items():
        w, h = layer.size
        if (w, h) == (width, height):
            found[role] = layer
            continue
        if width % w or height % h or width // w != height // h:
            raise InputError(
                f"the {role} map is {w}x{h} px and the largest map {width}x{height} px: give maps of one "
                "size, or of sizes that divide it"
            )
        log.info("the %s map is enlarged from %dx%d to %dx%d px", role, w, h, width, height)
        found[role] = layer.with_values(_enlarged(layer.values, width // w))
    return found


def _enlarged(values: Values, factor: int) -> Values:
    """Values (h, w, C) interpolated to `factor` times the size, in their own type."""
    planes = torch.from_numpy(values.astype(np.float64)).permute(2, 0, 1)
    size = [n * factor for n in planes.shape[1:]]
    made = F.interpolate(planes[None], size, mode="bilinear", align_corners=False)[0].permute(1, 2, 0).numpy()
    return (np.rint(made) if values.dtype.kind in "iu" else made).astype(values.dtype)


def _check(role: str, layer: Layer) -> None:
    """Refuse a map that cannot be one of its role.

    Raises:
        InputError: why.
    """
    values = layer.values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"the {role} map has NaN or infinite values: replace them")
    channels = values.shape[2] - layer.has_alpha
    if role in ("normal", "orm") and channels != 3:
        raise InputError(f"the {role} map has {channels} channel(s), expected 3: give RGB, or another role")
    if role == "normal":
        length = np.linalg.norm(vectors(values), axis=-1)
        if abs(float(length.mean()) - 1) > _OF_UNIT:
            log.warning(
                "the normal map's vectors have a mean length of %.2f, not 1: is it one?", float(length.mean())
            )


def vectors(values: Values) -> Values:
    """The vectors (H, W, 3) float64 of a normal map (H, W, 3 or 4) of any type."""
    found: Values = values[..., :3].astype(np.float64)
    if is_signed(values):
        return found
    return 2 * found / top_of(values) - 1
