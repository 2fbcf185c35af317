"""Entropic transport and the Sinkhorn divergence: against POT, closed forms, limits, finite differences.

The theorems are those of Houdard et al. (TMLR 2023, hal-03740368), each as what it says of small measures.
"""

from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from torch import Tensor

from texot import InputError
from texot.transport import divergence
from texot.transport.divergence import entropic_transport, potentials, sinkhorn_divergence

EXPONENTS = [1.0, 1.5, 2.0]
EXACT = {"n_iter": 20_000, "tolerance": 1e-12}


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Uniform float64 numbers."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights(count: int, seed: int = 5) -> Tensor:
    w = draw(count, seed=seed) + 0.2
    return w / w.sum()


def cost(x: Tensor, y: Tensor, p: float) -> Tensor:
    return ((x[:, None] - y) ** 2).sum(2).sqrt() ** p


def plan(x: Tensor, y: Tensor, p: float, entropy: float, mu: Tensor, nu: Tensor) -> Tensor:
    """The optimal coupling by POT, (n, m)."""
    matrix = cost(x, y, p).numpy()
    found = ot.sinkhorn(mu.numpy(), nu.numpy(), matrix, entropy, "sinkhorn_log", 20_000, stopThr=1e-9)
    return torch.from_numpy(found)


def oracle(x: Tensor, y: Tensor, p: float, entropy: float, mu: Tensor, nu: Tensor) -> float:
    """OT_lam of POT's coupling."""
    pi = plan(x, y, p, entropy, mu, nu)
    product = mu[:, None] * nu
    information = (torch.special.xlogy(pi, pi / product) - pi + product).sum()
    return float((cost(x, y, p) * pi).sum() + entropy * information)


def exact(x: Tensor, y: Tensor, p: float) -> float:
    """OT without entropy, by linear programming."""
    a, b = (np.full(len(t), 1 / len(t)) for t in (x, y))
    return float(ot.emd2(a, b, cost(x, y, p).numpy()))


# ------------------------------------------------------------------------------ values


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("entropy", [0.1, 0.3, 3.0])
def test_values_agree_with_pot(p: float, entropy: float) -> None:
    x, y, mu, nu = draw(23, 3), draw(17, 3, seed=1) + 0.3, weights(23), weights(17, seed=6)
    given = {"entropy": entropy, "p": p, "mu": mu, "nu": nu}
    wanted = oracle(x, y, p, entropy, mu, nu)
    assert float(entropic_transport(x, y, **given)) == pytest.approx(wanted, rel=1e-4)
    own = oracle(x, x, p, entropy, mu, mu) + oracle(y, y, p, entropy, nu, nu)
    assert float(sinkhorn_divergence(x, y, **given)) == pytest.approx(wanted - own / 2, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("p", EXPONENTS)
def test_zero_for_equal_measures_and_positive_else(p: float) -> None:
    """However the measure is written down: points in another order, or twice with half the weight each."""
    x, order = draw(12, 2), torch.arange(12).flip(0)
    twice = torch.cat([x, x])
    for same in (x, x[order], twice):
        assert abs(float(sinkhorn_divergence(x, same, entropy=0.1, p=p))) < 1e-6
    for seed in range(1, 5):
        assert float(sinkhorn_divergence(x, draw(9, 2, seed=seed), entropy=0.1, p=p)) > 1e-3


@pytest.mark.parametrize("p", EXPONENTS)
def test_symmetric(p: float) -> None:
    x, y = draw(12, 2), draw(9, 2, seed=1)
    one, two = (sinkhorn_divergence(a, b, entropy=0.1, p=p, **EXACT) for a, b in ((x, y), (y, x)))
    assert float(one) == pytest.approx(float(two), rel=1e-9)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("entropy", [1e-3, 1.0, 100.0])
def test_two_diracs_are_as_far_as_their_cost(p: float, entropy: float) -> None:
    x, y = draw(1, 4), draw(1, 4, seed=1)
    for distance in (entropic_transport, sinkhorn_divergence):
        assert float(distance(x, y, entropy=entropy, p=p)) == pytest.approx(float(cost(x, y, p)), rel=1e-9)


@pytest.mark.parametrize("entropy", [0.05, 1.0, 20.0])
def test_translation_costs_its_square_at_any_entropy(entropy: float) -> None:
    x, shift = draw(15, 3), torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64)
    found = sinkhorn_divergence(x, x + shift, entropy=entropy, **EXACT)
    assert float(found) == pytest.approx(float(shift @ shift), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
def test_between_transport_and_energy_distance(p: float) -> None:
    """The two limits of the entropy; the divergence is nearer to transport than entropic transport is."""
    x, y = draw(14, 2), draw(14, 2, seed=1) + 0.2
    small, transport = sinkhorn_divergence(x, y, entropy=2e-3, p=p, n_iter=5000), exact(x, y, p)
    assert float(small) == pytest.approx(transport, rel=0.01)
    at = {"entropy": 0.05, "p": p}
    assert abs(float(sinkhorn_divergence(x, y, **at)) - transport) < abs(
        float(entropic_transport(x, y, **at)) - transport
    )
    energy = cost(x, y, p).mean() - (cost(x, x, p).mean() + cost(y, y, p).mean()) / 2
    assert float(sinkhorn_divergence(x, y, entropy=1e5, p=p)) == pytest.approx(float(energy), rel=1e-3)


def test_an_exponent_of_two_is_the_limit_of_smaller_ones() -> None:
    """The kernels compute the one, this module's tiles the others."""
    x, y = draw(30, 5).requires_grad_(), draw(20, 5, seed=1)
    found = []
    for p in (2.0, 2 - 1e-7):
        value = sinkhorn_divergence(x, y, entropy=0.1, p=p, **EXACT)
        found.append((value.item(), torch.autograd.grad(value, x)[0]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-7)


def test_tiles_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = draw(30, 5), draw(20, 5, seed=1)
    whole = sinkhorn_divergence(x, y, entropy=0.1, p=1.5)
    monkeypatch.setattr(divergence, "_MAX_COSTS", 70)
    assert float(sinkhorn_divergence(x, y, entropy=0.1, p=1.5)) == pytest.approx(float(whole), rel=1e-12)


def test_float32_is_near_float64() -> None:
    x, y = draw(40, 12), draw(30, 12, seed=1)
    for p in EXPONENTS:
        wide = float(sinkhorn_divergence(x, y, entropy=0.1, p=p))
        narrow = sinkhorn_divergence(x.float(), y.float(), entropy=0.1, p=p, tolerance=1e-5)
        assert narrow.dtype == torch.float32
        assert float(narrow) == pytest.approx(wide, rel=1e-3)


def test_potentials_tell_how_good_they_are() -> None:
    x, y = draw(30, 2), draw(20, 2, seed=1)
    few, many = (potentials(x, y, entropy=0.01, n_iter=n, tolerance=1e-9) for n in (1, 5000))
    assert few.n_iter == 1
    assert few.marginal_error > 1e-4
    assert many.marginal_error < 1e-9
    coupling = torch.exp((many.f[:, None] + many.g - cost(x, y, 2)) / 0.01) / 600
    torch.testing.assert_close(
        coupling.sum(1), torch.full((30,), 1 / 30, dtype=torch.float64), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        coupling.sum(0), torch.full((20,), 1 / 20, dtype=torch.float64), rtol=1e-6, atol=0
    )


# ------------------------------------------------------------------------------ gradients


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("distance", [entropic_transport, sinkhorn_divergence])
def test_gradcheck(p: float, distance: Callable[..., Tensor]) -> None:
    """In both arguments; the points are apart, where |x - y| has a gradient."""
    x, y = draw(5, 2).requires_grad_(), (draw(4, 2, seed=1) + 0.1).requires_grad_()
    mu, nu = weights(5), weights(4)

    def of(a: Tensor, b: Tensor) -> Tensor:
        return distance(a, b, entropy=0.2, p=p, mu=mu, nu=nu, **EXACT)

    assert torch.autograd.gradcheck(of, (x, y), eps=1e-5, atol=1e-6)


@pytest.mark.parametrize("p", EXPONENTS)
def test_theorem_6_the_gradient_is_that_of_the_potentials(p: float) -> None:
    """mu_i (grad f(x_i) - grad f_mu(x_i)); grad f(x_i) is the mean of grad c(x_i, .) under the coupling."""
    x, y, mu, nu = draw(9, 2).requires_grad_(), draw(7, 2, seed=1), weights(9), weights(7)
    value = sinkhorn_divergence(x, y, entropy=0.1, p=p, mu=mu, nu=nu, **EXACT)
    (found,) = torch.autograd.grad(value, x)
    still = x.detach()

    def mean_slope(z: Tensor, pi: Tensor) -> Tensor:
        apart = still[:, None] - z
        norm = apart.norm(dim=2, keepdim=True)
        return (pi[:, :, None] * torch.where(norm > 0, p * norm ** (p - 2) * apart, 0)).sum(1)

    wanted = mean_slope(y, plan(still, y, p, 0.1, mu, nu)) - mean_slope(
        still, plan(still, still, p, 0.1, mu, mu)
    )
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("p", [1.5, 2.0])
def test_without_entropy_the_gradient_is_the_limit(p: float) -> None:
    """Where the optimal coupling is unique: of finite differences, and of OT_lam as lam goes to 0."""
    x, y = draw(6, 2), draw(6, 2, seed=1)
    differences = torch.zeros_like(x)
    for i in range(6):
        for k in range(2):
            step = torch.zeros_like(x)
            step[i, k] = 1e-6
            differences[i, k] = (exact(x + step, y, p) - exact(x - step, y, p)) / 2e-6
    off = []
    for entropy in (0.1, 0.02, 0.004):
        moving = x.clone().requires_grad_()
        value = entropic_transport(moving, y, entropy=entropy, p=p, n_iter=3000, tolerance=1e-7)
        (found,) = torch.autograd.grad(value, moving)
        off.append(float((found - differences).norm() / differences.norm()))
    assert off[0] > 1.5 * off[1] > 2 * off[2]
    assert off[2] < 0.1, off


@pytest.mark.parametrize("p", [1.5, 2.0])
@pytest.mark.parametrize("entropy", [0.0, 0.1, 1.0])
def test_counter_example_of_a_dirac_between_two(p: float, entropy: float) -> None:
    """Transport of one Dirac to two has a gradient midway, 0; the c-transform at the optimal potential has
    one only with entropy, and then the same: without, its two sides have slopes +- p / 2^(p - 1)."""
    y = torch.tensor([[-0.5], [0.5]], dtype=torch.float64)

    def transform(t: float) -> float:
        """At the optimal potential of a Dirac midway, which is 0."""
        apart = (t - y[:, 0]).abs() ** p
        return float(
            apart.min() if not entropy else -entropy * torch.logsumexp(-apart / entropy - np.log(2), 0)
        )

    h = 1e-6
    left, right = (transform(0) - transform(-h)) / h, (transform(h) - transform(0)) / h
    if not entropy:
        slope = p / 2 ** (p - 1)
        assert (left, right) == (pytest.approx(slope, rel=1e-4), pytest.approx(-slope, rel=1e-4))
        assert (exact(y[:1] * 0 + h, y, p) - exact(y[:1] * 0 - h, y, p)) / (2 * h) == pytest.approx(
            0, abs=1e-6
        )
        return
    assert left == pytest.approx(0, abs=1e-4)
    assert right == pytest.approx(0, abs=1e-4)
    middle = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(entropic_transport(middle, y, entropy=entropy, p=p), middle)
    assert float(found) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("entropy", [0.01, 0.3])
def test_transport_is_lipschitz_in_the_points(p: float, entropy: float) -> None:
    """With the constant p D^(p - 1) of the cost on a domain of diameter D, whatever the entropy."""
    y = draw(15, 2, seed=1)
    bound = p * 2 ** (0.5 * (p - 1))
    for seed in range(2, 5):
        x, other = draw(10, 2, seed=seed), draw(10, 2, seed=seed + 10)
        one, two = (float(entropic_transport(t, y, entropy=entropy, p=p)) for t in (x, other))
        assert abs(one - two) <= bound * float((x - other).norm(dim=1).mean()) + 1e-6


def test_points_on_top_of_each_other_have_finite_gradients() -> None:
    """Also at p = 1, whose cost has none there: 0 is taken."""
    x = torch.zeros(4, 2, dtype=torch.float64, requires_grad=True)
    for p in EXPONENTS:
        value = sinkhorn_divergence(x, torch.zeros(3, 2, dtype=torch.float64), entropy=0.1, p=p)
        assert value.item() == pytest.approx(0, abs=1e-9)
        assert torch.equal(torch.autograd.grad(value, x)[0], torch.zeros_like(x))


@pytest.mark.slow
@pytest.mark.parametrize("p", EXPONENTS)
def test_descent_brings_one_measure_onto_the_other(p: float) -> None:
    x, y = draw(20, 2).requires_grad_(), draw(20, 2, seed=1) + 0.5
    begun = sinkhorn_divergence(x, y, entropy=0.05, p=p).item()
    optimiser = torch.optim.Adam([x], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        sinkhorn_divergence(x, y, entropy=0.05, p=p, n_iter=50, tolerance=1e-3).backward()
        optimiser.step()
    assert sinkhorn_divergence(x, y, entropy=0.05, p=p).item() < 0.02 * begun


# ------------------------------------------------------------------------------ wrong input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(3)}, "expected points"),
        ({"x": torch.zeros(3, 3)}, "expected points"),
        ({"y": torch.zeros(0, 2)}, "expected points"),
        ({"p": 0.9}, "p: expected"),
        ({"p": 2.1}, "p: expected"),
        ({"p": float("nan")}, "p: expected"),
        ({"entropy": 0.0}, "entropy: expected"),
        ({"entropy": float("inf")}, "entropy: expected"),
        ({"mu": torch.ones(4)}, "mu: expected 3 positive weights"),
        ({"nu": torch.tensor([1.0, 0.0])}, "nu: expected 2 positive weights"),
    ],
)
def test_wrong_input(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"x": torch.zeros(3, 2), "y": torch.ones(2, 2), "entropy": 0.1, **change}
    x, y = given.pop("x"), given.pop("y")
    for call in (potentials, entropic_transport, sinkhorn_divergence):
        with pytest.raises(InputError, match=message):
            call(x, y, **given)  # type: ignore[operator]
