"""What is the same with any number of threads."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from textures import clouds, photograph
from torch import Tensor

import texot
from texot.images.reproducible import pointwise, total
from texot.images.statistics import band_power, channel_moments
from texot.networks.efficientnet import efficientnet_lite0
from texot.networks.squeezenet import SQUEEZENET


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def alike(work: Callable[[], Tensor], counts: tuple[int, ...] = (1, 2, 3, 5)) -> bool:
    found = []
    for count in counts:
        torch.set_num_threads(count)
        found.append(work())
    first, *others = found
    return all(torch.equal(first, other) for other in others)


@pytest.mark.parametrize("n", [0, 1, 1024, 1025, 300_000])
def test_total(n: int) -> None:
    values = torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(total(values)) == pytest.approx(float(values.sum()))
    single = values.float().requires_grad_()
    assert alike(lambda: total(single).detach())
    total(single).backward()
    assert single.grad is not None
    assert torch.equal(single.grad, torch.ones(n))


@pytest.mark.parametrize(("n_in", "n_out", "side"), [(64, 16, 39), (512, 64, 19), (16, 64, 150)])
def test_pointwise(n_in: int, n_out: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    image, kernel = torch.randn(n_in, side, side, generator=generator), torch.randn(n_out, n_in, 1, 1)
    bias = torch.randn(n_out, generator=generator)
    image.requires_grad_()
    torch.testing.assert_close(
        pointwise(image, kernel, bias), F.conv2d(image[None], kernel, bias)[0], rtol=1e-4, atol=1e-4
    )
    assert alike(lambda: pointwise(image, kernel, bias).detach())

    def gradient() -> Tensor:
        return torch.autograd.grad(pointwise(image, kernel, bias).square().sum(), image)[0]

    assert alike(gradient)


@pytest.mark.parametrize("name", ["SqueezeNet", "EfficientNet-Lite0"])
def test_networks(name: str) -> None:
    network = SQUEEZENET if name == "SqueezeNet" else efficientnet_lite0()
    image = photograph(100, 120)
    layers = tuple(network.strides)

    def features() -> Tensor:
        return torch.cat([found.flatten() for found in network.cells(image, layers, (True, False)).values()])

    assert alike(features)


def test_the_spectrum() -> None:
    image = torch.rand(3, 320, 320, generator=torch.Generator().manual_seed(0))
    assert alike(lambda: band_power(image)[0])


@pytest.mark.parametrize("channels", [1, 3])
def test_moments(channels: int) -> None:
    image = torch.rand(channels, 257, 257, generator=torch.Generator().manual_seed(0))
    mean, deviation = channel_moments(image)
    torch.testing.assert_close(mean, image.mean((1, 2), keepdim=True))
    torch.testing.assert_close(deviation, image.std((1, 2), keepdim=True, correction=0))
    assert alike(lambda: torch.cat(channel_moments(image)))


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"weights": [0.5, 0.5]}, {"weight_map": "horizontal"}])
def test_interpolation(how: dict[str, Any]) -> None:
    two = [clouds(3, 80, 80, sigma=3), clouds(3, 80, 80, seed=1, sigma=1)]
    assert alike(
        lambda: texot.interpolate(two, size="120x80", quality="draft", n_iter=3, **how).image, (1, 2)
    )


@pytest.mark.slow
@pytest.mark.parametrize("features", ["squeezenet", "efficientnet-lite0"])
def test_results_with_deep_features(features: str) -> None:
    """Their bytes would depend on what else the machine does: then fewer threads are used."""
    losses = []

    def work() -> Tensor:
        found = texot.synthesize(
            photograph(128, 128), "180x190", features=features, quality="draft", n_iter=1, seed=1
        )
        losses.append([step.loss for step in found.losses])
        return found.image

    assert alike(work, (1, 2))
    assert all(own == losses[0] for own in losses)
