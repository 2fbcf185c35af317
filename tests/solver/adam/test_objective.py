"""The objective: value, gradient and state of one evaluation of its terms."""

import numpy as np
import ot
import pytest
import torch
from textures import clouds, noise, photograph
from torch import Tensor

from texot.images.patches import extract_patches
from texot.images.pyramid import downsample
from texot.solver.adam.objective import evaluate
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.sliced_term import SlicedTerm
from texot.solver.adam.term import Weighted
from texot.transport.measure import PatchMeasure
from texot.transport.semi_dual import assign, marginal_error
from texot.transport.sliced import sliced_distance, systematic_sample
from texot.transport.solvers import averaged_ascent, sinkhorn

TORUS = (True, True)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def target(height: int = 14, width: int = 15, patch_size: int = 3, seed: int = 5) -> PatchMeasure:
    return PatchMeasure.from_image(clouds(2, height, width, seed), patch_size)


# --------------------------------------------------------------------------- transport terms


@pytest.mark.parametrize("weight", [1.0, 0.25])
@pytest.mark.parametrize("stride", [1, 3])
def test_gradient_moves_patches_towards_their_targets(stride: int, weight: float) -> None:
    """2 (x - y_sigma) / n, scattered back to the pixels of the patches."""
    image = noise(2, 9, 12).requires_grad_()
    term = PatchTerm(0, target(), stride=stride)
    value, state = Weighted(term, weight)(image, TORUS, generator())
    (gradient,) = torch.autograd.grad(value, image)

    found = None
    for y in range(stride):  # the term does not tell its offset: one of them must explain the gradient
        for x in range(stride):
            leaf = image.detach().clone().requires_grad_()
            patches = extract_patches(leaf, 3, stride=stride, offset=(y, x), periodic=TORUS)
            a = assign(patches.detach(), term.measure, torch.zeros(len(term.measure)))
            pull = weight * 2 * (patches.detach() - a.target) / len(patches)
            (want,) = torch.autograd.grad(patches, leaf, pull)
            if torch.allclose(want, gradient, atol=1e-7):
                found = float(a.value.mean())
    assert found is not None
    assert state is not None
    assert state.cost == pytest.approx(found, rel=1e-5)
    assert state.dual == pytest.approx(found, rel=1e-5)  # at psi = 0
    assert float(value.detach()) == pytest.approx(weight * found, rel=1e-5)
    assert 0 <= state.marginal_error <= 1


def test_stochastic_ascent_lowers_what_was_hit_and_raises_the_rest() -> None:
    image, term = noise(2, 12, 12), PatchTerm(0, target())
    x = extract_patches(image, 3, periodic=TORUS)
    a = assign(x, term.measure, term.psi)
    _, state = term(image, TORUS, generator())
    assert state.marginal_error == pytest.approx(marginal_error(a.mass, term.measure.nu))
    much, missed = a.mass > term.measure.nu, a.mass == 0
    assert bool((term.psi[much] < 0).all())
    assert bool((term.psi[missed] > 0).all())
    assert float(term.psi.sum()) == pytest.approx(0, abs=1e-3 * float(term.psi.abs().max()))


@pytest.mark.parametrize("entropy", [0.0, 0.05])
def test_ascent_closes_nearly_half_of_the_gap(entropy: float) -> None:
    """On a fixed image the dual rises towards the transport cost, and never above."""
    image, measure = clouds(2, 14, 14, 9), target()
    x = extract_patches(image, 3, periodic=TORUS).double()
    exact = PatchMeasure(measure.y.double(), measure.nu.double())
    nu = exact.nu.numpy()
    bound = ot.emd2(np.full(len(x), 1 / len(x)), nu, torch.cdist(x, exact.y).square().numpy())
    if entropy:
        bound = sinkhorn(x, exact, entropy=entropy, n_iter=1000, tolerance=1e-6).value
    term = PatchTerm(0, measure, entropy=entropy, psi_steps=2)
    duals = [term(image, TORUS, generator())[1].dual for _ in range(30)]
    assert all(dual <= bound * (1 + 1e-4) for dual in duals)
    assert bound - np.mean(duals[-5:]) < 0.6 * (bound - duals[0])


def test_no_psi_steps_leave_nearest_neighbours() -> None:
    term = PatchTerm(0, target(), psi_steps=0)
    for seed in range(3):
        _, state = term(noise(2, 12, 12, seed), TORUS, generator())
        assert not term.psi.any()
        assert state.dual == pytest.approx(state.cost, rel=1e-5)


def test_capacity_leaves_the_potentials_of_targets_that_are_not_overused() -> None:
    """Above its capacity a target's potential falls; below, it comes back to 0 at most."""
    image, term = noise(2, 12, 12), PatchTerm(0, target(), capacity=3.0)
    x = extract_patches(image, 3, periodic=TORUS)
    a = assign(x, term.measure, term.psi)
    _, state = term(image, TORUS, generator())
    over = a.mass > 3 * term.measure.nu * (1 + 1e-5)
    assert bool(over.any())
    assert bool((term.psi[over] < 0).all())
    assert not term.psi[~over].any()
    assert state.marginal_error == pytest.approx(float((a.mass - 3 * term.measure.nu).clamp_min(0).sum()))
    masses = []
    for _ in range(100):
        masses.append(assign(x, term.measure, term.psi).mass)
        term(image, TORUS, generator())
    assert bool((term.psi <= 0).all())
    settled = torch.stack(masses[20:]).mean(0)  # a constant step keeps them moving about the solution
    assert marginal_error(settled, term.measure.nu, 3) < 0.2 * state.marginal_error


def test_capacity_without_bound_is_nearest_neighbours() -> None:
    term = PatchTerm(0, target(), capacity=1e6)
    for seed in range(3):
        _, state = term(noise(2, 12, 12, seed), TORUS, generator())
        assert not term.psi.any()
        assert state.dual == pytest.approx(state.cost, rel=1e-5)


def test_published_term_takes_its_averaged_steps_first() -> None:
    image = noise(2, 12, 12)
    term = PatchTerm(0, target(), psi_steps=10, published_step=1.0)
    x = extract_patches(image, 3, periodic=TORUS)
    psi = torch.zeros(len(term.measure))
    for _ in range(2):
        psi = averaged_ascent(x, term.measure, psi, n_steps=10)
        _, state = term(image, TORUS, generator())
        assert torch.allclose(term.psi, psi, atol=1e-6)
        a = assign(x, term.measure, psi)
        assert state.dual == pytest.approx(float(a.value.mean() + term.measure.nu @ psi), abs=1e-5)


def test_a_term_on_open_axes_uses_inner_patches_only() -> None:
    image = noise(2, 8, 9).requires_grad_()
    value, _ = PatchTerm(0, target())(image, (False, False), generator())
    x = extract_patches(image.detach(), 3)
    a = assign(x, target(), torch.zeros(len(target())))
    assert float(value.detach()) == pytest.approx(float(((x - a.target) ** 2).sum(1).mean()), rel=1e-5)


@pytest.mark.parametrize("robustness", [0.6, 1.0])
def test_robust_weights_move_the_gradient_and_nothing_else(robustness: float) -> None:
    image = clouds(1, 12, 12, seed=1)
    values, gradients, potentials, states = [], [], [], []
    for r in (0.0, robustness):
        leaf = image.clone().requires_grad_(True)
        term = PatchTerm(0, PatchMeasure.from_image(clouds(1, 14, 15, seed=5), 3), stride=1, robustness=r)
        value, state = term(leaf, (False, False), generator())
        (gradient,) = torch.autograd.grad(value, leaf)
        values.append(value), gradients.append(gradient), potentials.append(term.psi), states.append(state)
    assert torch.equal(*potentials)
    assert states[0] == states[1]
    measure = PatchMeasure.from_image(clouds(1, 14, 15, seed=5), 3)
    leaf = image.clone().requires_grad_(True)
    x = extract_patches(leaf, 3)
    distances = ((x - assign(x.detach(), measure, torch.zeros(len(measure))).target) ** 2).sum(1)
    weights = (distances.detach() + 0.1 * distances.detach().mean()) ** -robustness
    (expected,) = torch.autograd.grad((weights * distances).sum() / weights.sum(), leaf)
    assert torch.allclose(gradients[1], expected, atol=1e-7)
    assert not torch.allclose(gradients[1], gradients[0], rtol=0.05)


def test_robust_weights_stay_finite_on_a_perfect_match() -> None:
    image = clouds(1, 12, 12)
    leaf = image.clone().requires_grad_(True)
    term = PatchTerm(0, PatchMeasure.from_image(image, 3), robustness=0.6)
    value, _ = term(leaf, (False, False), generator())
    (gradient,) = torch.autograd.grad(value, leaf)
    assert float(value.detach()) == 0
    assert not gradient.any()


# ------------------------------------------------------------------------------ sliced terms


@pytest.mark.parametrize("n", [1, 2, 37])
def test_sliced_distance_is_one_dimensional_transport(n: int) -> None:
    x, y, filters = noise(1, n, 12)[0], noise(1, n, 12, 1)[0], noise(1, 12, 5, 2)[0] - 0.5
    want = np.mean(
        [
            ot.emd2_1d((x @ f).double().numpy(), (y @ f).double().numpy(), metric="sqeuclidean")
            for f in filters.T
        ]
    )
    assert float(sliced_distance(x, y, filters)) == pytest.approx(float(want), rel=1e-4)
    order = torch.randperm(n, generator=generator())
    assert float(sliced_distance(x, x[order], filters)) == pytest.approx(0, abs=1e-12)


def test_sliced_distance_gradient_is_right() -> None:
    x, y = noise(1, 8, 3)[0].double().requires_grad_(), noise(1, 8, 3, 1)[0].double()
    assert torch.autograd.gradcheck(lambda x: sliced_distance(x, y, torch.eye(3).double()), (x,))


@pytest.mark.parametrize("count", [1, 7, 100, 1000])
def test_systematic_sample_draws_in_proportion(count: int) -> None:
    nu = noise(1, 1, 30).flatten() + 0.01
    nu = nu / nu.sum()
    for shift in (0.0, 0.4, 0.999999):
        index = systematic_sample(nu, count, shift)
        assert index.shape == (count,)
        drawn = torch.bincount(index, minlength=30)
        assert float((drawn - count * nu).abs().max()) < 1 + 1e-3
    assert torch.equal(systematic_sample(torch.full((9,), 1 / 9), 9, 0.5), torch.arange(9))


def test_sliced_term_vanishes_on_the_exemplar_only() -> None:
    image = clouds(3, 16, 16)
    x = extract_patches(image, 4, periodic=TORUS)
    measure = PatchMeasure(x, torch.ones(len(x)), 4)
    term = SlicedTerm(0, measure, stride=1)
    assert float(term(image, TORUS, generator())[0]) == pytest.approx(0, abs=1e-9)
    assert float(term(clouds(3, 16, 16, 1), TORUS, generator())[0]) > 1e-3
    assert (
        float(term(image + 0.1, TORUS, generator())[0]) > 1e-3
    )  # the colour directions see what filters do not


def test_sliced_term_pushes_shrunken_contrast_apart() -> None:
    image = photograph(32, 32)
    term = SlicedTerm(0, PatchMeasure.from_image(image, 4), stride=4)
    mean = image.mean((1, 2), keepdim=True)
    dull = (mean + 0.6 * (image - mean)).requires_grad_()
    (gradient,) = torch.autograd.grad(term(dull, (False, False), generator())[0], dull)
    assert float((gradient * (image - mean)).sum()) < 0


def test_a_weight_multiplies_the_value_and_a_factor_the_figures_too() -> None:
    image, factors = clouds(2, 16, 16), [0.5, 0.0]
    plain, figures = PatchTerm(0, target())(image, TORUS, generator())
    term = Weighted(PatchTerm(0, target()), 3.0, factors.pop)
    value, none = term(image, TORUS, generator())  # factor 0: not evaluated
    assert (float(value), none, term.last_value) == (0, None, 0)
    assert not term.state[0].any()
    value, scaled = term(image, TORUS, generator())
    assert scaled is not None
    assert float(value) == term.last_value == pytest.approx(1.5 * float(plain))
    assert scaled.cost == pytest.approx(0.5 * figures.cost)
    assert scaled.marginal_error == figures.marginal_error
    assert term.state[0].any()


def test_a_term_counts_between_fractions_of_a_stage() -> None:
    term = Weighted(SlicedTerm(0, target()), start=0.25, stop=0.5)
    assert [step for step in range(1, 9) if term.counts(step, 8)] == [3, 4]
    assert all(Weighted(SlicedTerm(0, target())).counts(step, 3) for step in (1, 2, 3))


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (16, 16)], ids=str)
def test_sliced_term_on_constant_and_tiny_images_stays_finite(size: tuple[int, int]) -> None:
    measure = PatchMeasure.from_image(torch.full((1, 6, 6), 0.5), 4)
    image = torch.full((1, *size), 0.2).requires_grad_()
    value, _ = SlicedTerm(0, measure)(image, TORUS, generator())
    (gradient,) = torch.autograd.grad(value, image)
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


# --------------------------------------------------------------------------- the whole of it


def scales_of(exemplar: Tensor) -> dict[int, PatchMeasure]:
    return {k: PatchMeasure.from_image(s, 3) for k, s in enumerate((exemplar, downsample(exemplar)))}


def test_objective_is_the_sum_over_its_terms() -> None:
    measures, image = scales_of(clouds(2, 20, 20, 4)), noise(2, 16, 16)
    total, state = evaluate(image, 0, [PatchTerm(k, m) for k, m in measures.items()], TORUS, generator())
    parts = [evaluate(image, 0, [PatchTerm(k, m)], TORUS, generator()) for k, m in measures.items()]
    assert float(total) == pytest.approx(sum(float(p[0]) for p in parts), rel=1e-6)
    assert state.loss == pytest.approx(sum(p[1].loss for p in parts), rel=1e-6)
    assert state.marginal_error == pytest.approx(parts[0][1].marginal_error)  # of the finest scale
    coarse, _ = evaluate(downsample(image), 1, [PatchTerm(1, measures[1])], TORUS, generator())
    assert float(coarse) == pytest.approx(float(parts[1][0]), rel=1e-6)


def test_weights_and_sliced_terms_do_not_enter_the_reported_loss() -> None:
    measures, image = scales_of(clouds(2, 20, 20, 4)), noise(2, 16, 16)
    plain, state = evaluate(image, 0, [PatchTerm(0, measures[0])], TORUS, generator())
    heavy, same = evaluate(image, 0, [Weighted(PatchTerm(0, measures[0]), 5)], TORUS, generator())
    more, also = evaluate(
        image, 0, [PatchTerm(0, measures[0]), SlicedTerm(0, measures[0])], TORUS, generator()
    )
    assert float(heavy) == pytest.approx(5 * float(plain), rel=1e-6)
    assert float(more) > float(plain)
    assert state.loss == pytest.approx(same.loss) == pytest.approx(also.loss)


@pytest.mark.parametrize("shift", [(2, 0), (0, 6), (4, 2)], ids=str)
def test_objective_does_not_see_where_the_torus_is_cut(shift: tuple[int, int]) -> None:
    measures = scales_of(clouds(2, 20, 20, 4))
    values, gradients = [], []
    for image in (noise(2, 12, 16), noise(2, 12, 16).roll(shift, (1, 2))):
        image.requires_grad_()
        terms = [PatchTerm(k, m, published_step=1.0, psi_steps=3) for k, m in measures.items()]
        value, _ = evaluate(image, 0, terms, TORUS, generator())
        values.append(float(value.detach()))
        gradients.append(torch.autograd.grad(value, image)[0])
    assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert torch.allclose(gradients[0].roll(shift, (1, 2)), gradients[1], atol=1e-6)


def test_objective_follows_its_generator_alone() -> None:
    measures, image, values = scales_of(clouds(2, 20, 20, 4)), noise(2, 16, 16), []
    for seed in (0, 0, 1):
        torch.rand(3)
        terms = [PatchTerm(0, measures[0], stride=3), SlicedTerm(0, measures[0])]
        values.append(float(evaluate(image, 0, terms, TORUS, generator(seed))[0]))
    assert values[0] == values[1] != values[2]


def test_no_terms_are_worth_nothing() -> None:
    value, state = evaluate(noise(1, 8, 8), 0, [], TORUS, generator())
    assert float(value) == state.loss == state.marginal_error == 0


def test_ascent_does_not_overshoot_where_sources_outnumber_targets() -> None:
    """On a fixed image with ten times as many patches as targets, potentials even out the cells."""
    exemplar, image = clouds(3, 14, 14), clouds(3, 36, 36, seed=4)
    term = PatchTerm(0, PatchMeasure.from_image(exemplar, 4), stride=1)
    generator = torch.Generator().manual_seed(0)
    errors = [term(image, (True, True), generator)[1].marginal_error for _ in range(60)]
    assert sum(errors[-10:]) / 10 < 0.8 * errors[0]
