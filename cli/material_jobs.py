"""What the commands for materials, and their replay, give to the solver."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from texot import __version__
from texot.cli.errors import Interrupted
from texot.cli.files import Outputs
from texot.cli.interrupt import CtrlC
from texot.cli.material import MaterialOptions
from texot.cli.progress import Quiet
from texot.cli.run import steps

if TYPE_CHECKING:
    from torch import Tensor

    from texot import State, Synthesis
    from texot.files.exemplar import Exemplar
    from texot.files.material import Material
    from texot.files.material_stack import MaterialStack
    from texot.files.original import Original


@dataclass(frozen=True)
class MaterialJob:
    """A job on the maps of a material.

    Attributes:
        material: a material with the maps of the result.
        stack: the maps as images.
        source: input of `iterate`.
        iterate: the library's iterator of states.
        finish: makes the maps of the result.
        facts: what the record of the result holds besides its settings and the options of materials.
    """

    material: "Material"
    stack: "MaterialStack"
    source: "Exemplar | Original | list[Exemplar]"
    iterate: "Callable[..., Iterator[State]]"
    finish: "Callable[[Synthesis], Material]"
    facts: dict[str, Any] = field(default_factory=dict)

    def picture(self, state: "State") -> "Tensor":
        """The first map of a state, see `texot.files.material_code.MaterialCode.picture`."""
        return self.stack.code.picture(state.image)


def synthesis_job(
    materials: "Sequence[Material]", of_material: MaterialOptions, options: dict[str, Any]
) -> MaterialJob:
    """`texot synthesize` of one material or several; sets the options that materials fix."""
    from texot.files.exemplar import read_exemplar
    from texot.files.sizes import at_most, exemplar_side
    from texot.jobs.material import check_turned, finish_synthesis
    from texot.jobs.synthesis import iter_synthesis

    turned = options["symmetry"] != "none" or options["rotation_map"] is not None
    check_turned(materials, turned=turned)
    stack = of_material.stack(*materials)
    fit = at_most(exemplar_side(options["exemplar_size"]))
    sources = [read_exemplar(stack.exemplar(number), fit=fit) for number in range(len(materials))]
    options["palette"] = "none"

    def finish(result: "Synthesis") -> "Material":
        return finish_synthesis(stack, result, sources[0].size)

    return MaterialJob(
        materials[0], stack, sources if len(sources) > 1 else sources[0], iter_synthesis, finish
    )


def tiling_job(
    material: "Material", of_material: MaterialOptions, options: dict[str, Any], *, flatten: bool
) -> MaterialJob:
    """`texot tile` of a material; `flatten` changes its base colour first."""
    from texot.jobs.material import flattened
    from texot.jobs.tiling import iter_tileable

    made = flattened(material) if flatten else material
    return _filling_job(made, of_material, options, iter_tileable, {"flatten": flatten})


def variation_job(material: "Material", of_material: MaterialOptions, options: dict[str, Any]) -> MaterialJob:
    """A further tile of a set of `texot tile`, from the first one."""
    from texot.jobs.tiling import iter_variation

    return _filling_job(material, of_material, options, iter_variation, {})


def inpainting_job(
    material: "Material", of_material: MaterialOptions, options: dict[str, Any]
) -> MaterialJob:
    """`texot inpaint` of a material."""
    from texot.jobs.inpainting import iter_inpaint

    return _filling_job(material, of_material, options, iter_inpaint, {})


def interpolation_job(materials: "Sequence[Material]", of_material: MaterialOptions) -> MaterialJob:
    """`texot interpolate` of materials."""
    from texot.jobs.interpolation import iter_interpolation

    stack = of_material.stack(*materials)
    sources = [stack.exemplar(number) for number in range(len(materials))]

    def finish(result: "Synthesis") -> "Material":
        return stack.material(result.image)

    return MaterialJob(materials[0], stack, sources, iter_interpolation, finish)


def _filling_job(
    material: "Material",
    of_material: MaterialOptions,
    options: dict[str, Any],
    iterate: "Callable[..., Iterator[State]]",
    facts: dict[str, Any],
) -> MaterialJob:
    stack = of_material.stack(material)
    options["palette"] = "none"

    def finish(result: "Synthesis") -> "Material":
        return stack.material(result.image, unchanged=0)

    return MaterialJob(material, stack, stack.original(), iterate, finish, facts)


def run_material(
    job: MaterialJob,
    options: dict[str, Any],
    folder: Path,
    report: Quiet,
    of_material: MaterialOptions,
    *,
    iterate: "Callable[..., Iterator[State]] | None" = None,
    stop_at: int | None = None,
) -> "Synthesis":
    """Make one material, report progress, write its maps.

    Args:
        job: the job.
        options: arguments of its iterator.
        folder: output folder.
        report: reporter of progress.
        of_material: options of materials.
        iterate: used instead of the job's iterator, for checks.
        stop_at: step to stop at, to replay an interrupted job.

    Raises:
        Interrupted: Ctrl-C or another signal; the current maps are written.
        TexotError: see `texot.synthesize` and `texot.files.material.Material.write`.
    """
    from texot.files.handover import write_handover
    from texot.files.material import name_of
    from texot.jobs.material_files import write_result

    source, naming = job.source, of_material.naming
    facts = {**of_material.facts(), **job.facts}
    if options.get("weights"):
        facts["mix"] = options["weights"]
    report.picture = job.picture
    report.start(version=__version__, output=folder, seed=options["seed"])
    with CtrlC() as ctrl_c:
        iterate = iterate or job.iterate
        state, _ = steps(source, options, Outputs(folder), report, ctrl_c, stop_at=stop_at, iterate=iterate)
        result = state.result()
        made = job.finish(result)
        made = made.flipped() if of_material.flip else made
        whole = None if isinstance(source, list) else getattr(source, "whole", source.size)
        write_result(made, result, folder, naming=naming, whole=whole, facts=facts)
        if of_material.handover:
            write_handover(made, folder, made.names(naming, name_of(str(folder))), of_material.handover)
    report.done(output=folder, loss=state.loss, seconds=state.seconds, interrupted=ctrl_c.pressed)
    if ctrl_c.pressed:
        progress = f"step {state.total_step} of {state.total_steps}"
        raise Interrupted(f"interrupted: {folder} holds the material after {progress}", ctrl_c.signum)
    return result


def start_of(job: MaterialJob, folder: Path, of_material: MaterialOptions) -> "Exemplar":
    """A result of a job, in the folder that the command wrote, as a start image."""
    made = job.material.flipped() if of_material.flip else job.material
    return job.stack.start(replace(replace(of_material, maps={}).read(folder), convention=made.convention))


def as_written(job: MaterialJob, folder: Path, of_material: MaterialOptions) -> "Material":
    """The material that `run_material` wrote to a folder: input of the next one, which replay reads too."""
    from texot.files.material import name_of, read_material

    made = job.material.flipped() if of_material.flip else job.material
    names = made.names(of_material.naming, name_of(str(folder)))
    found = read_material({role: folder / name for role, name in names.items()})
    return replace(found, convention=made.convention)
