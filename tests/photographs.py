"""The photographs that tests of metrics and networks look at, as fixtures."""

from pathlib import Path

import pytest
from torch import Tensor

from texot.files.exemplar import read_exemplar
from texot.images.pyramid import downsample

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def exemplar() -> Tensor:
    """The middle of a photograph, (3, 128, 128)."""
    if not SAMPLES.exists():
        pytest.skip("needs the samples of a checkout")
    return read_exemplar(SAMPLES / "pebbles.jpg").pixels[:, 192:320, 192:320].contiguous()


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    """A whole photograph, halved: (3, 256, 256)."""
    if not SAMPLES.exists():
        pytest.skip("needs the samples of a checkout")
    return downsample(read_exemplar(SAMPLES / "pebbles.jpg").pixels, periodic=(False, False))
