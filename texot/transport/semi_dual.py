"""Semi-discrete optimal transport between source patches and a `PatchMeasure`.

    psi^c(x)        = min_j |x - y_j|^2 - psi_j                                    (c-transform)
    psi^{c,lam}(x)  = -lam log sum_j nu_j exp((psi_j - |x - y_j|^2) / lam)         (entropic c-transform)
    F(psi, x)       = mean_i psi^c(x_i) + sum_j nu_j psi_j,   OT(x, nu) = max_psi F   (semi-dual)

Partial transport lets target j take any mass up to kappa nu_j, kappa >= 1 its capacity: its semi-dual has
kappa nu in place of nu, and psi <= 0. At kappa = 1 masses that sum to 1 must be nu: the same maximum.
(Figalli 2010, "The optimal partial transport problem"; here all of the source is moved.)

Gradients by the envelope theorem (Houdard et al., TMLR 2023): dF/dpsi_j = nu_j - mass of cell j and
dF/dx_i = 2 (x_i - y_sigma(i)) / n, where with entropy cells are soft and y_sigma is their barycentre.
Neighbours come from `texot.kernels`, without gradient; costs are then recomputed exactly in plain torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from texot.kernels import laguerre_cells, soft_cells, softmin
from texot.transport.measure import PatchMeasure

# as a fraction of the targets' spread; below, float32 cannot distinguish soft and hard cells
_MIN_ENTROPY = 1e-5


@dataclass(frozen=True)
class Assignment:
    """The assignment of source patches to targets under a potential.

    Attributes:
        target: (n, d), the cell's patch y_sigma(i), or with entropy the barycentre of its soft cell.
        value: (n,), the c-transform psi^c(x_i).
        mass: (m,), the fraction of sources in every cell; sums to 1.
        cells: (n,) int64, or None with entropy.
    """

    target: Tensor
    value: Tensor
    mass: Tensor
    cells: Tensor | None


@torch.no_grad()
def assign(
    x: Tensor,
    measure: PatchMeasure,
    psi: Tensor,
    *,
    entropy: float = 0.0,
    backend: str = "auto",
) -> Assignment:
    """One pass over sources and targets: cells, c-transform and cell masses, without gradient.

    Args:
        x: (n, d) source patches.
        measure: the target.
        psi: (m,) potential, in units of squared distance.
        entropy: regularisation lam >= 0, in units of squared distance.
        backend: "auto", "tiled", "keops" or "reference".
    """
    n = len(x)
    if entropy > _MIN_ENTROPY * measure.spread:
        source, targets, log_nu = x - measure.centre, measure.soft_targets, measure.nu.log()
        value, mean = soft_cells(source, targets, psi, log_nu, entropy, backend=backend, check=False)
        mu = x.new_full((n,), 1 / n)
        back = softmin(targets.points, source, value, mu.log(), entropy, backend=backend, check=False)
        return Assignment(mean + measure.centre, value, soft_mass(measure.nu, psi - back, entropy), None)
    cells = laguerre_cells(measure.project(x), measure.targets, psi, backend=backend, check=False)
    target = measure.y[cells]
    value = ((x - target) ** 2).sum(1) - psi[cells]
    mass = torch.bincount(cells, minlength=len(measure)).to(x) / n
    return Assignment(target, value, mass, cells)


def soft_mass(nu: Tensor, rise: Tensor, entropy: float) -> Tensor:
    """Masses nu_j exp(rise_j / lam) of soft cells, (m,); they sum to 1, which a softmax keeps at any lam."""
    return torch.softmax(nu.log() + rise / entropy, 0)


class _SoftCTransform(torch.autograd.Function):
    """Entropic c-transform with the gradients of the envelope theorem."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, psi: Tensor, measure: PatchMeasure, entropy: float, backend: str
    ) -> Tensor:
        a = assign(x, measure, psi, entropy=entropy, backend=backend)
        ctx.save_for_backward(x, psi, a.target, a.value)
        ctx.rest = measure, entropy, backend
        return a.value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, psi, target, value = ctx.saved_tensors
        measure, entropy, backend = ctx.rest
        grad_psi = torch.zeros_like(psi)
        for part, sign in ((grad.clamp_min(0), -1.0), (-grad.clamp_max(0), 1.0)):
            if ctx.needs_input_grad[1] and bool((part > 0).any()):
                # sum_i g_i w_ij = nu_j exp((psi_j - softmin over i with weights g)/lam), in all sum_i g_i
                total = part.sum()
                back = softmin(
                    measure.y - measure.centre,
                    x - measure.centre,
                    value,
                    (part / total).log(),
                    entropy,
                    backend=backend,
                    check=False,
                )
                grad_psi += sign * total * soft_mass(measure.nu, psi - back, entropy)
        return 2 * grad[:, None] * (x - target), grad_psi, None, None, None


def c_transform(
    x: Tensor, measure: PatchMeasure, psi: Tensor, *, entropy: float = 0.0, backend: str = "auto"
) -> Tensor:
    """psi^c(x_i), or psi^{c,lam}(x_i) with entropy: (n,), differentiable in x and psi.

    Args and units as in `assign`.
    """
    if entropy > _MIN_ENTROPY * measure.spread:
        value: Tensor = _SoftCTransform.apply(x, psi, measure, entropy, backend)  # type: ignore[no-untyped-call]
        return value
    cells = laguerre_cells(
        measure.project(x.detach()), measure.targets, psi.detach(), backend=backend, check=False
    )
    return ((x - measure.y[cells]) ** 2).sum(1) - psi[cells]


def semi_dual(
    x: Tensor,
    measure: PatchMeasure,
    psi: Tensor,
    *,
    capacity: float = 1.0,
    entropy: float = 0.0,
    backend: str = "auto",
) -> Tensor:
    """F(psi, x) = mean_i psi^c(x_i) + capacity sum_j nu_j psi_j: a scalar, concave in psi, at most OT(x, nu).

    With capacity > 1 it is the semi-dual of partial transport, a lower bound of that where psi <= 0.
    Differentiable in x (n, d) and psi (m,). Args and units as in `assign`.
    """
    value = c_transform(x, measure, psi, entropy=entropy, backend=backend).mean()
    return value + capacity * (measure.nu @ psi)


def marginal_error(mass: Tensor, nu: Tensor, capacity: float = 1.0) -> float:
    """The mass in excess of the capacities, sum_j (mass_j - capacity nu_j)_+, in [0, 1].

    At capacity 1 this is the total variation between the cells' masses and nu.
    """
    return float((mass - capacity * nu).clamp_min(0).sum())
