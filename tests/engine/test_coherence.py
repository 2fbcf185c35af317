"""The last step takes the exemplar's own pixels: those it has already stay, a weave goes, grain does not."""

import pytest
import torch
from textures import clouds, noise
from torch import Tensor

from texot.engine.coherence import coherent
from texot.engine.objective import PatchTerm
from texot.images.pyramid import Periodic
from texot.transport.measure import PatchMeasure

OPEN: Periodic = (False, False)


def term_of(exemplar: Tensor, patch_size: int = 4, known: Tensor | None = None) -> PatchTerm:
    return PatchTerm(0, PatchMeasure.from_image(exemplar, patch_size, known=known))


@pytest.mark.parametrize("patch_size", [1, 2, 3, 4])
@pytest.mark.parametrize("crop", [(0, 0, 24, 31), (5, 3, 17, 19), (9, 0, 23, 40)])
def test_a_piece_of_the_exemplar_stays(patch_size: int, crop: tuple[int, int, int, int]) -> None:
    exemplar = noise(3, 41, 50)
    top, left, h, w = crop
    image = exemplar[:, top : top + h, left : left + w]
    found = coherent(image, term_of(exemplar, patch_size), exemplar, periodic=OPEN)
    torch.testing.assert_close(found, image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(24, 24), (23, 26), (9, 8)])
@pytest.mark.parametrize("periodic", [(True, True), (False, True), (True, False)])
def test_a_torus_stays(size: tuple[int, int], periodic: Periodic) -> None:
    """The exemplar shows a torus twice along both axes, so every wrapped window is somewhere in it."""
    tile = noise(3, *size)
    exemplar = tile.repeat(1, 2, 2)
    image = tile.roll((3, 5), (1, 2)) if periodic == (True, True) else tile
    found = coherent(image, term_of(exemplar), exemplar, periodic=periodic)
    torch.testing.assert_close(found, image, atol=1e-5, rtol=0)


def test_a_weave_goes() -> None:
    exemplar = clouds(3, 64, 64)
    own = exemplar[:, 8:48, 12:52]
    weave = 0.02 * (1 - 2 * ((torch.arange(40)[:, None] + torch.arange(40)) % 2).float())
    found = coherent(own + weave, term_of(exemplar), exemplar, periodic=OPEN)
    assert float((found - own).abs().mean()) < 0.4 * float(weave.abs().mean())


def test_grain_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Independent noise is nearer to something flat than to other noise: by plain distance more is lost."""
    exemplar = 0.5 + 0.1 * torch.cat([noise(1, 48, 48) - 0.5, torch.zeros(1, 48, 48)], 2)
    grain = 0.5 + 0.1 * (noise(1, 40, 40, seed=5) - 0.5)
    found = coherent(grain, term_of(exemplar), exemplar, periodic=OPEN)
    monkeypatch.setattr("texot.engine.coherence._FLAT", 1e6)  # contrast plays no part
    plain = coherent(grain, term_of(exemplar), exemplar, periodic=OPEN)
    assert float(found.var()) > 1.3 * float(plain.var())
    assert float(found.var()) > 0.3 * float(grain.var())


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    exemplar, image = clouds(3, 50, 50), clouds(3, 45, 52, seed=3)
    term = term_of(exemplar)
    whole = coherent(image, term, exemplar, periodic=(True, False))
    monkeypatch.setattr("texot.engine.coherence._MOST", 60)
    parts = coherent(image, term, exemplar, periodic=(True, False))
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0)


def test_where_no_window_fits_nothing_changes() -> None:
    image, exemplar = noise(1, 20, 20), noise(1, 7, 30)
    assert torch.equal(coherent(image, term_of(exemplar), exemplar, periodic=OPEN), image)
    narrow = noise(1, 20, 6)
    assert torch.equal(coherent(narrow, term_of(noise(1, 20, 20)), noise(1, 20, 20), periodic=OPEN), narrow)
