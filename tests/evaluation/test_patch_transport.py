"""Transport of all patches: sliced, and the semi-dual against exact assignment."""

import pytest
import torch
from damage import DAMAGES, OPEN, add_noise, noise, rises
from torch import Tensor

from texot import InputError, evaluation
from texot.images.patches import extract_patches


@pytest.mark.parametrize("damage", DAMAGES)
def test_sliced_distance_grows_with_damage(exemplar: Tensor, damage: str) -> None:
    """Mild blur too, which lowers distances between samples."""
    spoil, amounts = DAMAGES[damage]
    found = [evaluation.sliced_distance(spoil(exemplar, a), exemplar, periodic=OPEN) for a in amounts]
    assert found[0] == 0
    assert rises(found), found


def test_sliced_distance_of_constant_images_is_the_mean_shift() -> None:
    """d times the mean over directions of <w, shift>^2 is |shift|^2."""
    grey = torch.full((1, 20, 24), 0.25)
    found = evaluation.sliced_distance(grey + 0.5, grey, patch_size=4, n_filters=4096)
    assert found == pytest.approx(16 * 0.5**2, rel=0.1)


def test_sliced_distance_of_a_shift_is_nearly_zero(exemplar: Tensor) -> None:
    shifted = evaluation.sliced_distance(exemplar.roll((40, 30), (1, 2)), exemplar)
    assert shifted < 0.2 * evaluation.sliced_distance(add_noise(exemplar, 0.1), exemplar)


def test_sliced_distance_is_stable_under_the_seed(exemplar: Tensor) -> None:
    """Stated tolerance: 10% of the mean between neighbours of 4 seeds in size, so 25% between any two."""
    image = DAMAGES["dropped"][0](exemplar, 0.5)
    found = torch.tensor([evaluation.sliced_distance(image, exemplar, seed=k) for k in range(4)])
    assert found.max() - found.min() < 0.25 * found.mean()


def test_sliced_distance_compares_unequal_sizes(exemplar: Tensor) -> None:
    """A 2x2 tiling has the exemplar's patches, each four times."""
    tiled = exemplar.roll((40, 30), (1, 2)).repeat(1, 2, 2)
    once = evaluation.sliced_distance(exemplar.roll((40, 30), (1, 2)), exemplar)
    assert evaluation.sliced_distance(tiled, exemplar) == pytest.approx(once, rel=0.1)


def test_semi_dual_is_the_assignment_problem(exemplar: Tensor) -> None:
    """All 256 patches of two small images against scipy's exact solver: from below, within 1%."""
    optimize = pytest.importorskip("scipy.optimize")
    a, b = exemplar[:, :19:, :19], exemplar[:, 60:79, 40:59]
    x, y = (extract_patches(t, 4) for t in (a, b))
    cost = ((x[:, None] - y) ** 2).sum(2).double().numpy()
    exact = cost[optimize.linear_sum_assignment(cost)].mean()
    found = evaluation.semi_dual_distance(a, b, periodic=OPEN).value
    assert 0.99 * exact < found <= exact * (1 + 1e-5)


@pytest.mark.slow
def test_semi_dual_grows_with_damage(exemplar: Tensor) -> None:
    small = exemplar[:, :24, :24]
    for spoil, amounts in (DAMAGES["noise"], DAMAGES["colour"]):
        found = [evaluation.semi_dual_distance(spoil(small, a), small, periodic=OPEN).value for a in amounts]
        assert abs(found[0]) < 1e-4
        assert rises(found), found


def test_wrong_input() -> None:
    image = noise(1, 20, 30)
    with pytest.raises(InputError, match="patch_size 21 does not fit both images of 30x20 and 30x20"):
        evaluation.sliced_distance(image, image, patch_size=21)
    with pytest.raises(InputError, match="3 channels, the exemplar 1"):
        evaluation.semi_dual_distance(image.repeat(3, 1, 1), image)
    with pytest.raises(InputError, match="pairs a pass: compare coarser scales"):
        evaluation.semi_dual_distance(noise(1, 256, 256), noise(1, 256, 256))
