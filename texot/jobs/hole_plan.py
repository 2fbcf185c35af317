"""The plan for filling a hole, from a scale at which the hole is a few pixels wide."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.images.masks import largest_square, masked_pyramid
from texot.images.pyramid import Periodic
from texot.solver.options import EFFORT, EngineOptions
from texot.solver.plan import PATCH, FieldPlan, scale_sizes

MIN_HOLE = 8  # minimal width of the hole in pixels at the coarsest scale
MIN_TEXTURE = 48  # minimal shorter side of the texture in pixels there
MIN_PATCH = 2
MIN_PATCHES, MIN_FRACTION = 1024, 0.05  # known patches that suffice: number, or fraction of all
STEPS = (10, 6, 4)  # steps from the coarsest scale on; the last number holds for all finer ones
MAX_PAIRS = 2**22


def hole_plan(
    hole: Tensor,
    known: Tensor,
    options: EngineOptions,
    *,
    periodic: Periodic,
    known_periodic: Periodic,
) -> FieldPlan:
    """The plan for a hole of an image.

    Args:
        hole: (H, W) bool, on the CPU.
        known: (h, w) bool, on the CPU: the pixels that texture is taken from, in this or another image.
        options: options of the solver.
        periodic, known_periodic: axes (y, x) of the two that wrap around.

    Raises:
        InputError: a patch size or number of scales that does not fit.
    """
    patch_size = options.patch_size
    patch = PATCH if patch_size is None else patch_size
    room = min(largest_square(known, 4 * patch), *hole.shape)
    if room < (patch_size or MIN_PATCH):
        least = patch_size or MIN_PATCH
        smaller = f"--patch-size {room} or less, or " if room >= MIN_PATCH else ""
        raise InputError(
            f"not enough is left to take texture from: no {least}x{least} patch fits what is known near "
            f"the hole; use {smaller}a larger --reach, or --exemplar"
        )
    patch = min(patch, room) if patch_size else _common_patch(known, min(patch, room))
    count = _scales(hole, known, periodic, known_periodic, patch, options.n_scales)
    steps = [STEPS[min(k, len(STEPS) - 1)] for k in range(count)]
    return FieldPlan(
        scale_sizes((hole.shape[0], hole.shape[1]), count),
        tuple(options.n_iter or max(1, round(EFFORT[options.quality] * k)) for k in reversed(steps)),
        patch,
        iterations=options.psi_steps or 0,  # a hole continues its edge, and need not hold all of the texture
        entropy=options.entropy or 0.0,
        max_pairs=MAX_PAIRS,
        max_shift=1.0,
    )


def _common_patch(known: Tensor, patch: int) -> int:
    """The largest patch side up to `patch` with enough fully known patches to represent the texture."""
    for side in range(patch, MIN_PATCH, -1):
        whole = F.max_pool2d((~known).float()[None], side, stride=1) == 0
        if int(whole.sum()) >= min(MIN_PATCHES, MIN_FRACTION * whole.numel()):
            return side
    return min(patch, MIN_PATCH)


def _scales(
    hole: Tensor,
    known: Tensor,
    periodic: Periodic,
    known_periodic: Periodic,
    patch: int,
    n_scales: int | None,
) -> int:
    """The largest number of scales that keep part of the hole and patches to take texture from.

    Raises:
        InputError: one of the requested scales has no patch or no hole.
    """
    count = 1
    most = 12 if n_scales is None else n_scales
    sources = masked_pyramid(known[None].float(), known, most, periodic=known_periodic)[1:]
    holes = masked_pyramid(hole[None].float(), ~hole, most, periodic=periodic)[1:]
    for (_, usable), (_, outside) in zip(sources, holes, strict=True):
        room = min(largest_square(usable, 2 * patch), *outside.shape)
        across = largest_square(~outside, MIN_HOLE)
        small = min(usable.shape) < MIN_TEXTURE or across < MIN_HOLE or room < 2 * patch
        if n_scales is None and small:
            break
        if room < patch or not across:
            raise InputError(
                f"no {patch}x{patch} patch, or no hole, is left at scale {count + 1}: "
                f"use --n-scales {count} or fewer"
            )
        count += 1
    return count
