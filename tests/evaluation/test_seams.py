"""Seams: none where an image tiles, and the larger the more its edges differ."""

import math

import pytest
import torch
from damage import add_noise, blur, noise, rises, tint
from torch import Tensor

from texot import InputError, evaluation


def test_a_torus_has_no_seam(photograph: Tensor) -> None:
    """Mirrored copies meet their like; noise has no neighbours to differ from; a wave goes on."""
    mirrored = torch.cat([photograph, photograph.flip(1)], 1)
    mirrored = torch.cat([mirrored, mirrored.flip(2)], 2)
    assert evaluation.seam_score(mirrored) < 1.2
    assert evaluation.seam_score(noise(3, 128, 96)) < 1.4
    wave = torch.cos(2 * math.pi * torch.arange(64) / 16)
    assert evaluation.seam_score((wave[:, None] + wave)[None]) < 1.3
    assert evaluation.seam_score(torch.full((1, 40, 40), 0.3)) == 1


def test_a_photograph_has_a_seam_that_any_roll_moves_inside(photograph: Tensor) -> None:
    open_edges = evaluation.seam_score(photograph)
    assert open_edges > 3
    assert evaluation.seam_score(photograph.roll((90, 70), (1, 2))) < 1.2
    assert evaluation.seam_score(photograph, periodic=(False, False)) == 1
    one = torch.cat([photograph, photograph.flip(1)], 1)  # tiles along y alone
    assert evaluation.seam_score(one, periodic=(True, False)) < 1.2 < evaluation.seam_score(one)


def test_a_seam_grows_with_the_step_across_it() -> None:
    """A ramp in brightness: only the edge has the step."""
    found = []
    for height in (0, 0.1, 0.2, 0.4):
        image = 0.2 * noise(1, 96, 96) + height * torch.linspace(0, 1, 96)
        found.append(evaluation.seam_score(image))
    assert rises(found), found


def test_a_seam_is_neither_blur_nor_noise_nor_colour(photograph: Tensor) -> None:
    tiling = photograph.roll((90, 70), (1, 2))
    for image in (blur(tiling, 2), add_noise(tiling, 0.1), tint(tiling, 0.2)):
        assert evaluation.seam_score(image) < 1.4


def test_wrong_input() -> None:
    with pytest.raises(InputError, match="8x8 px or more, not 40x7"):
        evaluation.seam_score(noise(1, 7, 40))
