"""Checkpoints of a training: safetensors files like models, written atomically."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from texot.errors import InputError, one_line
from texot.files.whole import write_whole
from texot.generator.model_file import pack, read_file, unpack
from texot.solver.adam.progress import Progress
from texot.solver.state import LossRecord
from texot.solver.torch_modes import own_modes

FORMAT = "texot-checkpoint"
VERSION = 1
_CHANGEABLE = (
    "time_limit",
    "device",
    "backend",
)  # options that may differ in a resumed training


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes:
        progress: of the loop.
        options: of the training, see `texot.generator.setup.Setup.facts`.
        plan_steps: steps of every stage.
        exemplar_sha256: of the exemplar.
        sliced: sliced distances of all steps.
    """

    progress: Progress
    options: dict[str, Any]
    plan_steps: tuple[int, ...]
    exemplar_sha256: str
    sliced: list[float]

    def check(self, options: dict[str, Any], exemplar_sha256: str) -> None:
        """Check that a training has the same exemplars and options.

        Raises:
            InputError: the exemplar or an option differs.
        """
        if exemplar_sha256 != self.exemplar_sha256:
            raise InputError("the checkpoint is of another exemplar: give that one, or start a new training")
        for name, value in {"objective": "transport", **options}.items():
            before = self.options.get(name, "transport" if name == "objective" else None)
            if name not in _CHANGEABLE and before != value:
                raise InputError(f"the checkpoint was made with {name} {before}, not {value}: give the same")


def save_checkpoint(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> None:
    """Write a checkpoint atomically.

    Raises:
        OutputError: it cannot be written there.
    """
    progress = checkpoint.progress
    about = {
        "format": FORMAT,
        "version": VERSION,
        "options": checkpoint.options,
        "plan_steps": list(checkpoint.plan_steps),
        "exemplar_sha256": checkpoint.exemplar_sha256,
        "stage": progress.stage,
        "step": progress.step,
        "losses": [[r.scale, r.step, r.loss] for r in progress.losses],
        "marginal_errors": progress.marginal_errors,
        "sliced": checkpoint.sliced,
        "seconds": progress.seconds,
    }
    tensors = {f"{k:05}": tensor.contiguous() for k, tensor in enumerate(progress.tensors)}
    write_whole(path, pack({**tensors, "random": progress.random}, about))


@own_modes()
def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, damaged, or no checkpoint.
    """
    name = os.fsdecode(path)
    tensors, about = unpack(read_file(name), name, finite=False)  # losses may be NaN
    try:
        if (about["format"], about["version"]) != (FORMAT, VERSION):
            raise ValueError(f"its format is {about['format']!r} {about['version']!r}")
        random = tensors.pop("random")
        torch.Generator().set_state(random)
        steps = tuple(int(n) for n in about["plan_steps"])
        progress = Progress(
            int(about["stage"]),
            int(about["step"]),
            [tensors[key] for key in sorted(tensors)],
            random,
            [LossRecord(int(scale), int(step), float(loss)) for scale, step, loss in about["losses"]],
            [float(error) for error in about["marginal_errors"]],
            float(about["seconds"]),
        )
        if not (0 <= progress.stage < len(steps) and 1 <= progress.step <= steps[progress.stage]):
            raise ValueError("its step is none of its plan's")
        done = sum(steps[: progress.stage]) + progress.step
        if not len(progress.losses) == len(progress.marginal_errors) == len(about["sliced"]) == done:
            raise ValueError("the losses of some steps are missing")
        return Checkpoint(
            progress,
            dict(about["options"]),
            steps,
            str(about["exemplar_sha256"]),
            [float(value) for value in about["sliced"]],
        )
    except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError(f"{name!r} is no checkpoint of 'texot train' ({one_line(error)})") from error
