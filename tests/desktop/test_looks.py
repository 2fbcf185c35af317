"""Laws of the looks of materials, without Qt: which pictures are asked for, and which are shown."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_session import Table, drafts

from texot.desktop.looks import FINE_SIDE, LIT, MIN_ELEVATION, SIDE, Light, Looks
from texot.desktop.results import Result
from texot.errors import InputError

MAPS = ["basecolor", "normal"]


class Shelf(Table):
    """A table with an open material and its looks."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = Looks(self.session)
        self.open_material()

    def open_material(self, path: str = "/rock") -> None:
        self.session.open(path)
        self.answer("opened", f"pixels of {path}", path=path, size=[40, 36], maps=MAPS)

    def made(self) -> Result:
        self.session.generate(drafts())
        self.done(file="/session/result-1", maps=MAPS, names=["a_basecolor.png", "a_normal.png"])
        return self.session.results[-1]

    def asked(self, do: str) -> list[tuple[str, object]]:
        return [(r["path"], r.get("role", r.get("light"))) for r in self.worker.requests if r["do"] == do]

    @property
    def picture(self) -> object:
        return self.looks.picture(self.session.image)


def test_images_have_no_looks(table: Table) -> None:
    looks = Looks(table.session)
    looks.choose(LIT)
    looks.move_light(Light())
    assert not looks.choices
    assert not looks.is_lit
    assert len(table.worker.requests) == 1


@pytest.fixture
def table() -> Table:
    found = Table()
    found.open()
    return found


def test_a_material_has_its_maps_and_a_lit_look() -> None:
    shelf = Shelf()
    assert shelf.session.image.maps == tuple(MAPS)
    assert shelf.session.message == "/rock: 40x36 px, basecolor, normal"
    assert shelf.looks.choices == [*MAPS, LIT]
    assert shelf.picture is None, "its own picture is shown"


def test_each_map_is_asked_for_once_and_the_first_never() -> None:
    shelf = Shelf()
    shelf.looks.choose("basecolor")
    assert not shelf.asked("map")
    shelf.looks.choose("normal")
    shelf.looks.choose("basecolor")
    shelf.looks.choose("normal")
    assert shelf.asked("map") == [("/rock", "normal")]
    shelf.answer("map", "normals", size=[40, 36])
    assert shelf.picture == "normals"
    shelf.looks.choose("basecolor")
    assert shelf.picture is None
    shelf.looks.choose("normal")
    assert shelf.picture == "normals"
    assert len(shelf.asked("map")) == 1


def test_the_look_holds_for_results() -> None:
    shelf = Shelf()
    shelf.looks.choose("normal")
    result = shelf.made()
    assert shelf.asked("map") == [("/rock", "normal"), ("/session/result-1", "normal")]
    shelf.answer("map", "normals of the result", size=[40, 36])
    assert shelf.looks.picture(result) == "normals of the result"
    assert shelf.looks.picture(shelf.session.image) is None


def test_what_is_not_shown_any_more_is_forgotten() -> None:
    shelf = Shelf()
    shelf.looks.choose("normal")
    late = shelf.last["id"]
    shelf.open_material("/other")
    assert shelf.asked("map")[-1] == ("/other", "normal")
    shelf.answer("map", "late", number=late, size=[40, 36])
    assert shelf.picture is None
    shelf.open()
    assert not shelf.looks.choices


def test_a_failure_is_said_once_and_tried_again_when_asked() -> None:
    shelf = Shelf()
    shelf.looks.choose(LIT)
    shelf.answer("error", text="cannot read the folder '/rock'")
    assert shelf.session.failure == "cannot read the folder '/rock'"
    for azimuth in range(5):
        shelf.looks.move_light(Light(azimuth))
    assert len(shelf.asked("lit")) == 1
    shelf.looks.choose(LIT)
    assert len(shelf.asked("lit")) == 2
    shelf.session.worker_ended("it crashed")
    shelf.looks.choose(LIT)
    assert len(shelf.asked("lit")) == 3


@given(st.lists(st.one_of(st.none(), st.integers(0, 359)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_the_last_light_is_shown_and_one_request_is_under_way(steps: list[int | None]) -> None:
    """None: the worker answers; a number: the light moves."""
    shelf = Shelf()
    shelf.looks.choose(LIT)
    open_requests = 1

    def answer() -> None:
        nonlocal open_requests
        before = len(shelf.asked("lit"))
        shelf.answer("lit", shelf.last["light"], size=[40, 36])
        open_requests += len(shelf.asked("lit")) - before - 1

    for step in steps:
        if step is not None:
            before = len(shelf.asked("lit"))
            shelf.looks.move_light(Light(step, 30))
            open_requests += len(shelf.asked("lit")) - before
        elif open_requests:
            answer()
        assert 0 <= open_requests <= 1
    for _ in range(2):
        if open_requests:
            answer()
    assert not open_requests
    assert shelf.picture == [shelf.looks.light.azimuth, shelf.looks.light.elevation]


def test_a_light_that_rests_gives_a_finer_picture() -> None:
    shelf = Shelf()
    shelf.looks.choose(LIT)
    assert shelf.last["side"] == SIDE
    shelf.answer("lit", "coarse", size=[40, 36])
    shelf.looks.move_light(shelf.looks.light, rests=True)
    assert shelf.last["side"] == FINE_SIDE
    assert shelf.picture == "coarse", "until it comes"


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_the_light_of_a_place(x: float, y: float) -> None:
    light = Light.at(x, y)
    assert 0 <= light.azimuth <= 360
    assert MIN_ELEVATION <= light.elevation <= 90
    distance = math.hypot(x, y)
    if 0.01 < distance < 1:
        across = math.cos(math.radians(light.azimuth)), math.sin(math.radians(light.azimuth))
        assert across == pytest.approx((x / distance, y / distance), abs=0.01)


def test_the_light_is_from_the_viewer_in_the_middle_and_lower_outside() -> None:
    assert Light.at(0, 0).elevation == 90
    assert Light.at(0.5, 0) == Light(0, 50)
    assert Light.at(0, 1) == Light(90, MIN_ELEVATION)
    assert Light.at(-2, 0) == Light(180, MIN_ELEVATION)


def test_a_result_is_a_folder_of_a_name() -> None:
    shelf = Shelf()
    result = shelf.made()
    assert result.file_name == "rock-0"
    assert result.command_line({}).startswith("texot synthesize /a.png -o rock-0 ")
    shelf.session.saves.selected("/out", overwrite=True)
    assert (shelf.last["file"], shelf.last["path"], shelf.last["overwrite"]) == (
        "/session/result-1",
        "/out",
        True,
    )


def test_a_stopped_material_is_repeated_from_where_it_is_saved() -> None:
    result = Shelf().made()
    result.settings["stopped_at"] = 3
    with pytest.raises(InputError, match="it was stopped: save it first"):
        result.command_line({})
    result.saved = "/out/rock.v2"
    assert result.command_line({}) == "texot replay /out/rock.v2 /a.png -o /out/rock.v2-replay"
