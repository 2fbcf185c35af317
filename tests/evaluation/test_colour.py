"""Colour: moments and histograms, closed forms and damage."""

import pytest
import torch
from damage import DAMAGES, add_noise, blur, noise, rises, tint
from torch import Tensor

from texot import evaluation


def test_colour_error() -> None:
    exemplar = noise(3, 40, 50)
    mean, deviation = evaluation.colour_error(exemplar, exemplar)
    assert mean.shape == deviation.shape == (3,)
    assert not mean.any()
    assert not deviation.any()
    factor = torch.tensor([1.1, 1.0, 0.8])[:, None, None]
    mean, deviation = evaluation.colour_error(factor * exemplar, exemplar)
    assert torch.allclose(mean, torch.tensor([0.1, 0.0, 0.2]), atol=1e-5)
    assert torch.allclose(deviation, mean, atol=1e-5)
    black = torch.zeros(1, 10, 10)
    assert evaluation.colour_error(black + 1 / 255, black)[0].item() == pytest.approx(1)


def test_colour_error_reacts_to_colour_most(exemplar: Tensor) -> None:
    found = [float(evaluation.colour_error(tint(exemplar, a), exemplar)[0].max()) for a in (0, 0.1, 0.2, 0.4)]
    assert rises(found)
    assert float(evaluation.colour_error(blur(exemplar, 2), exemplar)[0].max()) < 0.01 < found[1]
    contrast = [float(evaluation.colour_error(blur(exemplar, s), exemplar)[1].max()) for s in (0, 1, 2, 4)]
    assert rises(contrast)


def test_histogram_distance_of_a_shift_is_the_shift(exemplar: Tensor) -> None:
    """A third of a deviation in one channel is a third. Where a pixel is does not count."""
    assert evaluation.histogram_distance(exemplar, exemplar) == 0
    assert evaluation.histogram_distance(exemplar.roll((20, 30), (1, 2)), exemplar) == 0
    deviation = exemplar[1].std(correction=0)
    moved = exemplar + torch.tensor([0, 1.0, 0])[:, None, None] * deviation / 3
    assert evaluation.histogram_distance(moved, exemplar) == pytest.approx(1 / 3, rel=1e-3)
    assert evaluation.histogram_distance(exemplar.repeat(1, 2, 1), exemplar) < 2e-3


def test_histogram_distance_sees_what_moments_do_not() -> None:
    """Two values against a ramp, of the same mean and deviation."""
    ramp = torch.linspace(0, 1, 1024).view(1, 32, 32)
    two = torch.where(ramp < 0.5, 0.5 - ramp.std(correction=0), 0.5 + ramp.std(correction=0))
    assert max(float(t.max()) for t in evaluation.colour_error(two, ramp)) < 0.01
    assert evaluation.histogram_distance(two, ramp) > 0.3


@pytest.mark.parametrize("damage", DAMAGES)
def test_histogram_distance_grows_with_damage(exemplar: Tensor, damage: str) -> None:
    spoil, amounts = DAMAGES[damage]
    found = [evaluation.histogram_distance(spoil(exemplar, a), exemplar) for a in amounts]
    if damage == "dropped":  # a half may have the histogram of the whole
        assert found[-1] > found[0]
    else:
        assert rises(found), found


def test_histogram_distance_reacts_to_colour_most(exemplar: Tensor) -> None:
    colour = evaluation.histogram_distance(tint(exemplar, 0.2), exemplar)
    assert colour > 2 * evaluation.histogram_distance(blur(exemplar, 2), exemplar)
    assert colour > 2 * evaluation.histogram_distance(add_noise(exemplar, 0.1), exemplar)
