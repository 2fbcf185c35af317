"""Patch measures: masses sum to one, cover pixels evenly, shun unknown pixels, and survive subsampling."""

import pytest
import torch
import torch.nn.functional as F
from textures import clouds, noise, photograph
from torch import Tensor

from texot.errors import InputError
from texot.images.patches import extract_patches
from texot.kernels import laguerre_cells
from texot.transport.measure import PatchMeasure, coverage_weights


def positions(height: int, width: int) -> Tensor:
    """An image whose every pixel tells its own index."""
    return torch.arange(height * width, dtype=torch.float32).view(1, height, width)


def corners(measure: PatchMeasure, width: int) -> tuple[Tensor, Tensor]:
    """Row and column of the first pixel of every patch of a measure on `positions`."""
    index = measure.y[:, 0].long()
    return index // width, index % width


def coverage(weights: Tensor, patch_size: int) -> Tensor:
    """How much mass covers each pixel, (H, W)."""
    return F.conv_transpose2d(weights[None, None], torch.ones(1, 1, patch_size, patch_size))[0, 0]


def unevenness(cover: Tensor) -> float:
    return float(cover.std(correction=0) / cover.mean())


# --------------------------------------------------------------------------- whole exemplars


@pytest.mark.parametrize("patch_size", [1, 3, 5])
@pytest.mark.parametrize("size", [(5, 5), (8, 11), (5, 30)], ids=str)
@pytest.mark.parametrize("uniform", [False, True])
def test_whole_exemplar_gives_all_its_patches(size: tuple[int, int], patch_size: int, uniform: bool) -> None:
    image = noise(3, *size)
    measure = PatchMeasure.from_image(image, patch_size, uniform=uniform)
    assert torch.equal(measure.y, extract_patches(image, patch_size))
    assert len(measure) == (size[0] - patch_size + 1) * (size[1] - patch_size + 1)
    assert float(measure.nu.sum()) == pytest.approx(1, abs=1e-5)
    assert bool((measure.nu > 0).all())
    assert torch.allclose(measure.centre, measure.nu @ measure.y)
    if uniform or patch_size == 1:
        assert torch.allclose(measure.nu, torch.tensor(1 / len(measure)))


def test_weights_are_normalised_and_checked() -> None:
    y = noise(1, 5, 12)[0]
    measure = PatchMeasure(y, torch.arange(1.0, 6))
    assert measure.nu.tolist() == pytest.approx([k / 15 for k in range(1, 6)])
    for nu in (
        torch.tensor([1.0, 1, 0, 1, 1]),
        torch.tensor([1.0, -1, 1, 1, 1]),
        torch.full((5,), torch.nan),
    ):
        with pytest.raises(InputError, match="positive"):
            PatchMeasure(y, nu)
    for bad_y, bad_nu in ((y, torch.ones(4)), (y[0], torch.ones(12)), (y[:0], torch.ones(0))):
        with pytest.raises(InputError, match=r"needs y \(m, d\)"):
            PatchMeasure(bad_y, bad_nu)


def test_dtype_of_the_image_is_kept() -> None:
    measure = PatchMeasure.from_image(noise(1, 9, 9).double(), 3, max_patches=20)
    assert measure.y.dtype == measure.nu.dtype == measure.key.dtype == torch.float64


@pytest.mark.parametrize(
    ("size", "patch_size"), [((16, 16), 8), ((12, 12), 4), ((32, 20), 4), ((64, 64), 8)], ids=str
)
def test_coverage_is_far_more_even_than_that_of_equal_weights(size: tuple[int, int], patch_size: int) -> None:
    image = torch.zeros(1, *size)
    weights = coverage_weights(image, patch_size)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-5)
    even, equal = (coverage(w, patch_size) for w in (weights, torch.ones_like(weights)))
    assert unevenness(even) < unevenness(equal) / 2
    assert float(even.min() / even.mean()) > 0.4  # no pixel is nearly lost
    assert float(equal.min() / equal.mean()) < 0.12


def test_coverage_by_the_general_way_equals_the_separable_one() -> None:
    image = torch.zeros(1, 13, 18)
    known = torch.ones(13, 18, dtype=torch.bool)
    assert torch.allclose(coverage_weights(image, 4), coverage_weights(image, 4, known), atol=1e-6)


def test_coverage_is_even_around_holes_too() -> None:
    image, known = torch.zeros(1, 24, 24), torch.ones(24, 24, dtype=torch.bool)
    known[8:11, 9:14] = False
    known[:3, :2] = False
    weights = coverage_weights(image, 4, known)
    even, equal = (coverage(w, 4) for w in (weights, (weights > 0).float()))
    assert float(even[~known].max()) == 0
    within = equal > 0
    assert unevenness(even[within]) < unevenness(equal[within]) / 2
    assert float(even[within].min() / even[within].mean()) > 0.4


# ---------------------------------------------------------------------------- unknown pixels


@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize("max_patches", [None, 40])
def test_no_patch_touches_an_unknown_pixel(max_patches: int | None, uniform: bool) -> None:
    known = noise(1, 30, 26, seed=5)[0] > 0.03
    known[10:14, 5:20] = False
    image = torch.where(known, noise(3, 30, 26), torch.tensor(9.0))
    generator = torch.Generator().manual_seed(0)
    measure = PatchMeasure.from_image(
        image, 3, known=known, max_patches=max_patches, uniform=uniform, generator=generator
    )
    everything = extract_patches(image, 3)
    allowed = everything[(everything <= 1).all(1)]
    assert float(measure.y.max()) <= 1
    assert float(measure.nu.sum()) == pytest.approx(1, abs=1e-5)
    if max_patches is None:
        assert sorted(measure.y.tolist()) == sorted(allowed.tolist())
    else:
        rows = {tuple(row) for row in allowed.tolist()}
        assert {tuple(row) for row in measure.y.tolist()} <= rows
        assert 20 <= len(measure) <= 40


def test_no_patch_at_all_is_an_error_with_its_remedy() -> None:
    known = torch.ones(8, 8, dtype=torch.bool)
    known[::2] = False
    for image, patch_size, mask in ((noise(1, 3, 9), 4, None), (noise(1, 8, 8), 2, known)):
        with pytest.raises(InputError, match="--patch-size or --n-scales"):
            PatchMeasure.from_image(image, patch_size, known=mask)


# ------------------------------------------------------------------------------- subsampling


@pytest.mark.parametrize("count", [1, 2, 7, 50, 100, 500])
@pytest.mark.parametrize("size", [(40, 40), (4, 600), (600, 4), (37, 61), (150, 13)], ids=str)
def test_subsample_holds_nearly_as_many_as_allowed(size: tuple[int, int], count: int) -> None:
    measure = PatchMeasure.from_image(
        positions(*size), 4, max_patches=count, generator=torch.Generator().manual_seed(1)
    )
    assert 0.8 * count <= len(measure) <= count
    assert len(measure.y.unique(dim=0)) == len(measure)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_subsample_is_bounded_between_scattered_holes_too(share: float) -> None:
    known = noise(1, 100, 100, seed=2)[0] > share
    measure = PatchMeasure.from_image(
        positions(100, 100), 4, known=known, max_patches=400, generator=torch.Generator().manual_seed(1)
    )
    assert 300 <= len(measure) <= 400


def blocks(measure: PatchMeasure, size: tuple[int, int], count: int) -> Tensor:
    """The mass in each of count x count blocks of the exemplar, by the patches' corners."""
    row, column = corners(measure, size[1])
    block = (row * count // size[0]) * count + column * count // size[1]
    return torch.zeros(count**2).index_add_(0, block, measure.nu)


@pytest.mark.parametrize("size", [(64, 64), (40, 100)], ids=str)
@pytest.mark.parametrize("holes", [False, True])
def test_every_part_of_the_exemplar_keeps_its_mass(size: tuple[int, int], holes: bool) -> None:
    image, known = positions(*size), None
    if holes:
        known = torch.ones(size, dtype=torch.bool)
        known[10:25, 5:30] = False
    whole = blocks(PatchMeasure.from_image(image, 4, known=known), size, 4)
    kept = []
    for seed in range(6):
        generator = torch.Generator().manual_seed(seed)
        part = PatchMeasure.from_image(image, 4, known=known, max_patches=400, generator=generator)
        kept.append(blocks(part, size, 4))
        assert torch.allclose(kept[-1], whole, rtol=0.35, atol=0.004)
    assert torch.allclose(torch.stack(kept).mean(0), whole, rtol=0.1, atol=0.002)


def test_a_cell_is_represented_in_proportion_to_the_weights() -> None:
    image = positions(5, 5)
    weights = PatchMeasure.from_image(image, 2).nu
    drawn = torch.zeros(25)
    for seed in range(600):
        one = PatchMeasure.from_image(image, 2, max_patches=1, generator=torch.Generator().manual_seed(seed))
        assert len(one) == 1
        assert float(one.nu) == 1
        drawn[one.y[0, 0].long()] += 1 / 600
    found = drawn.view(5, 5)[:4, :4].flatten()
    assert float((found - weights).abs().max()) < 0.035  # over twice the deviation of 600 draws
    assert float(found.sum()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("uniform", [False, True])
def test_draws_follow_their_generator_alone(uniform: bool) -> None:
    image, found = noise(1, 20, 20), []
    for seed in (0, 0, 1):
        torch.rand(7)  # the global state moves on
        generator = torch.Generator().manual_seed(seed)
        measure = PatchMeasure.from_image(image, 4, max_patches=50, uniform=uniform, generator=generator)
        found.append(measure.y)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_published_draw_is_without_replacement_and_equal() -> None:
    measure = PatchMeasure.from_image(
        positions(30, 30), 4, max_patches=200, uniform=True, generator=torch.Generator().manual_seed(0)
    )
    assert len(measure) == len(measure.y.unique(dim=0)) == 200
    assert torch.allclose(measure.nu, torch.tensor(1 / 200))


# ------------------------------------------------------------------------------ search space


def test_search_space_finds_nearly_the_same_cells() -> None:
    exemplar, other = photograph(48, 48), photograph(48, 96)[:, :, 48:]
    full = PatchMeasure.from_image(exemplar, 8)
    few = PatchMeasure.from_image(exemplar, 8, search_dim=48)
    assert few.key.shape == (len(full), 48)
    assert torch.allclose(few.axes.T @ few.axes, torch.eye(48), atol=1e-4)
    x = extract_patches(other, 8, stride=3)
    psi = 0.1 * noise(1, 1, len(full)).flatten()
    best, found = (laguerre_cells(m.project(x), m.key, psi) for m in (full, few))
    assert float((best == found).float().mean()) > 0.9
    cost_best, cost_found = (((x - full.y[c]) ** 2).sum(1) - psi[c] for c in (best, found))
    assert float((cost_found.mean() - cost_best.mean()) / cost_best.mean()) < 0.005


def test_search_space_of_all_dimensions_is_the_patches_themselves() -> None:
    measure = PatchMeasure.from_image(noise(1, 9, 9), 3, search_dim=48)
    assert measure.axes is None
    assert torch.equal(measure.key, measure.y - measure.centre)
    assert torch.equal(measure.project(measure.y), measure.key)


# ----------------------------------------------------------------------------- odd exemplars


def test_constant_exemplar() -> None:
    image = torch.full((3, 12, 12), 0.4)
    measure = PatchMeasure.from_image(image, 4, search_dim=8)
    for values in (measure.y, measure.nu, measure.key, measure.project(measure.y)):
        assert bool(values.isfinite().all())
    assert float(measure.key.abs().max()) < 1e-6
    assert torch.allclose(measure.y, torch.tensor(0.4))


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (1, 6), (6, 1)], ids=str)
def test_patch_as_large_as_the_exemplar(size: tuple[int, int]) -> None:
    patch_size = min(size)
    image = clouds(3, *size)
    measure = PatchMeasure.from_image(image, patch_size, search_dim=2, max_patches=10)
    assert len(measure) == max(size) - patch_size + 1
    assert float(measure.nu.sum()) == pytest.approx(1, abs=1e-6)
    if size == (4, 4):
        assert torch.equal(measure.y[0], image.flatten())
