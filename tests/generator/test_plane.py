"""Noise and network as functions on an infinite plane: a window is the same whichever way it is cut."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from texot.generator.network import Architecture, TextureNetwork
from texot.generator.noise import _keys, _planes_on_device, plane_noise
from texot.generator.window import spans

SMALL = Architecture(3, widths=(5, 6, 7), fresh=(2, 2, 3), inner=2, blocks=(1, 1, 2))


def network(architecture: Architecture = SMALL) -> TextureNetwork:
    return TextureNetwork(architecture, torch.Generator().manual_seed(3)).requires_grad_(False)


def slow_noise(seed: int, scale: int, channel: int, y: int, x: int) -> float:
    """The formula, one value, in Python's whole numbers."""

    def mixed(z: int) -> int:
        z = (z + 0x9E3779B97F4A7C15) % 2**64
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    def key(stream: int, at: int) -> int:
        lane = mixed((mixed((mixed(seed) + stream) % 2**64) + channel) % 2**64)
        return mixed(mixed(at % 2**64) ^ lane) >> 32

    h = key(2 * scale, y) ^ key(2 * scale + 1, x)
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    h ^= h >> 16
    return (sum(h.to_bytes(4, "big")) - 510) / (4 * (256**2 - 1) / 12) ** 0.5


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_noise_is_the_formula(seed: int) -> None:
    rows, columns = torch.tensor([-(2**40), -1, 0, 5]), torch.tensor([3, -2, 2**33])
    found = plane_noise(seed, 2, 3, rows, columns)
    for c in range(3):
        for i, y in enumerate(rows.tolist()):
            for j, x in enumerate(columns.tolist()):
                assert float(found[c, i, j]) == pytest.approx(slow_noise(seed, 2, c, y, x), abs=1e-6)


@pytest.mark.parametrize("uniform", [False, True])
def test_noise_is_the_same_on_devices(uniform: bool) -> None:
    """The way of GPUs, here on the CPU, bit by bit."""
    at = torch.arange(-40, 60)
    keys = [torch.from_numpy(_keys(3, stream, 3, at).view(np.int32)) for stream in (4, 5)]
    own = plane_noise(3, 2, 3, at, at, uniform=uniform)
    assert torch.equal(own, _planes_on_device(*keys, uniform))


def test_noise_is_white_and_nearly_normal() -> None:
    at = torch.arange(-300, 300)
    noise = plane_noise(1, 0, 4, at, at)
    n = noise[0].numel()
    assert float(noise.mean().abs()) < 4 / (4 * n) ** 0.5
    assert float(noise.var()) == pytest.approx(1, abs=0.01)
    assert float((noise**4).mean()) == pytest.approx(2.7, abs=0.05)
    spectrum = torch.fft.fft2(noise[0]).abs() ** 2 / n
    assert float(spectrum[1:].max()) < 25  # exponential of mean 1: P(max > 25) is about 5e-6
    flat = noise.flatten(1)
    assert float((torch.corrcoef(flat) - torch.eye(4)).abs().max()) < 0.01
    others = [plane_noise(1, 1, 1, at, at), plane_noise(2, 0, 1, at, at), plane_noise(1, 0, 1, at + 1, at)]
    for other in others:
        assert abs(float(torch.corrcoef(torch.stack([noise[0].flatten(), other.flatten()]))[0, 1])) < 0.01


def test_whichever_way_a_window_is_cut() -> None:
    net = network()
    whole = net.sample(5, (-7, 3), (50, 61))
    for top, left, height, width in ((0, 0, 50, 61), (13, 20, 9, 8), (49, 60, 1, 1), (1, 0, 30, 3)):
        part = net.sample(5, (top - 7, left + 3), (height, width))
        torch.testing.assert_close(part, whole[:, top : top + height, left : left + width], atol=1e-4, rtol=0)


@pytest.mark.parametrize("periods", [(32, 16), (37, 21), (5, None), (None, 11), (1, 1)])
def test_a_torus_repeats_and_no_window_notices_its_edge(periods: tuple[int | None, int | None]) -> None:
    net = network()
    whole = net.sample(5, (0, 0), (40, 40), periods=periods)
    for axis, period in enumerate(periods, 1):
        if period is not None and period < 40:
            left = whole.narrow(axis, 0, 40 - period)
            torch.testing.assert_close(whole.narrow(axis, period, 40 - period), left, atol=1e-4, rtol=0)
    part = net.sample(5, (-3, 17), (21, 9), periods=periods)
    far = tuple((p or 0) * 1000 for p in periods)
    again = net.sample(5, (far[0] - 3, far[1] + 17), (21, 9), periods=periods)
    torch.testing.assert_close(part, again, atol=1e-4, rtol=0)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("periods", [(None, None), (37, 21), (16, None), (1, 1)])
def test_sampling_finds_what_training_sees(periods: tuple[int | None, int | None], colours: int) -> None:
    """Without gradients, features are made in other steps, of the same formula, whatever their strides."""
    net = network(replace(SMALL, colours=colours))
    window = net.window((-3, 8), (33, 20), periods=periods)
    noise = net.noise(9, window)
    with torch.enable_grad():
        seen = net(noise, window)
    for form in (torch.contiguous_format, torch.channels_last):
        with torch.no_grad():
            found = net([part.contiguous(memory_format=form) for part in noise], window)
        torch.testing.assert_close(found, seen, atol=2e-5, rtol=1e-5)


def test_an_even_torus_has_no_seam_in_its_scales() -> None:
    """At every scale the wrapped plane is cut as the plane is: only an odd torus leaves a pixel out."""
    for plane, torus in zip(spans(-9, 30, (2, 2, 4)), spans(-9, 30, (2, 2, 4), 16), strict=True):
        assert (plane.start, plane.stop, plane.features) == (torus.start, torus.stop, torus.features)
        assert not torch.equal(plane.positions, torus.positions)


def test_seeds_differ() -> None:
    net = network()
    one, two = (net.sample(seed, (0, 0), (32, 32)) for seed in (1, 2))
    assert float((one - two).abs().mean()) > 0.1
    assert torch.equal(one, net.sample(1, (0, 0), (32, 32)))


def test_a_coarser_window_is_the_coarser_part_of_the_network() -> None:
    """`scale` starts the network late: the coarsest window needs no other scale's weights."""
    net = network()
    before = net.sample(4, (2, 3), (9, 9), scale=2)
    for parameter in net.scales[0].parameters():
        parameter.zero_()
    assert torch.equal(before, net.sample(4, (2, 3), (9, 9), scale=2))
    assert net.sample(4, (0, 0), (8, 8), scale=1).shape == (3, 8, 8)


def test_moments_are_matched() -> None:
    net = network()
    net.contrast.mul_(0.02)
    mean, deviation = torch.tensor([0.3, 0.5, 0.6]), torch.tensor([0.05, 0.1, 0.02])
    net.match_moments(mean, deviation, n_iter=5)
    image = net.sample(77, (1000, 0), (300, 300)).flatten(1)
    torch.testing.assert_close(image.mean(1), mean, atol=0.01, rtol=0)
    torch.testing.assert_close(image.std(1), deviation, atol=0, rtol=0.1)


def test_uniform_noise() -> None:
    noise = plane_noise(3, 0, 2, torch.arange(200), torch.arange(200), uniform=True)
    assert 0 <= float(noise.min()) < float(noise.max()) < 1
    torch.testing.assert_close(noise.mean((1, 2)), torch.full((2,), 0.5), atol=0.01, rtol=0)
    torch.testing.assert_close(noise.var((1, 2)), torch.full((2,), 1 / 12), atol=0.002, rtol=0)
