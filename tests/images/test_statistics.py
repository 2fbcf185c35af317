"""Spectrum and moments: restored where they were lost, without moving the mean or breaking the tiling."""

import pytest
import torch
from textures import clouds, noise, photograph
from torch import Tensor

from texot.images.mixing import LocalMixture, mixed
from texot.images.pyramid import Periodic, extend
from texot.images.statistics import N_BANDS, Statistics, band_power, channel_moments, match_moments


def blurred(image: Tensor, amount: float) -> Tensor:
    """A light blur on the torus: each pixel keeps 1 - 4 amount of itself and shares the rest."""
    shares = sum(image.roll(step, axis) for step in (1, -1) for axis in (1, 2))
    return (1 - 4 * amount) * image + amount * shares


def decibel(image: Tensor, reference: Tensor) -> Tensor:
    """Power of each band against another image's, over the bands that both have above 1/16 cycle a pixel."""
    (power, count), (want, _) = band_power(image), band_power(reference)
    high = (count > 0) & (torch.arange(N_BANDS) >= 4)
    return (10 * torch.log10(power / want))[high]


# ----------------------------------------------------------------------------------- moments


def test_channel_moments_are_those_of_the_known_pixels() -> None:
    image, known = noise(3, 9, 7), noise(1, 9, 7, seed=1)[0] > 0.5
    mean, deviation = channel_moments(image)
    assert mean.shape == deviation.shape == (3, 1, 1)
    assert torch.allclose(mean.flatten(), image.mean((1, 2)))
    assert torch.allclose(deviation.flatten(), image.std((1, 2), correction=0))
    hidden = torch.where(known, image, torch.tensor(1e6))
    mean, deviation = channel_moments(hidden, known)
    assert torch.allclose(mean.flatten(), image[:, known].mean(1))
    assert torch.allclose(deviation.flatten(), image[:, known].std(1, correction=0))


def test_match_moments_is_exact() -> None:
    image = noise(3, 12, 10)
    mean, deviation = (
        torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1),
        torch.tensor([0.01, 0.3, 0.1]).view(3, 1, 1),
    )
    found = channel_moments(match_moments(image, mean, deviation))
    assert torch.allclose(found[0], mean, atol=1e-6)
    assert torch.allclose(found[1], deviation, atol=1e-6)
    assert torch.allclose(match_moments(image, *channel_moments(image)), image, atol=1e-6)


@pytest.mark.parametrize("size", [(5, 6), (1, 1), (40, 40)], ids=str)
def test_constant_images_stay_finite_and_take_the_mean(size: tuple[int, int]) -> None:
    flat = torch.full((3, *size), 0.25)
    textured = Statistics.of(clouds(3, 40, 40))
    assert torch.allclose(textured.calibrate(flat), textured.mean.expand(3, *size), atol=1e-6)
    constant = Statistics.of(torch.full((3, 40, 40), 0.6))
    for image in (flat, noise(3, *size)):
        assert torch.allclose(constant.calibrate(image), torch.tensor(0.6), atol=1e-5)
    for values in band_power(flat):
        assert bool(values.isfinite().all())


# ---------------------------------------------------------------------------------- spectrum


@pytest.mark.parametrize("size", [(64, 64), (48, 37), (33, 80)], ids=str)
def test_band_power_of_white_noise_is_flat_and_its_variance(size: tuple[int, int]) -> None:
    powers = torch.stack([band_power(noise(3, *size, seed=s))[0] for s in range(6)]).mean(0)
    count = band_power(noise(3, *size))[1]
    assert float(count.sum()) == size[0] * size[1] - 1  # every frequency but zero, once
    assert torch.allclose(powers[count > 30], torch.tensor(3 / 12), rtol=0.25)


def test_band_power_is_where_the_wave_is() -> None:
    t = torch.arange(64) * 2 * torch.pi
    for frequency in (0.125, 0.3):
        wave = torch.cos(t * frequency).expand(1, 64, 64)
        band = int(frequency / 0.5**0.5 * N_BANDS)
        for image in (wave, wave.transpose(1, 2)):
            power = band_power(image)[0]
            assert abs(int(power.argmax()) - band) <= 1
            assert float(power[band + 5 :].max()) < 1e-3 * float(power.max())


def test_calibrate_restores_the_spectrum_of_a_blurred_image() -> None:
    image = noise(3, 96, 96)
    dull = blurred(image, 0.05)  # loses up to 4.4 dB
    assert float(decibel(dull, image).min()) < -4
    restored = Statistics.of(image).calibrate(dull, max_gain_db=10)
    error = decibel(restored, image)
    assert float(error.square().mean().sqrt()) < 0.3
    assert float(error.abs().max()) < 1
    assert float((restored - image).square().mean()) < 0.3 * float((dull - image).square().mean())


def test_calibrate_also_damps() -> None:
    image = clouds(3, 96, 96, sigma=0.5)
    sharp = image + 0.6 * (image - blurred(image, 0.1))
    error = decibel(Statistics.of(image).calibrate(sharp, max_gain_db=10), image)
    assert float(decibel(sharp, image).max()) > 2
    assert float(error.square().mean().sqrt()) < 0.3


@pytest.mark.parametrize("limit", [1.0, 3.0])
def test_no_band_changes_by_more_than_the_limit(limit: float) -> None:
    image = noise(1, 64, 64)
    flat_moments = Statistics.of(clouds(1, 64, 64, sigma=2))
    for statistics, other in ((Statistics.of(image), clouds(1, 64, 64, sigma=2)), (flat_moments, image)):
        own = Statistics(*channel_moments(other), statistics.power)
        before, after = (torch.fft.rfft2(i[0]).abs() for i in (other, _filtered(own, other, limit)))
        kept = before > 1e-3 * before.max()
        change = 20 * torch.log10(after[kept] / before[kept])
        assert float(change.abs().max()) < limit + 0.05


def _filtered(statistics: Statistics, image: Tensor, limit: float) -> Tensor:
    """`calibrate` without its last step, which scales all bands alike."""
    result = statistics.calibrate(image, max_gain_db=limit)
    low = torch.fft.rfft2(image[0])[0, 1] / torch.fft.rfft2(result[0])[0, 1]  # a frequency that is left alone
    return (result - result.mean()) * low.abs() + image.mean()


def test_low_frequencies_are_left_alone() -> None:
    image = clouds(1, 64, 64, sigma=1)
    statistics = Statistics(*channel_moments(image), Statistics.of(noise(1, 64, 64)).power)
    before, after = torch.fft.rfft2(image[0]), torch.fft.rfft2(statistics.calibrate(image)[0])
    below = (torch.fft.fftfreq(64)[:, None] ** 2 + torch.fft.rfftfreq(64) ** 2).sqrt() < 1 / 32
    below[0, 0] = False
    ratio = after[below] / before[below]
    assert torch.allclose(ratio, ratio[0].expand_as(ratio), rtol=1e-3)  # one factor, of the deviation


@pytest.mark.parametrize("periodic", [(True, True), (False, False), (True, False)], ids=str)
@pytest.mark.parametrize("size", [(48, 64), (33, 41), (20, 50), (7, 9)], ids=str)
def test_calibrate_gives_the_exemplars_moments_at_every_size(
    size: tuple[int, int], periodic: Periodic
) -> None:
    statistics = Statistics.of(photograph(48, 48))
    image = clouds(3, *size, seed=4)
    result = statistics.calibrate(image, periodic=periodic)
    assert result.shape == image.shape
    assert result.dtype == image.dtype
    mean, deviation = channel_moments(result)
    assert torch.allclose(mean, statistics.mean, atol=1e-5)
    assert torch.allclose(deviation, statistics.deviation, atol=1e-5)


def test_an_image_with_the_statistics_already_stays() -> None:
    image = photograph(64, 64)
    assert torch.allclose(Statistics.of(image).calibrate(image), image, atol=1e-4)


def test_exemplars_with_unknown_pixels_give_moments_only() -> None:
    image, known = photograph(48, 48), torch.ones(48, 48, dtype=torch.bool)
    known[5:9, 7:20] = False
    statistics = Statistics.of(torch.where(known, image, torch.tensor(1e6)), known)
    assert statistics.power is None
    assert float(statistics.mean.max()) <= 1
    assert Statistics.of(photograph(31, 48)).power is None


# -------------------------------------------------------------------------- torus, open axes


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("both", [True, False])
def test_calibrate_commutes_with_rolling_a_periodic_axis(axis: int, both: bool) -> None:
    image = clouds(1, 64, 64, sigma=1)
    statistics = Statistics(*channel_moments(image), torch.full((N_BANDS,), 1e9))  # every band at the limit
    periodic = (True, True) if both else (axis == 1, axis == 2)
    here = statistics.calibrate(image.roll(17, axis), periodic=periodic)
    there = statistics.calibrate(image, periodic=periodic).roll(17, axis)
    assert torch.allclose(here, there, atol=1e-5)


def test_open_axes_do_not_wrap() -> None:
    """A ramp does not tile: filtered on the torus it rings at its ends, on open axes it does not."""
    ramp = torch.linspace(0, 1, 64).expand(1, 64, 64) + 0.02 * noise(1, 64, 64)
    statistics = Statistics(*channel_moments(ramp), torch.full((N_BANDS,), 1e9))
    ends = {}
    for periodic in ((True, True), (True, False)):
        result = statistics.calibrate(ramp, periodic=periodic)
        trend = result.mean(1)[0]
        inside = trend[20:44]
        slope = float(inside[-1] - inside[0]) / 23
        ends[periodic] = abs(float(trend[0]) - (float(inside[0]) - 20 * slope))
    assert ends[True, False] < 0.25 * ends[True, True]


def test_an_open_axis_is_filtered_as_if_its_border_went_on() -> None:
    image = clouds(1, 64, 64, sigma=1)
    statistics = Statistics(*channel_moments(image), torch.full((N_BANDS,), 1e9))
    result = statistics.calibrate(image, periodic=(False, False))
    assert bool(result.isfinite().all())
    wide = extend(image, (48, 48), (False, False))
    far = Statistics(*channel_moments(wide), statistics.power).calibrate(wide, periodic=(False, False))
    inside = far[:, 48:-48, 48:-48]
    mean, deviation = channel_moments(result)
    assert torch.allclose(match_moments(inside, mean, deviation), result, atol=0.02)


def test_between_two_textures_amplitudes_are_averaged() -> None:
    two = [Statistics.of(noise(3, 64, 64, seed=k) * (k + 1) / 2) for k in (0, 1)]
    between = mixed(two, [0.25, 0.75])
    assert torch.allclose(between.mean, 0.25 * two[0].mean + 0.75 * two[1].mean)
    assert between.power is not None
    assert two[0].power is not None
    assert two[1].power is not None
    wanted = (0.25 * two[0].power.sqrt() + 0.75 * two[1].power.sqrt()) ** 2
    assert torch.allclose(between.power, wanted)
    assert torch.allclose(mixed(two, [0.0, 1.0]).power, two[1].power)  # type: ignore[arg-type]


def test_weights_that_vary_but_do_not_are_those_that_do_not() -> None:
    two = [Statistics.of(noise(1, 64, 64, seed=1)), Statistics.of(0.5 * clouds(1, 64, 64, seed=2))]
    image = 0.7 * clouds(1, 64, 64, seed=3) + 0.1
    maps = torch.tensor([0.3, 0.7])[:, None, None].expand(2, 64, 64)
    everywhere = mixed(two, [0.3, 0.7])
    plain = everywhere.clip(everywhere.calibrate(image))
    local = LocalMixture(two, maps).calibrate(image, periodic=(True, True))
    assert float((plain - local).abs().mean()) < 0.02 * float(image.std())


def test_moments_follow_the_map() -> None:
    two = [Statistics.of(0.2 + 0.1 * noise(3, 64, 64)), Statistics.of(0.4 + 0.6 * noise(3, 64, 64))]
    ramp = torch.linspace(0, 1, 96).expand(64, 96)
    found = LocalMixture(two, torch.stack([1 - ramp, ramp])).calibrate(
        noise(3, 64, 96, seed=4), periodic=(True, False)
    )
    for part, t in ((found[:, :, :16], 8 / 96), (found[:, :, 40:56], 0.5), (found[:, :, -16:], 88 / 96)):
        for axis in ("mean", "deviation"):
            wanted = (1 - t) * getattr(two[0], axis) + t * getattr(two[1], axis)
            have = part.mean((1, 2)) if axis == "mean" else part.std((1, 2), correction=0)
            assert torch.allclose(have, wanted.flatten(), atol=0.03)
