"""The objective that Adam minimises: the weighted sum of its terms over scales.

    L(u) = sum_t w_t T_t(S_l(t) u)

Terms: `texot.solver.adam.patch_term` is semi-dual transport, each with its own potential,
`texot.solver.adam.sliced_term` sliced transport, `texot.solver.adam.feature_term` transport of deep features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from texot.images.pyramid import Periodic, downsample
from texot.solver.adam.term import Term


@dataclass(frozen=True)
class ObjectiveFigures:
    """Figures of one evaluation of the objective, summed over its transport terms.

    Attributes:
        loss: sum of the semi-duals F, unweighted, in squared distance per patch.
        cost: sum of the mean squared distances of patches to their targets, unweighted.
        marginal_error: largest marginal error at the finest scale present.
    """

    loss: float
    cost: float
    marginal_error: float


def evaluate(
    image: Tensor, scale: int, terms: Sequence[Term], periodic: Periodic, generator: torch.Generator
) -> tuple[Tensor, ObjectiveFigures]:
    """The objective of an image at `scale`.

    Args:
        image: (C, H, W), scale `scale` of the result.
        scale: 0 = finest.
        terms: at scales >= `scale`.
        periodic: axes (y, x) that wrap around.
        generator: CPU generator of grid offsets and filters.

    Returns:
        The sum of the terms, (), differentiable, and its figures.
    """
    scales = {scale: image}
    coarsest = max([scale, *(term.scale for term in terms)])
    for k in range(scale + 1, coarsest + 1):
        scales[k] = downsample(scales[k - 1], periodic=periodic)
    total = image.new_zeros(())
    loss, cost, error = 0.0, 0.0, 0.0
    for term in terms:
        value, figures = term(scales[term.scale], periodic, generator)
        total = total + value
        if figures is None:
            continue
        loss += figures.dual
        cost += figures.cost
        if term.scale == scale:
            error = max(error, figures.marginal_error)
    return total, ObjectiveFigures(loss, cost, error)
