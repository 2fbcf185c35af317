"""Textures between exemplars: the ends, the order, what moves along the way, weights that vary."""

import pytest
import torch
import torch.nn.functional as F
from textures import clouds, photograph
from torch import Tensor

import texot
from texot.errors import InputError
from texot.evaluation import multiscale_patch_distance
from texot.files.exemplar import Exemplar
from texot.images.autocorrelation import correlation_length
from texot.jobs.interpolation import interpolation_path
from texot.jobs.interpolation_problem import Interpolation, Level
from texot.solver.options import EngineOptions

QUICK = {"quality": "draft", "n_iter": 8}


def stripes(period: int, size: int = 48) -> Tensor:
    return torch.arange(size).remainder(period).lt(period / 2).float().expand(1, size, size)


@pytest.fixture(scope="module")
def two() -> list[Tensor]:
    """Fine and bright, coarse and dark."""
    return [0.5 + 0.5 * clouds(3, 56, 56, seed=1, sigma=1), 0.6 * clouds(3, 64, 64, seed=2, sigma=3)]


@pytest.mark.parametrize("weights", [[1, 0], [0, 1]])
def test_all_the_weight_is_synthesis(two: list[Tensor], weights: list[float]) -> None:
    mixed = texot.interpolate(two, weights, size="40x44", seed=3, **QUICK)
    alone = texot.synthesize(two[weights.index(1)], "40x44", seed=3, **QUICK)
    assert torch.equal(mixed.image, alone.image)


def test_the_order_does_not_matter(two: list[Tensor]) -> None:
    third = clouds(3, 50, 50, seed=5)
    a = texot.interpolate([*two, third], [1, 2, 3], size="32x32", **QUICK)
    b = texot.interpolate([third, *two], [3, 1, 2], size="32x32", **QUICK)
    assert torch.equal(a.image, b.image)


def test_equal_exemplars_are_one(two: list[Tensor]) -> None:
    mixed = texot.interpolate([two[0], two[0].clone()], size="40x40", **QUICK)
    assert torch.equal(mixed.image, texot.synthesize(two[0], "40x40", **QUICK).image)


def test_same_seed_same_bytes(two: list[Tensor]) -> None:
    a, b, c = (texot.interpolate(two, size="32x32", seed=seed, **QUICK) for seed in (1, 1, 2))
    assert torch.equal(a.image, b.image)
    assert not torch.equal(a.image, c.image)
    assert a.settings["job"] == "interpolate"
    assert a.settings["weights"] == [0.5, 0.5]


@pytest.mark.slow
def test_moments_move_with_the_weights(two: list[Tensor]) -> None:
    means = [e.mean((1, 2)) for e in two]
    deviations = [e.std((1, 2), correction=0) for e in two]
    for t in (0.25, 0.5, 0.75):
        found = texot.interpolate(two, [1 - t, t], size="64x64", quality="draft").image
        assert torch.allclose(found.mean((1, 2)), (1 - t) * means[0] + t * means[1], atol=0.01)
        wanted = (1 - t) * deviations[0] + t * deviations[1]
        assert torch.allclose(found.std((1, 2), correction=0), wanted, rtol=0.05)


@pytest.mark.slow
def test_nearer_to_both_than_a_blend_of_pixels() -> None:
    two = [photograph(128, 128, name) for name in ("brick_old", "stonewall")]
    ends = [texot.synthesize(e, quality="draft").image for e in two]
    found = texot.interpolate(two, size="128x128", quality="draft").image

    def distance(a: Tensor, b: Tensor) -> float:
        return sum(multiscale_patch_distance(a, b, n_scales=3, n_samples=300))

    def excess(image: Tensor) -> float:
        """Without what samples of one distribution are apart: a blurred image would gain by that."""
        return sum(distance(image, e) - distance(image, image) / 2 - distance(e, e) / 2 for e in two)

    assert excess(found) < excess((ends[0] + ends[1]) / 2)


def test_features_change_their_size() -> None:
    """Between stripes of 4 and of 8 pixels there are both, or some between, and full contrast."""
    found = texot.interpolate([stripes(4), stripes(8)], size="48x48", quality="draft").image
    power = torch.fft.rfft(found[0] - found.mean(), dim=1).abs().square().sum(0)
    near = power[5:14].sum()  # periods from 9.6 to 3.7 px
    assert float(near / power.sum()) > 0.6
    assert float(found.std()) > 0.4


def test_features_shrink_at_every_weight() -> None:
    """From large spots to small ones, what is between lies in size between, in order."""
    large, small = clouds(1, 96, 96, seed=3, sigma=6), clouds(1, 96, 96, seed=4, sigma=2)
    lengths = [
        correlation_length(texot.interpolate([large, small], [1 - t, t], quality="draft").image)
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[2] < 0.8 * lengths[0]
    assert lengths[2] > 1.25 * lengths[4]


def test_enlargement_is_by_the_ratio_of_features() -> None:
    """Of features of 12 and 6 pixels, half way, one shrinks by the root of two and the other grows by it."""
    coarse = clouds(1, 128, 128, sigma=4)
    fine = F.interpolate(coarse[None], scale_factor=0.5, mode="area")[0].repeat(1, 2, 2)
    options = EngineOptions(quality="draft")
    job = Interpolation([Exemplar(coarse), Exemplar(fine)], [Level((0.5, 0.5))], (128, 128), options)
    assert job.n_pixels == pytest.approx(1.5 * 128**2, rel=0.1)
    assert job.most_pixels == job.n_pixels + 128**2
    masses = [morph.mass for morph in job.morphs]
    assert sum(masses) == pytest.approx(1)
    assert masses[0] > 10 * masses[1]  # grown pixels do not count


def test_a_map_of_one_weight_has_its_statistics(two: list[Tensor]) -> None:
    mixed = texot.interpolate(two, [0.75, 0.25], size="64x64", tile="none", quality="draft").image
    mapped = texot.interpolate(
        two, weight_map=torch.full((1, 4, 4), 0.25), size="64x64", tile="none", quality="draft"
    ).image
    assert torch.allclose(mapped.mean((1, 2)), mixed.mean((1, 2)), atol=0.02)
    assert torch.allclose(mapped.std((1, 2)), mixed.std((1, 2)), rtol=0.15)


def test_masked_pixels_play_no_part(two: list[Tensor]) -> None:
    """Whatever is under the mask, the result is the same."""
    mask = torch.ones(56, 56)
    mask[:, 40:] = 0
    one = torch.cat([two[0], mask[None]])
    other = one.clone()
    one[:3, :, 40:], other[:3, :, 40:] = 0, 1
    a, b = (texot.interpolate([e, two[1]], size="40x40", **QUICK).image for e in (one, other))
    assert torch.equal(a, b)


@pytest.mark.parametrize("name", ["horizontal", "vertical"])
def test_a_map_goes_from_one_to_the_other(two: list[Tensor], name: str) -> None:
    result = texot.interpolate(
        two, weight_map=name, size="96x64" if name == "horizontal" else "64x96", **QUICK
    )
    image = result.image if name == "horizontal" else result.image.transpose(1, 2)
    brightness = image.mean((0, 1))
    left, middle, right = brightness[:12].mean(), brightness[36:60].mean(), brightness[-12:].mean()
    wanted = [float(e.mean()) for e in two]
    assert abs(float(left) - wanted[0]) < 0.1
    assert abs(float(right) - wanted[1]) < 0.1
    assert wanted[1] < float(middle) < wanted[0]
    assert result.settings["tile"] == {"horizontal": "y", "vertical": "x"}[name]


@pytest.mark.slow
def test_an_image_as_map(two: list[Tensor]) -> None:
    plan = torch.zeros(1, 10, 10)
    plan[:, :, 5:] = 1
    image = texot.interpolate(two, weight_map=plan, size="64x48", **QUICK).image
    assert abs(float(image[:, :, :20].mean()) - float(two[0].mean())) < 0.1
    assert abs(float(image[:, :, 44:].mean()) - float(two[1].mean())) < 0.1
    whole = texot.interpolate(two, weight_map=torch.ones(1, 4, 4), size="32x32", tile="both", **QUICK).image
    assert torch.equal(whole, texot.synthesize(two[1], "32x32", **QUICK).image)


def test_grey_and_colour_go_together() -> None:
    result = texot.interpolate([clouds(1, 40, 40), clouds(3, 48, 40)], size="32x32", **QUICK)
    assert result.image.shape == (3, 32, 32)
    assert result.mode == "RGB"


@pytest.mark.slow
def test_from_the_frame_before(two: list[Tensor]) -> None:
    first = texot.interpolate(two, [0.6, 0.4], size="48x48", quality="draft")
    near = texot.interpolate(two, [0.5, 0.5], size="48x48", quality="draft", init=first.image)
    other = texot.interpolate(two, [0.5, 0.5], size="48x48", quality="draft", seed=9)
    moved, new = (float((image - first.image).abs().mean()) for image in (near.image, other.image))
    assert moved < 0.9 * new


def test_a_finished_result_of_rows_does_not_record_that_it_was_stopped() -> None:
    """Textures with rows take fewer scales, which is known when the solver has made the morphs."""
    rows = [stripes(8, 96) + 0.1 * clouds(1, 96, 96, seed=k) for k in (1, 2)]
    *_, state = texot.iter_interpolation([(row / 1.1).clamp(0, 1) for row in rows], size="96x96", **QUICK)
    assert state.total_step == state.total_steps
    assert "stopped_at" not in state.result().settings


def test_path() -> None:
    assert interpolation_path(2, 3) == [[1, 0], [0.5, 0.5], [0, 1]]
    three = interpolation_path(3, 5)
    assert three[1] == [0.5, 0.5, 0]
    assert three[2] == [0, 1, 0]
    assert all(sum(weights) == pytest.approx(1) for weights in interpolation_path(4, 11))


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (1, {}, "two exemplars or more"),
        (2, {"weights": [1]}, "1 weights for 2 exemplars"),
        (2, {"weights": [0, 0]}, "all weights are 0"),
        (2, {"weights": [1, -1]}, "a weight must be a number from 0"),
        (2, {"weights": [1, 1], "weight_map": "radial"}, "give one of the two"),
        (2, {"weight_map": "nowhere.png"}, "nowhere.png"),
        (2, {"patch_size": 90}, "patch_size 90 exceeds"),
        (2, {"novelty": 2}, "novelty must be a number from 0"),
        (2, {"init": clouds(1, 8, 8), "novelty": 0.5}, "give one of the two"),
    ],
)
def test_wrong_options(two: list[Tensor], arguments: int, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        texot.interpolate(two[:arguments], **options)


def test_kinds_that_do_not_go_together() -> None:
    with pytest.raises(InputError, match="3 channels, another 5"):
        texot.interpolate([clouds(3, 32, 32), clouds(5, 32, 32)])
