"""The duality gap of trained potentials, on a new sample."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.generator.blend import KNOTS, BlendFactor
from texot.generator.network import PlaneNetwork
from texot.generator.plan import PATCH, Training
from texot.images.patches import extract_patches
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.term import Weighted
from texot.transport.semi_dual import semi_dual
from texot.transport.solvers import solve


@torch.no_grad()
def end_gap(
    network: PlaneNetwork, term: PatchTerm, training: Training, mixture: Tensor | None, backend: str
) -> float:
    """(OT - F(psi)) / OT between a sample's finest patches and a term's measure, OT nearly exact.

    Args:
        network: on the term's device.
        term: of the finest scale, with its potential.
        training: its last stage has the sample's size.
        mixture: (K,) weights of the textures, or None for one texture.
        backend: see `texot.synthesize`.
    """
    size = training.size(training.plan.stages[-1])
    wraps = training.wraps
    periods = size if wraps else (None, None)
    image = network.sample(2**62, (0, 0), size, periods=periods, mixture=mixture)
    x = extract_patches(image, term.measure.patch_size, stride=max(2, term.stride), periodic=(wraps, wraps))
    value = float(semi_dual(x, term.measure, term.psi, backend=backend))
    best = solve(x, term.measure, term.psi, n_ascent=50, backend=backend).value
    return (best - value) / max(best, 1e-12)


def largest_gap(
    network: PlaneNetwork, terms: list[Weighted], training: Training, order: list[int], backend: str
) -> float:
    """`end_gap` at the finest scale; for several textures the largest, each at all the weight.

    Args:
        network: on the CPU, with its textures in the order given; it returns to the CPU.
        terms: of the patches' transport.
        training, backend: see `end_gap`.
        order: index among the terms' textures of each texture as given.
    """
    ends = [
        weighted.term
        for weighted in terms
        if isinstance(weighted.term, PatchTerm)
        and weighted.scale == 0
        and weighted.term.measure.patch_size == PATCH
        and not (isinstance(weighted.factor, BlendFactor) and weighted.factor.knot != len(KNOTS) - 1)
    ]
    count = len(ends)
    one = torch.eye(count, dtype=torch.float32)
    units = [None] if count == 1 else [one[order.index(k)] for k in range(count)]
    network = network.to(ends[0].measure.y.device)
    gaps = [
        end_gap(network, term, training, mixture, backend) for term, mixture in zip(ends, units, strict=True)
    ]
    network.cpu()
    return max(gaps)
