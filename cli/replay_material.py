"""`texot replay` of a material: the maps of a folder again, from the settings next to them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot.cli.controls import set_pictures
from texot.cli.material import MaterialOptions, check_folders
from texot.cli.material_jobs import (
    MaterialJob,
    inpainting_job,
    interpolation_job,
    run_material,
    start_of,
    synthesis_job,
    tiling_job,
    variation_job,
)
from texot.cli.options import MAPS
from texot.cli.pictures import readable
from texot.cli.progress import Quiet
from texot.cli.replay_checks import checked
from texot.cli.run import pixel_size

if TYPE_CHECKING:
    from texot.files.material import Material


@dataclass(frozen=True)
class MaterialReplay:
    """A material to be made again.

    Attributes:
        file: the folder with its maps.
        settings: the settings in it.
        options: the settings as options of its command.
        images: arguments IMAGE: materials, and the mask of inpaint.
        extra: images and materials that options name, by the option.
        of_material: options of materials.
    """

    file: Path
    settings: dict[str, Any]
    options: dict[str, Any]
    images: tuple[Path, ...]
    extra: dict[str, Path]
    of_material: MaterialOptions

    def read(self, path: Path) -> "Material":
        """A material, with the maps of the folder."""
        return self.of_material.read(path).only(self.settings.get("maps", ()))

    def job(self) -> MaterialJob:
        """The job that made the folder; sets the options that it takes.

        Raises:
            click.UsageError: an argument is missing.
            TexotError: an input that cannot be used.
        """
        name = "interpolate" if "mix" in self.settings else self.settings.get("job", "synthesize")
        return _JOBS[name](self)

    def run(self, output: Path, report: Quiet, *, overwrite: bool, force: bool) -> None:
        """Make the material again, and report whether the maps are the same.

        Raises:
            TexotError: other inputs than those of the folder, or a folder that cannot be written.
        """
        job = self.job()
        size = self.options.get("size") or job.material.size
        inputs = self.of_material.inputs(self.file, *self.images, *self.extra.values())
        check_folders(job.material, [output], size, self.of_material, inputs, overwrite=overwrite)
        iterate = job.iterate if force else checked(job.iterate, self.file, self.settings)
        stop_at = self.settings.get("stopped_at")
        of_material, options = self.of_material, self.options
        run_material(job, options, output, report, of_material, iterate=iterate, stop_at=stop_at)
        pairs = zip(self._maps(job, self.file), self._maps(job, output), strict=True)
        same = all(old.is_file() and old.read_bytes() == new.read_bytes() for old, new in pairs)
        report.say(f"{output} {'is identical to' if same else 'differs from'} {self.file}")

    def _maps(self, job: MaterialJob, folder: Path) -> list[Path]:
        from texot.files.material import name_of

        made = job.material.flipped() if self.of_material.flip else job.material
        return [folder / name for name in made.names(self.of_material.naming, name_of(str(folder))).values()]


def _synthesis(again: MaterialReplay) -> MaterialJob:
    set_pictures(again.options, again.extra)
    job = synthesis_job([again.read(path) for path in again.images], again.of_material, again.options)
    source = job.source[0] if isinstance(job.source, list) else job.source
    again.options["size"] = pixel_size(again.options["size"], source)
    _start(again, job)
    return job


def _tile(again: MaterialReplay) -> MaterialJob:
    flatten = again.options.pop("flatten")
    _set_source(again)
    job = tiling_job(again.read(again.images[0]), again.of_material, again.options, flatten=flatten)
    _start(again, job)
    return job


def _set_source(again: MaterialReplay) -> None:
    """Set the source mask of a job, if it had one."""
    again.options["source"] = readable(again.extra["source"]) if "source" in again.extra else None


def _start(again: MaterialReplay, job: MaterialJob) -> None:
    """Set the start image of a job, if it had one."""
    if "init" in again.extra:
        again.options["init"] = start_of(job, again.extra["init"], again.of_material)


def _variation(again: MaterialReplay) -> MaterialJob:
    _set_source(again)
    return variation_job(again.read(again.images[0]), again.of_material, again.options)


def _inpainting(again: MaterialReplay) -> MaterialJob:
    from texot.jobs.inpainting import find_hole

    if len(again.images) < 2:
        raise click.UsageError("a material was filled with a mask: give it after the material.")
    job = inpainting_job(again.read(again.images[0]), again.of_material, again.options)
    invert = again.options["invert_mask"]
    hole = find_hole(job.stack.original(), readable(again.images[1]), invert=invert)
    again.options["mask"] = ~hole if invert else hole
    _set_source(again)
    _start(again, job)
    return job


def _interpolation(again: MaterialReplay) -> MaterialJob:
    job = interpolation_job([again.read(path) for path in again.images], again.of_material)
    assert isinstance(job.source, list)
    again.options["size"] = pixel_size(again.options["size"], job.source[0])
    name = again.settings.get("weight_map")
    again.options["weight_map"] = again.extra.get("weight_map", name if name in MAPS else None)
    _start(again, job)
    return job


_JOBS: dict[str, Callable[[MaterialReplay], MaterialJob]] = {
    "synthesize": _synthesis,
    "tile": _tile,
    "variation": _variation,
    "inpaint": _inpainting,
    "interpolate": _interpolation,
}
