"""VGG-19 of a file: the layers are torch's own, and nothing in the file is run."""

import pickle
from pathlib import Path

import pytest
import torch
from damage import OPEN, blur, noise, rises
from torch import Tensor

from texot import InputError, evaluation, networks
from texot.networks.vgg import _BLOCKS, _DEVIATION, _MEAN


def layers() -> torch.nn.Sequential:
    """torchvision's `features` up to relu5_1 with small random weights, so that activations stay finite."""
    torch.manual_seed(0)
    found: list[torch.nn.Module] = []
    before = 3
    for count, channels in _BLOCKS:
        for _ in range(count):
            found += [torch.nn.Conv2d(before, channels, 3, padding=1), torch.nn.ReLU()]
            torch.nn.init.kaiming_normal_(found[-2].weight)
            before = channels
        found.append(torch.nn.MaxPool2d(2))
    return torch.nn.Sequential(*found[:-1])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save({f"features.{key}": value for key, value in layers().state_dict().items()}, path)
    return path


@pytest.mark.slow
def test_network_is_torchs(weights: Path) -> None:
    network = networks.vgg19(weights)
    image = noise(3, 64, 96)
    mean, deviation = (torch.tensor(t)[:, None, None] for t in (_MEAN, _DEVIATION))
    with torch.no_grad():
        expected = layers()(((image - mean) / deviation)[None])[0]
    found = network.features(image, ("relu1_1", "relu5_1"))
    assert torch.allclose(found["relu5_1"], expected, rtol=1e-4, atol=1e-4)
    assert found["relu5_1"].max() > 0.01
    assert found["relu1_1"].shape == (64, 64, 96)
    for (name, stride), cells in zip(
        network.strides.items(), network.cells(image, tuple(network.strides), OPEN).values(), strict=True
    ):
        assert cells.shape[1:] == (64 // stride, 96 // stride), name


@pytest.mark.slow
def test_padding_is_not_felt(weights: Path) -> None:
    """Zeros beyond the context reach no cell that counts: more of it changes nothing."""
    network = networks.vgg19(weights)
    image = noise(3, 32, 32)
    wider = networks.Network(**{**vars(network), "context": 112})
    for layer in network.gram_layers:
        a, b = (n.cells(image, (layer,), (True, True))[layer] for n in (network, wider))
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4), layer


@pytest.mark.slow
def test_deep_figures_take_it(weights: Path, exemplar: Tensor) -> None:
    network = networks.vgg19(weights)
    small = exemplar[:, :96, :96]
    for metric in (evaluation.deep_gram, evaluation.sifid):
        found = [metric(blur(small, s), small, periodic=OPEN, network=network) for s in (0, 1, 4)]
        assert found[0] < 1e-6
        assert rises(found), found
    assert evaluation.oddness_map(small, small, periodic=OPEN, network=network).shape == (12, 12)


def test_safetensors_are_the_same(weights: Path, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "vgg19.safetensors"
    safetensors.save_file(torch.load(weights, weights_only=True), path)
    image = noise(3, 32, 32)
    a, b = (networks.vgg19(p).features(image, ("relu5_1",))["relu5_1"] for p in (weights, path))
    assert torch.equal(a, b)


class _Code:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_no_code_is_run(tmp_path: Path) -> None:
    mark, plain = tmp_path / "ran", tmp_path / "plain.pth"
    torch.save({"features.0.weight": _Code(mark)}, tmp_path / "code.pth")
    plain.write_bytes(pickle.dumps(_Code(mark)))
    for path in (tmp_path / "code.pth", plain):
        with pytest.raises(InputError, match="a file of weights and nothing else"):
            networks.vgg19(path)
    assert not mark.exists()


def test_wrong_files_are_named(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    (tmp_path / "empty.pth").touch()
    (tmp_path / "noise.safetensors").write_bytes(bytes(100))
    expected = {
        "missing.pth": "no such file",
        "part.pth": r"not VGG-19's weights: expected features\.0\.bias of shape \(64,\)",
        "list.pth": "not a state dict",
        "empty.pth": "empty",
        "noise.safetensors": "nothing else",
    }
    for name, message in expected.items():
        with pytest.raises(InputError, match=message) as error:
            networks.vgg19(tmp_path / name)
        assert "\n" not in str(error.value)
        assert name in str(error.value) or "pip" in message
