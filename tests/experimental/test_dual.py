"""psi as a vector and as a network: both reach the maximum, by the right gradient, up to a constant."""

import copy
from collections.abc import Callable

import numpy as np
import ot
import pytest
import torch
from torch import Tensor, nn

from texot import InputError
from texot.experimental import dual as module
from texot.experimental.dual import Dual, DualNetwork, DualVector, PotentialNetwork
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import assign, semi_dual
from texot.transport.solvers import averaged_ascent

ENTROPIES = [0.0, 0.05]
Maker = Callable[[PatchMeasure], Dual]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Uniform float64 numbers."""
    return torch.rand(*shape, generator=random(seed), dtype=torch.float64)


def vector(measure: PatchMeasure) -> Dual:
    return DualVector(measure)


def network(measure: PatchMeasure) -> Dual:
    return DualNetwork(measure, PotentialNetwork(measure, width=32, generator=random(3)))


MAKERS = [vector, network]


def climb(
    dual: Dual, sample: Callable[[torch.Generator], Tensor], steps: int, *, entropy: float = 0.0
) -> Dual:
    """Averaged ascent with steps that fall."""
    generator = random(11)
    for k in range(steps):
        dual.ascend(sample(generator), factor=(1 + k / 20) ** -0.5, entropy=entropy)
    return dual


def problem(n: int = 40, m: int = 12, d: int = 3) -> tuple[Tensor, PatchMeasure]:
    """Sources and a target with weights."""
    return draw(n, d), PatchMeasure(draw(m, d, seed=1), draw(m, seed=2) + 0.2)


def from_points(x: Tensor, batch: int = 32) -> Callable[[torch.Generator], Tensor]:
    return lambda generator: x[torch.randint(len(x), (batch,), generator=generator)]


# ------------------------------------------------------------------------------ the maximum


def line() -> tuple[PatchMeasure, Tensor, float]:
    """Uniform noise on [0, 1] to weighted points of a line: in order, so the potential and cost are known."""
    y = torch.tensor([-0.2, 0.1, 0.5, 0.7, 1.3], dtype=torch.float64)
    nu = torch.tensor([0.3, 0.1, 0.25, 0.15, 0.2], dtype=torch.float64)
    edges = nu.cumsum(0)
    steps = (edges[:-1] - y[1:]) ** 2 - (edges[:-1] - y[:-1]) ** 2  # both costs are equal at an edge
    psi = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    value = (((edges - y) ** 3 - (edges - nu - y) ** 3) / 3).sum()
    return PatchMeasure(y[:, None], nu), psi - nu @ psi, float(value)


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_reaches_the_closed_form_on_a_line(make: Maker) -> None:
    measure, psi, value = line()
    dual = climb(make(measure), lambda g: torch.rand(64, 1, generator=g, dtype=torch.float64), 600)
    grid = (torch.arange(20_000, dtype=torch.float64)[:, None] + 0.5) / 20_000
    assert float(semi_dual(grid, measure, psi)) == pytest.approx(value, rel=1e-6)
    found = float(semi_dual(grid, measure, dual.psi))
    assert found <= value * (1 + 1e-6)
    assert found == pytest.approx(value, rel=0.01)
    assert float((dual.psi - psi).abs().max()) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("entropy", ENTROPIES)
def test_reaches_the_optimum_of_pot(make: Maker, entropy: float) -> None:
    x, measure = problem()
    a, b = np.full(len(x), 1 / len(x)), measure.nu.numpy()
    cost = (torch.cdist(x, measure.y) ** 2).numpy()
    if entropy:
        plan = ot.sinkhorn(a, b, cost, entropy, "sinkhorn_log", 20_000, stopThr=1e-10)
        want = float((plan * cost).sum() + entropy * (plan * np.log(plan / np.outer(a, b))).sum())
    else:
        want = float(ot.emd2(a, b, cost))
    begun = float(semi_dual(x, measure, torch.zeros_like(measure.nu), entropy=entropy))
    dual = climb(make(measure), from_points(x), 600, entropy=entropy)
    found = float(semi_dual(x, measure, dual.psi, entropy=entropy))
    assert found <= want * (1 + 1e-6)
    assert want - found < 0.02 * want
    assert want - found < 0.1 * (want - begun)


@pytest.mark.parametrize("make", MAKERS)
def test_reaches_the_potential_of_a_translation(make: Maker) -> None:
    y, shift = draw(30, 4), torch.tensor([0.5, -0.3, 0.2, 0.1], dtype=torch.float64)
    measure = PatchMeasure(y, torch.ones(30, dtype=torch.float64))
    dual = climb(make(measure), from_points(y + shift), 400)
    found = float(semi_dual(y + shift, measure, dual.psi))
    assert found == pytest.approx(float(shift @ shift), rel=0.02)


def test_a_network_knows_targets_that_it_never_saw() -> None:
    """Of a translation, whose potential is smooth; a bound of transport to them, without a solver."""
    y, other, shift = draw(60, 3), draw(50, 3, seed=1), torch.tensor([0.6, -0.4, 0.3], dtype=torch.float64)
    measure = PatchMeasure(y, torch.ones(60, dtype=torch.float64))
    dual = climb(network(measure), from_points(y + shift), 400)
    assert isinstance(dual, DualNetwork)
    unseen = PatchMeasure(other, torch.ones(50, dtype=torch.float64))
    x = draw(400, 3, seed=2) + shift
    cost = (torch.cdist(x, other) ** 2).numpy()
    want = float(ot.emd2(np.full(400, 1 / 400), np.full(50, 1 / 50), cost))
    found = float(semi_dual(x, unseen, dual.at(other)))
    assert found <= want
    assert found > 0.8 * want
    assert found > 1.2 * float(semi_dual(x, unseen, torch.zeros_like(unseen.nu)))


# ------------------------------------------------------------------------------ the gradient


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_gradcheck_in_the_weights_of_a_network(entropy: float) -> None:
    """Finite differences of F(h_w(y) - mean, x) in every weight, in float64."""
    x, measure = problem(8, 5, 2)
    h = PotentialNetwork(measure, width=3, generator=random())
    with torch.no_grad():
        h.out.weight.copy_(0.3 * (draw(*h.out.weight.shape, seed=4) - 0.5))
    names, values = zip(*((name, p.detach().clone()) for name, p in h.named_parameters()), strict=True)

    def value(*weights: Tensor) -> Tensor:
        raw = torch.func.functional_call(h, dict(zip(names, weights, strict=True)), (measure.y,))
        return semi_dual(x, measure, raw - measure.nu @ raw, entropy=entropy, backend="reference")

    weights = [v.requires_grad_() for v in values]
    assert torch.autograd.gradcheck(value, weights, eps=1e-6, atol=1e-6)
    wanted = torch.autograd.grad(value(*weights), weights)
    dual = DualNetwork(measure, h)
    dual.ascend(x, entropy=entropy, factor=0.0, backend="reference")  # and no step
    for name, p in h.named_parameters():
        assert p.grad is not None
        torch.testing.assert_close(p.grad, wanted[names.index(name)], rtol=1e-6, atol=1e-9)
    assert any(float(g.abs().max()) > 1e-3 for g in wanted)


def test_a_vector_moves_as_published() -> None:
    x, measure = problem(40, 25, 12)
    dual = DualVector(measure, rate=0.05)
    for _ in range(10):
        dual.ascend(x)
    hits = 25 * 25 / 40
    start = torch.zeros_like(measure.nu)
    wanted = averaged_ascent(x, measure, start, n_steps=10, step=0.05 * measure.spread * hits)
    torch.testing.assert_close(dual.psi, wanted - measure.nu @ wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("entropy", ENTROPIES)
def test_says_where_the_sample_goes(make: Maker, entropy: float) -> None:
    """Under psi before the step: the same pass serves a generator."""
    x, measure = problem()
    dual = make(measure)
    dual.memory = 0.0  # type: ignore[attr-defined]
    for _ in range(5):
        before = dual.psi
        found = dual.ascend(x.clone().requires_grad_(), entropy=entropy)
        wanted = assign(x, measure, before, entropy=entropy)
        torch.testing.assert_close(found.target, wanted.target)
        torch.testing.assert_close(found.mass, wanted.mass)
        assert not found.target.requires_grad
    assert float(before.abs().max()) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_an_average_is_nearer_than_what_it_averages(make: Maker) -> None:
    """With steps that do not fall."""
    measure, _psi, value = line()
    duals = [make(measure) for _ in range(2)]
    duals[0].memory = 0.0  # type: ignore[attr-defined]
    grid = (torch.arange(2000, dtype=torch.float64)[:, None] + 0.5) / 2000
    generator, off = random(), np.zeros(2)
    for k in range(400):
        x = torch.rand(8, 1, generator=generator, dtype=torch.float64)
        for i, dual in enumerate(duals):
            dual.ascend(x, factor=3)
            if k >= 300 and k % 10 == 0:
                off[i] += value - float(semi_dual(grid, measure, dual.psi))
    assert 0 <= off[1] < 0.5 * off[0]


@pytest.mark.parametrize("make", MAKERS)
def test_learns_where_gradients_are_off(make: Maker) -> None:
    x, measure = problem()
    on, off = make(measure), make(measure)
    on.ascend(x)
    with torch.no_grad():
        off.ascend(x)
    assert torch.equal(on.psi, off.psi)
    assert bool(on.psi.any())


# ------------------------------------------------------------------------------ the constant


@pytest.mark.parametrize("make", MAKERS)
def test_psi_has_mean_zero_under_nu(make: Maker) -> None:
    x, measure = problem()
    dual = make(measure)
    assert not dual.psi.any()
    for _ in range(30):
        dual.ascend(x[:7])
        assert float(measure.nu @ dual.psi) == pytest.approx(0, abs=1e-12)
    assert float(dual.psi.abs().max()) > 1e-3
    assert abs(float(dual.psi.mean())) > 1e-5  # another mean is not: weights differ


def test_a_constant_of_the_network_changes_nothing() -> None:
    class Shifted(nn.Module):
        def __init__(self, h: nn.Module) -> None:
            super().__init__()
            self.h, self.constant = h, nn.Parameter(torch.tensor(7.0, dtype=torch.float64))

        def forward(self, y: Tensor) -> Tensor:
            found: Tensor = self.h(y) + self.constant
            return found

    x, measure = problem()
    h = PotentialNetwork(measure, width=8, generator=random())
    plain, shifted = DualNetwork(measure, copy.deepcopy(h)), DualNetwork(measure, Shifted(h))
    for _ in range(20):
        plain.ascend(x)
        shifted.ascend(x)
    torch.testing.assert_close(plain.psi, shifted.psi, rtol=0, atol=1e-9)
    assert float(plain.psi.abs().max()) > 1e-4


def test_at_the_targets_themselves_it_is_psi() -> None:
    x, measure = problem()
    dual = network(measure)
    assert isinstance(dual, DualNetwork)
    for _ in range(20):
        dual.ascend(x)
    torch.testing.assert_close(dual.at(measure.y.flip(0)), dual.psi.flip(0))
    assert float(dual.psi.std()) > 1e-3


# ------------------------------------------------------------------------------ the rest


def test_a_network_starts_with_affine_and_quadratic_potentials_at_hand() -> None:
    """Whatever the units: translation and scaling are single weights of its last layer."""
    y, shift = 100 * draw(9, 2), torch.tensor([3.0, -5.0], dtype=torch.float64)
    measure = PatchMeasure(y, draw(9, seed=1) + 0.1)
    h = PotentialNetwork(measure, width=4)
    assert not h(y).any()
    with torch.no_grad():
        h.out.weight[0, :2] = -2 * shift / (h.unit * h.gain)
        wanted = -2 * (y - measure.centre) @ shift
        torch.testing.assert_close(h(y), wanted)
        h.out.weight.zero_()[0, 2] = 1 - 1.3
        wanted = (1 - 1.3) * ((y - measure.centre) ** 2).sum(1)
        torch.testing.assert_close(h(y) - measure.nu @ h(y), wanted - measure.nu @ wanted)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, measure = problem()
    found = []
    for chunk in (8192, 5):
        monkeypatch.setattr(module, "_CHUNK", chunk)
        dual = network(measure)
        for _ in range(5):
            dual.ascend(x)
        found.append(dual.psi)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize("make", MAKERS)
def test_single_precision_and_one_target(make: Maker) -> None:
    y = draw(6, 2).float()
    dual = make(PatchMeasure(y, torch.ones(6)))
    dual.ascend(y[:3] + 0.1)
    assert dual.psi.dtype == torch.float32
    for same in (y[:1], y[:1].expand(4, 2)):  # no choice, or none that counts
        dual = make(PatchMeasure(same, torch.ones(len(same))))
        dual.ascend(y)
        assert bool(dual.psi.isfinite().all())


def test_the_same_seed_gives_the_same_psi() -> None:
    x, measure = problem()
    found = [climb(network(measure), from_points(x), 20).psi for _ in range(2)]
    assert torch.equal(found[0], found[1])
    other = DualNetwork(measure, PotentialNetwork(measure, width=32, generator=random(4)))
    assert not torch.equal(climb(other, from_points(x), 20).psi, found[0])


@pytest.mark.parametrize("kind", [DualVector, DualNetwork])
@pytest.mark.parametrize("option", ["rate", "memory"])
def test_wrong_numbers(kind: type[DualVector | DualNetwork], option: str) -> None:
    _, measure = problem()
    for value in (-0.1, float("nan"), float("inf") if option == "rate" else 1.0):
        with pytest.raises(InputError, match=f"{option}: expected"):
            kind(measure, **{option: value})


@pytest.mark.parametrize("make", MAKERS)
def test_wrong_samples(make: Maker) -> None:
    _, measure = problem()
    for shape in ((3,), (3, 2), (0, 3)):
        with pytest.raises(InputError, match=r"expected a sample \(n, 3\)"):
            make(measure).ascend(torch.zeros(shape, dtype=torch.float64))
