"""Patch transport: zero or floor where images agree, larger the more they differ."""

import sys
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from damage import DAMAGES, OPEN, add_noise, noise, rises
from torch import Tensor

from texot import InputError, TexotError, evaluation


@pytest.mark.parametrize("metric", [evaluation.patch_distance, evaluation.excess_distance])
@pytest.mark.parametrize("damage", DAMAGES)
def test_patch_distances_grow_with_damage(
    exemplar: Tensor, damage: str, metric: Callable[..., float]
) -> None:
    spoil, amounts = DAMAGES[damage]
    if damage == "blur" and metric is evaluation.patch_distance:
        amounts = (2, 4, 8)  # its known weakness: less blur lowers it
    found = [metric(spoil(exemplar, a), exemplar, n_samples=500, periodic=OPEN) for a in amounts]
    assert rises(found), found


def test_excess_distance_of_equal_distributions_is_zero(exemplar: Tensor) -> None:
    """Within a tenth of the floor that it removes, on noise without any two equal patches."""
    a, b = noise(1, 96, 96), noise(1, 96, 96, seed=1)
    floor = evaluation.self_distance(a, n_samples=500)
    assert abs(evaluation.excess_distance(a, b, n_samples=500)) < 0.1 * floor
    assert evaluation.excess_distance(exemplar, exemplar, n_samples=500, periodic=OPEN) < 0.05 * floor


def test_patch_distance_is_the_assignment_problem(exemplar: Tensor) -> None:
    """All 16 patches of two tiny images against scipy's exact solver."""
    optimize = pytest.importorskip("scipy.optimize")
    a, b = exemplar[:, :5, :5], exemplar[:, :5, 40:48]
    count = 9  # 3x3 patches of side 3 in a; b has 18 and so gives as many
    generator = torch.Generator().manual_seed(4)
    expected = []
    for _ in range(8):
        x, y = (
            F.unfold(t[None], 3)[0].T[torch.randperm(n, generator=generator)[:count]]
            for t, n in ((a, 9), (b, 18))
        )
        cost = ((x[:, None] - y) ** 2).sum(2).double().numpy()
        expected.append(cost[optimize.linear_sum_assignment(cost)].mean())
    found = evaluation.patch_distance(a, b, patch_size=3, seed=4, periodic=OPEN)
    assert found == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_patch_distance_of_constant_images_is_the_squared_shift() -> None:
    grey = torch.full((2, 20, 24), 0.25)
    assert evaluation.patch_distance(grey, grey, patch_size=4) == 0
    shifted = evaluation.patch_distance(grey + 0.5, grey, patch_size=4)
    assert shifted == pytest.approx(2 * 16 * 0.5**2, rel=1e-6)


def test_floor_of_patch_distance(exemplar: Tensor) -> None:
    """An image and itself are no further apart than two samples of it; halves of a photograph are."""
    same = evaluation.patch_distance(exemplar, exemplar, n_samples=1000, periodic=OPEN)
    floor = evaluation.self_distance(exemplar, n_samples=1000)
    halves = evaluation.halves_distance(exemplar, n_samples=1000)
    assert 0.7 * floor < same < 1.05 * floor < halves


def test_patch_distance_wraps_where_the_image_does() -> None:
    """A ramp has a seam on the torus, wherever it is rolled to, and none when open."""
    ramp = torch.linspace(0, 1, 32).expand(1, 32, 32)
    torus, rolled = (evaluation.patch_distance(t, ramp, patch_size=4) for t in (ramp, ramp.roll(16, 2)))
    assert rolled == pytest.approx(torus, rel=0.2)
    assert torus > 3 * evaluation.patch_distance(ramp, ramp, patch_size=4, periodic=OPEN)


@pytest.mark.slow
def test_patch_distance_is_stable_under_the_seed(exemplar: Tensor) -> None:
    """Stated tolerance: 15% of the mean between any two of 5 seeds at 1000 samples."""
    image = add_noise(exemplar, 0.05)
    found = torch.tensor(
        [evaluation.patch_distance(image, exemplar, n_samples=1000, seed=k) for k in range(5)]
    )
    assert found.max() - found.min() < 0.15 * found.mean()
    again = evaluation.patch_distance(image, exemplar, n_samples=1000, seed=4)
    assert again == pytest.approx(float(found[4]), rel=1e-6)


def test_scales_see_damage_of_their_size(exemplar: Tensor) -> None:
    fine = add_noise(exemplar, 0.1)
    blocks = exemplar.view(3, 8, 16, 8, 16)[:, torch.arange(8).flip(0)]  # of 16x16 pixels
    coarse = blocks[:, :, :, [3, 0, 7, 1, 5, 2, 6, 4]].reshape(exemplar.shape)
    floor = evaluation.multiscale_self_distance(exemplar, n_samples=500, n_scales=3)
    ratios = [
        torch.tensor(
            evaluation.multiscale_patch_distance(t, exemplar, n_samples=500, n_scales=3, periodic=OPEN)
        )
        / torch.tensor(floor)
        for t in (exemplar, fine, coarse)
    ]
    assert len(floor) == 3
    assert ((ratios[0] > 0.5) & (ratios[0] < 2)).all(), ratios
    grown = [r / ratios[0] for r in ratios[1:]]
    assert rises(grown[0].flip(0).tolist()), "noise fades with the scale"
    assert grown[1][2] > grown[1][0], "blocks out of place show in coarse patches"


def test_patch_distance_says_what_it_needs(exemplar: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(TexotError, match=r"POT is not installed: pip install 'texot\[evaluate\]'"):
        evaluation.patch_distance(exemplar, exemplar)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.patch_distance(a, a[:1]), "3 channels, the exemplar 1"),
        (lambda a: evaluation.patch_distance(a, a, patch_size=41), "patch_size 41 does not fit.*40x40"),
        (lambda a: evaluation.patch_distance(a, a, n_samples=0), "n_samples must be at least 1"),
        (
            lambda a: evaluation.self_distance(a[0]),
            r"exemplar: expected a tensor \(C, H, W\), got \(40, 40\)",
        ),
        (lambda a: evaluation.halves_distance(a, patch_size=24), "patch_size 24 does not fit.*20x40"),
        (
            lambda a: evaluation.multiscale_patch_distance(a, a, n_scales=5, n_samples=9),
            "does not fit|no scale",
        ),
        (lambda a: evaluation.multiscale_self_distance(a, patch_size=1, n_scales=9), "no scale 5"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 40, 40))
