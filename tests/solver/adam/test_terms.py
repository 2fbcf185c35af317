"""A job's terms: made once, on the measures of their scales, with the capacity that the sizes ask for."""

import pytest
import torch
from textures import clouds
from torch import Tensor

from texot.images.pyramid import downsample_known
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.plan import Plan, default_plan, paper_plan
from texot.solver.adam.sliced_term import SlicedTerm
from texot.solver.adam.term import Weighted
from texot.solver.adam.terms import Terms


def terms_of(plan: Plan, exemplar: Tensor, known: Tensor | None = None) -> Terms:
    scales = [(exemplar, known)]
    for _ in range(plan.n_scales - 1):
        scales.append(downsample_known(*scales[-1]))
    return Terms(plan, scales, torch.Generator().manual_seed(0), "tiled")


def test_terms_and_their_potentials_live_on() -> None:
    plan = default_plan((128, 128), (128, 128))
    terms = terms_of(plan, clouds(1, 128, 128))
    (stage,) = plan.stages
    made, again = ([patch_term(own) for own in terms.patches(stage)] for _ in "12")
    assert [id(t) for t in made] == [id(t) for t in again]
    assert [(t.scale, t.measure.patch_size) for t in made] == [(t.scale, t.patch_size) for t in stage.terms]
    assert [id(t) for t in terms.at(1)] == [id(t) for t in made if t.scale == 1]
    sliced = [own.term for own in terms.sliced(stage)]
    assert [id(t.measure) for t in sliced[::2] if isinstance(t, SlicedTerm)] == [
        id(t.measure) for t in made if t.measure.patch_size == 4
    ]


def test_sliced_terms_have_a_weight_for_either_half_of_a_stage() -> None:
    plan = default_plan((64, 64), (64, 64), n_scales=1)
    (stage,), terms = plan.stages, terms_of(plan, clouds(1, 64, 64))
    terms.patches(stage)
    early, late = terms.sliced(stage)
    assert early.term is late.term
    assert (early.weight, late.weight) == (plan.sliced_early, plan.sliced_weight)
    for step in range(1, 8):
        assert (early.counts(step, 7), late.counts(step, 7)) == (step <= 3, step >= 4)


def patch_term(own: Weighted) -> PatchTerm:
    assert isinstance(own.term, PatchTerm)
    return own.term


def capacities(terms: Terms, plan: Plan) -> set[float]:
    return {patch_term(own).capacity for own in terms.patches(plan.stages[0])}


@pytest.mark.parametrize(("side", "capacity"), [(160, 1), (128, 1), (64, 8)])
def test_small_results_need_not_hold_all_of_the_exemplar(side: int, capacity: float) -> None:
    plan = default_plan((128, 128), (side, side), n_scales=1)
    assert capacities(terms_of(plan, clouds(1, 128, 128)), plan) == {capacity}


def test_unknown_pixels_do_not_count_and_the_published_algorithm_has_no_capacity() -> None:
    known = torch.zeros(128, 128, dtype=torch.bool)
    known[:64] = True
    plan = default_plan((128, 128), (64, 64), n_scales=1)
    term = patch_term(terms_of(plan, clouds(1, 128, 128), known).patches(plan.stages[0])[0])
    assert term.capacity == pytest.approx(2**1.5)
    plan = paper_plan((128, 128), (64, 64), n_scales=1)
    assert capacities(terms_of(plan, clouds(1, 128, 128)), plan) == {1}
