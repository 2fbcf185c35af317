"""Plans of training: stages from the coarsest scale to the finest, on tori of new noise.

Each stage trains one more scale of the network and keeps the coarser ones in its objective. Fields, the
images of a step, are large at coarse scales, where they have few pixels, to contain large structure.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from texot.errors import InputError
from texot.files.exemplar import Exemplar
from texot.generator.network import Architecture
from texot.generator.paper_network import paper_architecture
from texot.solver.adam.plan import (
    Plan,
    Size,
    Stage,
    TermPlan,
    exemplar_side,
    known_rooms,
    paper_plan,
)
from texot.solver.plan import scale_sizes

STEPS, STEPS_SIDE = 2100, 128  # steps for exemplars up to this side, in pixels
MAX_STEPS_FACTOR = 2  # of the steps for larger exemplars
_STEP_WEIGHTS = {0: 600, 1: 400, 2: 500, 3: 600}  # relative numbers of steps, by scale
_FIELDS = {0: (1, 1), 1: (1.5, 1.5), 2: (2, 2)}  # (height, width) over the exemplar's side; coarser: (2, 4)
_WIDTHS = (16, 24, 32, 32)
_STRIDES = (4, 2, 2, 1)  # of patch grids: about a thousand patches per scale
_LEAST, _MOST = 0.7, 1.75  # lengths of images that are tried for waves, over the usual one
_LONGER = 0.05  # price of twice the length, where a wave that is stretched to its double has 1
_MIN_COARSE = 12  # pixels of the exemplar's shorter side at the coarsest scale
_BIG_FROM = 2  # finest scale with 8x8 patches
PATCH = 4


@dataclass(frozen=True)
class Training:
    """A plan of training.

    Attributes:
        plan: stages and numbers for the loop; its sizes are upper bounds of the fields' sizes.
        architecture: of the network.
        fields: (height, width) of each stage's image, in pixels of full resolution.
        wraps: whether the image is a torus, or else a window of the plane.
    """

    plan: Plan
    architecture: Architecture
    fields: tuple[Size, ...]
    wraps: bool = True

    def size(self, stage: Stage) -> Size:
        """(height, width) of a stage's image, at the stage's scale."""
        scales = [own.scale for own in self.plan.stages]
        height, width = self.fields[scales.index(stage.scale)]
        return height >> stage.scale, width >> stage.scale


def default_steps(exemplar: Size) -> int:
    """2100 up to a shorter side of 128 px, then in proportion to that side, at most twice as many."""
    return round(STEPS * min(max(1.0, min(exemplar) / STEPS_SIDE), MAX_STEPS_FACTOR))


def plan_training(
    exemplar: Size,
    colours: int,
    *,
    n_scales: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    entropy: float = 0.0,
    rooms: tuple[int, ...] | None = None,
    waves: tuple[tuple[float, float], ...] = (),
) -> Training:
    """The default plan: coarse to fine, 4x4 patches at all scales and 8x8 patches at the coarse ones.

    Args:
        exemplar: (height, width).
        colours: its channels.
        n_scales: scales of the network, or None for up to 4.
        steps: of all stages together, or None: see `default_steps`.
        lr: Adam's step size, or None.
        entropy: see `Plan`.
        rooms: see `texot.solver.adam.plan.known_rooms`.
        waves: of a regular texture, see `Architecture`; images then have sides that nearly fit them.

    Raises:
        InputError: the exemplar is too small, or too small for this number of scales.
    """

    def room(scale: int) -> int:
        side = exemplar_side(min(exemplar), scale)
        return side if rooms is None else min(side, rooms[scale] if scale < len(rooms) else 0)

    if room(0) < 2 * PATCH:
        raise InputError(
            f"training needs an exemplar of {2 * PATCH}x{2 * PATCH} px or more, this one has "
            f"{exemplar[1]}x{exemplar[0]} (or fewer in one piece)"
        )
    most = 1
    while most < 8 and room(most) >= PATCH and exemplar_side(min(exemplar), most) >= PATCH:
        most += 1
    if n_scales is None:
        n_scales = 1
        while n_scales < 4 and exemplar_side(min(exemplar), n_scales) >= _MIN_COARSE and n_scales < most:
            n_scales += 1
    elif n_scales > most:
        h, w = exemplar
        raise InputError(
            f"{n_scales} scales do not fit a {w}x{h} px exemplar: use --n-scales {most} or fewer"
        )
    side = min(128, max(32, 32 * round(min(exemplar) / 32)))
    unit = max(16, 2 ** (n_scales - 1))
    stages, fields = [], []
    weights = [_STEP_WEIGHTS[min(3, scale)] for scale in range(n_scales)]
    wanted = default_steps(exemplar) if steps is None else steps
    counts = [max(1, math.floor(wanted * weight / sum(weights))) for weight in weights]
    counts[0] = max(1, counts[0] + wanted - sum(counts))

    def terms_at(scale: int) -> list[TermPlan]:
        stride = _STRIDES[min(3, scale)]
        found = [TermPlan(scale, PATCH, stride)]
        if scale >= min(_BIG_FROM, n_scales - 1) and room(scale) >= 2 * PATCH:
            found.insert(0, TermPlan(scale, 2 * PATCH, 2, 0.5))
        return found

    for scale in reversed(range(n_scales)):
        down, across = _FIELDS.get(scale, (2, 4))
        fields.append(
            (
                _fitting(side * down, unit, [abs(w[0]) for w in waves]),
                _fitting(side * across, unit, [abs(w[1]) for w in waves]),
            )
        )
        terms = tuple(t for k in range(scale, n_scales) for t in terms_at(k))
        stages.append(Stage(scale, counts[scale], terms, tuple(range(scale, n_scales))))
    largest = max(exemplar[0], *(h for h, _ in fields)), max(exemplar[1], *(w for _, w in fields))
    plan = Plan(
        scale_sizes(largest, n_scales),
        tuple(stages),
        PATCH,
        lr=4e-3 if lr is None else lr,
        psi_steps=1,
        psi_rate=0.1,
        psi_rate_fine=0.1,
        entropy=entropy,
        max_patches=8192,
        sliced_weight=1.0,
        sliced_early=1.0,
        betas=(0.5, 0.99),
    )
    widths = tuple(_WIDTHS[min(3, scale)] for scale in range(n_scales))
    architecture = Architecture(
        colours,
        widths,
        fresh=tuple(n + 2 * len(waves) for n in (*([4] * (n_scales - 1)), 8)),
        blocks=(*([1] * (n_scales - 1)), 2),
        waves=waves,
    )
    return Training(plan, architecture, tuple(fields))


def _fitting(length: float, unit: int, waves: list[float]) -> int:
    """A multiple of `unit` near `length` that nearly whole periods of all waves fit.

    Args:
        length: in pixels.
        unit: in pixels.
        waves: cycles per pixel along the axis; 0 fits any length.
    """

    def price(n: int) -> float:
        stretch = max((abs(n * f / max(1, round(n * f)) - 1) for f in waves if f), default=0.0)
        return stretch + _LONGER * abs(n / length - 1)

    lengths = range(unit, _multiple(_MOST * length, unit) + 1, unit)
    return min((n for n in lengths if n >= _LEAST * length), key=price)


def _multiple(length: float, unit: int) -> int:
    return max(unit, round(length / unit) * unit)


def plan_paper(
    exemplar: Size,
    colours: int,
    *,
    n_scales: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    entropy: float = 0.0,
    rooms: tuple[int, ...] | None = None,
) -> Training:
    """Algorithm 2 as published (arXiv 2007.03408): 5 scales jointly, 5000 steps, 10 ascent steps each.

    Every step samples one window of the exemplar's size. Args and errors as in `plan_training`.
    """
    plan = paper_plan(exemplar, exemplar, rooms=rooms, n_scales=n_scales, n_iter=steps or 5000, lr=lr)
    if n_scales is None:
        count = len(plan.sizes)
        if exemplar_side(min(exemplar), count) >= PATCH and (rooms is None or len(rooms) > count):
            plan = paper_plan(
                exemplar, exemplar, rooms=rooms, n_scales=count + 1, n_iter=steps or 5000, lr=lr
            )
    plan = replace(plan, entropy=entropy)
    architecture = paper_architecture(colours, plan.n_scales)
    return Training(plan, architecture, (exemplar,), wraps=False)


def plan_textures(
    planner: Callable[..., Training], sources: list[Exemplar], textures: int, **numbers: Any
) -> Training:
    """A plan for several exemplars: that of the one with the fewest scales.

    Args:
        planner: `plan_training` or `plan_paper`.
        sources: the exemplars.
        textures: number of textures that the network interpolates.
        **numbers: n_scales, steps, lr and entropy of the planner; None for its own.

    Raises:
        InputError: see `plan_training`.
    """
    if numbers["steps"] is None and textures > 1:
        numbers["steps"] = textures * max(default_steps(source.size) for source in sources)
    plans = [
        planner(
            (source.size[1], source.size[0]),
            source.pixels.shape[0],
            rooms=None if source.mask is None else known_rooms(source.mask),
            **numbers,
        )
        for source in sources
    ]
    found = min(plans, key=lambda p: (p.plan.n_scales, len(p.plan.stages[-1].terms), max(p.fields)))
    return replace(found, architecture=replace(found.architecture, textures=textures))
