"""The other objectives: known values, gradients, and trainings that reduce the distance."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ot
import pytest
import torch
from textures import clouds
from torch import Tensor

import texot
from texot.errors import InputError
from texot.evaluation import multiscale_patch_distance
from texot.experimental.objectives import OBJECTIVES, find_objective
from texot.experimental.objectives.neural_ot import PotentialTerm, weak_cost
from texot.experimental.objectives.ot_gan import EnergyTerm, energy_distance, matching_cost
from texot.experimental.objectives.perceptron import Perceptron, parts
from texot.experimental.objectives.sinkhorn import SinkhornTerm, mean_cost
from texot.experimental.objectives.term import ObjectiveTerm
from texot.experimental.objectives.wgan_gp import CriticTerm, gradient_penalty
from texot.experimental.picture import show
from texot.generator.checkpoint import load_checkpoint, save_checkpoint
from texot.generator.trainer import Trainer
from texot.solver.adam.patch_term import PatchTerm
from texot.transport.measure import PatchMeasure

pytestmark = pytest.mark.usefixtures("small_torus")
TINY: dict[str, Any] = {"n_scales": 2, "backend": "tiled", "device": "cpu"}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gauss(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def term_of(kind: type[ObjectiveTerm], y: Tensor, **options: Any) -> ObjectiveTerm:
    """A term on points y (m, d) of equal weights: 2x2 patches of one channel where d = 4."""
    measure = PatchMeasure(y, y.new_ones(len(y)), patch_size=math.isqrt(y.shape[1]))
    return kind.of(PatchTerm(0, measure, **options), seeded(1))


# values


def test_sinkhorn_of_two_diracs_is_their_squared_distance() -> None:
    """For any entropy; in units of the exemplar's spread."""
    y = torch.zeros(6, 4, dtype=torch.float64)
    y[:3], y[3:] = 1, -1  # spread 1, centre 0
    term = term_of(SinkhornTerm, y)
    term.targets = lambda count, generator: torch.full((count, 4), 0.5, dtype=torch.float64)  # type: ignore[method-assign]
    x = torch.full((9, 4), 2.0, dtype=torch.float64)
    assert float(term.value(x, seeded())) == pytest.approx(4 * 1.5**2)
    assert float(term.value(x / 4, seeded())) == pytest.approx(0, abs=1e-9)


def test_the_mean_cost() -> None:
    x, y = gauss(7, 3), gauss(5, 3, 1) + 2
    assert mean_cost(x, y) == pytest.approx(float(torch.cdist(x, y).square().mean()))


def test_gradient_penalty_of_a_linear_critic() -> None:
    """f(x) = <w, x>: (|w| - 1)^2, whatever the points."""
    w = torch.tensor([[3.0], [4.0]], dtype=torch.float64)
    penalty = gradient_penalty(lambda x: x @ w, gauss(5, 2), gauss(5, 2, 1), seeded())
    assert float(penalty.detach()) == pytest.approx((5 - 1) ** 2)


def test_gradient_penalty_of_a_quadratic_critic_between_equal_points() -> None:
    """f(x) = |x|^2 / 2 has gradient x: the mean of (|x| - 1)^2 where x and y are the same."""
    x = gauss(6, 3)
    penalty = gradient_penalty(lambda x: x.square().sum(1) / 2, x, x, seeded())
    assert float(penalty.detach()) == pytest.approx(float((x.norm(dim=1) - 1).square().mean()))


@pytest.mark.slow
def test_the_critic_finds_the_wasserstein_distance_of_a_shift() -> None:
    """Two Gaussians moved apart by 2 in one direction are W1 = 2 apart."""
    y = gauss(4000, 4).float()
    term = term_of(CriticTerm, y)
    assert isinstance(term, CriticTerm)
    x = gauss(4000, 4, 1).float() + torch.tensor([2.0, 0, 0, 0])
    values = [float(term.value(x, seeded(n))) for n in range(60)]
    assert sum(values[-10:]) / 10 == pytest.approx(2.0, abs=0.2)
    same = [float(term.value(y, seeded(n))) for n in range(60, 120)]
    assert sum(same[-10:]) / 10 == pytest.approx(0.0, abs=0.1)


def test_matching_cost_is_that_of_pot() -> None:
    """Entropic plans with the cosine cost; the value is that of the cost alone."""
    x, y = gauss(7, 5), gauss(9, 5, 1)
    cost = 1 - torch.nn.functional.normalize(x) @ torch.nn.functional.normalize(y).T
    a, b = (torch.full((n,), 1 / n, dtype=torch.float64) for n in (7, 9))
    plan = torch.from_numpy(ot.sinkhorn(a.numpy(), b.numpy(), cost.numpy(), 0.2, stopThr=1e-12))
    found = matching_cost(torch.stack([cost, 2 * cost]), entropy=0.2, n_iter=500)
    assert float(found[0]) == pytest.approx(float((plan * cost).sum()), abs=1e-8)
    assert float(found[1]) > float(found[0])


def test_energy_distance_is_zero_in_expectation_for_equal_measures_only() -> None:
    """Four minibatches of one measure: its mean over many draws is within three standard errors of 0."""

    def mean(shift: float) -> tuple[float, float]:
        draws = [
            gauss(16, 3, seed) + torch.tensor([1.0 + shift * (seed % 4 > 1), 0, 0]) for seed in range(240)
        ]
        values = torch.stack([energy_distance(*draws[k : k + 4]) for k in range(0, 240, 4)])
        return float(values.mean()), float(values.std()) / len(values) ** 0.5

    value, error = mean(0.0)
    assert abs(value) < 3 * error
    value, error = mean(3.0)
    assert value > 6 * error


def test_energy_distance_of_diracs() -> None:
    """Features at right angles: 2 W = 2 and nothing within; the same ones: 0."""
    x, y = torch.tensor([[2.0, 0.0]]).double(), torch.tensor([[0.0, 5.0]]).double()
    assert float(energy_distance(x, x, y, y)) == pytest.approx(2)
    assert float(energy_distance(x, x, 3 * x, x)) == pytest.approx(0, abs=1e-9)


def test_weak_cost_of_gaussians() -> None:
    """T(x, z) = x + m + s z: |m|^2 / 2 per value for gamma = 1, however large s."""
    x, n = gauss(1, 1)[0], 400_000
    one, other = (x + 0.7 + 2 * gauss(n, 1, seed) for seed in (1, 2))
    assert float(weak_cost(x, one, other)) == pytest.approx(0.7**2 / 2, abs=0.02)
    assert float(weak_cost(x, x + 0.7, x + 0.7)) == pytest.approx(0.7**2 / 2)
    mean = (one + other) / 2  # the plug-in estimate is larger by a quarter of the variance
    assert float((x - mean).square().mean() / 2) == pytest.approx(0.7**2 / 2 + 4 / 4, abs=0.02)


# gradients


@pytest.mark.parametrize("kind", [SinkhornTerm, CriticTerm, PotentialTerm])
def test_gradients_in_float64(kind: type[ObjectiveTerm], monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the objective at fixed psi and fixed draws, against central differences."""
    monkeypatch.setattr("texot.experimental.objectives.sinkhorn._N_ITER", 2000)
    monkeypatch.setattr("texot.experimental.objectives.sinkhorn._TOLERANCE", 1e-11)
    monkeypatch.setattr(Perceptron, "learn", lambda *_: 0.0)
    term = term_of(kind, gauss(10, 4), entropy=3.0)
    x = gauss(8, 4, 1).requires_grad_(True)
    (grad,) = torch.autograd.grad(term.value(x, seeded(3)), x)
    assert float(grad.abs().max()) > 1e-3
    direction = gauss(8, 4, 2)
    step = 1e-5
    with torch.no_grad():
        up, down = (float(term.value(x + sign * step * direction, seeded(3))) for sign in (1, -1))
    assert float((grad * direction).sum()) == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-8)


def test_gradient_of_the_energy_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its plans are held fixed: that is the gradient of <M, C> + lambda KL(M | 1/n x 1/m) at the best M.

    Salimans et al. 2018, section 4, leave out the plans' own movement as the envelope theorem allows.
    """
    monkeypatch.setattr(Perceptron, "learn", lambda *_: 0.0)
    plain = partial(matching_cost, n_iter=2000)

    def with_entropy(costs: Tensor, *, entropy: float) -> Tensor:
        costs = costs.detach().requires_grad_(True)
        with torch.enable_grad():
            (plan,) = torch.autograd.grad(plain(costs, entropy=entropy).sum(), costs)
        relative = (plan * plan[0].numel()).clamp_min(1e-300).log()
        return (plan * (costs + entropy * relative)).sum((1, 2)).detach()

    term = term_of(EnergyTerm, gauss(10, 4))
    x, direction, step = gauss(8, 4, 1).requires_grad_(True), gauss(8, 4, 2), 1e-5
    monkeypatch.setattr("texot.experimental.objectives.ot_gan.matching_cost", plain)
    (grad,) = torch.autograd.grad(term.value(x, seeded(3)), x)
    assert float(grad.abs().max()) > 1e-3
    monkeypatch.setattr("texot.experimental.objectives.ot_gan.matching_cost", with_entropy)
    with torch.no_grad():
        up, down = (float(term.value(x + sign * step * direction, seeded(3))) for sign in (1, -1))
    assert float((grad * direction).sum()) == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-8)


def test_gradient_of_the_penalty_in_the_weights() -> None:
    critic = Perceptron((3, 8, 1), seeded(), gauss(1, 1))

    def loss(weights: Tensor) -> Tensor:
        return gradient_penalty(lambda x: critic(x, weights), gauss(6, 3), gauss(6, 3, 1), seeded(2))

    torch.autograd.gradcheck(loss, critic.weights.clone().requires_grad_(True))


def test_a_perceptron_learns_as_torchs_own_does() -> None:
    """The same network and Adam by torch's modules."""
    own = Perceptron((3, 5, 1), seeded(), gauss(1, 1), betas=(0.5, 0.9))
    first, last = torch.nn.Linear(3, 5), torch.nn.Linear(5, 1)
    other = torch.nn.Sequential(first, torch.nn.LeakyReLU(0.2), last).double()
    for parameter, part in zip(other.parameters(), parts(own.weights, own.widths), strict=True):
        parameter.data.copy_(part)
    adam, x = torch.optim.Adam(other.parameters(), lr=0.1, betas=(0.5, 0.9)), gauss(7, 3)
    for _ in range(5):
        loss = other(x).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        value = own.learn(lambda weights: own(x, weights).square().mean(), 0.1)
        assert value == pytest.approx(float(loss.detach()))
    torch.testing.assert_close(own(x), other(x).detach(), atol=1e-7, rtol=1e-6)
    assert own.n_steps == 5


# trainings


def exemplars(objective: str, side: int = 32) -> Any:
    first = clouds(3, side, side, sigma=1.5)
    if objective == "neural-ot":
        return [first.flip(0) * 0.6, first]
    return first


def trained(trainer: Trainer, steps: int | None = None) -> dict[str, Tensor]:
    for state in trainer:
        if state.total_step == steps:
            break
    return trainer.averaged().state_dict()


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


FACTORS = {"sinkhorn": 0.6, "wgan-gp": 0.6, "ot-gan": 0.7, "neural-ot": 0.85}
STEPS = {"neural-ot": 150}


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_training_comes_nearer(objective: str) -> None:
    """Multi-scale patch distance to the exemplar, of a fresh sample."""
    exemplar = exemplars(objective, 48)
    target = exemplar[1] if objective == "neural-ot" else exemplar
    trainer = Trainer(exemplar, objective=find_objective(objective), steps=STEPS.get(objective, 60), **TINY)

    def distance() -> float:
        image = trainer.averaged().sample(99, (0, 0), (48, 48)).clamp(0, 1)
        return sum(
            multiscale_patch_distance(image, target, patch_size=4, n_scales=2, periodic=(False, False))
        )

    steps = iter(trainer)
    next(steps)
    first = distance()
    for _ in steps:
        pass
    assert distance() < FACTORS[objective] * first


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_resumed_ends_bit_identically(tmp_path: Path, objective: str) -> None:
    """Critics, their Adam and their counts too; before and after the change of stages."""
    options: dict[str, Any] = {"objective": find_objective(objective), "steps": 9, "seed": 4, **TINY}
    exemplar = exemplars(objective)
    first = Trainer(exemplar, **options)
    assert first.plan_steps[0] == 3
    for state in first:
        if state.total_step in (3, 5, 9):
            save_checkpoint(first.checkpoint(), tmp_path / str(state.total_step))
    whole = first.averaged().state_dict()
    for stop in (3, 5, 9):
        resume = load_checkpoint(tmp_path / str(stop))
        assert equal(whole, trained(Trainer(exemplar, resume=resume, **options))), stop


def test_resume_refuses_another_objective(tmp_path: Path) -> None:
    def trainer(objective: str, resume: Any = None) -> Trainer:
        chosen = None if objective == "transport" else find_objective(objective)
        return Trainer(
            exemplars(objective), objective=chosen, steps=4, features="none", resume=resume, **TINY
        )

    for one, other in (("wgan-gp", "transport"), ("transport", "wgan-gp"), ("sinkhorn", "ot-gan")):
        first = trainer(one)
        trained(first, 2)
        save_checkpoint(first.checkpoint(), tmp_path / "c")
        with pytest.raises(InputError, match=f"made with objective {one}, not {other}"):
            trainer(other, load_checkpoint(tmp_path / "c"))


def test_a_time_limit_leaves_the_critics_as_they_were() -> None:
    """Trials of the speed are not steps of the critic."""
    trainer = Trainer(
        exemplars("wgan-gp"), objective=find_objective("wgan-gp"), steps=4, time_limit=60, **TINY
    )
    next(iter(trainer))
    critics = [own.term.opponent for own in trainer.terms.transport if isinstance(own.term, CriticTerm)]
    assert {critic.n_steps for critic in critics} == {0, 5}  # coarse ones have had a step, fine ones none


def test_transport_is_as_it_was() -> None:
    """No fact and no option more: a model has the bytes of before there were objectives."""
    trainer = Trainer(exemplars("transport"), steps=2, features="none", **TINY)
    trained(trainer)
    assert "objective" not in trainer.options
    assert "objective" not in trainer.generator().facts
    assert (
        texot.train(exemplars("wgan-gp"), steps=2, objective=find_objective("wgan-gp"), **TINY).facts[
            "objective"
        ]
        == "wgan-gp"
    )


def case(objective: str, word: str, exemplar: Callable[[], Any] | None = None, **options: Any) -> Any:
    return pytest.param(
        objective, word, exemplar or (lambda: exemplars(objective)), options, id=f"{objective} {word}"
    )


def transparent() -> list[Tensor]:
    mask = torch.ones(1, 32, 32)
    mask[:, :9] = 0
    return [torch.cat([clouds(3, 32, 32), mask]), clouds(3, 32, 32)]


@pytest.mark.parametrize(
    ("objective", "word", "exemplar", "options"),
    [
        case("wgan-gp", "preset", preset="paper"),
        case("sinkhorn", "features", features="efficientnet-lite0"),
        case("ot-gan", "entropy", entropy=0.1),
        case("wgan-gp", "one exemplar", lambda: exemplars("neural-ot")),
        case("neural-ot", "two exemplars, not 1", lambda: clouds(3, 32, 32)),
        case("neural-ot", "two exemplars, not 3", lambda: [clouds(3, 32, 32, seed=k) for k in range(3)]),
        case("neural-ot", "transparent", transparent),
    ],
)
def test_wrong_options(
    objective: str, word: str, exemplar: Callable[[], Any], options: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=word):
        Trainer(exemplar(), objective=find_objective(objective), **options)


def test_objectives_have_names_and_the_trainer_takes_none() -> None:
    with pytest.raises(InputError, match="objective must be one of"):
        find_objective("gan")
    with pytest.raises(InputError, match=r"not 'wgan-gp': see find_objective"):
        Trainer(exemplars("wgan-gp"), objective="wgan-gp", **TINY)  # type: ignore[arg-type]


# the map


def test_a_map_is_kept_in_a_file_and_shown_a_picture(tmp_path: Path) -> None:
    one, other = exemplars("neural-ot")
    generator = texot.train([one, other], objective=find_objective("neural-ot"), steps=3, **TINY)
    generator.save(tmp_path / "m.safetensors")
    again = texot.Generator.load(tmp_path / "m.safetensors")
    assert again.facts["objective"] == "neural-ot"
    with pytest.raises(InputError, match="give it one"):
        again.sample("16x16", tile="none")
    with pytest.raises(InputError, match="3 channels, not of 1"):
        show(again.network, one[:1])
    show(again.network, one)
    image = again.sample("32x32", seed=3, tile="none").image
    torch.testing.assert_close(image, generator.sample("32x32", seed=3, tile="none").image, atol=1e-5, rtol=0)
    assert not torch.equal(image, again.sample("32x32", seed=4, tile="none").image)
    part = again.sample("12x9", seed=3, at=(7, 11), tile="none").image
    torch.testing.assert_close(part, image[:, 11:20, 7:19], atol=1e-5, rtol=0)
    show(again.network, other)
    assert float((again.sample("32x32", seed=3, tile="none").image - image).abs().mean()) > 1e-3


def test_the_order_of_a_maps_exemplars_matters() -> None:
    one, other = exemplars("neural-ot")
    there, back = (
        Trainer(pair, objective=find_objective("neural-ot"), steps=2, **TINY)
        for pair in ([one, other], [other, one])
    )
    assert there.options == back.options
    assert there.setup.sha256 != back.setup.sha256
    trained(there)
    torch.testing.assert_close(there.network.mean, other.mean((1, 2)), atol=0.05, rtol=0)
