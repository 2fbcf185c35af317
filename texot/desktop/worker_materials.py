"""Materials in the worker: maps and lit surfaces as pictures, and jobs on all maps."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

import texot
from texot import InputError, Material, OutputError, State, Synthesis
from texot.desktop.looks import FINE_SIDE
from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import Pixels, to_pixels
from texot.files.exemplar import Exemplar, read_exemplar
from texot.files.layer import Layer, Values
from texot.files.material import is_signed, read_material, top_of
from texot.files.material_stack import MaterialStack
from texot.files.original import Original
from texot.files.sizes import at_most, exemplar_side
from texot.files.surface import is_linear, surface_of
from texot.files.whole import write_whole
from texot.images.shading import Lighting, Surface, encoded_of, shade_plane
from texot.jobs.material import check_turned, finish_synthesis, flattened
from texot.jobs.material_files import write_result

_MAX_MATERIALS, _MAX_SURFACES = 2, 4  # that are kept in memory


def is_material(request: JobRequest) -> bool:
    """Whether an input of a job is a folder of maps."""
    return any(os.path.isdir(path) for path in request.paths())


class Materials:
    """The materials that the window shows, kept in memory. For one thread."""

    def __init__(self) -> None:
        self._materials: OrderedDict[str, Material] = OrderedDict()
        self._surfaces: OrderedDict[tuple[str, int], Surface] = OrderedDict()

    def open(self, path: str) -> Material:
        """Read the material of a folder, also if it was read before.

        Raises:
            InputError: see `texot.read_material`.
        """
        self._surfaces = OrderedDict((key, one) for key, one in self._surfaces.items() if key[0] != path)
        found = self._materials[path] = read_material(path)
        self._materials.move_to_end(path)
        while len(self._materials) > _MAX_MATERIALS:
            self._materials.popitem(last=False)
        return found

    def _find(self, path: str) -> Material:
        return self._materials[path] if path in self._materials else self.open(path)

    def picture(self, path: str, role: str) -> Pixels:
        """A map of a material.

        Raises:
            InputError: the folder cannot be read any more, or has no such map.
        """
        return map_picture(self._find(path), role)

    def lit(self, path: str, light: tuple[float, float], side: int) -> Pixels:
        """A material in light, as a plane seen from above.

        Args:
            path: of its folder.
            light: azimuth and elevation in degrees, see `texot.images.shading.Lighting`.
            side: most pixels of the longer side.
        """
        return to_pixels(shade_plane(self._surface(path, side), Lighting(*light)))

    def _surface(self, path: str, side: int) -> Surface:
        key = path, side
        if key not in self._surfaces:
            if side < FINE_SIDE:  # which is needed soon, and is quickly reduced further
                self._surfaces[key] = self._surface(path, FINE_SIDE).reduced(side)
            else:
                self._surfaces[key] = surface_of(self._find(path)).reduced(side)
            while len(self._surfaces) > _MAX_SURFACES:
                self._surfaces.popitem(last=False)
        self._surfaces.move_to_end(key)
        return self._surfaces[key]


def main_role(material: Material) -> str:
    """The map that stands for a material: its first one, which is the base colour if it has one."""
    return next(iter(material.layers))


def map_picture(material: Material, role: str) -> Pixels:
    """A map as the window shows it, without alpha.

    Raises:
        InputError: there is no such map.
    """
    if role not in material.layers:
        raise InputError(f"{material.name!r} has no {role} map: its maps are {', '.join(material.layers)}")
    layer = material.layers[role]
    return to_pixels(_displayed(role, layer, layer.values))


def _displayed(role: str, layer: Layer, values: Values) -> Tensor:
    """Values (H, W, C) of a map as planes (1 or 3, H, W) from 0 to 1.

    Heights in floats are stretched, if they leave that range.
    """
    values = values[..., : values.shape[2] - layer.has_alpha].astype("float32") / top_of(values)
    planes = torch.from_numpy(values).permute(2, 0, 1)
    planes = planes[:3] if planes.shape[0] >= 3 else planes[:1]
    if role == "normal" and is_signed(layer.values):
        planes = (planes + 1) / 2
    elif role in ("basecolor", "emissive") and is_linear(layer):
        planes = encoded_of(planes.clamp(0, 1))
    elif role == "height" and (planes.min() < 0 or planes.max() > 1):
        low, high = planes.min(), planes.max()
        planes = (planes - low) / (high - low).clamp_min(1e-12)
    return planes.clamp(0, 1)


class MaterialJob:
    """A job on all maps of a material, or of several, as the commands do it.

    Args:
        request: any task but "train" and "sample".

    Raises:
        TexotError: an input or argument that cannot be used.
    """

    def __init__(self, request: JobRequest) -> None:
        paths, arguments = request.files.get("images") or [request.files["image"]], dict(request.arguments)
        if any(os.path.isfile(path) for path in paths):
            raise InputError("materials and images do not mix: give folders of maps only, or images only")
        materials = [read_material(path) for path in paths]
        self._facts: dict[str, object] = {}  # for `texot replay`
        if request.task == "tile":
            self._facts["flatten"] = bool(arguments.pop("flatten", False))
            materials = [flattened(one) for one in materials] if self._facts["flatten"] else materials
        if arguments.get("weights"):
            self._facts["mix"] = arguments["weights"]
        stack = self._stack = MaterialStack(materials)
        self._finish: Callable[[Synthesis], Material] = lambda result: stack.material(result.image)
        self._whole: tuple[int, int] | None = None  # size of the exemplar of the field
        self.states = self._states(request, arguments)

    def _states(self, request: JobRequest, arguments: dict[str, object]) -> Iterator[State]:
        stack = self._stack
        source: Exemplar | Original
        if arguments.get("init"):
            arguments["init"] = stack.start(read_material(str(arguments["init"])))
        if request.task == "interpolate":
            exemplars = [stack.exemplar(number) for number in range(len(stack.materials))]
            return texot.iter_interpolation(exemplars, **arguments)  # type: ignore[arg-type]
        arguments["palette"] = "none"
        if request.task == "synthesize":
            turned = "rotation_map" in arguments or arguments.get("symmetry", "none") != "none"
            check_turned(stack.materials, turned=turned)
            fit = at_most(exemplar_side(arguments.get("exemplar_size")))  # type: ignore[arg-type]
            count = len(stack.materials)
            exemplars = [read_exemplar(stack.exemplar(number), fit=fit) for number in range(count)]
            self._finish = partial(finish_synthesis, stack, exemplar_size=exemplars[0].size)
            self._whole = exemplars[0].whole if count == 1 else None
            return texot.iter_synthesis(exemplars, **arguments)  # type: ignore[arg-type]
        source = stack.original()
        self._whole = source.size
        self._finish = lambda result: stack.material(result.image, unchanged=0)
        if request.task == "tile":
            return texot.iter_tileable(source, **arguments)  # type: ignore[arg-type]
        if request.files["mask"] is None:
            raise InputError("nothing is painted: a material needs a mask, white is filled")
        return texot.iter_inpaint(source, request.files["mask"], **arguments)  # type: ignore[arg-type]

    def picture(self, image: Tensor) -> Pixels:
        """The main map in the image (C, H, W) of a state."""
        material = self._stack.materials[0]
        role = main_role(material)
        return to_pixels(_displayed(role, material.layers[role], self._stack.code.sketch(image, role)))

    def write(self, result: Synthesis, folder: str) -> Material:
        """Write the maps of a result, and its settings and field, as the commands do.

        Raises:
            OutputError: they cannot be written.
        """
        made = self._finish(result)
        write_result(made, result, folder, whole=self._whole, facts=self._facts)
        return made


def save_folder(source: Path, folder: str, *, overwrite: bool) -> None:
    """Copy the files of a material in the session to the user's folder, each whole or not at all.

    Args:
        source: folder of the session.
        folder: created if missing.
        overwrite: whether files may be replaced; otherwise nothing is written if one exists.

    Raises:
        OutputError: a file cannot be written, or exists and must not be replaced.
    """
    files = sorted(path for path in source.iterdir() if path.is_file())
    there = [path.name for path in files if os.path.lexists(os.path.join(folder, path.name))]
    if there and not overwrite:
        raise OutputError(f"{folder!r} has a file {there[0]!r} already: choose another folder")
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder!r}: {error.strerror}") from error
    for path in files:
        write_whole(os.path.join(folder, path.name), path.read_bytes())
