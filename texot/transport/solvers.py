"""Solvers of the semi-dual in psi: averaged ascent as published, Sinkhorn, Sinkhorn with ascent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from texot.kernels import laguerre_cells, softmin
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import assign, marginal_error, soft_mass


@dataclass(frozen=True)
class DualSolution:
    """A potential, with its value and marginal error.

    Attributes:
        psi: (m,) potential.
        value: the semi-dual F(psi, x), a lower bound of OT.
        marginal_error: total variation between cell masses and nu at psi.
        n_passes: number of passes over all pairs of patches.
    """

    psi: Tensor
    value: float
    marginal_error: float
    n_passes: int


@torch.no_grad()
def averaged_ascent(
    x: Tensor,
    measure: PatchMeasure,
    psi: Tensor,
    *,
    n_steps: int = 10,
    step: float = 1.0,
    entropy: float = 0.0,
    backend: str = "auto",
) -> Tensor:
    """Averaged gradient ascent on the semi-dual, as published (arXiv 2007.03408, Algorithm 1).

    psi_k = psi_{k-1} + step (nu - mass of the cells); returned is the mean of psi_1 .. psi_n.

    Args:
        x: (n, d) sources; psi: (m,) start.
        n_steps: number of steps, one pass each.
        step: constant step.
    """
    total = torch.zeros_like(psi)
    for _ in range(n_steps):
        mass = assign(x, measure, psi, entropy=entropy, backend=backend).mass
        psi = psi + step * (measure.nu - mass)
        total += psi
    return total / n_steps if n_steps else psi


@torch.no_grad()
def sinkhorn(
    x: Tensor,
    measure: PatchMeasure,
    psi: Tensor | None = None,
    *,
    entropy: float,
    n_iter: int = 100,
    tolerance: float = 1e-3,
    scaling: float = 0.6,
    backend: str = "auto",
) -> DualSolution:
    """Maximise the entropic semi-dual by Sinkhorn iterations with a falling entropy.

    psi <- psi + lam (log nu - log mass), that is psi_j = -lam log mean_i exp((phi_i - |x_i - y_j|^2)/lam).
    Without a start, lam begins at 0.3 x the mean cost and falls by `scaling` to `entropy`.

    Args:
        x: (n, d) sources.
        measure: the target.
        psi: (m,) warm start, or None.
        entropy: final lam > 0, in units of squared distance.
        n_iter: maximal number of iterations at the final entropy.
        tolerance: stop when the marginal error is below.

    Returns:
        The potential with the value and marginal error of the entropic semi-dual.
    """
    source, targets, log_nu = x - measure.centre, measure.y - measure.centre, measure.nu.log()
    uniform = x.new_full((len(x),), 1 / len(x)).log()
    passes = 0

    def half_steps(psi: Tensor, lam: float) -> tuple[Tensor, Tensor]:
        phi = softmin(source, targets, psi, log_nu, lam, backend=backend, check=False)
        return phi, softmin(targets, source, phi, uniform, lam, backend=backend, check=False)

    if psi is None:
        psi = torch.zeros_like(measure.nu)
        mean_cost = float((source**2).sum(1).mean() + measure.nu @ (targets**2).sum(1))
        lam = 0.3 * mean_cost
        while lam > entropy:
            psi = half_steps(psi, lam)[1]
            passes += 2
            lam *= scaling
    new = psi
    for _ in range(max(1, n_iter)):
        psi = new
        phi, new = half_steps(psi, entropy)
        passes += 2
        mass = soft_mass(measure.nu, psi - new, entropy)
        value, error = float(phi.mean() + measure.nu @ psi), marginal_error(mass, measure.nu)
        if error < tolerance:
            break
    return DualSolution(psi, value, error, passes)


@torch.no_grad()
def solve(
    x: Tensor,
    measure: PatchMeasure,
    psi: Tensor | None = None,
    *,
    smoothing: float = 0.1,
    n_ascent: int = 200,
    backend: str = "auto",
) -> DualSolution:
    """Nearly maximise the unregularised semi-dual: Sinkhorn with a small entropy, then hard ascent.

    Args:
        x: (n, d) sources.
        measure: the target.
        psi: (m,) warm start, or None.
        smoothing: entropy of the Sinkhorn phase, and the first step of the ascent, as fractions of the
            transport cost. Smaller is not better: Sinkhorn then stops before it converges, and the ascent
            cannot compensate (0.01 leaves a gap of 1-2% between photographs' patches, 0.1 one of 0.1%).
        n_ascent: steps of ascent afterwards, with step falling as 1/sqrt(k); the best potential is kept.

    Returns:
        The best potential found, with the value of the *unregularised* semi-dual there: a true lower bound.
    """
    # Both one-sided nearest-neighbour costs are lower bounds of OT: sources to targets, and back.
    zero = torch.zeros_like(measure.nu)
    there = float(assign(x, measure, zero, backend=backend).value.mean())
    nearest = x[laguerre_cells(measure.y, x, x.new_zeros(len(x)), backend=backend, check=False)]
    back = float(measure.nu @ ((measure.y - nearest) ** 2).sum(1))
    spread = float(((x - measure.centre) ** 2).sum(1).mean() + measure.nu @ (measure.key**2).sum(1))
    scale = max(
        there, back, 1e-3 * spread
    )  # the last one for measures with common points and different masses
    passes = 2
    if scale <= 0:  # all points coincide
        psi = zero if psi is None else psi
    else:
        start = sinkhorn(x, measure, psi, entropy=smoothing * scale, tolerance=1e-2, backend=backend)
        psi, passes = start.psi, passes + start.n_passes
    best = DualSolution(psi, -float("inf"), 1.0, passes)
    step = smoothing * scale * len(x)
    for k in range(n_ascent + 1):
        a = assign(x, measure, psi, backend=backend)
        value = float(a.value.mean() + measure.nu @ psi)
        passes += 1
        if value > best.value:
            best = DualSolution(psi, value, marginal_error(a.mass, measure.nu), passes)
        psi = psi + step / (k + 1) ** 0.5 * (measure.nu - a.mass)
    return DualSolution(best.psi, best.value, best.marginal_error, passes)
