"""`texot train`: train a generator of a texture."""

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from texot import __version__
from texot.cli.errors import Interrupted
from texot.cli.experimental import training_option
from texot.cli.files import check_apart
from texot.cli.interrupt import CtrlC
from texot.cli.material import MaterialOptions, material_options
from texot.cli.options import (
    FILE,
    compute_options,
    example,
    exemplar_size_option,
    overwrite_option,
    real,
    report_options,
    whole,
)
from texot.cli.progress import reporter
from texot.cli.run import start, use_threads
from texot.cli.training_log import LOG_FILES, TrainingLog
from texot.files.schema import is_text

if TYPE_CHECKING:
    from texot.generator.trainer import Trainer

log = logging.getLogger("texot")

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration(value: str) -> float:
    """Parser of 90, 90s, 10m and 1.5h, in seconds."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh]?)", value)
    if not found or not float(found[1]):
        raise click.BadParameter(f"{value!r} is not a time: expected for example 90s, 10m or 1.5h.")
    return float(found[1]) * _UNITS[found[2]]


def shown_text(value: str) -> str:
    """Parser of text for a model file."""
    if not is_text(value):
        raise click.BadParameter("it is too long, or has control characters.")
    return value


@click.command(
    short_help="Train a generator of a texture.",
    epilog=example(
        "texot train samples/pebbles.jpg -o pebbles.safetensors",
        "texot train samples/pebbles.jpg samples/gravel.jpg -o between.safetensors",
    ),
)
@click.argument("exemplars", type=FILE, nargs=-1, required=True, metavar="EXEMPLAR...")
@click.option(
    "-o",
    "--output",
    metavar="MODEL",
    type=FILE,
    required=True,
    help="Output file of the generator, .safetensors.",
)
@overwrite_option()
@click.option(
    "--preset",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="texot's defaults, or network and schedule as published (slow; arXiv 2007.03408).",
)
@click.option(
    "--steps",
    metavar="N",
    type=whole(1, 10**7),
    help="Training steps; default: 2100 per exemplar, up to 4200 from 256 px on.",
)
@click.option(
    "--time-limit",
    metavar="TIME",
    type=duration,
    help="Time limit (90s, 10m, 1h); the schedule is shortened to fit. The finish takes some seconds more.",
)
@click.option(
    "--seed",
    metavar="N",
    type=whole(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same generator.",
)
@click.option(
    "--features",
    metavar="auto|none|efficientnet-lite0|squeezenet|FILE",
    default="auto",
    show_default=True,
    help="Network of the deep features; auto: efficientnet-lite0; none: structure is not learned.",
)
@click.option(
    "--feature-transport",
    type=click.Choice(["auto", "sliced", "semi-dual", "both"]),
    default="auto",
    show_default=True,
    help="Transport of the deep features; auto: both where the texture's structures are large, else sliced.",
)
@click.option(
    "--n-scales",
    metavar="N",
    type=whole(1, 100),
    help="Number of scales of the network; each halves the size.",
)
@click.option("--lr", metavar="X", type=real(zero=False), help="Learning rate.")
@click.option("--entropy", metavar="X", type=real(zero=True), help="Entropic regularisation; 0: none.")
@click.option(
    "--early-stop/--no-early-stop",
    default=True,
    show_default=True,
    help="Stop when the loss no longer decreases.",
)
@click.option(
    "--keep-exemplar/--no-exemplar",
    default=True,
    show_default=True,
    help="Keep the exemplar in MODEL, at most 512 px a side of it: its patches finish the samples.",
)
@click.option(
    "--checkpoint-every",
    metavar="N",
    type=whole(1),
    default=200,
    show_default=True,
    help="Steps between checkpoints, written to MODEL's name + .checkpoint.",
)
@click.option("--resume", is_flag=True, help="Resume from MODEL's checkpoint, with the same options.")
@click.option("--log-dir", metavar="DIR", type=FILE, help="Folder for metrics, loss plot and previews.")
@click.option(
    "--preview-every",
    metavar="N",
    type=whole(1),
    default=200,
    show_default=True,
    help="Steps between previews.",
)
@click.option(
    "--license",
    "license_",
    metavar="TEXT",
    type=shown_text,
    help="Licence text stored in MODEL.",
)
@material_options(outputs=False)
@exemplar_size_option()
@compute_options()
@report_options()
@training_option()
def train(
    exemplars: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    checkpoint_every: int,
    resume: bool,
    log_dir: Path | None,
    preview_every: int,
    license_: str | None,
    threads: int | None,
    progress: str,
    quiet: bool,
    experimental_objective: str | None,
    **options: Any,
) -> None:
    """Train a generator of the texture of EXEMPLAR and write it to MODEL.

    Several EXEMPLARs train one generator of all of them and of the textures between; 'texot sample' then
    takes their weights. A folder of maps is a material: the generator makes all its maps together. Ctrl-C
    writes a checkpoint, from which --resume continues.
    """
    of_material = MaterialOptions.taken_from(options)
    kinds = [of_material.is_material(path) for path in exemplars]
    first = os.environ.get("RANK", "0") == "0"  # of the processes started by torchrun
    with reporter(progress, quiet or not first) as report:
        free = start()
        from texot.files.exemplar import read_exemplar
        from texot.files.sizes import at_most, exemplar_side
        from texot.generator.blend import MAX_SIDE
        from texot.generator.checkpoint import load_checkpoint
        from texot.generator.processes import Processes
        from texot.generator.trainer import Trainer

        fit = at_most(exemplar_side(options["exemplar_size"], MAX_SIDE))
        sources: list[Any]
        if any(kinds):
            sources = [of_material.read(exemplar) for exemplar in exemplars]
            options["map_weights"] = of_material.weights
        else:
            sources = [read_exemplar(exemplar, fit=fit) for exemplar in exemplars]
        weights = Path(options["features"])  # or the name of a network
        checkpoint = _check_names([*of_material.inputs(*exemplars), weights], output, overwrite, log_dir)
        use_threads(threads, free, report)
        before = load_checkpoint(checkpoint) if resume else None
        if checkpoint.exists() and not resume:
            report.say(
                f"training from the start: {checkpoint} will be replaced (use --resume to continue it)"
            )
        processes = Processes.from_environment(options["device"])
        if experimental_objective:
            from texot.experimental.objectives import find_objective

            options["objective"] = find_objective(experimental_objective)
        trainer = Trainer(sources, resume=before, processes=processes, **options)
        code = trainer.source.code
        if code is not None:
            report.picture = lambda state: code.picture(state.image)
        journal = TrainingLog(log_dir if first else None, preview_every, len(trainer.losses))
        report.start(version=__version__, output=output, seed=options["seed"], size=sources[0].size)
        with CtrlC(hurry=False) as ctrl_c:  # only a finished step can be resumed
            if before is not None:
                ctrl_c.keep()
            for state in trainer:
                ctrl_c.keep()
                report.step(state)
                journal.step(trainer, state)
                if processes.any(ctrl_c.pressed):
                    kept = not first or _write_checkpoint(trainer, checkpoint)
                    raise _interrupted(trainer, checkpoint, kept, ctrl_c.signum)
                if first and state.total_step % checkpoint_every == 0:
                    _write_checkpoint(trainer, checkpoint)
            ctrl_c.ignore()
            journal.end()
            processes.leave()
            if not first:
                return
            generator = trainer.generator()
            generator.license = license_
            generator.save(output)
            checkpoint.unlink(missing_ok=True)
        gap = generator.facts.get("dual_gap")
        if gap is not None:
            report.say(f"dual gap {gap:.0%} on a new sample")
        report.done(output=output, loss=trainer.losses[-1], seconds=trainer.seconds, interrupted=False)


def _check_names(inputs: list[Path], output: Path, overwrite: bool, log_dir: Path | None) -> Path:
    """The checkpoint's name, after a check that all outputs can be written and no input is overwritten."""
    from texot.errors import OutputError
    from texot.files.stream import check_writable

    if output.suffix.lower() != ".safetensors":
        raise OutputError(f"expected a model file ending in .safetensors, got {str(output)!r}")
    check_writable(output)
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists and --no-overwrite protects it: choose another name")
    checkpoint = output.with_name(output.name + ".checkpoint")
    check_apart(inputs, [output, checkpoint], [(log_dir, LOG_FILES)] if log_dir else [])
    check_writable(checkpoint)
    return checkpoint


def _write_checkpoint(trainer: "Trainer", checkpoint: Path) -> bool:
    """Write a checkpoint; return whether it could be written. If not, training still continues."""
    from texot.errors import OutputError
    from texot.generator.checkpoint import save_checkpoint

    try:
        save_checkpoint(trainer.checkpoint(), checkpoint)
    except OutputError as error:
        log.warning("no checkpoint after step %d: %s", len(trainer.losses), error)
        return False
    return True


def _interrupted(trainer: "Trainer", checkpoint: Path, kept: bool, signum: int) -> Interrupted:
    state = trainer.state
    assert state is not None
    if kept:
        done = f"{checkpoint} holds the training after step {state.total_step} of {state.total_steps}"
    elif checkpoint.exists():
        done = f"{checkpoint} holds the training after an earlier step: the last one could not be written"
    else:
        return Interrupted("interrupted: the checkpoint could not be written, nothing is saved", signum)
    return Interrupted(f"interrupted: {done}; run the same command with --resume to continue", signum)
