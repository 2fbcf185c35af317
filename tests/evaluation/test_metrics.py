"""Metrics: zero or floor where images agree, larger the more they differ, each for what it is there for."""

import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from texot import InputError, TexotError, evaluation
from texot.files.exemplar import read_exemplar

SAMPLES = Path(__file__).parents[2] / "samples"
OPEN = (False, False)
Damage = Callable[[Tensor, float], Tensor]


@pytest.fixture(scope="module")
def exemplar() -> Tensor:
    """The middle of a photograph, (3, 128, 128)."""
    if not SAMPLES.exists():
        pytest.skip("needs the samples of a checkout")
    return read_exemplar(SAMPLES / "pebbles.jpg").pixels[:, 192:320, 192:320].contiguous()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def blur(image: Tensor, sigma: float) -> Tensor:
    if not sigma:
        return image
    t = torch.arange(-8.0, 9)
    kernel = torch.exp(-(t**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(image.shape[0], 1, 1, -1)
    padded = F.pad(image[None], (8, 8, 8, 8), mode="circular")
    rows = F.conv2d(padded, kernel, groups=image.shape[0])
    return F.conv2d(rows, kernel.transpose(2, 3), groups=image.shape[0])[0]


def add_noise(image: Tensor, deviation: float) -> Tensor:
    return image + deviation * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))


def tint(image: Tensor, amount: float) -> Tensor:
    return image + amount * torch.tensor([1.0, 0.0, -1.0])[:, None, None]


def drop(image: Tensor, share: float) -> Tensor:
    """Overwrite this share of the rows with what fills the rest: content goes missing."""
    keep = round(image.shape[1] * (1 - share))
    return image[:, torch.arange(image.shape[1]) % keep]


DAMAGES: dict[str, tuple[Damage, tuple[float, ...]]] = {
    "blur": (blur, (0, 1, 2, 4)),
    "noise": (add_noise, (0, 0.1, 0.2, 0.4)),
    "colour": (tint, (0, 0.1, 0.2, 0.4)),
    "dropped": (drop, (0, 0.5, 0.75)),
}


def rises(values: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(values))


# ------------------------------------------------------------------------------------------- patch transport


@pytest.mark.parametrize("metric", [evaluation.patch_distance, evaluation.excess_distance])
@pytest.mark.parametrize("damage", DAMAGES)
def test_patch_distances_grow_with_damage(
    exemplar: Tensor, damage: str, metric: Callable[..., float]
) -> None:
    spoil, amounts = DAMAGES[damage]
    if damage == "blur" and metric is evaluation.patch_distance:
        amounts = (2, 4, 8)  # its known weakness: less blur lowers it
    found = [metric(spoil(exemplar, a), exemplar, n_samples=500, periodic=OPEN) for a in amounts]
    assert rises(found), found


def test_excess_distance_of_equal_distributions_is_zero(exemplar: Tensor) -> None:
    """Within a tenth of the floor that it removes, on noise without any two equal patches."""
    a, b = noise(1, 96, 96), noise(1, 96, 96, seed=1)
    floor = evaluation.self_distance(a, n_samples=500)
    assert abs(evaluation.excess_distance(a, b, n_samples=500)) < 0.1 * floor
    assert evaluation.excess_distance(exemplar, exemplar, n_samples=500, periodic=OPEN) < 0.05 * floor


def test_patch_distance_is_the_assignment_problem(exemplar: Tensor) -> None:
    """All 16 patches of two tiny images against scipy's exact solver."""
    optimize = pytest.importorskip("scipy.optimize")
    a, b = exemplar[:, :5, :5], exemplar[:, :5, 40:48]
    count = 9  # 3x3 patches of side 3 in a; b has 18 and so gives as many
    generator = torch.Generator().manual_seed(4)
    expected = []
    for _ in range(8):
        x, y = (
            F.unfold(t[None], 3)[0].T[torch.randperm(n, generator=generator)[:count]]
            for t, n in ((a, 9), (b, 18))
        )
        cost = ((x[:, None] - y) ** 2).sum(2).double().numpy()
        expected.append(cost[optimize.linear_sum_assignment(cost)].mean())
    found = evaluation.patch_distance(a, b, patch_size=3, seed=4, periodic=OPEN)
    assert found == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_patch_distance_of_constant_images_is_the_squared_shift() -> None:
    grey = torch.full((2, 20, 24), 0.25)
    assert evaluation.patch_distance(grey, grey, patch_size=4) == 0
    shifted = evaluation.patch_distance(grey + 0.5, grey, patch_size=4)
    assert shifted == pytest.approx(2 * 16 * 0.5**2, rel=1e-6)


def test_floor_of_patch_distance(exemplar: Tensor) -> None:
    """An image and itself are no further apart than two samples of it; halves of a photograph are."""
    same = evaluation.patch_distance(exemplar, exemplar, n_samples=1000, periodic=OPEN)
    floor = evaluation.self_distance(exemplar, n_samples=1000)
    halves = evaluation.halves_distance(exemplar, n_samples=1000)
    assert 0.7 * floor < same < 1.05 * floor < halves


def test_patch_distance_wraps_where_the_image_does() -> None:
    """A ramp has a seam on the torus, wherever it is rolled to, and none when open."""
    ramp = torch.linspace(0, 1, 32).expand(1, 32, 32)
    torus, rolled = (evaluation.patch_distance(t, ramp, patch_size=4) for t in (ramp, ramp.roll(16, 2)))
    assert rolled == pytest.approx(torus, rel=0.2)
    assert torus > 3 * evaluation.patch_distance(ramp, ramp, patch_size=4, periodic=OPEN)


def test_patch_distance_is_stable_under_the_seed(exemplar: Tensor) -> None:
    """Stated tolerance: 15% of the mean between any two of 5 seeds at 1000 samples."""
    image = add_noise(exemplar, 0.05)
    found = torch.tensor(
        [evaluation.patch_distance(image, exemplar, n_samples=1000, seed=k) for k in range(5)]
    )
    assert found.max() - found.min() < 0.15 * found.mean()
    again = evaluation.patch_distance(image, exemplar, n_samples=1000, seed=4)
    assert again == pytest.approx(float(found[4]), rel=1e-6)


def test_scales_see_damage_of_their_size(exemplar: Tensor) -> None:
    fine = add_noise(exemplar, 0.1)
    blocks = exemplar.view(3, 8, 16, 8, 16)[:, torch.arange(8).flip(0)]  # of 16x16 pixels
    coarse = blocks[:, :, :, [3, 0, 7, 1, 5, 2, 6, 4]].reshape(exemplar.shape)
    floor = evaluation.multiscale_self_distance(exemplar, n_samples=500, n_scales=3)
    ratios = [
        torch.tensor(
            evaluation.multiscale_patch_distance(t, exemplar, n_samples=500, n_scales=3, periodic=OPEN)
        )
        / torch.tensor(floor)
        for t in (exemplar, fine, coarse)
    ]
    assert len(floor) == 3
    assert ((ratios[0] > 0.5) & (ratios[0] < 2)).all(), ratios
    grown = [r / ratios[0] for r in ratios[1:]]
    assert rises(grown[0].flip(0).tolist()), "noise fades with the scale"
    assert grown[1][2] > grown[1][0], "blocks out of place show in coarse patches"


def test_patch_distance_says_what_it_needs(exemplar: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(TexotError, match="need POT: pip install POT"):
        evaluation.patch_distance(exemplar, exemplar)


# ---------------------------------------------------------------------------------------- spectrum and colour


def test_spectrum_of_a_wave() -> None:
    """cos(2 pi f x): all power at f, and a quarter of the square's mean times the window's area."""
    x = torch.arange(96)
    for ring in (3, 10, 22):
        frequency = (ring + 0.5) / 48
        image = (0.5 + 0.4 * torch.cos(2 * math.pi * frequency * x)).expand(3, 96, 96)
        spectrum = evaluation.radial_spectrum(image)
        assert spectrum.argmax() == ring
        far = (torch.arange(24) - ring).abs() > 2
        assert (spectrum[far] < spectrum[ring] - 30).all()


def test_spectrum_of_white_noise_is_its_variance() -> None:
    error = evaluation.radial_spectrum(noise(1, 256, 256)) - 10 * math.log10(1 / 12)
    assert (error[6:].abs() < 1).all()  # the inner rings hold few frequencies
    assert (error.abs() < 3).all()
    assert error[6:].mean().abs() < 0.2


def test_spectrum_leaves_out_empty_rings() -> None:
    small = noise(1, 16, 17)
    assert evaluation.radial_spectrum(small).isnan().any()
    assert evaluation.spectrum_error(small, small) == 0
    assert math.isfinite(evaluation.spectrum_error(small, noise(1, 64, 40)))


def test_spectrum_error_reacts_to_blur_and_noise(exemplar: Tensor) -> None:
    assert evaluation.spectrum_error(exemplar, exemplar) == 0
    for damage in ("blur", "noise"):
        spoil, amounts = DAMAGES[damage]
        found = [evaluation.spectrum_error(spoil(exemplar, a), exemplar) for a in amounts]
        assert rises(found), found
        assert found[1] > 3
    assert evaluation.spectrum_error(tint(exemplar, 0.2), exemplar) < 1e-3
    assert evaluation.spectrum_error(exemplar.roll((20, 30), (1, 2)), exemplar) < 2.5


def test_spectrum_error_in_decibel(exemplar: Tensor) -> None:
    """Twice the contrast is 6.02 dB in every ring."""
    assert evaluation.spectrum_error(2 * exemplar, exemplar) == pytest.approx(20 * math.log10(2), abs=0.05)


def test_colour_error() -> None:
    exemplar = noise(3, 40, 50)
    mean, deviation = evaluation.colour_error(exemplar, exemplar)
    assert mean.shape == deviation.shape == (3,)
    assert not mean.any()
    assert not deviation.any()
    factor = torch.tensor([1.1, 1.0, 0.8])[:, None, None]
    mean, deviation = evaluation.colour_error(factor * exemplar, exemplar)
    assert torch.allclose(mean, torch.tensor([0.1, 0.0, 0.2]), atol=1e-5)
    assert torch.allclose(deviation, mean, atol=1e-5)
    black = torch.zeros(1, 10, 10)
    assert evaluation.colour_error(black + 1 / 255, black)[0].item() == pytest.approx(1)


def test_colour_error_reacts_to_colour_most(exemplar: Tensor) -> None:
    found = [float(evaluation.colour_error(tint(exemplar, a), exemplar)[0].max()) for a in (0, 0.1, 0.2, 0.4)]
    assert rises(found)
    assert float(evaluation.colour_error(blur(exemplar, 2), exemplar)[0].max()) < 0.01 < found[1]
    contrast = [float(evaluation.colour_error(blur(exemplar, s), exemplar)[1].max()) for s in (0, 1, 2, 4)]
    assert rises(contrast)


# --------------------------------------------------------------------------------------------------- novelty


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


# --------------------------------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.patch_distance(a, a[:1]), "3 channels, the exemplar 1"),
        (lambda a: evaluation.patch_distance(a, a, patch_size=41), "patch_size 41 does not fit.*40x40"),
        (lambda a: evaluation.patch_distance(a, a, n_samples=0), "n_samples must be at least 1"),
        (
            lambda a: evaluation.self_distance(a[0]),
            r"exemplar: expected a tensor \(C, H, W\), got \(40, 40\)",
        ),
        (lambda a: evaluation.halves_distance(a, patch_size=24), "patch_size 24 does not fit.*20x40"),
        (
            lambda a: evaluation.multiscale_patch_distance(a, a, n_scales=5, n_samples=9),
            "does not fit|no scale",
        ),
        (lambda a: evaluation.multiscale_self_distance(a, patch_size=1, n_scales=9), "no scale 5"),
        (lambda a: evaluation.radial_spectrum(a[:, :7]), "8x8 px or more, not 40x7"),
        (lambda a: evaluation.radial_spectrum(a * math.nan), "finite values"),
        (lambda a: evaluation.colour_error(a, a.numpy()), "exemplar: expected a tensor.*ndarray"),
        (lambda a: evaluation.copy_share(a, a, patch_size=50), "does not fit both"),
        (lambda a: evaluation.copy_share(a, a, neighbours=5), "1 to 4 neighbours"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 40, 40))
