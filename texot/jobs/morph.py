"""One texture in the layout of another: a coherent transport map, by the solver on a field.

    T: patches of A -> patches of B,   V(A, B) = the vote of T(P_i A) on A's grid

The solver alternates cells, potentials and votes between the fixed image A and the exemplar B: all pairs at
the coarsest scale, along the field at finer ones. A is a guide: a patch of B must match the patch of A and
the vote of its neighbours, so that T is coherent and V sharp. (1 - t) A + t V(A, B) then joins corresponding
features.
"""

from __future__ import annotations

from collections import deque

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.statistics import channel_moments
from texot.solver.field_solver import Problem, solve
from texot.solver.plan import PATCH, FieldPlan, Scale, exemplar_pyramid, scale_sizes
from texot.solver.state import Output

_MIN_COARSEST = 16  # pixels of the shorter side of both at the coarsest scale
_STEPS, _FINER_STEPS = 20, 2


def in_layout(image: Scale, exemplar: Scale, generator: torch.Generator, backend: str = "auto") -> Tensor:
    """An exemplar rearranged in the layout of an image.

    Args:
        image: A, (C, H, W) with its known pixels (H, W) or None.
        exemplar: B, (C, h, w) with its known pixels (h, w) or None.
        generator: CPU generator of all random numbers.
        backend: of the search among all pairs, see `texot.kernels.laguerre_cells`.

    Returns:
        (C, H, W), with B's colours; undefined at A's unknown pixels.

    Raises:
        InputError: no patch fits the known part of the exemplar.
    """
    height, width = image[0].shape[1:]
    least = min(height, width, *exemplar[0].shape[1:])
    count = 1
    while least >> count >= _MIN_COARSEST:
        count += 1
    plan = FieldPlan(
        scale_sizes((height, width), count),
        (*[_FINER_STEPS] * (count - 1), _STEPS),
        min(PATCH, least),
        max_shift=1.0,
    )
    guide = with_moments(image, *channel_moments(*exemplar))  # match structure, not tone
    guides = [F.interpolate(guide[None], size, mode="area")[0] for size in plan.sizes]
    scales = [(pixels.repeat(2, 1, 1), known) for pixels, known in exemplar_pyramid(*exemplar, count)]
    problem = Problem(
        plan, scales, (False, False), guides[-1], Output({}, "multi"), guides=guides, backend=backend
    )
    last = deque(solve(problem, generator), maxlen=1).pop()  # earlier steps are released
    return last.image[:, :height, :width]


def with_moments(image: Scale, mean: Tensor, deviation: Tensor) -> Tensor:
    """An image with a given mean and standard deviation (C, 1, 1) of each channel over its known pixels."""
    own_mean, own_deviation = channel_moments(*image)
    return (image[0] - own_mean) / own_deviation.clamp_min(1e-6) * deviation + mean
