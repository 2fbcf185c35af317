"""Pyramids and patches: alignment, the torus, odd sizes, unknown pixels, against naive loops."""

import itertools
import math

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.images.patches import extract_patches, random_offset
from texot.images.pyramid import (
    Periodic,
    downsample,
    downsample_known,
    extend,
    gaussian_kernel,
    gaussian_pyramid,
    surround,
    upsample,
    upsample_to,
    wrap,
)

AXES: list[Periodic] = [(True, True), (False, False), (True, False), (False, True)]
SIZES = [(8, 8), (7, 9), (13, 11), (1, 6), (5, 1), (1, 1), (2, 3)]


def at(image: Tensor, row: int, column: int, periodic: Periodic) -> Tensor:
    """A pixel (C,) of an image that goes on beyond its edges."""
    height, width = image.shape[1:]
    row = row % height if periodic[0] else min(max(row, 0), height - 1)
    column = column % width if periodic[1] else min(max(column, 0), width - 1)
    return image[:, row, column]


# ------------------------------------------------------------------------------ kernel, wrap


def test_kernel_is_a_gaussian() -> None:
    kernel = gaussian_kernel()
    assert kernel.shape == (4, 4)
    assert float(kernel.sum()) == pytest.approx(1)
    assert torch.equal(kernel, kernel.T)
    assert torch.allclose(kernel, kernel.flip(0))
    assert float(kernel[0, 1] / kernel[1, 1]) == pytest.approx(math.exp(-(1.5**2 - 0.5**2) / 2))


@pytest.mark.parametrize("interval", [(0, 5), (-1, 6), (-12, 13), (3, 4), (7, 9)])
def test_wrap_is_indexing_modulo_the_length(interval: tuple[int, int]) -> None:
    image = noise(2, 5, 5)
    start, stop = interval
    index = torch.arange(start, stop) % 5
    assert torch.equal(wrap(image, 1, start, stop), image[:, index])
    assert torch.equal(wrap(image, 2, start, stop), image[:, :, index])


@pytest.mark.parametrize("periodic", AXES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_extend_wraps_or_replicates(size: tuple[int, int], periodic: Periodic) -> None:
    image = noise(2, *size)
    wide = extend(image, (3, 4), periodic)
    assert wide.shape == (2, size[0] + 7, size[1] + 7)
    for row in range(wide.shape[1]):
        for column in range(wide.shape[2]):
            assert torch.equal(wide[:, row, column], at(image, row - 3, column - 3, periodic))


# -------------------------------------------------------------------------------- downsample


@pytest.mark.parametrize("periodic", AXES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_downsample_equals_the_naive_loop(size: tuple[int, int], periodic: Periodic) -> None:
    image, kernel = noise(2, *size), gaussian_kernel()
    coarse = downsample(image, periodic=periodic)
    assert coarse.shape == (2, math.ceil(size[0] / 2), math.ceil(size[1] / 2))
    for k in range(coarse.shape[1]):
        for j in range(coarse.shape[2]):
            want = sum(
                kernel[a, b] * at(image, 2 * k - 1 + a, 2 * j - 1 + b, periodic)
                for a in range(4)
                for b in range(4)
            )
            assert torch.allclose(coarse[:, k, j], torch.as_tensor(want), atol=1e-6)


@pytest.mark.parametrize("size", [(16, 16), (15, 11), (13, 1)], ids=str)
def test_pyramid_halves_and_rounds_up(size: tuple[int, int]) -> None:
    image = noise(3, *size)
    scales = gaussian_pyramid(image, 4)
    assert torch.equal(scales[0], image)
    for fine, coarse in itertools.pairwise(scales):
        assert coarse.shape[1:] == tuple(math.ceil(n / 2) for n in fine.shape[1:])
        assert torch.equal(coarse, downsample(fine))
    assert len(gaussian_pyramid(image, 1)) == 1


@pytest.mark.parametrize("periodic", AXES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_constant_stays_constant(size: tuple[int, int], periodic: Periodic) -> None:
    image = torch.full((2, *size), 0.3)
    coarse = downsample(image, periodic=periodic)
    assert torch.allclose(coarse, torch.tensor(0.3), atol=1e-6)
    assert torch.allclose(upsample(coarse, size, periodic=periodic), image, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
def test_rolling_by_two_pixels_rolls_the_coarse_scale_by_one(axis: int) -> None:
    image = noise(3, 12, 10)
    periodic = (axis == 0, axis == 1)  # the other axis may be open
    rolled = downsample(image.roll(2, axis + 1), periodic=periodic)
    assert torch.allclose(rolled, downsample(image, periodic=periodic).roll(1, axis + 1), atol=1e-6)
    coarse = noise(3, 6, 5)
    fine = upsample(coarse, (12, 10), periodic=periodic)
    assert torch.allclose(
        upsample(coarse.roll(1, axis + 1), (12, 10), periodic=periodic), fine.roll(2, axis + 1), atol=1e-6
    )


def test_open_axes_do_not_wrap() -> None:
    image = noise(1, 12, 12)
    other = image.clone()
    other[:, :, -3:] = 1 - other[:, :, -3:]
    near, far = (downsample(i, periodic=(True, False)) for i in (image, other))
    assert torch.equal(near[:, :, :4], far[:, :, :4])
    near, far = (upsample(i, (24, 24), periodic=(True, False)) for i in (image, other))
    assert torch.equal(near[:, :, :12], far[:, :, :12])


@pytest.mark.slow
def test_downsample_is_differentiable() -> None:
    image = noise(1, 5, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda u: downsample(u, periodic=(True, False)), (image,))
    (mass,) = torch.autograd.grad(downsample(image).sum(), image)
    assert float(mass.sum()) == pytest.approx(3 * 3, rel=1e-5)


# ---------------------------------------------------------------------------------- upsample


@pytest.mark.parametrize("periodic", AXES, ids=str)
@pytest.mark.parametrize("size", [*SIZES, (31, 17), (16, 24)], ids=str)
def test_upsample_gives_the_size_asked_for(size: tuple[int, int], periodic: Periodic) -> None:
    coarse = noise(2, math.ceil(size[0] / 2), math.ceil(size[1] / 2))
    assert upsample(coarse, size, periodic=periodic).shape == (2, *size)


def test_sinusoid_on_the_torus_comes_back_where_it_was() -> None:
    n, frequency = 64, 2 / 64
    t = torch.arange(n) * (2 * torch.pi * frequency)
    wave = torch.cos(t[:, None] + 0.7) * torch.cos(t + 0.4)
    wave = wave[None]
    taps = torch.tensor([-1.5, -0.5, 0.5, 1.5])
    weights = torch.exp(-(taps**2) / 2) / torch.exp(-(taps**2) / 2).sum()
    passed = float((weights * torch.cos(2 * torch.pi * frequency * taps)).sum()) ** 2

    coarse = downsample(wave)
    place = (2 * torch.arange(n // 2) + 0.5) * (2 * torch.pi * frequency)  # a coarse pixel lies at 2k + 1/2
    want = torch.cos(place[:, None] + 0.7) * torch.cos(place + 0.4)
    assert torch.allclose(coarse[0], passed * want, atol=1e-5)

    back = upsample(coarse, (n, n)) / passed
    error, shifted = (back - wave).abs().max(), (back.roll(1, 1) - wave).abs().max()
    assert error < 0.03 < shifted / 5


@pytest.mark.parametrize("size", [(20, 20), (21, 19)], ids=str)
def test_ramp_on_open_axes_comes_back_inside(size: tuple[int, int]) -> None:
    ramp = torch.arange(size[0])[:, None] * 0.01 + torch.arange(size[1]) * 0.02
    image = ramp[None]
    back = upsample(downsample(image, periodic=(False, False)), size, periodic=(False, False))
    error = (back - image)[0, 6:14, 6:12]
    assert float(error.abs().max()) < 0.1 * 0.03  # the bicubic kernel ripples by a tenth of a pixel's step
    assert float(error.unfold(0, 2, 2).unfold(1, 2, 2).mean((2, 3)).abs().max()) < 1e-6  # and shifts by none
    assert float((back - image).abs().max()) < 0.03  # edges are held, not extrapolated


def test_upsample_to_climbs_scale_by_scale() -> None:
    sizes = [(27, 14), (14, 7), (7, 4)]
    coarse = clouds(3, 4, 2)
    want = coarse
    for size in reversed(sizes):
        want = upsample(want, size)
    assert torch.equal(upsample_to(coarse, sizes), want)
    assert upsample_to(coarse, []) is coarse


# ------------------------------------------------------------------------------ known pixels


def test_exemplars_are_not_padded() -> None:
    for height, width in [(4, 4), (5, 4), (9, 12), (31, 17)]:
        image = noise(3, height, width)
        coarse, known = downsample_known(image)
        assert known is None
        assert coarse.shape == (3, (height - 4) // 2 + 1, (width - 4) // 2 + 1)
        want = (gaussian_kernel() * image[:, 2:6, :4]).sum((1, 2)) if height >= 6 else None
        if want is not None:
            assert torch.allclose(coarse[:, 1, 0], want, atol=1e-6)
        everything, mask = downsample_known(image, torch.ones(height, width, dtype=torch.bool))
        assert mask is not None
        assert bool(mask.all())
        assert torch.allclose(everything, coarse, atol=1e-6)


@pytest.mark.parametrize("hidden", [1e30, math.inf, math.nan])
def test_unknown_pixels_never_mix_in(hidden: float) -> None:
    image = noise(2, 12, 14)
    known = noise(1, 12, 14, seed=1)[0] > 0.4
    painted = torch.where(known, image, torch.tensor(hidden))
    coarse, mask = downsample_known(painted, known)
    want, want_mask = downsample_known(image, known)
    assert torch.equal(coarse, want)
    assert mask is not None
    assert want_mask is not None
    assert torch.equal(mask, want_mask)
    assert 0 < int(mask.sum()) < mask.numel()
    kernel = gaussian_kernel()
    for k in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            window = (slice(2 * k, 2 * k + 4), slice(2 * j, 2 * j + 4))
            weight = kernel * known[window]
            assert bool(mask[k, j]) == (float(weight.sum()) > 0.5)
            if mask[k, j]:
                mean = (image[(slice(None), *window)] * weight).sum((1, 2)) / weight.sum()
                assert torch.allclose(coarse[:, k, j], mean, atol=1e-5)


def test_nothing_known_stays_finite() -> None:
    coarse, mask = downsample_known(noise(1, 8, 8), torch.zeros(8, 8, dtype=torch.bool))
    assert mask is not None
    assert not mask.any()
    assert bool(coarse.isfinite().all())


# ----------------------------------------------------------------------------------- patches


def naive_patches(
    image: Tensor, size: int, stride: int, offset: tuple[int, int], periodic: Periodic
) -> Tensor:
    """Position by position, pixel by pixel."""
    starts = []
    for axis in (0, 1):
        n = image.shape[axis + 1]
        if periodic[axis]:
            starts.append([offset[axis] + i * stride for i in range(math.ceil(n / stride))])
        else:
            starts.append(list(range(offset[axis], n - size + 1, stride)))
    rows = []
    for top in starts[0]:
        for left in starts[1]:
            pixels = [at(image, top + a, left + b, periodic) for a in range(size) for b in range(size)]
            rows.append(torch.stack(pixels, 1).flatten())
    return torch.stack(rows)


@pytest.mark.parametrize("periodic", AXES, ids=str)
@pytest.mark.parametrize(
    ("size", "patch", "stride", "offset"),
    [
        ((6, 7), 3, 1, (0, 0)),
        ((7, 5), 2, 2, (1, 0)),
        ((9, 8), 4, 3, (2, 1)),
        ((4, 4), 4, 4, (0, 0)),
        ((5, 6), 1, 2, (1, 1)),
    ],
    ids=str,
)
def test_patches_equal_the_naive_loop(
    size: tuple[int, int], patch: int, stride: int, offset: tuple[int, int], periodic: Periodic
) -> None:
    image = noise(2, *size)
    found = extract_patches(image, patch, stride=stride, offset=offset, periodic=periodic)
    assert torch.equal(found, naive_patches(image, patch, stride, offset, periodic))


def test_periodic_patches_may_exceed_the_image() -> None:
    image = noise(1, 2, 3)
    found = extract_patches(image, 4, periodic=(True, True))
    assert torch.equal(found, naive_patches(image, 4, 1, (0, 0), (True, True)))


@pytest.mark.parametrize("offset", [(0, 0), (1, 3), (3, 2)], ids=str)
@pytest.mark.parametrize("size", [(8, 8), (7, 11), (5, 6)], ids=str)
def test_periodic_grid_covers_every_pixel(size: tuple[int, int], offset: tuple[int, int]) -> None:
    image = noise(1, *size).requires_grad_()
    patches = extract_patches(image, 4, stride=4, offset=offset, periodic=(True, True))
    assert len(patches) == math.ceil(size[0] / 4) * math.ceil(size[1] / 4)
    (cover,) = torch.autograd.grad(patches.sum(), image)
    assert float(cover.min()) >= 1
    if size == (8, 8):
        assert float(cover.max()) == 1  # sizes that the stride divides: once each


def test_every_pixel_of_the_torus_lies_in_as_many_patches() -> None:
    image = noise(1, 6, 9).requires_grad_()
    (cover,) = torch.autograd.grad(extract_patches(image, 3, periodic=(True, True)).sum(), image)
    assert torch.equal(cover, torch.full_like(cover, 9))


def test_all_offsets_together_give_all_patches() -> None:
    image = noise(1, 8, 12)
    grids = [
        extract_patches(image, 3, stride=4, offset=(y, x), periodic=(True, True))
        for y in range(4)
        for x in range(4)
    ]
    everything = extract_patches(image, 3, periodic=(True, True))
    assert sorted(torch.cat(grids).tolist()) == sorted(everything.tolist())


def test_random_offsets_are_even_and_leave_room_for_a_patch() -> None:
    generator = torch.Generator().manual_seed(3)
    seen = [random_offset((9, 9), 4, 4, (True, True), generator) for _ in range(400)]
    counts = torch.zeros(4, 4)
    for y, x in seen:
        counts[y, x] += 1
    assert 10 <= float(counts.min()) <= float(counts.max()) <= 45  # 25 expected
    for _ in range(50):
        y, x = random_offset((5, 4), 4, 4, (False, False), generator)
        assert 0 <= y <= 1
        assert x == 0
        assert len(extract_patches(noise(1, 5, 4), 4, stride=4, offset=(y, x))) == 1


def test_random_offsets_follow_their_generator_alone() -> None:
    draws = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(7)
        draws.append([random_offset((9, 9), 4, 4, (True, True), generator) for _ in range(20)])
    assert draws[0] == draws[1]


def test_surroundings_wrap_or_mirror() -> None:
    image = torch.arange(5.0).expand(1, 2, 5)
    wrapped = surround(image, 2, 4, (True, True))
    assert wrapped.shape == (1, 8, 12)  # 2 and 5 become 4 and 8, with 2 around
    assert wrapped[0, 0].tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    mirrored = surround(image, 6, 1, (False, False))[0, 0]
    assert mirrored.tolist() == [2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2]
