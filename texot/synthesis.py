"""Algorithm 1: make an image whose patches, at every scale, are those of one exemplar.

    min_u sum_l max_psi F_l(psi_l, S_l u)

Coarse to fine, one stage a scale: see `texot.engine.plan` for stages, `texot.engine.objective` for the sum.
"""

from __future__ import annotations

import copy
import json
import logging
import numbers
import os
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from texot._version import __version__
from texot.engine.adam import Adam
from texot.engine.isolation import own_modes, stepwise
from texot.engine.objective import PatchTerm, SlicedTerm, evaluate
from texot.engine.plan import (
    BIG_FROM,
    EFFORT,
    SEARCH_DIM,
    Plan,
    Stage,
    TermPlan,
    default_plan,
    known_rooms,
    paper_plan,
    step_work,
)
from texot.errors import DeviceError, InputError
from texot.files.exemplar import Exemplar, read_exemplar
from texot.files.sizes import parse_size
from texot.files.write import to_pil, write_image
from texot.images.pyramid import (
    Periodic,
    downsample,
    downsample_known,
    gaussian_pyramid,
    upsample,
    upsample_to,
    wrap,
)
from texot.images.statistics import Statistics, channel_moments
from texot.kernels import BackendError, resolve_backend
from texot.transport.measure import PatchMeasure

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

log = logging.getLogger("texot")

TILES: dict[str, Periodic] = {
    "both": (True, True),
    "x": (False, True),
    "y": (True, False),
    "none": (False, False),
}


@dataclass(frozen=True)
class LossRecord:
    """The loss of one step.

    Attributes:
        scale: scale of the image then, 0 = finest.
        step: step within the stage, from 1.
        loss: sum over the transport terms of the mean squared distance of patches to their targets; with
            `preset="paper"` the sum of the semi-duals, as published.
    """

    scale: int
    step: int
    loss: float


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
        mode: the exemplar's mode, "L", "RGB", "I;16" or "multi".
        icc_profile: of exemplars whose values are not sRGB, else None.
    """

    image: Tensor
    losses: list[LossRecord]
    marginal_errors: list[float]
    timings: dict[str, float]
    settings: dict[str, Any]
    mode: str
    icc_profile: bytes | None = None

    def to_pil(self) -> Image.Image:
        """The image as Pillow's, in the exemplar's mode."""
        return to_pil(self.image, self.mode)

    def to_numpy(self) -> npt.NDArray[Any]:
        """The image as (H, W) or (H, W, C) float32 in [0, 1]."""
        array: npt.NDArray[Any] = self.image.movedim(0, -1).contiguous().numpy()
        return array[..., 0] if array.shape[2] == 1 else array

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image; the suffix names the format. A PNG holds the settings, for `texot replay`.

        Raises:
            OutputError: it cannot be written there.
        """
        text = {"texot": json.dumps(self.settings, sort_keys=True)}
        write_image(self.image, path, mode=self.mode, text=text, icc_profile=self.icc_profile)


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
    _run: _Run = field(repr=False)

    @property
    def image(self) -> Tensor:
        """The image after this step at full size, (C, H, W) float32 on the CPU in [0, 1]."""
        sizes = list(self._run.plan.sizes[: self.scale])
        full = upsample_to(self._current, sizes, periodic=self._run.periodic)
        return full.clamp(0, 1).cpu()

    def result(self) -> Synthesis:
        """What there is after this step, as a `Synthesis`."""
        run = self._run
        settings = {**copy.deepcopy(run.settings), "loss": self.loss}
        if self.total_step < self.total_steps:
            settings["stopped_at"] = self.total_step
        return Synthesis(
            self.image,
            run.losses[: self.total_step],
            run.marginal_errors[: self.total_step],
            {**run.timings, "total": self.seconds},
            settings,
            run.exemplar.mode,
            run.exemplar.icc_profile,
        )


@dataclass
class _Run:
    """What the states of one synthesis share."""

    plan: Plan
    periodic: Periodic
    exemplar: Exemplar
    settings: dict[str, Any]
    losses: list[LossRecord] = field(default_factory=list)
    marginal_errors: list[float] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


def synthesize(
    exemplar: Any,
    size: str | int | tuple[int, int] | None = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Any,
) -> Synthesis:
    """Synthesise a texture from one exemplar.

    Args:
        exemplar: path, PIL image, NumPy array (H, W[, C]) of uint8, uint16 or float in [0, 1], or torch
            tensor (C, H, W). Transparent pixels are not part of the texture.
        size: (width, height), "WxH", a factor "2x", or None for the exemplar's own size.
        callback: called with a `State` after every step.
        **options: see `iter_synthesis`, which also tells the errors.

    Returns:
        The image with its losses, marginal errors, timings and settings. The same seed, device, versions and
        options give the same bytes.

    Example:
        >>> import torch
        >>> stripes = torch.arange(32).remainder(4).lt(2).float().expand(1, 32, 32)
        >>> synthesize(stripes, "24x16", quality="draft").image.shape
        torch.Size([1, 16, 24])
    """
    state = None
    for state in iter_synthesis(exemplar, size, **options):
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


@own_modes()
def iter_synthesis(
    exemplar: Any,
    size: str | int | tuple[int, int] | None = None,
    *,
    preset: str = "default",
    quality: str = "normal",
    tile: str = "both",
    seed: int = 0,
    init: Any = "noise",
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
    backend: str = "auto",
    device: str | torch.device = "auto",
) -> Iterator[State]:
    """Synthesise step by step: an iterator of states, to be left whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        exemplar: see `synthesize`.
        size: see `synthesize`.
        preset: "default", or "paper" for the published algorithm.
        quality: "draft", "normal" or "high": time against distance (default preset only).
        tile: axes along which opposite edges of the result continue each other: "both", "x", "y" or "none".
        seed: of all randomness, 0 <= seed < 2**63.
        init: "noise", or an image (like `exemplar`) to start from.
        n_scales: number of scales, or None for what the sizes allow.
        patch_size: side of the finest patches in pixels; None: 4.
        n_iter: image steps of every stage.
        psi_steps: passes over all patch pairs an image step; 0: plain nearest neighbours.
        lr: step of Adam, in units of the pixel range.
        entropy: regularisation lam of the transport, in units of squared patch distance; None or 0: none.
        backend: "auto", "tiled", "keops" or "reference".
        device: "auto", "cpu", "cuda" or "cuda:i".

    Raises:
        InputError: an exemplar or option that cannot be used.
        DeviceError: a device or back end that was asked for is not there.
    """
    source = read_exemplar(exemplar)
    width, height = parse_size(size, source.size)
    _check_choice("preset", preset, ("default", "paper"))
    _check_choice("quality", quality, tuple(EFFORT))
    _check_choice("tile", tile, tuple(TILES))
    seed = _whole("seed", seed, 0, 2**63 - 1)
    expert: dict[str, Any] = {
        "n_scales": None if n_scales is None else _whole("n_scales", n_scales, 1),
        "patch_size": None if patch_size is None else _whole("patch_size", patch_size, 1),
        "n_iter": None if n_iter is None else _whole("n_iter", n_iter, 1),
        "psi_steps": None if psi_steps is None else _whole("psi_steps", psi_steps, 0),
        "lr": None if lr is None else _real("lr", lr, "a positive number", 1e-12),
        "entropy": None if entropy is None else _real("entropy", entropy, "0 or a positive number", 0),
    }
    target_device = resolve_device(device)
    _check_memory(source, width, height)
    start = None if isinstance(init, str) and init == "noise" else _fit_channels(read_exemplar(init), source)
    sides = (source.size[1], source.size[0]), (height, width)
    rooms = None if source.mask is None else known_rooms(source.mask)
    if preset == "paper":
        plan = paper_plan(*sides, rooms=rooms, **expert)
    else:
        plan = default_plan(*sides, rooms=rooms, quality=quality, **expert)
    if n_scales is None and plan.n_scales < (4 if preset == "paper" else 2):
        log.info("%d scale(s) fit images of this size", plan.n_scales)
    if patch_size is None and plan.patch_size < 4:
        log.info("the images have room for %dx%d patches only", plan.patch_size, plan.patch_size)
    try:
        resolve_backend(backend, target_device.type, height * width, height * width, SEARCH_DIM)
    except BackendError as error:
        raise DeviceError(str(error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error
    settings = {
        "texot": __version__,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "size": [width, height],
        "preset": preset,
        "quality": quality,
        "tile": tile,
        "seed": seed,
        **expert,
        "backend": backend,
        "device": str(target_device),
        "exemplar_sha256": source.sha256,
        "init_sha256": None if start is None else read_exemplar(init).sha256,
    }
    run = _Run(plan, TILES[tile], source, settings)
    generator = torch.Generator().manual_seed(seed)
    return stepwise(_iterate(run, start, generator, target_device, backend))


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device for "auto", "cpu", "cuda" or "cuda:i".

    Raises:
        DeviceError: not a device of this machine.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(f"device must be auto, cpu, cuda or cuda:i, not {device!r}") from error
    if found.type not in ("cpu", "cuda"):
        raise DeviceError(f"device must be auto, cpu, cuda or cuda:i, not {device!r}")
    if found.type == "cuda" and (found.index or 0) >= available:
        here = f"cuda:0 to cuda:{available - 1}" if available else "no CUDA device"
        raise DeviceError(f"device {device} is not there: this machine has {here}; use --device auto or cpu")
    return found


def _check_memory(exemplar: Exemplar, width: int, height: int) -> None:
    """Refuse what cannot fit this machine: image, gradient, two averages, patches and copies on the way.

    Raises:
        InputError: it would take more than there is.
    """
    channels = exemplar.pixels.shape[0]
    need = 4 * channels * (10 * width * height + 5 * exemplar.size[0] * exemplar.size[1])
    try:
        have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not told on this system
        return
    if need > have:
        raise InputError(
            f"{width}x{height} px would take about {need / 2**30:.0f} GiB of memory and this machine has "
            f"{have / 2**30:.0f} GiB: ask for a smaller size"
        )


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _whole(name: str, value: object, lowest: int, highest: int = 10**6) -> int:
    """The number as a plain int, which numpy's are not."""
    known = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not known or not lowest <= int(value) <= highest:  # type: ignore[call-overload]
        raise InputError(f"{name} must be a whole number from {lowest} to {highest}, not {value!r}")
    return int(value)  # type: ignore[call-overload,no-any-return]


def _real(name: str, value: object, expected: str, lowest: float, highest: float = 1e12) -> float:
    """The number as a plain float."""
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not known or not lowest <= float(value) <= highest:  # type: ignore[arg-type]
        raise InputError(f"{name} must be {expected} of at most {highest:g}, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def _fit_channels(init: Exemplar, exemplar: Exemplar) -> Tensor:
    """A start image with the exemplar's channels: grey is repeated, colour averaged."""
    have, want = init.pixels.shape[0], exemplar.pixels.shape[0]
    if have == want:
        return init.pixels
    if have == 1:
        return init.pixels.expand(want, -1, -1)
    if want == 1:
        return init.pixels.mean(0, keepdim=True)
    raise InputError(f"init has {have} channels, the exemplar {want}: give a start image of the same kind")


def _iterate(
    run: _Run, start: Tensor | None, generator: torch.Generator, device: torch.device, backend: str
) -> Generator[State, None, None]:
    plan, begun = run.plan, time.perf_counter()
    scales = _exemplar_scales(run.exemplar, plan, device)
    n_targets = {
        k: min(plan.max_patches, image.shape[1] * image.shape[2]) for k, (image, _) in scales.items()
    }
    work = [step_work(plan, stage, n_targets) for stage in plan.stages]
    work_left = sum(w * stage.n_iter for w, stage in zip(work, plan.stages, strict=True))
    own = _start_pyramid(run, start, device)
    image = own[plan.stages[0].scale] if own else _noise(plan, scales, generator, device)
    terms: dict[TermPlan, PatchTerm] = {}
    sliced: dict[int, SlicedTerm] = {}
    run.timings["prepare"] = time.perf_counter() - begun
    work_done, total_step = 0.0, 0
    for stage, effort in zip(plan.stages, work, strict=True):
        stage_begun = time.perf_counter()
        for term in stage.terms:
            if term not in terms:
                terms[term] = _patch_term(term, plan, scales[term.scale], generator, backend)
                if term.patch_size == plan.patch_size:
                    sliced[term.scale] = SlicedTerm(
                        term.scale,
                        terms[term].measure,
                        min(4, term.patch_size),
                        plan.sliced_weight,
                        plan.n_filters,
                    )
        statistics = None if plan.published else Statistics.of(*scales[stage.scale])
        size = plan.sizes[stage.scale]
        if image.shape[1:] != size:
            image = upsample(image, size, periodic=run.periodic)
            if own:  # what the start image has at this scale, on top of what became of the coarser ones
                coarse = upsample(own[stage.scale + 1], size, periodic=run.periodic)
                image = image + own[stage.scale] - coarse
            elif plan.detail and stage.scale < BIG_FROM:
                image = image + plan.detail * _random_detail(scales[stage.scale], size, generator)
        image = image.clone().requires_grad_(True)
        betas = (0.9, 0.999) if plan.published else (0.9, 0.99)
        adam = Adam(image, betas=betas)
        for step in range(1, stage.n_iter + 1):
            for k in stage.sliced:
                sliced[k].weight = plan.sliced_weight if 2 * step > stage.n_iter else plan.sliced_early
            loss, figures = evaluate(
                image,
                stage.scale,
                [terms[t] for t in stage.terms],
                [sliced[k] for k in stage.sliced],
                run.periodic,
                generator,
            )
            (grad,) = torch.autograd.grad(loss, image)
            adam.step(image, grad, plan.lr * _step_factor(plan, stage, step))
            if statistics is not None and _calibrates(stage, step):
                with torch.no_grad():
                    image.copy_(statistics.clip(statistics.calibrate(image, periodic=run.periodic)))
            total_step += 1
            work_done += effort
            work_left -= effort
            shown = figures.loss if plan.published else figures.cost
            run.losses.append(LossRecord(stage.scale, step, shown))
            run.marginal_errors.append(figures.marginal_error)
            seconds = time.perf_counter() - begun
            run.timings[f"scale {stage.scale}"] = time.perf_counter() - stage_begun
            yield State(
                scale=stage.scale,
                n_scales=plan.n_scales,
                step=step,
                stage_steps=stage.n_iter,
                total_step=total_step,
                total_steps=plan.n_steps,
                loss=shown,
                marginal_error=figures.marginal_error,
                seconds=seconds,
                seconds_left=max(0.0, seconds / work_done * work_left),
                _current=image.detach().clone(),
                _run=run,
            )
        image = image.detach()


def _step_factor(plan: Plan, stage: Stage, step: int) -> float:
    """Adam's step falls linearly over the second half of a stage; the published one is constant."""
    if plan.published:
        return 1.0
    return min(1.0, max(0.05, 2 * (1 - (step - 1) / stage.n_iter)))


def _calibrates(stage: Stage, step: int) -> bool:
    """Twice a stage: halfway, so that patches settle on the sharper image, and at the end."""
    return step == stage.n_iter or step == stage.n_iter // 2


def _exemplar_scales(
    exemplar: Exemplar, plan: Plan, device: torch.device
) -> dict[int, tuple[Tensor, Tensor | None]]:
    """The exemplar and its known pixels at every scale."""
    image = exemplar.pixels.to(device)
    known = None if exemplar.mask is None else exemplar.mask.to(device)
    scales = {0: (image, known)}
    for scale in range(1, plan.n_scales):
        scales[scale] = downsample_known(*scales[scale - 1])
    return scales


def _start_pyramid(run: _Run, start: Tensor | None, device: torch.device) -> list[Tensor]:
    """The start image, stretched to the result's size, at every scale; empty where there is none."""
    if start is None:
        return []
    plan = run.plan
    full = F.interpolate(start[None], size=plan.sizes[0], mode="bicubic", antialias=True)[0].clamp(0, 1)
    return gaussian_pyramid(full.to(device), plan.stages[0].scale + 1, periodic=run.periodic)


def _noise(
    plan: Plan,
    scales: dict[int, tuple[Tensor, Tensor | None]],
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """The first stage's image: pixels drawn from the exemplar at that scale, or as published from [0, 1]."""
    first = plan.stages[0].scale
    height, width = plan.sizes[first]
    image, known = scales[first]
    if plan.published:
        noise = torch.rand((image.shape[0], height, width), generator=generator, dtype=torch.float32)
        return noise.to(device)
    values = image.flatten(1) if known is None else image[:, known]
    index = torch.randint(0, values.shape[1], (height * width,), generator=generator)
    return values[:, index.to(device)].view(-1, height, width)


def _random_detail(
    scale: tuple[Tensor, Tensor | None], size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """What the exemplar adds at a scale to the coarser one, moved and repeated at random, (C, H, W)."""
    image, known = scale
    if known is not None:
        image = torch.where(known, image, channel_moments(image, known)[0])
    size_here, open_axes = (image.shape[1], image.shape[2]), (False, False)
    detail = image - upsample(downsample(image, periodic=open_axes), size_here, periodic=open_axes)
    if known is not None:  # none from where the smooth image has seen unknown pixels
        detail = detail * (F.max_pool2d((~known).to(image)[None], 13, stride=1, padding=6)[0] == 0)
    shift = [int(torch.randint(0, n, (), generator=generator)) for n in detail.shape[1:]]
    for axis in (1, 2):
        detail = wrap(detail, axis, shift[axis - 1], shift[axis - 1] + size[axis - 1])
    return detail


def _patch_term(
    term: TermPlan,
    plan: Plan,
    scale: tuple[Tensor, Tensor | None],
    generator: torch.Generator,
    backend: str,
) -> PatchTerm:
    image, known = scale
    measure = PatchMeasure.from_image(
        image,
        term.patch_size,
        known=known,
        max_patches=plan.max_patches,
        uniform=plan.published,
        search_dim=None if plan.published else SEARCH_DIM,
        generator=generator,
    )
    return PatchTerm(
        term.scale,
        measure,
        stride=term.stride,
        weight=term.weight,
        psi_steps=plan.psi_steps,
        rate=plan.psi_rate_fine if term.scale < BIG_FROM else plan.psi_rate,
        published_step=plan.published_step,
        entropy=plan.entropy,
        backend=backend,
    )
