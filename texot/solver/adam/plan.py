"""Plans for Adam: scales, iterations, patch sizes, grids and weights of every stage.

Each stage optimises the image at one scale and keeps the coarser scales in its objective. `default_plan` has
one stage at the finest scale, for deep features: it starts from the result of the field solver. Large patches
(8x8) keep structure at the coarser scales and, in the first steps, at scale 1; 4x4 patches at all scales.
`paper_plan` is the published algorithm: all scales jointly, from noise. benchmarks/README.md has the
measurements behind the constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.pyramid import downsample_known
from texot.solver.plan import scale_sizes

Size = tuple[int, int]
"""Height and width in pixels."""

MIN_ROOM = 12  # pixels: largest patch that fits the coarsest scale of exemplar and result
MIN_EXEMPLAR = 48  # pixels of the exemplar's shorter side at the coarsest scale
MIN_RESULT = 24  # pixels of the result's shorter side there
MIN_HALF = 20  # pixels of the exemplar's, if it would otherwise have one scale only
BIG_FROM = 2  # finest scale that has patches of twice the size in all steps
MIN_BIG = 56  # pixels of the shorter side for such patches: fewer would hold only a few of them
EARLY = 0.6  # fraction of a stage's steps in which scale 1 has them too
FINEST = 0.6  # fraction of the usual steps, if coarser scales exist
ROBUSTNESS = 0.6


@dataclass(frozen=True)
class TermPlan:
    """One transport term: patches of `patch_size` at `scale`, on a grid of `stride`.

    It counts in the first `until` of a stage's steps, a fraction.
    """

    scale: int
    patch_size: int
    stride: int
    weight: float = 1.0
    until: float = 1.0


@dataclass(frozen=True)
class Stage:
    """One optimisation, of the image at `scale`.

    Attributes:
        scale: scale of the image, 0 = finest.
        n_iter: Adam steps.
        terms: transport terms, at this scale and coarser ones.
        sliced: scales that have a sliced term.
    """

    scale: int
    n_iter: int
    terms: tuple[TermPlan, ...]
    sliced: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The stages and numbers of an optimisation.

    Attributes:
        sizes: size of the result at each scale, finest first.
        stages: in order of execution.
        patch_size: side of the finest patches.
        lr: Adam's step size.
        psi_steps: passes over all pairs of patches per step; 0 leaves the potentials at 0.
        psi_rate: fraction of the mean cost by which a hit lowers a potential, at scales with large patches.
        psi_rate_fine: the same at finer scales, where potentials should react faster to repetition.
        robustness: exponent of robust averaging, see `PatchTerm`.
        published_step: constant step of the published averaged ascent, or None.
        entropy: regularisation in units of squared distance per patch, 0 for none.
        max_patches: maximum number of targets per scale.
        sliced_weight: weight of the sliced terms in the second half of a stage.
        sliced_early: the same in the first half, in which structure forms.
        n_filters: random filters per sliced term and step.
        betas: of Adam.
        lr_decays: whether its step falls linearly over the second half of a stage.
        shows_dual: report the sum of the semi-duals, not of the distances, as loss.
        published: uniform noise in [0, 1] as start, equal target weights, no calibration.
    """

    sizes: tuple[Size, ...]
    stages: tuple[Stage, ...]
    patch_size: int
    lr: float
    psi_steps: int
    psi_rate: float = 0.1
    psi_rate_fine: float = 0.3
    robustness: float = 0.0
    published_step: float | None = None
    entropy: float = 0.0
    max_patches: int = 16384
    sliced_weight: float = 3.0
    sliced_early: float = 0.3
    n_filters: int = 16
    betas: tuple[float, float] = (0.9, 0.99)
    lr_decays: bool = True
    shows_dual: bool = False
    published: bool = False

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.sizes)

    @property
    def n_steps(self) -> int:
        """Adam steps of all stages."""
        return sum(stage.n_iter for stage in self.stages)


@dataclass(frozen=True)
class Effort:
    """The amount of work of a quality level.

    Attributes:
        n_iter: Adam steps for 512x512 pixels; smaller results take more, see `n_steps`.
        max_iter: upper bound of the steps, for 512x512 pixels.
        max_patches: maximum number of targets per scale.
        n_filters: random filters per sliced term and step.
        lr: step size of Adam.
    """

    n_iter: int
    max_iter: int
    max_patches: int
    n_filters: int
    lr: float

    def n_steps(self, pixels: int) -> int:
        """Adam steps for a result of this number of pixels."""
        wanted = self.n_iter * math.pow(512**2 / pixels, 0.4)
        most = self.max_iter * min(1.0, max(0.22, math.pow(pixels / 512**2, 0.55)))
        return max(1, self.n_iter // 2, round(min(most, wanted)))


EFFORT = {
    "draft": Effort(n_iter=10, max_iter=100, max_patches=8192, n_filters=12, lr=0.015),
    "normal": Effort(n_iter=40, max_iter=300, max_patches=16384, n_filters=16, lr=0.01),
    "high": Effort(n_iter=120, max_iter=600, max_patches=65536, n_filters=32, lr=0.01),
}


def exemplar_side(side: int, scale: int) -> int:
    """A side of the exemplar at a scale, in pixels: the 4-pixel kernel is applied without padding."""
    for _ in range(scale):
        side = (side - 4) // 2 + 1 if side >= 4 else 0
    return side


def known_rooms(known: Tensor) -> tuple[int, ...]:
    """The side of the largest square of known pixels at each scale of an exemplar, up to 16.

    Args:
        known: (H, W) bool.

    Returns:
        16, 12, 8, 4, 3, 2, 1 or 0 for each scale, finest first, up to the first 0.
    """
    rooms = []
    mask: Tensor | None = known
    while mask is not None:
        unknown = (~mask).float()[None]
        room = 0
        for side in (16, 12, 8, 4, 3, 2, 1):
            if side <= min(mask.shape):
                rows = F.max_pool2d(unknown, (side, 1), stride=1)
                if bool((F.max_pool2d(rows, (1, side), stride=1) == 0).any()):
                    room = side
                    break
        rooms.append(room)
        if not room or min(mask.shape) < 4:
            break
        mask = downsample_known(unknown, mask)[1]
    return tuple(rooms)


def _room(exemplar: Size, scale: int, rooms: tuple[int, ...] | None) -> int:
    """The side of the largest patch that fits a scale; at most 16 if some pixels are unknown."""
    if rooms is None:
        return exemplar_side(min(exemplar), scale)
    return rooms[scale] if scale < len(rooms) else 0


def resolve_patch_size(
    patch_size: int | None, exemplar: Size, size: Size, rooms: tuple[int, ...] | None = None
) -> int:
    """The finest patch size: the requested one, else 4, or less for tiny images.

    Raises:
        InputError: the requested size is larger than the exemplar or the result.
    """
    room = min(*exemplar, *size)
    if patch_size is None:
        return max(1, min(4, room, _room(exemplar, 0, rooms)))
    if patch_size > room:
        smaller = "exemplar" if min(exemplar) <= min(size) else "result"
        h, w = exemplar if smaller == "exemplar" else size
        raise InputError(
            f"patch_size {patch_size} exceeds the {w}x{h} px {smaller}: use --patch-size {room} or less"
        )
    return patch_size


def resolve_n_scales(
    n_scales: int | None,
    patch_size: int,
    exemplar: Size,
    size: Size,
    *,
    wanted: int = 16,
    min_sides: tuple[int, int] = (MIN_ROOM, MIN_ROOM),
    rooms: tuple[int, ...] | None = None,
) -> int:
    """The number of scales: the requested one, else up to `wanted` with a large enough coarsest scale.

    Args:
        min_sides: minimum shorter side of exemplar and result at the coarsest scale, in pixels.

    The rest as in `default_plan`.

    Raises:
        InputError: no patch fits the coarsest of the requested scales.
    """
    most = 1
    while min(_room(exemplar, most, rooms), math.ceil(min(size) / 2**most)) >= patch_size:
        most += 1
    if n_scales is not None:
        if n_scales > most:
            h, w = (max(1, exemplar_side(n, most)) for n in exemplar)
            if min(h, w) >= patch_size:
                h, w = scale_sizes(size, most + 1)[-1]
            raise InputError(
                f"patch_size {patch_size} exceeds scale {most + 1} ({w}x{h} px): "
                f"use --n-scales {most} or fewer"
            )
        return n_scales
    n = 1
    while n < min(most, wanted) and (
        _room(exemplar, n, rooms) >= MIN_ROOM
        and exemplar_side(min(exemplar), n) >= min_sides[0]
        and math.ceil(min(size) / 2**n) >= min_sides[1]
    ):
        n += 1
    return n


def until_big(scale: int, n_scales: int) -> float:
    """The fraction of a stage's steps in which a scale has patches of twice the size; 0 at the finest."""
    if scale >= min(BIG_FROM, n_scales - 1):
        return 1.0
    return EARLY if scale == BIG_FROM - 1 else 0.0


def default_plan(
    exemplar: Size,
    size: Size,
    *,
    rooms: tuple[int, ...] | None = None,
    quality: str = "normal",
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
) -> Plan:
    """One stage at the finest scale, for an image whose coarser scales are solved.

    `rooms`: see `known_rooms`; the rest as in `iter_synthesis`.
    """
    effort = EFFORT[quality]
    patch = resolve_patch_size(patch_size, exemplar, size, rooms)
    half = exemplar_side(min(exemplar), 1)  # small exemplars have two scales too
    min_sides = min(MIN_EXEMPLAR, max(MIN_HALF, half)), min(MIN_RESULT, max(MIN_ROOM, half))
    sizes = scale_sizes(
        size, resolve_n_scales(n_scales, patch, exemplar, size, min_sides=min_sides, rooms=rooms)
    )
    count = len(sizes)

    def terms_at(scale: int) -> list[TermPlan]:
        height, width = sizes[scale]
        pixels = height * width
        stride = 1 if pixels <= 32**2 else 2 if pixels <= 64**2 else 4
        found = []
        big, until = 2 * patch, until_big(scale, count)
        room = min(_room(exemplar, scale, rooms), height, width)
        if until and room >= big and min(height, width) >= MIN_BIG:
            found.append(TermPlan(scale, big, 2 if pixels <= 64**2 else 4, 0.5, until))
        found.append(TermPlan(scale, patch, min(stride, patch)))
        return found

    steps = effort.n_steps(math.prod(size))
    if count > 1:  # only the finest detail is left to optimise
        steps = max(1, round(FINEST * steps))
    terms = tuple(term for scale in range(count) for term in terms_at(scale))
    return Plan(
        sizes,
        (Stage(0, n_iter or steps, terms, tuple(range(min(2, count)))),),
        patch,
        lr=effort.lr if lr is None else lr,
        psi_steps=1 if psi_steps is None else psi_steps,
        entropy=entropy or 0.0,
        robustness=ROBUSTNESS,
        max_patches=effort.max_patches,
        n_filters=effort.n_filters,
    )


def paper_plan(
    exemplar: Size,
    size: Size,
    *,
    rooms: tuple[int, ...] | None = None,
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
    novelty: float | None = None,
) -> Plan:
    """Algorithm 1 as published (arXiv 2007.03408): 4 scales jointly, 500 iterations, 10 ascent steps each.

    Raises:
        InputError: a size that does not fit; or a novelty, since the start is noise.
    """
    if novelty is not None:
        raise InputError("preset paper starts from noise, so it has no novelty: leave that out")
    patch = resolve_patch_size(patch_size, exemplar, size, rooms)
    sizes = scale_sizes(size, resolve_n_scales(n_scales, patch, exemplar, size, wanted=4, rooms=rooms))
    terms = tuple(TermPlan(scale, patch, 1) for scale in range(len(sizes)))
    return Plan(
        sizes,
        (Stage(0, 500 if n_iter is None else n_iter, terms),),
        patch,
        lr=0.01 if lr is None else lr,
        psi_steps=10 if psi_steps is None else psi_steps,
        published_step=1.0,
        entropy=entropy or 0.0,
        max_patches=2000,
        betas=(0.9, 0.999),
        lr_decays=False,
        shows_dual=True,
        published=True,
    )


def step_work(plan: Plan, stage: Stage, n_targets: dict[int, int]) -> float:
    """Estimated cost of one step of a stage, in arbitrary units, to estimate the remaining time.

    Args:
        n_targets: number of target patches at each scale.
    """
    work = 0.0
    for term in stage.terms:
        height, width = plan.sizes[term.scale]
        pairs = height * width / term.stride**2 * n_targets[term.scale]
        work += max(1, plan.psi_steps) * (4 if plan.entropy else 1) * pairs
    height, width = plan.sizes[stage.scale]
    return work + 300 * height * width + 5e6  # the rest of a step, and its fixed part
