"""Copies and layouts: all of a shifted exemplar, nothing of noise."""

from collections.abc import Callable

import pytest
import torch
from damage import OPEN, noise, rises
from torch import Tensor

from texot import InputError, evaluation


def test_copy_share_of_a_rolled_copy_is_one(exemplar: Tensor) -> None:
    """All but the patches across the seams, whose content the exemplar does not have."""
    found = evaluation.copy_share(exemplar.roll((37, 50), (1, 2)), exemplar, stride=2)
    assert found.share > 0.85
    assert found.share == found.shares[1]
    assert list(found.shares) == sorted(found.shares, reverse=True)
    assert found.offsets.shape == (2, 64, 64)
    expected = torch.tensor([128 - 37, 128 - 50])[:, None, None]
    assert (found.offsets % 128 == expected).all(0).float().mean() > 0.8


def test_copy_share_of_noise_is_zero(exemplar: Tensor) -> None:
    assert evaluation.copy_share(noise(3, 128, 128), exemplar).shares[1] < 0.05
    other = noise(3, 96, 96, seed=1)
    assert evaluation.copy_share(noise(3, 96, 96), other).shares[0] < 0.02


def test_copy_share_grows_with_pasted_copies(exemplar: Tensor) -> None:
    image = noise(3, 128, 128)
    found = []
    for side in (0, 48, 80, 112):
        image[:, :side, :side] = exemplar[:, 9 : 9 + side, 5 : 5 + side]
        found.append(evaluation.copy_share(image, exemplar).share)
    assert rises(found), found
    inside = (112 - 12) // 4 + 1  # grid patches on a side that lie in the paste; corners have two neighbours
    assert found[-1] == pytest.approx(inside**2 / 32**2, abs=0.05)


def test_copy_share_beyond_an_open_border(exemplar: Tensor) -> None:
    """A crop is all copy, but a corner has two neighbours only and an edge three."""
    found = evaluation.copy_share(exemplar[:, 8:88, 16:112], exemplar, periodic=OPEN, neighbours=4)
    rows, columns = found.offsets.shape[1:]
    assert (rows, columns) == (18, 22)
    assert found.shares[:2] == (1, 1)
    assert found.shares[2] == pytest.approx(1 - 4 / (rows * columns))
    assert found.share == pytest.approx((rows - 2) * (columns - 2) / (rows * columns))
    assert (found.offsets == torch.tensor([8, 16])[:, None, None]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.copy_share(a, a, patch_size=50), "does not fit both"),
        (lambda a: evaluation.copy_share(a, a, neighbours=5), "1 to 4 neighbours"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 40, 40))
