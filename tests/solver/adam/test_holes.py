"""Exemplars with unknown pixels: scales and patches that fit what is known."""

import numpy as np
import pytest
import torch

from texot import synthesize
from texot.solver.adam.plan import default_plan, known_rooms


def test_rooms_of_a_whole_exemplar() -> None:
    assert known_rooms(torch.ones(20, 64, dtype=torch.bool))[:3] == (16, 8, 3)


def test_room_is_the_largest_known_square() -> None:
    known = torch.zeros(40, 40, dtype=torch.bool)
    known[3:12, 5:14] = True
    assert known_rooms(known)[0] == 8
    known[:] = False
    assert known_rooms(known) == (0,)


def test_scales_and_large_patches_follow_the_known_part() -> None:
    whole = default_plan((256, 256), (256, 256))
    thin = default_plan((256, 256), (256, 256), rooms=(16, 12, 7, 1, 0))
    assert whole.n_scales > thin.n_scales == 2
    assert {t.patch_size for stage in thin.stages for t in stage.terms if t.scale == 1} == {4, 8}
    thin = default_plan((256, 256), (256, 256), rooms=(7, 4, 3))
    assert {term.patch_size for stage in thin.stages for term in stage.terms} == {4}


@pytest.mark.parametrize("corner", [(60, 90), (43, 90), (41, 31)])
def test_small_known_parts_are_enough(corner: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 4), dtype=np.uint8)
    image[..., 3] = 0
    image[40 : corner[0], 30 : corner[1], 3] = 255
    found = synthesize(image, 32, quality="draft", n_iter=2).image
    assert found.shape == (3, 32, 32)
    assert bool(torch.isfinite(found).all())
