"""Inception-v3 of a file: the layers are those of torch's own modules, put together as published."""

from pathlib import Path

import pytest
import torch
from damage import OPEN, blur, noise, rises
from torch import Tensor, nn

from texot import InputError, evaluation, networks


def unit(channels: int, out: int, side: int, **options: int) -> nn.Module:
    """Convolution, batch normalisation and ReLU, under torchvision's names."""
    parts = {
        "conv": nn.Conv2d(channels, out, side, bias=False, **options),
        "bn": nn.BatchNorm2d(out, eps=0.001),
        "relu": nn.ReLU(),
    }
    found = nn.Sequential()
    for name, module in parts.items():
        found.add_module(name, module)
    return found


class Mixed(nn.Module):
    def __init__(self, channels: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = unit(channels, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = unit(channels, 48, 1), unit(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = unit(channels, 64, 1)
        self.branch3x3dbl_2, self.branch3x3dbl_3 = unit(64, 96, 3, padding=1), unit(96, 96, 3, padding=1)
        self.branch_pool = unit(channels, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        pool = self.branch_pool(nn.functional.avg_pool2d(x, 3, stride=1, padding=1))
        return torch.cat([self.branch1x1(x), five, three, pool], 1)


def network() -> nn.Sequential:
    """Up to Mixed_5d, with random weights and running statistics."""
    torch.manual_seed(0)
    layers = {
        "Conv2d_1a_3x3": unit(3, 32, 3, stride=2),
        "Conv2d_2a_3x3": unit(32, 32, 3),
        "Conv2d_2b_3x3": unit(32, 64, 3, padding=1),
        "maxpool1": nn.MaxPool2d(3, 2),
        "Conv2d_3b_1x1": unit(64, 80, 1),
        "Conv2d_4a_3x3": unit(80, 192, 3),
        "maxpool2": nn.MaxPool2d(3, 2),
        "Mixed_5b": Mixed(192, 32),
        "Mixed_5c": Mixed(256, 64),
        "Mixed_5d": Mixed(288, 64),
    }
    found = nn.Sequential()
    for name, module in layers.items():
        found.add_module(name, module)
    for module in found.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return found.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save({**network().state_dict(), "fc.bias": torch.zeros(1000)}, path)
    return path


def test_network_is_torchs(weights: Path) -> None:
    image = noise(3, 128, 160)
    found = networks.inception_v3(weights)
    cells = found.features(image, tuple(found.strides))
    x = 2 * image[None] - 1
    with torch.no_grad():
        for name, layer in network().named_children():
            x = layer(x)
            if name not in found.strides:
                continue
            stride = found.strides[name]
            assert cells[name].shape[1:] == (128 // stride, 160 // stride), name
            late = {"Conv2d_2b_3x3": 1, "Conv2d_4a_3x3": 2}.get(name, 1)
            inner = cells[name][:, late : late + x.shape[2], late : late + x.shape[3]]
            assert torch.allclose(inner, x[0], rtol=1e-4, atol=1e-4), name
            assert x.std() > 0.1, name
    assert list(cells) == list(found.strides)


@pytest.mark.parametrize("layer", ["Conv2d_2b_3x3", "Conv2d_4a_3x3", "Mixed_5b", "Mixed_5d"])
def test_cells_lie_where_their_pixels_do(weights: Path, layer: str) -> None:
    """A spot of an image moves the cells around it, as many to each side."""
    found = networks.inception_v3(weights)
    image = torch.full((3, 96, 96), 0.5)
    spotted = image.clone()
    spotted[:, 48:56, 48:56] = 1.0
    a, b = (found.cells(x, (layer,), OPEN)[layer] for x in (image, spotted))
    moved = (a - b).abs().sum(0)
    places = (torch.arange(len(moved)) + 0.5) * found.strides[layer]
    for share in (moved.sum(0) / moved.sum(), moved.sum(1) / moved.sum()):
        assert abs(float(share @ places) - 52) < found.strides[layer] / 2 + 1


def test_padding_is_not_felt(weights: Path) -> None:
    """Beyond the context nothing reaches a cell that counts: more of it changes nothing."""
    found = networks.inception_v3(weights)
    image = noise(3, 32, 32)
    wider = networks.Network(**{**vars(found), "context": 112})
    for layer in found.gram_layers:
        a, b = (n.cells(image, (layer,), (True, True))[layer] for n in (found, wider))
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4), layer


@pytest.mark.slow
def test_deep_figures_take_it(weights: Path, exemplar: Tensor) -> None:
    found = networks.inception_v3(weights)
    small = exemplar[:, :96, :96]
    for metric in (evaluation.deep_gram, evaluation.sifid):
        figures = [metric(blur(small, s), small, periodic=OPEN, network=found) for s in (0, 1, 4)]
        assert figures[0] < 1e-6
        assert rises(figures), figures
    assert evaluation.oddness_map(small, small, periodic=OPEN, network=found).shape == (12, 12)


def test_other_networks_weights_are_refused(tmp_path: Path) -> None:
    stored = network().state_dict()
    stored.pop("Mixed_5d.branch_pool.bn.running_var")
    torch.save(stored, tmp_path / "part.pth")
    with pytest.raises(InputError, match=r"not Inception-v3's weights: expected Mixed_5d\.branch_pool\.bn"):
        networks.inception_v3(tmp_path / "part.pth")
    image = torch.zeros(2, 64, 64)
    torch.save(network().state_dict(), tmp_path / "whole.pth")
    with pytest.raises(InputError, match="1 or 3 channels"):
        networks.inception_v3(tmp_path / "whole.pth").features(image, ("Mixed_5b",))
