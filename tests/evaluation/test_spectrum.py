"""Spectra and colour: closed forms, and what damage does to them."""

import math
from collections.abc import Callable

import pytest
import torch
from damage import DAMAGES, add_noise, blur, noise, rises, tint
from torch import Tensor

from texot import InputError, evaluation
from texot.evaluation import lattice_error


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.radial_spectrum(a[:, :7]), "8x8 px or more, not 40x7"),
        (lambda a: evaluation.radial_spectrum(a * math.nan), "finite values"),
        (lambda a: evaluation.colour_error(a, a.numpy()), "exemplar: expected a tensor.*ndarray"),
    ],
)
def test_wrong_input(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(noise(3, 40, 40))


# --------------------------------------------------------------------------------------------------- lattice


def weave(image: Tensor, period: int, amplitude: float) -> Tensor:
    y, x = (torch.arange(n) * (2 * math.pi / period) for n in image.shape[1:])
    return image + amplitude * (torch.cos(y)[:, None] + torch.cos(x))


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_weave_is_seen_and_the_more_of_it_the_more(exemplar: Tensor, period: int) -> None:
    found = [lattice_error(weave(exemplar, period, a), exemplar) for a in (0, 0.02, 0.05)]
    assert found[0] == 0
    assert found[0] < found[1] < found[2]
    assert found[2] > 1


def test_a_lattice_is_neither_blur_nor_noise_nor_a_seam(exemplar: Tensor) -> None:
    for image in (blur(exemplar, 1), add_noise(exemplar, 0.02)):
        assert abs(lattice_error(image, exemplar)) < 1.5
    assert lattice_error(exemplar.roll((30, 50), (1, 2)), exemplar) < 3  # whose seam is a cross


def test_a_lattice_needs_room(exemplar: Tensor) -> None:
    with pytest.raises(InputError, match="32x32"):
        lattice_error(exemplar[:, :20], exemplar)
