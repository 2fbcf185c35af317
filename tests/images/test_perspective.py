"""Laws of homographies and of images seen through them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from texot.images.perspective import (
    copied_places,
    homography,
    is_convex,
    quad_size,
    rectangle,
    seen_through,
    turned,
    turned_inside,
)

NUMBER = st.floats(-0.3, 0.3)


def mapped(matrix: Tensor, x: float, y: float) -> tuple[float, float]:
    u, v, w = (matrix @ torch.tensor([x, y, 1.0], dtype=torch.float64)).tolist()
    return u / w, v / w


def noise(height: int = 30, width: int = 40, channels: int = 3) -> Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(1))


@settings(deadline=None)
@given(st.lists(NUMBER, min_size=8, max_size=8))
def test_a_known_homography_is_recovered(numbers: list[float]) -> None:
    known = torch.eye(3, dtype=torch.float64)
    known.view(-1)[:8] += torch.tensor(numbers, dtype=torch.float64)
    if abs(float(torch.linalg.det(known))) < 0.05:
        return
    source = rectangle(1, 1)
    if min(float(known[2] @ torch.tensor([x, y, 1.0], dtype=torch.float64)) for x, y in source) < 0.1:
        return
    found = homography(source, [mapped(known, x, y) for x, y in source])
    assert torch.allclose(found, known, atol=1e-8)


def test_three_points_on_a_line_are_refused() -> None:
    with pytest.raises(ValueError, match="on a line"):
        homography([(0, 0), (1, 0), (2, 0), (0, 1)], rectangle(1, 1))


def test_the_inverse_maps_back() -> None:
    quad = [(3.0, 1.0), (36.0, 4.0), (39.0, 28.0), (1.0, 25.0)]
    there, back = homography(rectangle(9, 7), quad), homography(quad, rectangle(9, 7))
    product = there @ back
    assert torch.allclose(product / product[2, 2], torch.eye(3, dtype=torch.float64), atol=1e-9)


def test_the_whole_image_is_copied() -> None:
    image = noise()
    assert (seen_through(image, rectangle(40, 30), (40, 30)) == image).all()


def test_a_part_of_whole_pixels_is_copied() -> None:
    image = noise()
    assert (seen_through(image, rectangle(20, 11, 7, 5), (20, 11)) == image[:, 5:16, 7:27]).all()


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
def test_quarter_turns_are_copied(quarters: int) -> None:
    image = noise()
    quad = turned_inside(40, 30, 90 * quarters)
    size = (30, 40) if quarters % 2 else (40, 30)
    assert quad_size(quad) == size
    assert (seen_through(image, quad, size) == torch.rot90(image, quarters, (1, 2))).all()


def test_what_is_between_pixels_is_not_copied() -> None:
    for quad in (rectangle(20, 10, 0.5, 0), rectangle(20.5, 10), turned(rectangle(20, 10, 5, 5), 3)):
        assert copied_places(quad, (20, 10), (40, 30)) is None


@settings(deadline=None, max_examples=25)
@given(st.floats(-40, 40), st.floats(0.4, 1.5))
def test_a_ramp_stays_a_ramp_in_turned_and_scaled_parts(angle: float, scale: float) -> None:
    """A linear image is linear through an affine map, up to a twentieth of a step from pixel to pixel."""
    y, x = torch.meshgrid(torch.arange(60) + 0.5, torch.arange(80) + 0.5, indexing="ij")
    image = (0.004 * x + 0.007 * y)[None].double()
    quad = turned(rectangle(24, 18, 28, 21), angle)
    size = (round(24 * scale), round(18 * scale))
    found = seen_through(image, quad, size)[0]
    matrix = homography(rectangle(*size), quad)
    for i, j in ((0, 0), (size[1] - 1, size[0] - 1), (size[1] // 2, 3)):
        u, v = mapped(matrix, j + 0.5, i + 0.5)
        assert float(found[i, j]) == pytest.approx(0.004 * u + 0.007 * v, abs=0.05 * 0.011)


def test_details_finer_than_a_pixel_become_their_mean() -> None:
    """A chessboard of pixels, reduced to a quarter along a slanted view, is grey, without false patterns."""
    y, x = torch.meshgrid(torch.arange(240), torch.arange(240), indexing="ij")
    image = ((x + y) % 2)[None].float()
    found = seen_through(image, [(20, 10), (230, 30), (220, 225), (5, 235)], (50, 50))
    assert float((found - 0.5).abs().max()) < 0.1
    one = seen_through(image, turned(rectangle(50, 50, 90, 90), 20), (50, 50))
    assert float((one - 0.5).abs().max()) > 0.3, "without reduction it stays sharp"


def test_a_tilted_chessboard_is_set_upright() -> None:
    """Photographed through a known homography, then corrected by its four corners."""
    board = ((torch.arange(160) // 20)[:, None] + torch.arange(160) // 20) % 2
    image = board[None].float()
    corners = [(40.0, 20.0), (220.0, 50.0), (250.0, 240.0), (15.0, 210.0)]
    window = homography(corners, rectangle(160, 160))
    whole = [mapped(window, x, y) for x, y in rectangle(260, 250)]
    photo = seen_through(image, whole, (260, 250))
    upright = seen_through(photo, corners, (160, 160))
    cells = torch.nn.functional.avg_pool2d(upright, 20)[0]
    inner = torch.nn.functional.avg_pool2d(upright[:, 5:155, 5:155], 10, 20)[0]
    assert float((inner - (board[5:155:20, 5:155:20])).abs().max()) < 0.1, cells


@settings(deadline=None)
@given(st.floats(-180, 180), st.integers(10, 90), st.integers(10, 90))
def test_a_turned_image_shows_nothing_beyond_it_and_touches_its_edges(
    angle: float, width: int, height: int
) -> None:
    quad = turned_inside(width, height, angle)
    assert is_convex(quad)
    for x, y in quad:
        assert -1e-9 <= x <= width + 1e-9
        assert -1e-9 <= y <= height + 1e-9
    near = min(min(x, width - x, y, height - y) for x, y in quad)
    assert near == pytest.approx(0, abs=1e-6)


def test_turning_is_counterclockwise() -> None:
    """What is at the right goes up."""
    image = torch.zeros(1, 41, 41)
    image[0, 20, 35] = 1.0
    found = seen_through(image, turned(rectangle(41, 41), 40), (41, 41))[0]
    y, x = divmod(int(found.argmax()), 41)
    assert (x - 20, 20 - y) == (11, 10)


def test_convex_quads_in_order() -> None:
    assert is_convex(rectangle(3, 2))
    assert not is_convex(rectangle(3, 2)[::-1])
    assert not is_convex([(0, 0), (4, 0), (1, 1), (0, 4)])
    assert quad_size([(0, 0), (10, 0), (8, 4), (0, 4)]) == (9, 4)
