"""The one loop of every job: stages from coarse to fine, Adam steps on the objective, a state after each.

A `Job` describes what is optimised, towards which measures, from which start, and what is put right on the
way; the loop knows no more of it than that.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from texot.engine.adam import Adam
from texot.engine.objective import PatchTerm, SlicedTerm, evaluate
from texot.engine.plan import Plan, Stage, step_work
from texot.engine.progress import Log, LossRecord, Moving, Progress
from texot.engine.variables import Pixels, Variables
from texot.files.record import png_text
from texot.files.write import encode_image, to_pil, write_image
from texot.images.pyramid import Periodic, upsample_to

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

__all__ = ["Job", "LossRecord", "Pixels", "Progress", "State", "Synthesis", "Variables", "optimise"]


@dataclass(frozen=True)
class Job:
    """What the loop is told.

    Attributes:
        plan: its stages, and the numbers of the algorithm.
        periodic: axes (y, x) along which the image wraps around.
        start: the first stage's image.
        refine: a later stage's image, from the one before at its own, coarser size.
        variables: what a stage moves, from its image.
        patch_terms: a stage's transport terms; terms live on from stage to stage.
        sliced_terms: a stage's sliced terms.
        put_right: correction of a stage's image, halfway and at its end, or None.
        settle: makes the image anew after the last step of all, before it is put right, or None.
        n_targets: number of target patches at each scale, to tell the time that is left.
        settings: everything that makes the same image again, as plain JSON values.
        mode: how a result is written, see `texot.files.exemplar.Exemplar`.
        icc_profile: of images whose values are not sRGB, else None.
        dpi: dots per inch (x, y) that a file of the result tells, or None.
        exif: EXIF data that goes along with the result, or None.
        finish: makes the result of the loop's image at full size, on the CPU; None where they are the same.
        work: cost of a stage's step, to tell the time that is left; None: what `step_work` estimates.
        average: replaces tensors by their means over the processes that share the work; None: there is one.
    """

    plan: Plan
    periodic: Periodic
    start: Callable[[Stage], Tensor]
    refine: Callable[[Stage, Tensor], Tensor]
    variables: Callable[[Stage, Tensor], Variables]
    patch_terms: Callable[[Stage], list[PatchTerm]]
    sliced_terms: Callable[[Stage], list[SlicedTerm]]
    put_right: Callable[[Stage, Tensor], Tensor] | None
    n_targets: dict[int, int]
    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    finish: Callable[[Tensor], Tensor] | None = None
    work: Callable[[Stage], float] | None = None
    average: Callable[[list[Tensor]], None] | None = None
    settle: Callable[[Tensor], Tensor] | None = None
    exif: bytes | None = None


@dataclass(frozen=True)
class Synthesis:
    """A finished (or stopped) synthesis.

    Attributes:
        image: (C, H, W) float32 on the CPU, in [0, 1].
        losses: one record a step.
        marginal_errors: total variation between cell masses and target weights at the image's scale, a step;
            on grids of few patches most targets cannot be hit, so compare it with earlier steps only.
        timings: seconds by stage ("scale 0", ...), of preparation ("prepare") and in all ("total").
        settings: everything that makes the same image again, as plain JSON values.
        mode: the exemplar's mode, "L", "RGB", "I;16" or "multi"; of a filled photograph "LA" or "RGBA" too.
        icc_profile: of exemplars whose values are not sRGB, else None.
        dpi: of a filled photograph, dots per inch (x, y), or None.
        exif: of a filled photograph, the EXIF data of its file, or None.
    """

    image: Tensor
    losses: list[LossRecord]
    marginal_errors: list[float]
    timings: dict[str, float]
    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None

    def to_pil(self) -> Image.Image:
        """The image as Pillow's, in the exemplar's mode."""
        return to_pil(self.image, self.mode)

    def to_numpy(self) -> npt.NDArray[Any]:
        """The image as (H, W) or (H, W, C) float32 in [0, 1]."""
        array: npt.NDArray[Any] = self.image.movedim(0, -1).contiguous().numpy()
        return array[..., 0] if array.shape[2] == 1 else array

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image; the suffix names the format. A PNG holds how it was made: `texot.files.record`.

        Raises:
            OutputError: it cannot be written there.
        """
        text = png_text(self.settings, [(step.scale, step.loss) for step in self.losses])
        write_image(self.image, path, mode=self.mode, text=text, **self.beside())

    def beside(self) -> dict[str, Any]:
        """What a file holds beside the pixels: arguments of `texot.files.write.write_image`."""
        return {"icc_profile": self.icc_profile, "dpi": self.dpi, "exif": self.exif}

    def _repr_png_(self) -> bytes:
        """What notebooks show."""
        image = self.image if self.mode != "multi" else self.image[:3]
        return encode_image(image, icc_profile=self.icc_profile)


@dataclass(frozen=True)
class State:
    """A synthesis after one step.

    Attributes:
        scale: scale of the image, 0 = finest.
        n_scales: number of scales.
        step, stage_steps: step within the stage, from 1, and its last.
        total_step, total_steps: the same over all stages.
        loss: see `LossRecord`.
        marginal_error: see `Synthesis.marginal_errors`.
        seconds: since the start.
        seconds_left: estimate.
    """

    scale: int
    n_scales: int
    step: int
    stage_steps: int
    total_step: int
    total_steps: int
    loss: float
    marginal_error: float
    seconds: float
    seconds_left: float
    _current: Tensor = field(repr=False)
    _job: Job = field(repr=False)
    _log: Log = field(repr=False)
    _progress: Callable[[], Progress] = field(repr=False)
    _last_step: Callable[[], Tensor] | None = field(repr=False)

    def progress(self) -> Progress:
        """What `optimise` needs to go on from here. To be asked for before the next step."""
        return self._progress()

    @property
    def image(self) -> Tensor:
        """The image after this step at full size, (C, H, W) float32 on the CPU in [0, 1]."""
        return self._full(self._current)

    def _full(self, image: Tensor) -> Tensor:
        sizes = list(self._job.plan.sizes[: self.scale])
        full = upsample_to(image, sizes, periodic=self._job.periodic).clamp(0, 1).cpu()
        return full if self._job.finish is None else self._job.finish(full)

    def result(self) -> Synthesis:
        """What there is after this step, as a `Synthesis`; at the finest scale as the last step leaves it."""
        loss = self.loss if math.isfinite(self.loss) else None
        settings = {**copy.deepcopy(self._job.settings), "loss": loss}
        if self.total_step < self.total_steps:
            settings["stopped_at"] = self.total_step
        return Synthesis(
            self.image if self._last_step is None else self._full(self._last_step()),
            self._log.losses[: self.total_step],
            self._log.marginal_errors[: self.total_step],
            {**self._log.timings, "total": self.seconds},
            settings,
            self._job.mode,
            self._job.icc_profile,
            self._job.dpi,
            self._job.exif,
        )


def optimise(
    prepare: Callable[[torch.Generator], Job | list[Job]],
    generator: torch.Generator,
    resume: Progress | None = None,
) -> Generator[State, None, None]:
    """Run a job, step by step, or several one after the other that make one result.

    Args:
        prepare: makes the jobs, with what is slow to make; called at the first step.
        generator: CPU generator of all randomness.
        resume: where to go on, of a run of the same job (one, whose terms are all made by `prepare`).
    """
    begun = time.perf_counter() - (resume.seconds if resume else 0.0)
    made = prepare(generator)
    jobs = [made] if isinstance(made, Job) else made
    record = Log()
    total_steps = sum(job.plan.n_steps for job in jobs)
    work_left = sum(_work(job, stage) * stage.n_iter for job in jobs for stage in job.plan.stages)
    work_done, total_step = 0.0, 0
    if resume:
        record.losses, record.marginal_errors = list(resume.losses), list(resume.marginal_errors)
    while jobs:
        job = jobs.pop(0)  # and let go of what it holds, once it is done
        plan = job.plan
        image: Tensor | None = None
        for number, stage in enumerate(plan.stages):
            if resume and number < resume.stage:
                total_step += stage.n_iter
                work_done += _work(job, stage) * stage.n_iter
                work_left -= _work(job, stage) * stage.n_iter
                continue
            effort, stage_begun = _work(job, stage), time.perf_counter()
            image = job.start(stage) if image is None else job.refine(stage, image)
            if total_step == 0:
                stage_begun = time.perf_counter()
                record.timings["prepare"] = stage_begun - begun
            timing = f"scale {stage.scale}"
            before = record.timings.get(timing, 0.0)
            terms, sliced = job.patch_terms(stage), job.sliced_terms(stage)
            variables = job.variables(stage, image)
            movers = [Adam(tensor, betas=plan.betas) for tensor in variables.tensors]
            moving = Moving(variables, movers, terms, generator)
            done = 0
            if resume and number == resume.stage:
                moving.restore(resume)
                done = resume.step
                total_step += done
                work_done += done * effort
                work_left -= done * effort
            for step in range(done + 1, stage.n_iter + 1):
                for slice_ in sliced:
                    slice_.weight = plan.sliced_weight if 2 * step > stage.n_iter else plan.sliced_early
                active = [term for term in terms if step <= term.until * stage.n_iter]
                loss, figures = evaluate(
                    variables.image(), stage.scale, active, sliced, job.periodic, generator
                )
                grads = torch.autograd.grad(loss, variables.tensors)
                if job.average is not None:
                    job.average([*grads, *(term.psi for term in active)])
                lr = plan.lr * (_decay(step, stage.n_iter) if plan.lr_decays else 1.0)
                for adam, tensor, grad, rate in zip(
                    movers, variables.tensors, grads, variables.rates, strict=True
                ):
                    adam.step(tensor, grad, rate * lr)
                variables.moved()
                if job.settle is not None and stage is plan.stages[-1] and step == stage.n_iter:
                    variables.put_right(job.settle)
                if job.put_right is not None and step in (stage.n_iter // 2, stage.n_iter):
                    # halfway, so that patches settle on the sharper image, and at the end
                    variables.put_right(partial(job.put_right, stage))
                total_step += 1
                work_done += effort
                work_left -= effort
                shown = figures.loss if plan.shows_dual else figures.cost
                record.losses.append(LossRecord(stage.scale, step, shown))
                record.marginal_errors.append(figures.marginal_error)
                seconds = time.perf_counter() - begun
                record.timings[timing] = before + time.perf_counter() - stage_begun
                image = variables.current()
                yield State(
                    scale=stage.scale,
                    n_scales=plan.n_scales,
                    step=step,
                    stage_steps=stage.n_iter,
                    total_step=total_step,
                    total_steps=total_steps,
                    loss=shown,
                    marginal_error=figures.marginal_error,
                    seconds=seconds,
                    seconds_left=max(0.0, seconds / work_done * work_left),
                    _current=image,
                    _job=job,
                    _log=record,
                    _progress=partial(moving.progress, number, step, record, seconds),
                    _last_step=None
                    if stage is not plan.stages[-1] or step == stage.n_iter
                    else partial(_last_step, job, stage, image, terms, [term.psi for term in terms]),
                )


def _last_step(
    job: Job, stage: Stage, image: Tensor, terms: list[PatchTerm], potentials: list[Tensor]
) -> Tensor:
    """What a job does to the image after all steps, of an image (C, H, W) in the midst of them.

    Args:
        terms, potentials: of the stage, and what their potentials were then: they may have moved on.
    """
    later = [term.psi for term in terms]
    try:
        for term, psi in zip(terms, potentials, strict=True):
            term.psi = psi
        if job.settle is not None:
            image = job.settle(image)
        return image if job.put_right is None else job.put_right(stage, image)
    finally:
        for term, psi in zip(terms, later, strict=True):
            term.psi = psi


def _work(job: Job, stage: Stage) -> float:
    return job.work(stage) if job.work else step_work(job.plan, stage, job.n_targets)


def _decay(step: int, n_iter: int) -> float:
    """Adam's step falls linearly over the second half of a stage."""
    return min(1.0, max(0.05, 2 * (1 - (step - 1) / n_iter)))
