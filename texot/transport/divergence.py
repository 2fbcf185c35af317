"""Entropic transport for the costs |x - y|^p, p in [1, 2], and the Sinkhorn divergence, both with gradients.

    OT_lam(mu, nu) = min over couplings pi of  <c, pi> + lam KL(pi | mu x nu),   c(x, y) = |x - y|^p
                   = max over f, g of  <mu, f> + <nu, g>  where  f = g^{c,lam}  and  g = f^{c,lam}
    S_lam(mu, nu)  = OT_lam(mu, nu) - (OT_lam(mu, mu) + OT_lam(nu, nu)) / 2

S is 0 for equal measures and positive otherwise; it tends to OT as lam goes to 0, and to half the energy
distance as lam goes to infinity. Gradients are those of the potentials, extended to all of space by the
c-transform and held fixed (envelope theorem): d OT_lam / dx_i = mu_i grad f(x_i), for lam > 0 wherever c has
a gradient.

Sources: Feydy, Sejourne, Vialard, Amari, Trouve, Peyre 2019, "Interpolating between optimal transport and MMD
using Sinkhorn divergences"; Houdard, Leclaire, Papadakis, Rabin, TMLR 2023 (hal-03740368), Theorem 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from texot import kernels
from texot.errors import InputError

_MAX_COSTS = 1 << 22  # distances in memory at once
_SCALING = 0.5  # ratio of successive entropies


@dataclass(frozen=True)
class Potentials:
    """A pair of entropic potentials, with its marginal error.

    Attributes:
        f: (n,), at the points of the first measure.
        g: (m,), at the points of the second measure.
        marginal_error: total variation between the coupling's second marginal and nu; the first is mu.
        n_iter: iterations at the final entropy.
    """

    f: Tensor
    g: Tensor
    marginal_error: float
    n_iter: int


@torch.no_grad()
def potentials(
    x: Tensor,
    y: Tensor,
    *,
    entropy: float,
    p: float = 2.0,
    mu: Tensor | None = None,
    nu: Tensor | None = None,
    n_iter: int = 1000,
    tolerance: float = 1e-6,
) -> Potentials:
    """Sinkhorn's iterations, with an entropy that decreases from the size of the cost to the given one.

    Args:
        x: (n, d), points of the first measure.
        y: (m, d), of the second.
        entropy: lam > 0, in units of the cost.
        p: exponent of the cost, from 1 to 2.
        mu: (n,) positive weights, scaled to sum 1; None: equal weights.
        nu: (m,) positive weights of the second measure.
        n_iter: maximal number of iterations at the final entropy.
        tolerance: stop when the marginal error is below.

    Raises:
        InputError: invalid shapes or numbers.
    """
    a, b = _check(x, y, entropy, p, mu, nu)
    if x is y and mu is nu:
        return _symmetric(x, a, entropy, p, n_iter, tolerance)
    to_y, to_x = _softmin(x, y, b, p), _softmin(y, x, a, p)
    f = x.new_zeros(len(x))
    for lam in _annealing(x, y, p, entropy):
        f = to_y(to_x(f, lam), lam)
    g, error, done = to_x(f, entropy), 1.0, 0
    while done < n_iter and error >= tolerance:
        f = to_y(g, entropy)
        new = to_x(f, entropy)
        error, g, done = _off(b, (g - new) / entropy), new, done + 1
    return Potentials(to_y(g, entropy), g, error, done)


def _symmetric(x: Tensor, a: Tensor, entropy: float, p: float, n_iter: int, tolerance: float) -> Potentials:
    """The potential of a measure with itself: f <- (f + f^{c,lam}) / 2 converges in a few steps."""
    step = _softmin(x, x, a, p)
    f = x.new_zeros(len(x))
    for lam in _annealing(x, x, p, entropy):
        f = (f + step(f, lam)) / 2
    error, done = 1.0, 0
    while done < n_iter and error >= tolerance:
        new = step(f, entropy)
        error, f, done = _off(a, (f - new) / entropy), (f + new) / 2, done + 1
    return Potentials(f, f, error, done)


def entropic_transport(x: Tensor, y: Tensor, *, entropy: float, p: float = 2.0, **options: Any) -> Tensor:
    """OT_lam, a scalar; differentiable in x and y, once.

    Args:
        x, y, entropy, p: see `potentials`.
        **options: the others of `potentials`.

    Raises:
        InputError: see `potentials`.
    """
    mu, nu = _check(x, y, entropy, p, options.get("mu"), options.get("nu"))
    found = potentials(x.detach(), y.detach(), entropy=entropy, p=p, **options)
    return mu @ _extend(x, y, found.g, nu, entropy, p) + nu @ _extend(y, x, found.f, mu, entropy, p)


def sinkhorn_divergence(
    x: Tensor,
    y: Tensor,
    *,
    entropy: float,
    p: float = 2.0,
    mu: Tensor | None = None,
    nu: Tensor | None = None,
    n_iter: int = 1000,
    tolerance: float = 1e-6,
) -> Tensor:
    """S_lam, a scalar, at least 0 up to the tolerance; differentiable in x and y, once.

    Args:
        x, y, entropy, p, mu, nu, n_iter, tolerance: see `potentials`.

    Raises:
        InputError: see `potentials`.
    """
    a, b = _check(x, y, entropy, p, mu, nu)
    still_x, still_y = x.detach(), y.detach()
    given: dict[str, Any] = {"entropy": entropy, "p": p, "n_iter": n_iter, "tolerance": tolerance}
    across = potentials(still_x, still_y, mu=mu, nu=nu, **given)
    own_x = potentials(still_x, still_x, mu=mu, nu=mu, **given)
    own_y = potentials(still_y, still_y, mu=nu, nu=nu, **given)
    # OT(mu, mu) / 2 = <mu, f>; its gradient is that of one side
    first = _extend(x, y, across.g, b, entropy, p) - _extend(x, x, own_x.f, a, entropy, p)
    second = _extend(y, x, across.f, a, entropy, p) - _extend(y, y, own_y.f, b, entropy, p)
    return a @ first + b @ second


def _extend(x: Tensor, y: Tensor, psi: Tensor, nu: Tensor, entropy: float, p: float) -> Tensor:
    """psi^{c,lam} at x, (n,), with its gradient in x alone."""
    value: Tensor = _CTransform.apply(x, y.detach(), psi, nu.log(), entropy, p)  # type: ignore[no-untyped-call]
    return value


class _CTransform(torch.autograd.Function):
    """-lam log sum_j nu_j exp((psi_j - |x - y_j|^p) / lam), tile by tile."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float, p: float
    ) -> Tensor:
        centre = y.mean(0)
        if p == 2:
            value, mean = kernels.soft_cells(x - centre, y - centre, psi, log_nu, entropy, check=False)
            pull = 2 * (x - centre - mean)
        else:
            parts = [_pull(part, y, psi, log_nu, entropy, p) for part in _rows(x, y)]
            value, pull = (torch.cat(found) for found in zip(*parts, strict=True))
        ctx.save_for_backward(pull)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (pull,) = ctx.saved_tensors
        return grad[:, None] * pull, None, None, None, None, None


def _pull(
    x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float, p: float
) -> tuple[Tensor, Tensor]:
    """The c-transform at some points, and its gradient: sum_j w_ij p |x - y_j|^(p-2) (x - y_j); 0 at y_j."""
    distance = _distances(x, y)
    score = log_nu + (psi - distance**p) / entropy
    slope = torch.where(distance > 0, p * distance ** (p - 2), 0) * torch.softmax(score, 1)
    return -entropy * torch.logsumexp(score, 1), slope.sum(1, keepdim=True) * x - slope @ y


def _softmin(x: Tensor, y: Tensor, nu: Tensor, p: float) -> Callable[[Tensor, float], Tensor]:
    """(psi, lam) -> psi^{c,lam} at x, without gradient."""
    log_nu = nu.log()
    if p == 2:
        centre = y.mean(0)
        points, targets = x - centre, kernels.Targets(y - centre)
        return lambda psi, lam: kernels.softmin(points, targets, psi, log_nu, lam, check=False)
    return lambda psi, lam: torch.cat(
        [-lam * torch.logsumexp(log_nu + (psi - _distances(part, y) ** p) / lam, 1) for part in _rows(x, y)]
    )


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|, (n, m), by differences: exact where points meet."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _rows(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    return torch.split(x, max(1, _MAX_COSTS // len(y)))


def _annealing(x: Tensor, y: Tensor, p: float, entropy: float) -> list[float]:
    """Entropies from the size of the largest cost down to above the final one."""
    centre = y.mean(0)
    radius = max(float((points - centre).norm(dim=1).max()) for points in (x, y))
    lam, found = (2 * radius) ** p, []
    while lam > entropy:
        found.append(lam)
        lam *= _SCALING
    return found


def _off(weights: Tensor, rise: Tensor) -> float:
    """Total variation between weights and weights x exp(rise)."""
    return float((weights * torch.expm1(rise).abs()).sum()) / 2


def _check(
    x: Tensor, y: Tensor, entropy: float, p: float, mu: Tensor | None, nu: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The weights of both measures, which sum to 1.

    Raises:
        InputError: invalid shapes or numbers.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (len(x), len(y)):
        raise InputError(f"expected points (n, d) and (m, d), got {tuple(x.shape)} and {tuple(y.shape)}")
    if not 1 <= p <= 2:
        raise InputError(f"p: expected an exponent from 1 to 2, got {p}")
    if not 0 < entropy < float("inf"):
        raise InputError(f"entropy: expected a positive number, got {entropy}")
    return _weights("mu", mu, x), _weights("nu", nu, y)


def _weights(name: str, weights: Tensor | None, points: Tensor) -> Tensor:
    if weights is None:
        return points.new_full((len(points),), 1 / len(points))
    if weights.shape != points.shape[:1] or not bool((weights > 0).all()):
        raise InputError(f"{name}: expected {len(points)} positive weights, got {tuple(weights.shape)}")
    return weights.detach().to(points) / weights.sum()
