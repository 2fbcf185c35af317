"""Laws of transport: values, gradients, bounds, against closed forms, assignment, POT, finite differences.

The last section is the counter-example of Houdard et al. (TMLR 2023, hal-03740368): one Dirac against two.
"""

import itertools

import numpy as np
import ot
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from textures import photograph
from torch import Tensor

from texot.images.patches import extract_patches
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import assign, c_transform, marginal_error, semi_dual
from texot.transport.solvers import averaged_ascent, sinkhorn, solve

BACKENDS = ["reference", "tiled"]
ENTROPIES = [0.0, 0.05]


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Uniform float64 numbers."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def problem(
    n: int = 30, m: int = 20, d: int = 12, seed: int = 0, *, uniform: bool = False
) -> tuple[Tensor, PatchMeasure]:
    """Sources and a weighted target."""
    nu = torch.ones(m, dtype=torch.float64) if uniform else draw(m, seed=seed + 2) + 0.1
    return draw(n, d, seed=seed), PatchMeasure(draw(m, d, seed=seed + 1), nu)


def cost(x: Tensor, measure: PatchMeasure) -> Tensor:
    """The whole matrix |x_i - y_j|^2, (n, m)."""
    return ((x[:, None] - measure.y) ** 2).sum(2)


def exact(x: Tensor, measure: PatchMeasure) -> float:
    """OT by linear programming."""
    a, b = np.full(len(x), 1 / len(x)), measure.nu.double().numpy()
    return float(ot.emd2(a, b / b.sum(), cost(x.double(), measure).double().numpy()))


def photographs() -> tuple[Tensor, PatchMeasure]:
    """Patches of one part of a picture, and a measure of another part."""
    picture = photograph(32, 64)
    return extract_patches(picture[:, :, :32], 4, stride=2), PatchMeasure.from_image(picture[:, :, 34:], 4)


# ------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("uniform", [True, False])
def test_equal_measures_are_at_distance_zero(uniform: bool) -> None:
    times = torch.ones(15, dtype=torch.int64) if uniform else torch.arange(1, 16) % 4 + 1
    y = draw(15, 12)
    x, measure = y.repeat_interleave(times, 0), PatchMeasure(y, times.double())
    zero = torch.zeros(15, dtype=torch.float64)
    assert float(semi_dual(x, measure, zero)) == pytest.approx(0, abs=1e-12)
    found = solve(x, measure)
    assert found.value == pytest.approx(0, abs=1e-6)
    for seed in range(5):
        assert float(semi_dual(x, measure, draw(15, seed=seed))) <= 1e-12


@pytest.mark.parametrize("length", [0.01, 0.3, 10.0])
def test_translation_costs_its_square(length: float) -> None:
    y = draw(25, 12)
    shift = torch.nn.functional.normalize(draw(12, seed=3) - 0.5, dim=0) * length
    measure = PatchMeasure(y, draw(25, seed=4) + 0.1)
    times = (measure.nu / measure.nu.min() * 3).round().long()  # weights as multiplicities
    measure = PatchMeasure(y, times.double())
    x = y.repeat_interleave(times, 0) + shift
    potential = -2 * y @ shift  # the optimal one
    assert float(semi_dual(x, measure, potential)) == pytest.approx(length**2)
    assert solve(x, measure).value == pytest.approx(length**2, rel=0.01)


def test_one_target_or_one_source_leaves_one_coupling() -> None:
    x, measure = problem(n=12, m=1)
    assert solve(x, measure).value == pytest.approx(float(cost(x, measure).mean()))
    x, measure = problem(n=1, m=9)
    assert solve(x, measure).value == pytest.approx(float(measure.nu @ cost(x, measure)[0]), rel=1e-6)
    for lam in (0.01, 1.0):  # and no room for entropy
        found = sinkhorn(x, measure, entropy=lam, tolerance=1e-6)
        assert found.value == pytest.approx(float(measure.nu @ cost(x, measure)[0]), rel=1e-5)


def test_all_points_in_one_place() -> None:
    x = torch.full((6, 3), 0.5)
    measure = PatchMeasure(torch.full((4, 3), 0.5), torch.ones(4))
    for found in (solve(x, measure), sinkhorn(x, measure, entropy=0.1)):
        assert found.value == pytest.approx(0, abs=1e-6)
        assert bool(found.psi.isfinite().all())


# --------------------------------------------------------------------------- exact agreement


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_solve_finds_the_assignment(seed: int, dtype: torch.dtype) -> None:
    x, measure = problem(60, 60, 12, seed=seed, uniform=True)
    rows, columns = linear_sum_assignment(cost(x, measure).numpy())
    want = float(cost(x, measure)[rows, columns].mean())
    found = solve(x.to(dtype), PatchMeasure(measure.y.to(dtype), measure.nu.to(dtype)))
    assert (1 - 0.002) * want <= found.value <= want * (1 + 1e-5)


@pytest.mark.parametrize(
    ("n", "m", "d"), [(60, 25, 12), (25, 60, 12), (100, 100, 27), (64, 48, 48), (7, 5, 3)], ids=str
)
@pytest.mark.parametrize("seed", range(2))
def test_solve_agrees_with_linear_programming(n: int, m: int, d: int, seed: int) -> None:
    x, measure = problem(n, m, d, seed=seed)
    want = exact(x, measure)
    found = solve(x, measure)
    assert 0.99 * want <= found.value <= want * (1 + 1e-9)
    assert found.value == pytest.approx(float(semi_dual(x, measure, found.psi)), rel=1e-9)
    mass = assign(x, measure, found.psi).mass
    assert found.marginal_error == pytest.approx(marginal_error(mass, measure.nu))


@pytest.mark.slow
def test_solve_on_photographs() -> None:
    x, measure = photographs()
    want = exact(x, measure)
    assert 0.995 * want <= solve(x, measure).value <= want * (1 + 1e-5)


def test_solve_where_sources_sit_on_a_few_targets() -> None:
    """Nearest neighbours cost nothing there; transport does."""
    y = draw(40, 12)
    measure = PatchMeasure(y, torch.ones(40, dtype=torch.float64))
    for x in (y[:1].expand(40, 12), y[:8].repeat(5, 1), y[:8].repeat(5, 1) + 1e-3 * draw(40, 12, seed=1)):
        want = exact(x, measure)
        assert 0.98 * want <= solve(x, measure).value <= want * (1 + 1e-9)


def test_solve_from_its_own_end_is_no_worse() -> None:
    x, measure = problem(60, 25)
    cold = solve(x, measure)
    warm = solve(x, measure, cold.psi)
    assert warm.n_passes < cold.n_passes
    assert warm.value >= 0.999 * cold.value


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
def test_dual_is_below_primal(seed: int, size: float) -> None:
    x, measure = problem(30, 20, seed=seed)
    psi = size * (draw(20, seed=seed + 9) - 0.5)
    assert float(semi_dual(x, measure, psi)) <= exact(x, measure) * (1 + 1e-12)
    lam = 0.05
    above = sinkhorn(x, measure, entropy=lam, tolerance=1e-8, n_iter=2000).value
    assert float(semi_dual(x, measure, psi, entropy=lam)) <= above + 1e-6


# --------------------------------------------------------------------- invariance, concavity


@pytest.mark.parametrize("entropy", ENTROPIES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("constant", [-3.0, 1e-3, 250.0])
def test_a_constant_in_psi_changes_nothing(entropy: float, backend: str, constant: float) -> None:
    x, measure = problem()
    psi = draw(20, seed=5)
    options = {"entropy": entropy, "backend": backend}
    assert float(semi_dual(x, measure, psi + constant, **options)) == pytest.approx(
        float(semi_dual(x, measure, psi, **options)), abs=1e-9
    )
    near, far = (assign(x, measure, p, **options) for p in (psi, psi + constant))
    assert torch.allclose(near.target, far.target)
    assert torch.allclose(near.mass, far.mass)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_semi_dual_is_concave_in_psi(entropy: float) -> None:
    x, measure = problem()
    for seed in range(8):
        a, b = draw(20, seed=seed), 2 * draw(20, seed=seed + 50)
        ends = [float(semi_dual(x, measure, p, entropy=entropy)) for p in (a, b)]
        for t in (0.25, 0.5, 0.9):
            between = float(semi_dual(x, measure, (1 - t) * a + t * b, entropy=entropy))
            assert between >= (1 - t) * ends[0] + t * ends[1] - 1e-10


def test_semi_dual_does_not_see_the_order_of_patches() -> None:
    x, measure = problem()
    psi, order = draw(20, seed=5), torch.randperm(20, generator=torch.Generator().manual_seed(0))
    shuffled = PatchMeasure(measure.y[order], measure.nu[order])
    assert float(semi_dual(x.flip(0), shuffled, psi[order])) == pytest.approx(
        float(semi_dual(x, measure, psi)), rel=1e-12
    )


# --------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("entropy", ENTROPIES)
def test_gradients_are_those_of_the_envelope_theorem(entropy: float, backend: str) -> None:
    x, measure = problem()
    psi = (0.3 * draw(20, seed=5)).requires_grad_()
    x.requires_grad_()
    value = semi_dual(x, measure, psi, entropy=entropy, backend=backend)
    in_x, in_psi = torch.autograd.grad(value, (x, psi))

    score = psi.detach() - cost(x.detach(), measure)
    if entropy:
        share = torch.softmax(measure.nu.log() + score / entropy, 1)
    else:
        share = torch.nn.functional.one_hot(score.argmax(1), 20).double()
    assert torch.allclose(in_psi, measure.nu - share.mean(0), atol=1e-8)
    assert torch.allclose(in_x, 2 * (x.detach() - share @ measure.y) / len(x), atol=1e-8)

    a = assign(x.detach(), measure, psi.detach(), entropy=entropy, backend=backend)
    assert torch.allclose(a.mass, share.mean(0), atol=1e-8)
    assert torch.allclose(a.target, share @ measure.y, atol=1e-8)
    assert float(a.mass.sum()) == pytest.approx(1, abs=1e-9)

    for point, gradient in ((x, in_x), (psi, in_psi)):  # and what finite differences see
        direction = draw(*point.shape, seed=8) - 0.5
        step = 1e-5
        ends = []
        for sign in (1, -1):
            moved = [p.detach() + sign * step * direction if p is point else p.detach() for p in (x, psi)]
            ends.append(float(semi_dual(moved[0], measure, moved[1], entropy=entropy, backend="reference")))
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("lam", [0.02, 0.3])
def test_gradcheck_of_the_entropic_c_transform(lam: float) -> None:
    x, measure = problem(6, 5, 3)
    weights = draw(6, seed=6) - 0.4  # upstream gradients of both signs, and one that is zero
    weights[2] = 0
    assert 0 < int((weights < 0).sum()) < 6
    x.requires_grad_()
    psi = (0.2 * draw(5, seed=7)).requires_grad_()

    def each(x: Tensor, psi: Tensor) -> Tensor:
        return c_transform(x, measure, psi, entropy=lam, backend="reference")

    assert torch.autograd.gradcheck(each, (x, psi))
    assert torch.autograd.gradcheck(lambda x, psi: (weights * each(x, psi)).sum(), (x, psi))
    assert torch.autograd.gradcheck(lambda x, psi: -each(x, psi).sum(), (x, psi))
    assert torch.autograd.gradcheck(lambda x: each(x, psi.detach()), (x,))
    assert torch.autograd.gradcheck(lambda psi: each(x.detach(), psi), (psi,))
    assert torch.autograd.gradcheck(
        lambda x, psi: semi_dual(x, measure, psi, entropy=lam, backend="reference"), (x, psi)
    )


def test_gradcheck_of_the_c_transform_away_from_ties() -> None:
    x, measure = problem(6, 5, 3)
    x.requires_grad_()
    psi = (0.2 * draw(5, seed=7)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, psi: c_transform(x, measure, psi), (x, psi))


@pytest.mark.parametrize("backend", BACKENDS)
def test_back_ends_agree_in_value(backend: str) -> None:
    x, measure = photographs()
    psi = 0.2 * torch.rand(len(measure), generator=torch.Generator().manual_seed(0))
    for lam in (0.0, 0.1):
        want = c_transform(
            x.double(), PatchMeasure(measure.y.double(), measure.nu.double()), psi.double(), entropy=lam
        )
        found = c_transform(x, measure, psi, entropy=lam, backend=backend)
        assert torch.allclose(found.double(), want, atol=2e-5)


# ----------------------------------------------------------------------------------- entropy


def entropic_value(x: Tensor, measure: PatchMeasure, lam: float) -> float:
    """min <C, pi> + lam KL(pi | mu x nu) by POT."""
    a, b = np.full(len(x), 1 / len(x)), measure.nu.numpy()
    matrix = cost(x, measure).numpy()
    plan = ot.bregman.sinkhorn_log(a, b, matrix, lam, numItermax=20000, stopThr=1e-10)
    kept = plan > 0
    divergence = (plan[kept] * np.log(plan[kept] / np.outer(a, b)[kept])).sum()
    return float((plan * matrix).sum() + lam * divergence)


@pytest.mark.parametrize("lam", [0.03, 0.1, 0.5])
@pytest.mark.parametrize("backend", BACKENDS)
def test_sinkhorn_agrees_with_pot(lam: float, backend: str) -> None:
    x, measure = problem(25, 18, 12)
    found = sinkhorn(x, measure, entropy=lam, n_iter=3000, tolerance=1e-7, backend=backend)
    assert found.value == pytest.approx(entropic_value(x, measure, lam), rel=1e-5)
    assert found.value == pytest.approx(float(semi_dual(x, measure, found.psi, entropy=lam)), rel=1e-6)


def test_at_convergence_the_cells_have_the_targets_masses() -> None:
    x, measure = problem(25, 18, 12)
    found = sinkhorn(x, measure, entropy=0.1, n_iter=3000, tolerance=1e-7)
    a = assign(x, measure, found.psi, entropy=0.1)
    assert found.marginal_error < 1e-7
    assert torch.allclose(a.mass, measure.nu, atol=1e-7)
    psi = found.psi.requires_grad_()
    (gradient,) = torch.autograd.grad(semi_dual(x, measure, psi, entropy=0.1), psi)
    assert float(gradient.abs().max()) < 1e-7


@pytest.mark.slow
def test_entropic_value_falls_to_the_unregularised_one() -> None:
    x, measure = problem(20, 15, 12)
    want = exact(x, measure)
    lams = [2.0, 0.5, 0.1, 0.03, 0.01]
    values = [sinkhorn(x, measure, entropy=lam, n_iter=5000, tolerance=1e-6).value for lam in lams]
    assert all(a > b for a, b in itertools.pairwise(values))
    assert values[-1] >= want
    assert values[-1] == pytest.approx(want, rel=0.03)
    independent = float((cost(x, measure) @ measure.nu).mean())
    assert values[0] <= independent
    assert sinkhorn(x, measure, entropy=1e4).value == pytest.approx(independent, rel=1e-3)


def test_soft_cells_harden_as_the_entropy_falls() -> None:
    x, measure = problem()
    psi = 0.1 * draw(20, seed=5)
    hard = assign(x, measure, psi)
    soft = assign(x, measure, psi, entropy=1e-4)
    assert hard.cells is not None
    assert soft.cells is None
    assert torch.allclose(soft.value, hard.value, atol=2e-3)
    assert torch.allclose(soft.target, hard.target, atol=1e-3)
    assert torch.allclose(soft.mass, hard.mass, atol=1e-3)


def test_sinkhorn_improves_monotonically() -> None:
    x, measure = problem(40, 25, 12)
    start = torch.zeros(25, dtype=torch.float64)
    values = [sinkhorn(x, measure, start, entropy=0.05, n_iter=k, tolerance=0).value for k in range(1, 15)]
    assert values[0] == pytest.approx(float(semi_dual(x, measure, start, entropy=0.05)))
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(values))
    assert values[-1] > values[0] + 1e-3


def test_sinkhorn_stops_when_it_is_good_enough() -> None:
    x, measure = problem(40, 25, 12)
    loose, tight = (sinkhorn(x, measure, entropy=0.1, tolerance=t) for t in (0.1, 1e-4))
    assert loose.marginal_error < 0.1
    assert tight.marginal_error < 1e-4
    assert loose.n_passes < tight.n_passes
    again = sinkhorn(x, measure, tight.psi, entropy=0.1, tolerance=1e-3)
    assert again.n_passes == 2
    assert again.value == pytest.approx(tight.value, rel=1e-6)


# -------------------------------------------------------------------------- published ascent


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("n_steps", [0, 1, 10])
def test_averaged_ascent_is_the_published_loop(n_steps: int, uniform: bool) -> None:
    x, measure = problem(40, 25, 12, uniform=uniform)
    start = 0.2 * draw(25, seed=5)

    psi, mean = start.clone().requires_grad_(), start
    for k in range(1, n_steps + 1):  # gradients by autograd through the whole matrix, running mean
        value = (cost(x, measure) - psi).amin(1).mean() + (measure.nu * psi).sum()
        (gradient,) = torch.autograd.grad(value, psi)
        psi = (psi.detach() + 0.7 * gradient).requires_grad_()
        mean = psi.detach() if k == 1 else mean + (psi.detach() - mean) / k
    found = averaged_ascent(x, measure, start, n_steps=n_steps, step=0.7)
    assert torch.allclose(found, mean, atol=1e-12)
    assert torch.equal(start, 0.2 * draw(25, seed=5))


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_averaged_ascent_climbs(entropy: float) -> None:
    x, measure = photographs()
    psi = torch.zeros(len(measure))
    values = [float(semi_dual(x, measure, psi, entropy=entropy))]
    for _ in range(4):
        psi = averaged_ascent(x, measure, psi, n_steps=10, entropy=entropy)
        values.append(float(semi_dual(x, measure, psi, entropy=entropy)))
    assert values == sorted(values)
    assert float(psi.sum()) == pytest.approx(0, abs=1e-4)  # nu and the masses both sum to one


# ---------------------------------------------------------------------------- marginal error


def test_marginal_error_is_a_total_variation() -> None:
    nu = torch.tensor([0.1, 0.2, 0.7])
    assert marginal_error(nu, nu) == 0
    assert marginal_error(torch.tensor([1.0, 0, 0]), nu) == pytest.approx(0.9)
    assert marginal_error(torch.tensor([0.0, 0, 1]), torch.tensor([1.0, 0, 0])) == 1
    for seed in range(20):
        a, b = (draw(9, seed=s) for s in (seed, seed + 100))
        assert 0 <= marginal_error(a / a.sum(), b / b.sum()) <= 1


@pytest.mark.parametrize("lam", [1e-30, 1e-8, 1e8])
def test_entropies_out_of_all_proportion_stay_finite(lam: float) -> None:
    x, measure = photographs()
    psi = torch.zeros(len(measure), requires_grad=True)
    a = assign(x, measure, psi.detach(), entropy=lam)
    (gradient,) = torch.autograd.grad(semi_dual(x, measure, psi, entropy=lam), psi)
    for values in (a.target, a.value, a.mass, gradient, sinkhorn(x, measure, entropy=lam, n_iter=5).psi):
        assert bool(values.isfinite().all())
    assert float(a.mass.sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_marginal_error_of_any_potential_is_a_share(entropy: float) -> None:
    x, measure = problem()
    for size in (0.0, 1.0, 1e4):
        mass = assign(x, measure, size * draw(20, seed=1), entropy=entropy).mass
        assert 0 <= marginal_error(mass, measure.nu) <= 1


# ------------------------------------------------------------------------------ partial transport


def partial(x: Tensor, measure: PatchMeasure, capacity: float) -> float:
    """Partial OT by linear programming: what capacity is left over goes to a source that costs nothing."""
    b = capacity * measure.nu.double().numpy()
    a = np.append(np.full(len(x), 1 / len(x)), b.sum() - 1)
    costs = np.vstack([cost(x.double(), measure).double().numpy(), np.zeros(len(b))])
    return float(ot.emd2(a, b * (a.sum() / b.sum()), costs))


@pytest.mark.parametrize("capacity", [1.0, 1.5, 4.0, 1e3])
def test_semi_dual_bounds_partial_transport(capacity: float) -> None:
    x, measure = problem()
    bound = partial(x, measure, capacity)
    for seed in range(20):
        psi = -draw(len(measure), seed=seed) * 10.0 ** (seed % 4 - 3)
        assert float(semi_dual(x, measure, psi, capacity=capacity)) <= bound + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("capacity", [1.0, 1.5, 4.0, 1e3])
def test_ascent_below_zero_reaches_partial_transport(capacity: float) -> None:
    x, measure = problem()
    psi, best, error = torch.zeros(len(measure), dtype=torch.float64), -np.inf, 1.0
    for k in range(4000):
        a = assign(x, measure, psi)
        best = max(best, float(semi_dual(x, measure, psi, capacity=capacity)))
        error = min(error, marginal_error(a.mass, measure.nu, capacity))
        psi = (psi + (k + 1) ** -0.5 * (capacity * measure.nu - a.mass)).clamp_max(0)
    bound = partial(x, measure, capacity)
    assert best == pytest.approx(bound, rel=5e-3)
    assert error < 0.1


def test_partial_transport_lies_between_nearest_neighbours_and_all_of_the_measure() -> None:
    x, measure = problem()
    costs = [partial(x, measure, capacity) for capacity in (1, 1.2, 2, 5, 1e4)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] == pytest.approx(exact(x, measure), rel=1e-9)
    assert costs[-1] == pytest.approx(float(cost(x, measure).min(1).values.mean()), rel=1e-9)


def test_a_crop_is_optimal_once_the_capacity_is_the_ratio_of_patches() -> None:
    """A result of a quarter of the exemplar need not average what it has no room for."""
    picture = photograph(24, 24).double()
    measure = PatchMeasure.from_image(picture, 4, uniform=True)
    x = extract_patches(picture[:, :12, :12], 4)
    assert partial(x, measure, len(measure) / len(x)) == pytest.approx(0, abs=1e-12)
    assert partial(x, measure, 0.8 * len(measure) / len(x)) > 1e-3
    assert float(semi_dual(x, measure, torch.zeros(len(measure)).double(), capacity=9)) == pytest.approx(0)


def test_marginal_error_counts_what_exceeds_the_capacity() -> None:
    nu = torch.tensor([0.5, 0.3, 0.2])
    mass = torch.tensor([0.1, 0.2, 0.7])
    assert marginal_error(mass, nu) == pytest.approx(0.5)
    assert marginal_error(mass, nu) == pytest.approx(float((mass - nu).abs().sum() / 2))
    assert marginal_error(mass, nu, 2) == pytest.approx(0.3)
    assert marginal_error(mass, nu, 4) == 0


# --------------------------------------------------------- one Dirac against two (TMLR 2023)


Y = torch.tensor([[0.0, 0.0], [2.0, 1.0]], dtype=torch.float64)
TWO = PatchMeasure(Y, torch.ones(2, dtype=torch.float64))
MIDPOINT = Y.mean(0)
ALONG = torch.nn.functional.normalize(Y[1] - Y[0], dim=0)


def transport_of_dirac(theta: Tensor) -> Tensor:
    """W(theta): half of the mass goes to each target, there is no choice."""
    return ((theta - Y) ** 2).sum(1).mean()


def slopes(psi: Tensor, entropy: float, step: float = 1e-6) -> tuple[float, float]:
    """One-sided derivatives of F(psi, .) at the midpoint, from below and from above, along the segment."""
    below, here, above = (
        float(semi_dual((MIDPOINT + t * ALONG)[None], TWO, psi, entropy=entropy)) for t in (-step, 0, step)
    )
    return (here - below) / step, (above - here) / step


def test_dirac_against_two_transport_is_differentiable_and_its_dual_is_not() -> None:
    psi = torch.zeros(2, dtype=torch.float64)  # psi*, up to a constant: the two cells meet at the midpoint
    distance = float((Y[1] - Y[0]).norm())
    assert float(semi_dual(MIDPOINT[None], TWO, psi)) == pytest.approx(float(transport_of_dirac(MIDPOINT)))
    assert solve(MIDPOINT[None], TWO).value == pytest.approx(exact(MIDPOINT[None], TWO))
    for shift in (-0.1, 0.1):  # optimal there and nowhere else
        moved = psi + torch.tensor([shift, 0.0], dtype=torch.float64)
        assert float(semi_dual(MIDPOINT[None], TWO, moved)) < float(semi_dual(MIDPOINT[None], TWO, psi))

    theta = MIDPOINT.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(transport_of_dirac(theta), theta)
    assert torch.allclose(gradient, torch.zeros(2, dtype=torch.float64), atol=1e-12)
    for t in (-0.3, 0.0, 0.4):  # W(theta) is what the solver finds, on either side
        here = (MIDPOINT + t * ALONG)[None]
        assert solve(here, TWO).value == pytest.approx(float(transport_of_dirac(here[0])), rel=1e-3)

    left, right = slopes(psi, 0.0)
    assert left == pytest.approx(distance, rel=1e-4)
    assert right == pytest.approx(-distance, rel=1e-4)
    x = MIDPOINT[None].clone().requires_grad_()
    (chosen,) = torch.autograd.grad(semi_dual(x, TWO, psi), x)  # one of the two, never that of W
    assert abs(float(chosen[0] @ ALONG)) == pytest.approx(distance, rel=1e-9)


@pytest.mark.parametrize("lam", [0.1, 1.0])
def test_dirac_against_two_with_entropy_the_dual_is_differentiable(lam: float) -> None:
    found = sinkhorn(MIDPOINT[None], TWO, entropy=lam, tolerance=1e-12)
    assert found.value == pytest.approx(float(transport_of_dirac(MIDPOINT)))
    left, right = slopes(found.psi, lam)
    assert left == pytest.approx(0, abs=1e-4)
    assert right == pytest.approx(0, abs=1e-4)
    x = MIDPOINT[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(semi_dual(x, TWO, found.psi, entropy=lam), x)
    assert float(gradient.abs().max()) < 1e-9


def test_dirac_against_two_away_from_the_midpoint_the_optimal_dual_has_the_gradient_of_transport() -> None:
    """With entropy, at psi*(theta): the envelope theorem."""
    theta = MIDPOINT + 0.3 * ALONG
    found = sinkhorn(theta[None], TWO, entropy=0.5, tolerance=1e-12, n_iter=500)
    x = theta[None].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(semi_dual(x, TWO, found.psi, entropy=0.5), x)
    assert torch.allclose(gradient[0], 2 * (theta - MIDPOINT), atol=1e-8)
