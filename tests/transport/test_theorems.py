"""What Houdard et al. (TMLR 2023, hal-03740368) prove of W_lam(theta) = OT_lam(law of g_theta(z), nu): tests.

When it has a gradient in theta, semi-discrete and entropic, which that is, where it has none, and how fast it
can change. Costs |x - y|^p, float64. `test_transport` and `test_divergence` have the laws of points.
"""

import itertools
from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from torch import Tensor

from texot.transport.divergence import entropic_transport, sinkhorn_divergence
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import semi_dual
from texot.transport.solvers import solve

EXPONENTS = [1.0, 1.5, 2.0]
EXACT = {"n_iter": 20_000, "tolerance": 1e-10}
Distance = Callable[[Tensor], float]


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Normal float64 numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def cost(x: Tensor, y: Tensor, p: float) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** p


def exact(x: Tensor, y: Tensor, p: float, nu: Tensor | None = None) -> float:
    """OT without entropy, by linear programming."""
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y)) if nu is None else nu.numpy()
    return float(ot.emd2(a, b, cost(x, y, p).numpy()))


def slopes(value: Callable[[float], float], step: float = 1e-6) -> tuple[float, float]:
    """One-sided derivatives at 0, from the left and from the right."""
    below, here, above = value(-step), value(0.0), value(step)
    return (here - below) / step, (above - here) / step


# ------------------------------------------------------- semi-discrete: existence and value of the gradient

Y = torch.tensor([-0.8, -0.1, 0.4, 1.5], dtype=torch.float64)
NU = torch.tensor([0.2, 0.3, 0.1, 0.4], dtype=torch.float64)
EDGES = torch.tensor([0.0, 0.2, 0.5, 0.6, 1.0], dtype=torch.float64)
THETA = torch.tensor([-0.3, 0.9, 0.5], dtype=torch.float64)


def curve(theta: Tensor, z: Tensor) -> Tensor:
    """g_theta(z) on a line: increases with z in [0, 1], so that mass keeps its order in an optimal plan."""
    return theta[0] + theta[1] * z + theta[2] * z**2


def on_a_line(theta: Tensor, p: float) -> float:
    """W(theta) for z uniform on [0, 1], by Gauss's rule between the places where the integrand bends."""
    nodes, weights = (torch.from_numpy(v) for v in np.polynomial.legendre.leggauss(40))
    total = 0.0
    for j, (a, b) in enumerate(itertools.pairwise(EDGES.tolist())):
        low, high = a, b  # where g_theta(z) meets y_j, if it does: by bisection
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if curve(theta, torch.tensor(middle)) < Y[j] else (low, middle)
        for left, right in ((a, low), (low, b)):
            z = left + (right - left) * (nodes + 1) / 2
            apart = (curve(theta, z) - Y[j]).abs() ** p
            total += float((weights * apart).sum()) * (right - left) / 2
    return total


def potential_on_a_line(theta: Tensor, p: float) -> Tensor:
    """psi*: costs minus psi of neighbouring cells are equal where they meet."""
    x = curve(theta, EDGES[1:-1])
    steps = (x - Y[1:]).abs() ** p - (x - Y[:-1]).abs() ** p
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])


def transform(x: Tensor, psi: Tensor, p: float) -> Tensor:
    """psi^c on the line, differentiable in x: the cell is found first, then its cost is taken."""
    cells = ((x.detach()[:, None] - Y).abs() ** p - psi).argmin(1)
    return (x - Y[cells]).abs() ** p - psi[cells]


@pytest.mark.parametrize("p", EXPONENTS)
def test_without_entropy_a_density_has_a_gradient_which_is_that_of_the_c_transform(p: float) -> None:
    """E grad psi*^c(g_theta(z)) dg_theta/dtheta, against finite differences of W. At p = 1 too: the source
    meets the targets, and cells meet, with probability 0."""
    z = (torch.arange(40_000, dtype=torch.float64) + 0.5) / 40_000
    theta, psi = THETA.clone().requires_grad_(), potential_on_a_line(THETA, p)
    dual = transform(curve(theta, z), psi, p).mean() + NU @ psi
    assert dual.item() == pytest.approx(on_a_line(THETA, p), rel=1e-6)
    (found,) = torch.autograd.grad(dual, theta)
    for k, direction in enumerate(torch.eye(3, dtype=torch.float64)):
        left, right = slopes(lambda t, e=direction: on_a_line(THETA + t * e, p))
        assert left == pytest.approx(right, abs=1e-4)  # there is one
        assert float(found[k]) == pytest.approx((left + right) / 2, abs=2e-4)
    if p == 2:  # and what the library makes of the same
        library = semi_dual(curve(theta, z)[:, None], PatchMeasure(Y[:, None], NU), psi)
        assert torch.allclose(torch.autograd.grad(library, theta)[0], found, atol=1e-12)


def test_without_entropy_another_potential_has_another_gradient() -> None:
    """The theorem asks for psi*(theta): nearest neighbours, psi = 0, are no stand-in."""
    z = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    theta, measure = THETA.clone().requires_grad_(), PatchMeasure(Y[:, None], NU)
    best, nearest = (
        torch.autograd.grad(semi_dual(curve(theta, z)[:, None], measure, psi), theta)[0]
        for psi in (potential_on_a_line(THETA, 2.0), torch.zeros(4, dtype=torch.float64))
    )
    assert float((best - nearest).norm()) > 0.2 * float(best.norm())


# ------------------------------------------------------------- entropy: existence and value of the gradient


def generator(theta: Tensor, z: Tensor) -> Tensor:
    """A network of two layers into the square [-1, 1]^2; theta (32,), z (n, 3)."""
    first, bias, last, shift = theta.split([15, 5, 10, 2])
    hidden = torch.tanh(z @ first.view(3, 5) + bias)
    return torch.tanh(hidden @ last.view(5, 2) + shift)


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("distance", [entropic_transport, sinkhorn_divergence])
def test_with_entropy_the_gradient_in_a_network_is_that_of_finite_differences(
    p: float, distance: Callable[..., Tensor]
) -> None:
    """Theorems for OT_lam and S_lam, both the value and that it exists: its two sides agree."""
    z, y, theta = draw(12, 3), 0.6 * draw(8, 2, seed=1), draw(32, seed=2)
    options = {"entropy": 0.1, "p": p, **EXACT}
    moving = theta.clone().requires_grad_()
    (found,) = torch.autograd.grad(distance(generator(moving, z), y, **options), moving)
    assert float(found.norm()) > 0.05
    for seed in (3,):
        direction = torch.nn.functional.normalize(draw(32, seed=seed), dim=0)
        left, right = slopes(
            lambda t, e=direction: float(distance(generator(theta + t * e, z), y, **options)), 1e-4
        )
        assert left == pytest.approx(right, abs=1e-3)
        assert float(found @ direction) == pytest.approx((left + right) / 2, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
def test_divergence_and_its_gradient_agree_with_pot(p: float) -> None:
    """POT's own envelope gradients, to 1e-4."""
    x, y = draw(14, 2).requires_grad_(), draw(11, 2, seed=1) + 0.3

    def entropic(a: Tensor, b: Tensor) -> Tensor:
        value: Tensor = ot.solve(cost(a, b, p), reg=0.3, max_iter=20_000, tol=1e-10, grad="envelope").value
        return value

    wanted = entropic(x, y) - (entropic(x, x) + entropic(y, y)) / 2
    found = sinkhorn_divergence(x, y, entropy=0.3, p=p, **EXACT)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-4 * wanted.item())
    gradients = [torch.autograd.grad(v, x)[0] for v in (found, wanted)]
    assert float((gradients[0] - gradients[1]).norm()) < 1e-4 * float(gradients[1].norm())


# ----------------------------------------------------------------------------------------- counter-examples

TWO = torch.tensor([[0.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
SHARES = torch.tensor([0.3, 0.7], dtype=torch.float64)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("entropy", [0.0, 0.05, 1.0])
def test_a_dirac_on_one_of_two_has_no_gradient_at_p_1_whatever_the_entropy(p: float, entropy: float) -> None:
    """The cost has a kink at x = y, the mass that stays there shows it: the slopes differ by twice that mass.
    Above 1 there is a gradient, since |x - y|^p has one."""
    direction = torch.tensor([0.6, -0.8], dtype=torch.float64)

    def value(t: float) -> float:
        x = TWO[:1] + t * direction
        if not entropy:
            return exact(x, TWO, p, SHARES)
        return float(entropic_transport(x, TWO, entropy=entropy, p=p, nu=SHARES))

    left, right = slopes(value, 1e-7)
    jump = 2 * 0.3 if p == 1 else 0.0
    assert right - left == pytest.approx(jump, abs=1e-3)


def test_at_p_1_a_density_has_a_gradient_even_there() -> None:
    """E |theta + z| = theta^2 + 1/4 for z uniform on [-1/2, 1/2], with one target at 0."""
    z = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000 - 0.5
    target = torch.zeros(1, 1, dtype=torch.float64)
    for at in (0.0, 0.2, -0.35):
        theta = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        value = entropic_transport(theta + z, target, entropy=0.1, p=1.0)
        assert value.item() == pytest.approx(at**2 + 0.25, abs=1e-6)
        (found,) = torch.autograd.grad(value, theta)
        assert float(found) == pytest.approx(2 * at, abs=1e-3)


@pytest.mark.parametrize("p", [1.5, 2.0])
def test_two_diracs_on_the_cells_boundary_have_no_gradient_without_entropy(p: float) -> None:
    """Diracs at theta and -theta, targets at -1 and 1: W = (1 - |theta|)^p has a kink where the plan changes.
    W_lam has none: it is even and smooth."""
    y = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    left, right = slopes(lambda t: exact(t * signs, y, p))
    assert (left, right) == (pytest.approx(p, rel=1e-4), pytest.approx(-p, rel=1e-4))
    if p == 2:
        measure = PatchMeasure(y, torch.ones(2, dtype=torch.float64))
        for t in (-0.2, 0.0, 0.3):
            assert solve(t * signs, measure).value == pytest.approx((1 - abs(t)) ** 2, rel=1e-3)
    for entropy in (0.2, 1.0):
        options = {"entropy": entropy, "p": p, **EXACT}
        left, right = slopes(lambda t, o=options: float(entropic_transport(t * signs, y, **o)), 1e-5)
        assert (left, right) == (pytest.approx(0, abs=1e-3), pytest.approx(0, abs=1e-3))
        for at in (0.0, 0.3):
            theta = torch.tensor(at, dtype=torch.float64, requires_grad=True)
            (found,) = torch.autograd.grad(entropic_transport(theta * signs, y, **options), theta)
            left, right = slopes(
                lambda t, a=at, o=options: float(entropic_transport((a + t) * signs, y, **o)), 1e-5
            )
            assert float(found) == pytest.approx((left + right) / 2, abs=1e-6)
            assert (abs(float(found)) > 0.1) == (at > 0)


# ---------------------------------------------------------------------------------------------- Lipschitz


def distances(p: float, y: Tensor) -> dict[str, tuple[Distance, float]]:
    """W without entropy, with little and much, S; and the factor of the cost's constant that bounds them."""
    return {
        "0": (lambda x: exact(x, y, p), 1),
        ".05": (lambda x: float(entropic_transport(x, y, entropy=0.05, p=p, n_iter=200)), 1),
        "1": (lambda x: float(entropic_transport(x, y, entropy=1.0, p=p)), 1),
        "S": (lambda x: float(sinkhorn_divergence(x, y, entropy=0.3, p=p)), 2),
    }


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("name", ["0", ".05", "1", "S"])
def test_lipschitz_in_theta(p: float, name: str) -> None:
    """|W(theta) - W(theta')| <= L E |g_theta(z) - g_theta'(z)|, L = p D^(p - 1) on a square of diameter D.
    S_lam moves with OT_lam(mu, nu) and with half of OT_lam(mu, mu), whose both sides move: 2 L."""
    z, y = draw(10, 3), draw(8, 2, seed=1).clamp(-1, 1)
    distance, factor = distances(p, y)[name]
    constant = factor * p * 8 ** (0.5 * (p - 1))
    steepest = 0.0
    for seed in range(2, 7):
        theta = draw(32, seed=seed)
        for size in (1.0, 0.01):
            other = theta + size * draw(32, seed=seed + 50)
            x, x_other = generator(theta, z), generator(other, z)
            apart = float((x - x_other).norm(dim=1).mean())
            change = abs(distance(x) - distance(x_other))
            assert change <= constant * apart + 1e-5
            steepest = max(steepest, change / apart)
    assert steepest > 0.1 * constant / factor  # no bound that anything would meet


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("name", ["0", ".05", "1"])
def test_no_smaller_constant_would_do(p: float, name: str) -> None:
    """A generator of one corner, all targets in the opposite one: the bound is reached."""
    corner = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    distance, _ = distances(p, -corner)[name]
    x = corner.repeat(5, 1)
    moved = x - 1e-5 * corner / 2**0.5
    ratio = (distance(x) - distance(moved)) / 1e-5
    assert ratio == pytest.approx(p * 8 ** (0.5 * (p - 1)), rel=1e-3)
