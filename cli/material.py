"""Materials on the command line: a folder of maps in the place of an image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.options import Command, real, role_file, together
from texot.cli.pictures import readable
from texot.errors import OutputError

if TYPE_CHECKING:
    from texot.files.material import Material
    from texot.files.material_stack import MaterialStack


@dataclass(frozen=True)
class MaterialOptions:
    """Options of commands for materials.

    Attributes:
        maps: files by role, in addition to those of the folder.
        weights: weights of roles in the distance of patches.
        naming: scheme of file names.
        flip: whether the y of normals is negated in the output.
        handover: documents for other programs next to the maps, of "mtlx" and "gltf".
    """

    maps: dict[str, Path]
    weights: dict[str, float]
    naming: str
    flip: bool
    handover: tuple[str, ...] = ()

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> "MaterialOptions":
        """Take the options of `material_options` out of a command's options.

        Raises:
            click.UsageError: a role is given twice.
        """
        maps, weights = options.pop("map", ()), options.pop("map_weight", ())
        if len(dict(maps)) < len(maps) or len(dict(weights)) < len(weights):
            raise click.UsageError("a role is given twice: give one file, and one weight, for each.")
        flip, handover = options.pop("flip_normal_y", False), options.pop("handover", ())
        naming = options.pop("naming", "as-input")
        return cls(dict(maps), dict(weights), naming, flip, handover)

    @property
    def any_given(self) -> bool:
        """Whether an option was given that needs a material."""
        return bool(self.maps or self.weights or self.flip or self.handover or self.naming != "as-input")

    def facts(self) -> dict[str, Any]:
        """What the record of a result holds of these options."""
        return {
            "map_weight": self.weights,
            "naming": self.naming,
            "flip_normal_y": self.flip,
            "handover": list(self.handover),
        }

    def is_material(self, source: Path | None) -> bool:
        """Whether a command's first argument is a material.

        Raises:
            click.UsageError: an option for materials with one image.
        """
        if (source is not None and source.is_dir()) or self.maps:
            return True
        if self.any_given:
            raise click.UsageError("--map-weight, --naming, --flip-normal-y, --handover are for materials.")
        return False

    def read(self, source: Path | None) -> "Material":
        """The material in a folder, or of one image and --map.

        Raises:
            InputError, TexotError: see `texot.files.material.read_material`.
        """
        from texot.files.material import read_material

        maps = {role: readable(path) for role, path in self.maps.items()}
        if source is None:
            return read_material({}, maps)
        return read_material(source if source.is_dir() else {"basecolor": readable(source)}, maps)

    def inputs(self, *sources: Path | None) -> list[Path]:
        """The files and folders among `sources` and the maps, which must not be overwritten."""
        return [path for path in (*sources, *self.maps.values()) if path is not None]

    def stack(self, *materials: "Material") -> "MaterialStack":
        """Materials as images for the solver."""
        from texot.files.material_stack import MaterialStack

        return MaterialStack(materials, self.weights)


def material_options(*, inputs: bool = True, outputs: bool = True) -> Callable[[Command], Command]:
    """The options of materials: those of the maps that are read, of those that are written, or both."""

    def role_weight(value: str) -> tuple[str, float]:
        role, separator, weight = str(value).partition("=")
        if not role or not separator:
            raise click.BadParameter(f"{value!r} is not ROLE=X, such as normal=0.3.")
        return role, real(zero=True)(weight)

    def documents(value: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(part for part in str(value).split(",") if part))
        if not set(found) <= {"mtlx", "gltf"}:
            raise click.BadParameter(f"{value!r} is not mtlx, gltf or both with a comma.")
        return found

    reading = (
        click.option(
            "--map",
            metavar="ROLE=FILE",
            type=role_file,
            multiple=True,
            help="A map of the material, in addition to the folder's, or in the place of one.",
        ),
        click.option(
            "--map-weight",
            metavar="ROLE=X",
            type=role_weight,
            multiple=True,
            help="Weight of a map in the distance of patches; default: basecolor 1, normal and height 0.5, "
            "others 0.25.",
        ),
    )
    writing = (
        click.option(
            "--naming",
            type=click.Choice(["as-input", "unreal", "unity", "godot", "ambientcg"]),
            default="as-input",
            show_default=True,
            help="Names of the maps of a material.",
        ),
        click.option(
            "--handover",
            metavar="mtlx,gltf",
            type=documents,
            default="",
            help="Also write material.mtlx (texot[materials]) or material.gltf for other programs.",
        ),
        click.option(
            "--flip-normal-y", is_flag=True, help="Negate y of the normal map (OpenGL and DirectX)."
        ),
    )
    return together(*(reading if inputs else ()), *(writing if outputs else ()))


def check_folders(
    material: "Material",
    folders: list[Path],
    size: tuple[int, int],
    options: MaterialOptions,
    sources: list[Path],
    *,
    overwrite: bool,
) -> None:
    """Refuse output folders that cannot be written, before the work.

    Args:
        material: a material with the maps of the output.
        folders: output folders.
        size: (width, height) of the maps.
        options: options of materials.
        sources: input files and folders, which must not be overwritten.
        overwrite: whether files may be replaced.

    Raises:
        OutputError: a folder or file cannot be written, or exists and must not be replaced.
        click.UsageError: an output folder is an input.
    """
    from texot.files.handover import check_handover
    from texot.jobs.material_files import FIELD, RECORD

    check_handover(options.handover)
    made = material.flipped() if options.flip else material
    inputs = {path.resolve() for path in sources}
    for folder in folders:
        if str(folder) == "-":
            raise click.UsageError("a material needs a folder: give -o FOLDER.")
        paths = [Path(path) for path in made.check_output(folder, size, options.naming)]
        if folder.resolve() in inputs or inputs & {path.resolve() for path in paths}:
            raise click.UsageError(f"{folder} is an input: give another folder for the result.")
        exist = [path for path in (*paths, folder / FIELD, folder / RECORD) if path.exists()]
        if exist and not overwrite:
            raise OutputError(f"{exist[0]} exists and --no-overwrite protects it: choose another folder")
