"""Copies, layouts and repeats: all of a shifted exemplar, nothing of noise."""

from collections.abc import Callable

import pytest
import torch
from damage import OPEN, blur, drop, noise, rises
from textures import SAMPLES
from torch import Tensor

from texot import InputError, evaluation
from texot.files.exemplar import read_exemplar


def test_copy_share_of_a_rolled_copy_is_one(exemplar: Tensor) -> None:
    """All but the patches across the seams, whose content the exemplar does not have."""
    found = evaluation.copy_share(exemplar.roll((37, 50), (1, 2)), exemplar, stride=2)
    assert found.share > 0.85
    assert found.share == found.shares[1]
    assert list(found.shares) == sorted(found.shares, reverse=True)
    assert found.offsets.shape == (2, 64, 64)
    expected = torch.tensor([128 - 37, 128 - 50])[:, None, None]
    assert (found.offsets % 128 == expected).all(0).float().mean() > 0.8


def test_copy_share_of_noise_is_zero(exemplar: Tensor) -> None:
    assert evaluation.copy_share(noise(3, 128, 128), exemplar).shares[1] < 0.05
    other = noise(3, 96, 96, seed=1)
    assert evaluation.copy_share(noise(3, 96, 96), other).shares[0] < 0.02


def test_copy_share_grows_with_pasted_copies(exemplar: Tensor) -> None:
    image = noise(3, 128, 128)
    found = []
    for side in (0, 48, 80, 112):
        image[:, :side, :side] = exemplar[:, 9 : 9 + side, 5 : 5 + side]
        found.append(evaluation.copy_share(image, exemplar).share)
    assert rises(found), found
    inside = (112 - 12) // 4 + 1  # grid patches on a side that lie in the paste; corners have two neighbours
    assert found[-1] == pytest.approx(inside**2 / 32**2, abs=0.05)


def test_copy_share_beyond_an_open_border(exemplar: Tensor) -> None:
    """A crop is all copy, but a corner has two neighbours only and an edge three."""
    found = evaluation.copy_share(exemplar[:, 8:88, 16:112], exemplar, periodic=OPEN, neighbours=4)
    rows, columns = found.offsets.shape[1:]
    assert (rows, columns) == (18, 22)
    assert found.shares[:2] == (1, 1)
    assert found.shares[2] == pytest.approx(1 - 4 / (rows * columns))
    assert found.share == pytest.approx((rows - 2) * (columns - 2) / (rows * columns))
    assert (found.offsets == torch.tensor([8, 16])[:, None, None]).all()


def test_source_map_tells_where_pixels_come_from(exemplar: Tensor) -> None:
    """Two pieces, each wherever it was: but for patches across their border, every pixel is found."""
    image = exemplar.clone()
    image[:, :, 64:] = exemplar.roll(37, 1)[:, :, 64:]
    found = evaluation.copy_share(image, exemplar, periodic=OPEN)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    wanted = torch.stack([torch.where(x < 64, y, y - 37), x])
    right = (found.source_map() == wanted).all(0)
    assert right[:, :56].all()
    assert right[50:, 72:].all()
    copied = found.copied_map()
    assert copied[:, :52].all()
    assert copied.float().mean() == pytest.approx(found.share, abs=0.05)


def test_source_map_of_a_torus_and_of_odd_sizes(exemplar: Tensor) -> None:
    image = exemplar.roll((37, 50), (1, 2))[:, :127, :101]
    found = evaluation.copy_share(image, exemplar, periodic=OPEN)
    y, x = torch.meshgrid(torch.arange(127), torch.arange(101), indexing="ij")
    seam = ((y - 37).abs() < 14) | ((x - 50).abs() < 14)
    wanted = torch.stack([(y - 37) % 128, (x - 50) % 128])
    assert (found.source_map() == wanted).all(0)[~seam].all()
    rolled = evaluation.copy_share(exemplar.roll((4, 8), (1, 2)), exemplar)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    inside = (y > 18) & (x > 22) & (y < 126) & (x < 126)
    assert (rolled.source_map() == torch.stack([y - 4, x - 8])).all(0)[inside].all()
    noisy = evaluation.copy_share(noise(3, 64, 80), exemplar)
    assert noisy.source_map().shape == (2, 64, 80)
    assert 0 <= noisy.source_map().min() <= noisy.source_map().max() <= 127


@pytest.mark.slow
def test_unused_is_the_part_that_is_missing(exemplar: Tensor) -> None:
    assert evaluation.copy_share(exemplar, exemplar, periodic=OPEN).unused == 0
    assert evaluation.copy_share(exemplar.roll((37, 50), (1, 2)), exemplar).unused < 0.05
    found = [
        evaluation.copy_share(drop(exemplar, a), exemplar, periodic=OPEN).unused for a in (0, 0.25, 0.5, 0.75)
    ]
    assert rises(found), found
    assert found[2] == pytest.approx(0.5, abs=0.15)
    assert evaluation.copy_share(blur(exemplar, 1), exemplar, periodic=OPEN).unused < 0.05


def test_diversity(photograph: Tensor) -> None:
    rolled = photograph.roll((64, 30), (1, 2))
    assert evaluation.diversity([photograph, photograph], periodic=OPEN) < 0.05
    assert evaluation.diversity([photograph, rolled, photograph]) < 0.1
    assert evaluation.diversity([noise(3, 128, 128, seed=k) for k in range(3)]) > 0.98
    half = torch.cat([photograph[:, :, :128], photograph.flip(1)[:, :, :128]], 2)
    pair = [photograph, photograph.flip(1), half]
    found = [evaluation.diversity([photograph, t], periodic=OPEN) for t in (photograph, half, pair[1])]
    assert rises(found), found


# ---------------------------------------------------------------------------------------------------- layout


def test_layout_share_of_one_shift_is_one(photograph: Tensor) -> None:
    rolled = photograph.roll((37, 90), (1, 2))
    assert evaluation.layout_share(rolled, photograph) > 0.95
    assert evaluation.layout_share(photograph, photograph, periodic=OPEN) > 0.95
    assert evaluation.layout_share(photograph[:, 40:216, 9:], photograph, periodic=OPEN) > 0.95


def test_layout_share_modulo_the_exemplar(photograph: Tensor) -> None:
    """A result of twice the size repeats it; odd sizes leave the offset within a pixel."""
    tiled = photograph.roll((37, 90), (1, 2)).repeat(1, 2, 2)
    assert evaluation.layout_share(tiled, photograph) > 0.95
    odd = photograph[:, :251, :203]
    assert evaluation.layout_share(odd.roll((37, 90), (1, 2)), odd) > 0.9


def test_layout_share_of_noise_is_zero(photograph: Tensor) -> None:
    assert evaluation.layout_share(noise(3, 256, 256), photograph) < 0.02
    assert evaluation.layout_share(noise(1, 128, 128), noise(1, 128, 128, seed=1)) < 0.02


def test_layout_share_falls_with_the_pieces(photograph: Tensor) -> None:
    """One shift, two of half the image each, sixteen."""
    one, two = (photograph.roll(shift, (1, 2)) for shift in ((37, 90), (100, 20)))
    halves = torch.cat([one[:, :128], two[:, 128:]], 1)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    blocks = photograph.view(3, 4, 64, 4, 64).transpose(2, 3).flatten(1, 2)[:, order]
    pieces = blocks.view(3, 4, 4, 64, 64).transpose(2, 3).reshape(photograph.shape)
    found = [evaluation.layout_share(t, photograph) for t in (pieces, halves, one)]
    assert rises(found), found
    assert found[0] < 0.25
    assert found[1] == pytest.approx(0.5, abs=0.1)


def test_layout_share_of_two_results(photograph: Tensor) -> None:
    """Neither has the other's pixels: noise of 30 grey levels lies between them."""
    a, b = (
        t + 0.12 * (noise(3, 256, 256, seed=k) - 0.5)
        for k, t in enumerate((photograph, photograph.roll((64, 30), (1, 2))))
    )
    assert evaluation.layout_share(a, b) > 0.9


# ------------------------------------------------------------------------------------------------ repetition


@pytest.mark.slow
def test_repetition_of_photographs_and_noise_is_zero(photograph: Tensor) -> None:
    assert evaluation.repetition(photograph, periodic=OPEN) < 0.01
    assert evaluation.repetition(noise(3, 64, 96)) == 0
    assert evaluation.repetition(torch.full((1, 64, 64), 0.3)) == 0


@pytest.mark.slow
def test_repetition_counts_both_copies(exemplar: Tensor) -> None:
    """Less than half of the image, since patches across the paste's edge do not match."""
    pasted = exemplar.clone()
    found = []
    for side in (0, 40, 64):
        pasted[:, 60 : 60 + side, 61 : 61 + side] = exemplar[:, :side, :side]
        found.append(evaluation.repetition(pasted, periodic=OPEN))
    assert rises(found), found
    assert 0.4 < found[-1] <= 0.5


@pytest.mark.slow
def test_repetition_of_tiles_is_one(exemplar: Tensor) -> None:
    assert evaluation.repetition(exemplar[:, :50, :40].repeat(1, 2, 2)) == 1
    assert evaluation.repetition(exemplar[:, :50, :40].repeat(1, 2, 2), periodic=OPEN) > 0.9
    assert evaluation.repetition(exemplar[:, :, :40].repeat(1, 1, 2)) == 1


@pytest.mark.slow
def test_repetition_between_pixels() -> None:
    """A 256 px image is halved: a copy moved by an odd number of pixels counts nearly as much."""
    if not SAMPLES.exists():
        pytest.skip("needs the samples of a checkout")
    image = read_exemplar(SAMPLES / "gravel.jpg").pixels[:, :256, :256]
    found = []
    for top, left in ((128, 126), (129, 127)):
        pasted = image.clone()
        pasted[:, top : top + 120, left : left + 128] = image[:, 4:124, 2:130]
        found.append(evaluation.repetition(pasted, periodic=OPEN))
    assert min(found) > 0.3, found


@pytest.mark.slow
def test_repetition_of_a_long_image(exemplar: Tensor) -> None:
    """Halved further, so that its time stays bounded, and still seen."""
    assert evaluation.repetition(noise(3, 64, 900)) == 0
    assert evaluation.repetition(exemplar[:, :64].repeat(1, 1, 8)) == 1


@pytest.mark.slow
def test_repetition_is_that_of_any_roll(exemplar: Tensor) -> None:
    """On the torus nothing depends on where the image begins."""
    pasted = exemplar[:, :96, :80].clone()
    pasted[:, 50:90, 41:76] = pasted[:, 2:42, 1:36]
    found = [evaluation.repetition(t) for t in (pasted, pasted.roll((33, 71), (1, 2)))]
    assert found[0] == pytest.approx(found[1], abs=0.02)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.copy_share(a, a, patch_size=50), "does not fit both"),
        (lambda a: evaluation.copy_share(a, a, neighbours=5), "1 to 4 neighbours"),
        (lambda a: evaluation.layout_share(a, a[:1]), "3 channels, the exemplar 1"),
        (lambda a: evaluation.layout_share(a, a[:, :15]), "16 px or more: exemplar has 15"),
        (lambda a: evaluation.layout_share(a[:, :15], a), "16 px or more: image has 15"),
        (lambda a: evaluation.diversity([a]), "two results or more"),
        (lambda a: evaluation.repetition(a[:, :31]), "32x32 px or more, not 40x31"),
        (lambda a: evaluation.repetition(a[0]), r"image: expected a tensor \(C, H, W\)"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 40, 40))
