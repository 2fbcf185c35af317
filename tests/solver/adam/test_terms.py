"""A job's terms: made once, on the measures of their scales, with the capacity that the sizes ask for."""

import pytest
import torch
from textures import clouds
from torch import Tensor

from texot.images.pyramid import downsample_known
from texot.solver.adam.plan import Plan, default_plan, paper_plan
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
    made, again = terms.patches(stage), terms.patches(stage)
    assert [id(t) for t in made] == [id(t) for t in again]
    assert [(t.scale, t.measure.patch_size) for t in made] == [(t.scale, t.patch_size) for t in stage.terms]
    assert [id(t) for t in terms.at(1)] == [id(t) for t in made if t.scale == 1]
    assert [id(t.measure) for t in terms.sliced(stage)] == [
        id(t.measure) for t in made if t.measure.patch_size == 4
    ]


@pytest.mark.parametrize(("side", "capacity"), [(160, 1), (128, 1), (64, 8)])
def test_small_results_need_not_hold_all_of_the_exemplar(side: int, capacity: float) -> None:
    plan = default_plan((128, 128), (side, side), n_scales=1)
    assert {t.capacity for t in terms_of(plan, clouds(1, 128, 128)).patches(plan.stages[0])} == {capacity}


def test_unknown_pixels_do_not_count_and_the_published_algorithm_has_no_capacity() -> None:
    known = torch.zeros(128, 128, dtype=torch.bool)
    known[:64] = True
    plan = default_plan((128, 128), (64, 64), n_scales=1)
    (term, *_) = terms_of(plan, clouds(1, 128, 128), known).patches(plan.stages[0])
    assert term.capacity == pytest.approx(2**1.5)
    plan = paper_plan((128, 128), (64, 64), n_scales=1)
    assert {t.capacity for t in terms_of(plan, clouds(1, 128, 128)).patches(plan.stages[0])} == {1}
