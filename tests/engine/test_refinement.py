"""A finer start: exact where coarse patches are the exemplar's own, and made of known pixels only."""

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.engine.objective import PatchTerm
from texot.engine.refinement import with_detail
from texot.images.pyramid import Periodic, downsample_known
from texot.transport.measure import PatchMeasure


def coarse_term(
    exemplar: Tensor, patch_size: int, known: Tensor | None = None
) -> tuple[Tensor, Tensor | None, PatchTerm]:
    image, coarse_known = downsample_known(exemplar, known)
    return image, coarse_known, PatchTerm(1, PatchMeasure.from_image(image, patch_size, known=coarse_known))


@pytest.mark.parametrize("patch_size", [3, 4, 8])
@pytest.mark.parametrize("crop", [(0, 0, 18, 23), (3, 5, 11, 9), (2, 0, 8, 20)])
def test_a_piece_of_the_exemplar_gets_its_own_detail(
    patch_size: int, crop: tuple[int, int, int, int]
) -> None:
    exemplar = noise(3, 41, 50)
    coarse, _, term = coarse_term(exemplar, patch_size)
    top, left, h, w = crop
    image = coarse[:, top : top + h, left : left + w]
    found = with_detail(image, (2 * h, 2 * w), term, exemplar, None, periodic=(False, False))
    expected = exemplar[:, 2 * top + 1 : 2 * top + 1 + 2 * h, 2 * left + 1 : 2 * left + 1 + 2 * w]
    assert torch.equal(found, expected)


@pytest.mark.parametrize("size", [(24, 32), (23, 19), (31, 40)])
def test_on_a_torus_it_does_not_see_where_that_is_cut(size: tuple[int, int]) -> None:
    exemplar = clouds(1, 40, 44)
    _, _, term = coarse_term(exemplar, 4)
    image = clouds(1, -(-size[0] // 2), -(-size[1] // 2), seed=3)
    found = with_detail(image, size, term, exemplar, None, periodic=(True, True))
    assert found.shape == (1, *size)
    assert torch.isin(found, exemplar).all()
    if size == (24, 32):  # whole patches: the tilings are the same, moved
        moved = with_detail(image.roll((4, 8), (1, 2)), size, term, exemplar, None, periodic=(True, True))
        assert torch.equal(moved, found.roll((8, 16), (1, 2)))


@pytest.mark.parametrize("periodic", [(True, True), (False, False), (False, True)])
@pytest.mark.parametrize("size", [(8, 8), (7, 30), (9, 13)])
def test_images_of_about_a_patch(periodic: Periodic, size: tuple[int, int]) -> None:
    exemplar = noise(1, 30, 30)
    _, _, term = coarse_term(exemplar, 4)
    image = noise(1, -(-size[0] // 2), -(-size[1] // 2), seed=1)
    found = with_detail(image, size, term, exemplar, None, periodic=periodic)
    assert torch.isin(found, exemplar).all()


def test_the_better_of_overlapping_patches_is_taken() -> None:
    """Two halves from different places: no patch across the seam is right, and only pixels there suffer."""
    exemplar = noise(1, 48, 48)
    coarse, _, term = coarse_term(exemplar, 4)
    image = torch.cat([coarse[:, 2:14, 1:9], coarse[:, 6:18, 13:21]], 2)
    found = with_detail(image, (24, 32), term, exemplar, None, periodic=(False, False))
    expected = torch.cat([exemplar[:, 5:29, 3:19], exemplar[:, 13:37, 27:43]], 2)
    assert torch.equal(found, expected)  # tilings that end at the seam exist, and match perfectly


def test_unknown_pixels_are_never_shown() -> None:
    exemplar, known = clouds(3, 60, 60), torch.ones(60, 60, dtype=torch.bool)
    known[20:30, 25:41] = False
    exemplar[:, ~known] = 9.0
    _, _, term = coarse_term(exemplar, 4, known)
    found = with_detail(clouds(3, 20, 20, seed=1), (40, 40), term, exemplar, known, periodic=(True, True))
    assert float(found.max()) < 2
