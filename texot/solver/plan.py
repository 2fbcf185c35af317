"""The plan of the field solver: scales, steps, patches, potentials.

The exemplar is halved until its shorter side is 16 to 31 pixels: patches of 7 px are nearly half of it there,
so that objects stay whole. docs/design-notes.md has the experiments behind the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.autocorrelation import LOOSE, correlation_length, regularity
from texot.images.masks import filled, largest_square
from texot.solver.options import EFFORT, EngineOptions

Size = tuple[int, int]
"""Height and width in pixels."""

Scale = tuple[Tensor, Tensor | None]
"""An image (C, h, w) and its known pixels (h, w) bool, or None for all."""

PATCH = 7
ROWS_FROM = 32
"""Pixels of the exemplar's shorter side at the coarsest scale, where the start has rows or is given."""
MAX_PAIRS = 2**20
NOVELTY = 0.5
_MIN_COARSEST = 16  # pixels of the exemplar's shorter side at the coarsest scale
_STEPS = ((24, 30), (48, 16), (96, 8), (192, 4))  # (largest shorter side of the exemplar in pixels, steps)
_FINE_STEPS = 3  # for larger exemplars
_MAX_ANALYSED = 512  # pixels a side of an image whose regularity is measured
_MIN_ROW = 0.9  # pixels of correlation length that rows need there
_MAX_LAID = 128  # pixels of the exemplar's shorter side where a layout is made: the time grows with its cube
_LAYOUT_STEPS = 4  # maximal steps of the scale that starts from a layout
_CAP = 0.13  # maximal fraction of the result that one shift of the exemplar holds, at a novelty of .5
_MIN_CAP = 0.03


@dataclass(frozen=True)
class FieldPlan:
    """Parameters of the solver.

    Attributes:
        sizes: (H, W) of the result at each scale, finest first.
        steps: steps at each scale, in the same order.
        patch_size: side of a patch in pixels, at every scale.
        n_axes: number of principal axes in which distances are computed.
        iterations: iterations of the potentials per step; 0: plain nearest neighbours.
        entropy: regularisation of the transport where all pairs are compared, in units of squared patch
            distance; 0: a small fraction of the mean distance.
        max_pairs: largest number of pairs that are all compared; beyond, the search follows the field.
        stride: pixels between the result's patches where the search follows the field.
        max_shift: maximal fraction of the result that one shift of the exemplar may hold, in (0, 1].
        novelty: novelty of the first image; 0 is the exemplar itself.
        laid: whether the first image is a layout whose parts must stay in place. The potentials, which would
            mix its rows, then start at the second scale.
    """

    sizes: tuple[Size, ...]
    steps: tuple[int, ...]
    patch_size: int = PATCH
    n_axes: int = 32
    iterations: int = 2
    entropy: float = 0.0
    max_pairs: int = MAX_PAIRS
    stride: int = 2
    max_shift: float = _CAP
    novelty: float = NOVELTY
    laid: bool = False

    @property
    def n_scales(self) -> int:
        """Number of scales."""
        return len(self.sizes)

    @property
    def n_steps(self) -> int:
        """Steps at all scales."""
        return sum(self.steps)

    @property
    def wide_stride(self) -> int:
        """Stride of the search along the field: at most half a patch, so that patches overlap."""
        return max(1, min(self.stride, self.patch_size // 2))


def field_plan(
    exemplar: Size,
    size: Size,
    known: Tensor | None,
    options: EngineOptions,
    *,
    novelty: float | None = None,
) -> FieldPlan:
    """The plan for an exemplar and a result.

    Args:
        exemplar, size: (height, width) of the exemplar and of the result, in pixels.
        known: (h, w) bool, the exemplar's known pixels, or None for all.
        options: options of the solver.
        novelty: novelty of the layout, in [0, 1]; None: .5.

    Raises:
        InputError: patches or scales that do not fit.
    """
    side = _side(exemplar, size, known, options.patch_size)
    n_scales = options.n_scales
    count = most = _most_scales(exemplar, size, known, side)
    if n_scales is None:
        while count > 1 and min(exemplar) >> (count - 1) < _MIN_COARSEST:
            count -= 1
    elif n_scales > most:
        h, w = (n >> most for n in exemplar)
        if min(h, w) >= side:
            h, w = (-(-n >> most) for n in size)
        raise InputError(
            f"patch_size {side} exceeds scale {most + 1} ({w}x{h} px): use --n-scales {most} or fewer"
        )
    else:
        count = n_scales
    sides = [min(exemplar) >> k for k in range(count)]
    novel = NOVELTY if novelty is None else novelty
    return FieldPlan(
        scale_sizes(size, count),
        tuple(options.n_iter or _steps(side, options.quality) for side in sides),
        side,
        iterations=2 if options.psi_steps is None else options.psi_steps,
        entropy=options.entropy or 0.0,
        max_shift=max(_MIN_CAP, _CAP ** (2 * novel)),
        novelty=novel,
    )


def scale_sizes(size: Size, count: int) -> tuple[Size, ...]:
    """Sizes of a result at each scale, finest first: halved, rounded up."""
    sizes = [size]
    for _ in range(count - 1):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return tuple(sizes)


def exemplar_pyramid(image: Tensor, known: Tensor | None, count: int) -> list[Scale]:
    """The exemplar (C, h, w) and its known pixels (h, w) at `count` scales, finest first.

    Means of 2x2 pixels, over the known ones. A coarse pixel is known if half of its pixels are.
    """
    scales: list[Scale] = [(image if known is None else filled(image, known), known)]
    while len(scales) < count:
        fine, there = scales[-1]
        if there is None:
            scales.append((F.avg_pool2d(fine[None], 2)[0], None))
            continue
        share = F.avg_pool2d(there.to(fine)[None], 2)
        coarse = F.avg_pool2d((fine * there)[None], 2)[0] / share.clamp_min(1e-6)
        scales.append((filled(coarse, share[0] >= 0.5), share[0] >= 0.5))
    return scales


def for_texture(plan: FieldPlan, scales: list[Scale], *, given: bool = False) -> FieldPlan:
    """The plan with the scales that suit the texture.

    Textures with rows (`regularity` from .35), results that keep the exemplar's layout, and given start
    images begin at a scale where the exemplar has 32 to 63 pixels a side, or at a finer one, of at most 128
    pixels, if the rows are too fine there (`correlation_length` below .9).

    Args:
        plan: result of `field_plan`.
        scales: the exemplar at each scale.
        given: whether a start image is given.
    """
    count = 1
    while count < plan.n_scales and min(scales[count][0].shape[1:]) >= ROWS_FROM:
        count += 1
    if not given and plan.novelty > 0:
        if _regularity(scales) < LOOSE:
            return plan
        while _may_be_finer(scales, count) and correlation_length(*scales[count - 1]) < _MIN_ROW:
            count -= 1
    steps = (*plan.steps[: count - 1], min(plan.steps[count - 1], _LAYOUT_STEPS))
    most = 1.0 if plan.novelty == 0 else plan.max_shift
    return replace(plan, sizes=plan.sizes[:count], steps=steps, max_shift=most, laid=True)


def _may_be_finer(scales: list[Scale], count: int) -> bool:
    """Whether a layout can be made at the scale before the last of `count`."""
    return count > 1 and min(scales[count - 2][0].shape[1:]) <= _MAX_LAID


def _regularity(scales: list[Scale]) -> float:
    """`regularity` at a scale of 48 to 95 pixels a side, or at the finest one.

    Tiny results of large exemplars have no such scale; up to 512 px the measurement takes a second.
    """
    while min(scales[-1][0].shape[1:]) > _MAX_ANALYSED:
        scales = exemplar_pyramid(*scales[-1], 2)
    sides = [min(image.shape[1:]) for image, _ in scales]
    return regularity(*scales[max(k for k, side in enumerate(sides) if side >= 48 or k == 0)])


def _steps(side: int, quality: str) -> int:
    """Number of steps at a scale where the exemplar's shorter side has `side` pixels."""
    usual = next((steps for most, steps in _STEPS if side <= most), _FINE_STEPS)
    return max(1, math.ceil(usual * EFFORT[quality]))


def _side(exemplar: Size, size: Size, known: Tensor | None, asked: int | None) -> int:
    """Side of the patches: the requested one, or 7, or less in tiny images.

    Raises:
        InputError: the requested one is too large.
    """
    room = min(*exemplar, *size)
    if known is not None:
        room = min(room, largest_square(known, max(PATCH, asked or 0)))
    if asked is None:
        return max(1, min(PATCH, room))
    if asked > room:
        smaller = "exemplar" if min(exemplar) <= min(size) or room < min(size) else "result"
        h, w = exemplar if smaller == "exemplar" else size
        raise InputError(
            f"patch_size {asked} exceeds the {w}x{h} px {smaller}: use --patch-size {max(1, room)} or less"
        )
    return asked


def _most_scales(exemplar: Size, size: Size, known: Tensor | None, side: int) -> int:
    """Largest number of scales at which a patch fits the exemplar's known part and the result."""
    count = 1
    there = known
    while min(min(exemplar) >> count, *(-(-n >> count) for n in size)) >= side:
        if there is not None:
            there = F.avg_pool2d(there.float()[None], 2)[0] >= 0.5
            if largest_square(there, side) < side:
                break
        count += 1
    return count
