"""What filling a hole does, stage by stage, from a scale at which it is a few pixels wide."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from texot.engine.plan import EFFORT, FINEST, LEAST_EXEMPLAR, Plan, Stage, TermPlan, scale_sizes, until_big
from texot.errors import InputError
from texot.images.masks import largest_square, masked_pyramid
from texot.images.pyramid import Periodic

LEAST_HOLE = 8  # pixels across the hole that the coarsest scale keeps
LEAST_PATCH = 2
LEAST_PATCHES, LEAST_SHARE = 1024, 0.05  # patches of the texture, or their share of all, that suffice
COARSEST, LAID_COARSEST = 0.3, 0.5  # shares of the usual steps
LAID_ROBUSTNESS = 0.6
SLICED_WEIGHT = 1.5
RATE = 0.5  # of Adam's usual step: every stage starts near its end, and larger ones blur that


def hole_plan(
    hole: Tensor,
    known: Tensor,
    *,
    periodic: Periodic,
    known_periodic: Periodic,
    laid: bool = False,
    quality: str = "normal",
    n_scales: int | None = None,
    patch_size: int | None = None,
    n_iter: int | None = None,
    psi_steps: int | None = None,
    lr: float | None = None,
    entropy: float | None = None,
) -> Plan:
    """The plan for a hole of an image.

    Args:
        hole: (H, W) bool, on the CPU.
        known: (h, w) bool, on the CPU: the pixels that texture is taken from, of this or another image.
        periodic, known_periodic: axes (y, x) that wrap around, of either.
        laid: whether the first fill is good. Else averaging is not robust: patches at the hole's edge fit
            worst at first, and must not give way.

    The rest as in `texot.iter_synthesis`.

    Raises:
        InputError: a patch size or number of scales that does not fit.
    """
    effort = EFFORT[quality]
    patch = 4 if patch_size is None else patch_size
    room = min(largest_square(known, 4 * patch), *hole.shape)
    if room < (patch_size or LEAST_PATCH):
        least = patch_size or LEAST_PATCH
        smaller = f"--patch-size {room} or less, or " if room >= LEAST_PATCH else ""
        raise InputError(
            f"not enough is left to take texture from: no {least}x{least} patch fits what is known near "
            f"the hole; use {smaller}a larger --reach, or --exemplar"
        )
    patch = min(patch, room) if patch_size else _common_patch(known, min(patch, room))
    counts, rooms = _scales(hole, known, periodic, known_periodic, patch, room, n_scales)
    sizes = scale_sizes((hole.shape[0], hole.shape[1]), len(counts))

    def terms_at(scale: int) -> list[TermPlan]:
        stride = 1 if counts[scale] <= 32**2 else 2 if counts[scale] <= 64**2 else 4
        found = []
        until = until_big(scale, len(counts))
        if until and rooms[scale] >= 2 * patch:
            found.append(TermPlan(scale, 2 * patch, 4 if counts[scale] > 64**2 else 2, 0.5, until))
        found.append(TermPlan(scale, patch, min(stride, patch)))
        return found

    stages = []
    for scale in reversed(range(len(counts))):
        steps = effort.n_steps(max(counts[scale], 1), max(counts[0], 1))
        share = FINEST if scale == 0 < len(counts) - 1 else 1.0
        if scale == len(counts) - 1 > 0:  # it joins soon, and then drifts away from what is known
            share = LAID_COARSEST if laid else COARSEST
        steps = n_iter or max(1, round(share * steps))
        terms = tuple(term for k in range(scale, len(counts)) for term in terms_at(k))
        stages.append(Stage(scale, steps, terms, tuple(k for k in (scale, scale + 1) if k < len(counts))))
    return Plan(
        sizes,
        tuple(stages),
        patch,
        lr=effort.lr * (1.0 if laid else RATE) if lr is None else lr,
        psi_steps=1 if psi_steps is None else psi_steps,
        entropy=entropy or 0.0,
        robustness=LAID_ROBUSTNESS if laid else 0.0,
        max_patches=effort.max_patches,
        sliced_weight=SLICED_WEIGHT,
        n_filters=effort.n_filters,
    )


def _common_patch(known: Tensor, patch: int) -> int:
    """The largest side up to `patch` of squares that are known often enough to stand for the texture."""
    for side in range(patch, LEAST_PATCH, -1):
        whole = F.max_pool2d((~known).float()[None], side, stride=1) == 0
        if int(whole.sum()) >= min(LEAST_PATCHES, LEAST_SHARE * whole.numel()):
            return side
    return min(patch, LEAST_PATCH)


def _scales(
    hole: Tensor,
    known: Tensor,
    periodic: Periodic,
    known_periodic: Periodic,
    patch: int,
    room: int,
    n_scales: int | None,
) -> tuple[list[int], list[int]]:
    """Pixels of the hole, and the side of the largest square to take texture from, at every scale.

    Raises:
        InputError: one of the scales asked for has no patch, or no hole.
    """
    counts, rooms = [int(hole.sum())], [room]
    most = 12 if n_scales is None else n_scales
    theirs = masked_pyramid(known[None].float(), known, most, periodic=known_periodic)[1:]
    ours = masked_pyramid(hole[None].float(), ~hole, most, periodic=periodic)[1:]
    for (_, usable), (_, outside) in zip(theirs, ours, strict=True):
        room = min(largest_square(usable, 4 * patch), *outside.shape)
        across = largest_square(~outside, LEAST_HOLE)
        small = min(usable.shape) < LEAST_EXEMPLAR or across < LEAST_HOLE
        if n_scales is None and (room < 2 * patch or small):
            break
        if room < patch or not across:
            if n_scales is None:
                break
            raise InputError(
                f"no {patch}x{patch} patch, or no hole, is left at scale {len(rooms) + 1}: "
                f"use --n-scales {len(rooms)} or fewer"
            )
        counts.append(int((~outside).sum()))
        rooms.append(room)
    return counts, rooms
