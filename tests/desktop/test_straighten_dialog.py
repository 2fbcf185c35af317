"""Laws of the part of a photograph that becomes the image. No Qt here."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from texot.desktop.settings import StraightenSettings
from texot.desktop.straightening import LEAST, Part
from texot.images.perspective import is_convex, quad_size, turned_inside

SIZE = (400, 300)
PLACES = st.tuples(st.floats(-100, 500), st.floats(-100, 400))
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("corner"), st.integers(0, 3), PLACES),
        st.tuples(st.just("move"), st.just(0), PLACES),
        st.tuples(st.just("turn"), st.just(0), st.tuples(st.floats(-45, 45), st.just(0.0))),
    ),
    max_size=8,
)


@given(CHANGES, st.booleans())
def test_a_part_is_always_in_the_photograph_and_convex(
    changes: list[tuple[str, int, tuple[float, float]]], free: bool
) -> None:
    part = Part(SIZE)
    part.set_free(free)
    for what, number, (x, y) in changes:
        if what == "corner":
            part.move_corner(number, (x, y))
        elif what == "move":
            part.move(x - 200, y - 150)
        else:
            part.turn(x)
        assert all(0 <= u <= SIZE[0] and 0 <= v <= SIZE[1] for u, v in part.corners)
        assert is_convex(part.corners)
        assert part.result_size == quad_size(part.corners)
        if not free:  # a rectangle, turned by the angle
            a, b, c, d = part.corners
            assert math.dist(a, b) == pytest.approx(math.dist(d, c), abs=1e-6)
            assert math.dist(a, c) == pytest.approx(math.dist(b, d), abs=1e-6)
            across = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
            assert across == pytest.approx(part.angle, abs=1e-3)


@pytest.mark.parametrize("angle", [-30.0, -4.5, 0.0, 12.0, 44.0])
def test_the_whole_photograph_turned_is_what_the_library_takes(angle: float) -> None:
    part = Part(SIZE)
    part.turn(angle)
    for own, theirs in zip(part.corners, turned_inside(*SIZE, angle), strict=True):
        assert own == pytest.approx(theirs, abs=1e-3)


def test_a_corner_of_a_rectangle_moves_its_neighbours() -> None:
    part = Part(SIZE)
    part.move_corner(0, (50, 40))
    assert part.corners == [(50, 40), (400, 40), (400, 300), (50, 300)]
    part.move_corner(2, (350, 260))
    assert part.corners == [(50, 40), (350, 40), (350, 260), (50, 260)]
    part.move_corner(1, (300, 60))
    assert part.corners == [(50, 60), (300, 60), (300, 260), (50, 260)]
    part.move_corner(3, (70, 250))
    assert part.corners == [(70, 60), (300, 60), (300, 250), (70, 250)]
    assert part.result_size == (230, 190)


def test_a_free_corner_moves_alone_up_to_the_edge() -> None:
    part = Part(SIZE)
    part.set_free(True)
    part.move_corner(0, (30, 20))
    assert part.corners == [(30, 20), (400, 0), (400, 300), (0, 300)]
    part.move_corner(1, (420, 10))
    assert part.corners[1][0] == pytest.approx(400)
    part.move_corner(0, (900, 900))
    assert is_convex(part.corners)
    part.set_free(False)
    assert part.result_size == SIZE


def test_a_part_keeps_a_few_pixels() -> None:
    part = Part(SIZE)
    part.move_corner(0, (400, 300))
    assert min(part.result_size) >= LEAST - 1


def test_moving_stops_at_the_edges() -> None:
    part = Part(SIZE)
    part.move_corner(2, (200, 150))
    part.move(500, 0)
    assert part.corners[0] == pytest.approx((200, 0), abs=1e-3)


def test_upright_rectangles_have_whole_pixels() -> None:
    part = Part(SIZE)
    part.move_corner(0, (50.4, 40.6))
    assert part.quad == [50, 41, 400, 41, 400, 300, 50, 300]
    part.turn(3)
    assert any(value != round(value) for value in part.quad)
    request = StraightenSettings("/a.png", tuple(part.quad), flatten=True).requests()[0]
    words = request.command_line("b.png").split()
    assert words[:3] == ["texot", "straighten", "/a.png"]
    assert [float(v) for v in words[words.index("--quad") + 1].split(",")] == part.quad
    assert "--flatten" in words
