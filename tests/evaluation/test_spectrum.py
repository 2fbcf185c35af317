"""Spectra and autocorrelation: closed forms, and what damage does to them."""

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


def test_autocorrelation_error_of_a_wave() -> None:
    """cos(2 pi x / p) against a flat spectrum's: correlation cos(2 pi t / p) along x, 0 for noise."""
    wave = (0.5 + 0.4 * torch.cos(2 * math.pi * torch.arange(128) / 16)).expand(1, 128, 128)
    assert evaluation.autocorrelation_error(wave, wave) == 0
    white = noise(1, 128, 128)
    assert evaluation.autocorrelation_error(white, noise(1, 128, 128, seed=1)) < 0.02
    assert evaluation.autocorrelation_error(wave, white) == pytest.approx(math.sqrt(0.5), abs=0.05)
    assert evaluation.autocorrelation_error(wave, wave.transpose(1, 2)) == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_autocorrelation_sees_periods_most(photograph: Tensor) -> None:
    """Waves of growing strength, whose period a radial spectrum of few rings hardly tells."""
    wave = torch.cos(2 * math.pi * torch.arange(256) / 40)
    found = [evaluation.autocorrelation_error(photograph + a * wave, photograph) for a in (0, 0.05, 0.1, 0.2)]
    assert rises(found), found
    assert found[2] > 2 * evaluation.autocorrelation_error(blur(photograph, 1), photograph)
    assert evaluation.autocorrelation_error(tint(photograph, 0.2), photograph) < 1e-5
    assert evaluation.autocorrelation_error(photograph.roll((60, 90), (1, 2)), photograph) < 0.12


def test_autocorrelation_error_grows_with_noise_and_blur(exemplar: Tensor) -> None:
    for damage in ("blur", "noise"):
        spoil, amounts = DAMAGES[damage]
        found = [evaluation.autocorrelation_error(spoil(exemplar, a), exemplar) for a in amounts]
        assert rises(found), found


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a: evaluation.radial_spectrum(a[:, :7]), "8x8 px or more, not 40x7"),
        (lambda a: evaluation.radial_spectrum(a * math.nan), "finite values"),
        (lambda a: evaluation.colour_error(a, a.numpy()), "exemplar: expected a tensor.*ndarray"),
        (lambda a: evaluation.autocorrelation_error(a, a[:, :7]), "8 px or more, not 7"),
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
