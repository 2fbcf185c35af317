"""Laws of what goes where in the model of the window: shares, palette, settings, requests. No Qt here."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_session import Table

from texot.desktop.control_settings import OF_ONE, ControlSettings
from texot.desktop.finals import final_request
from texot.desktop.job_queue import OpenImage
from texot.desktop.label_palette import MOST, LabelPalette
from texot.desktop.requests import PICTURES, JobRequest
from texot.desktop.results import Result
from texot.desktop.settings import InpaintSettings, SynthesisSettings, TileSettings
from texot.desktop.shares import equal, in_proportion, with_one_more, with_share, without
from texot.desktop.sizes import reduced_draft
from texot.errors import InputError
from texot.files.labels import MAX_LABELS

counts = st.integers(1, 12)
weights = st.lists(st.integers(0, 100), min_size=1, max_size=12)


@given(counts)
def test_equal_shares_differ_by_one_percent_at_most(count: int) -> None:
    shares = equal(count)
    assert sum(shares) == 100
    assert max(shares) - min(shares) <= 1


@given(weights, st.integers(0, 100))
def test_parts_are_within_one_of_the_proportion(weights: list[int], whole: int) -> None:
    found = in_proportion(weights, whole)
    assert sum(found) == whole
    mass = sum(weights)
    for part, weight in zip(found, weights, strict=True):
        exact = whole * weight / mass if mass else whole / len(weights)
        assert abs(part - exact) < 1


@given(weights, st.data())
def test_a_share_has_its_value_and_the_others_keep_their_order(
    weights: list[int], data: st.DataObject
) -> None:
    shares = in_proportion(weights, 100)
    place, value = data.draw(st.integers(0, len(shares) - 1)), data.draw(st.integers(0, 100))
    found = with_share(shares, place, value)
    assert sum(found) == 100
    assert all(0 <= share <= 100 for share in found)
    assert found[place] == (value if len(shares) > 1 else 100)
    for a in range(len(shares)):
        for b in range(len(shares)):
            if place not in (a, b) and shares[a] > shares[b]:
                assert found[a] >= found[b]
    assert with_share(shares, place, shares[place]) == shares, "its own value changes nothing"


@given(weights, st.data())
def test_one_more_and_one_less_add_up(weights: list[int], data: st.DataObject) -> None:
    shares = in_proportion(weights, 100)
    more = with_one_more(shares)
    assert (len(more), sum(more)) == (len(shares) + 1, 100)
    less = without(more, data.draw(st.integers(0, len(more) - 1)))
    assert (len(less), sum(less)) == (len(shares), 100)
    assert without([100], 0) == []


def test_a_palette_adds_colours_that_are_told_apart() -> None:
    palette = LabelPalette()
    while not palette.is_full:
        palette.add()
        assert palette.colour == palette.colours[-1]
    assert len(set(palette.colours)) == len(palette.colours) == MOST == MAX_LABELS
    first = [tuple(bytes.fromhex(colour[1:])) for colour in palette.colours[:24]]
    assert (
        min(sum(abs(x - y) for x, y in zip(a, b, strict=True)) for a in first for b in first if a != b) >= 60
    )
    palette.add()
    assert len(palette.colours) == MOST


def test_a_palette_shows_the_colours_of_pictures_and_takes_picked_ones() -> None:
    palette = LabelPalette()
    palette.show(["#010203", "#010203", "#ffffff"])
    assert palette.colours == ["#010203", "#ffffff"]
    palette.pick("#ffffff")
    assert palette.current == 1
    palette.pick("#123456")
    assert palette.colour == "#123456" == palette.colours[2]
    palette.show(["#010203"])
    assert len(palette.colours) == 2, "there is another one to paint with"
    palette.choose(9)
    assert palette.current == 1


def request(**controls: object) -> JobRequest:
    return SynthesisSettings("/a.png", controls=ControlSettings(**controls)).requests()[0]  # type: ignore[arg-type]


def test_without_controls_the_request_is_the_plain_one() -> None:
    plain = request()
    assert plain.files == {"image": "/a.png"}
    assert not set(plain.arguments) & {*PICTURES, "proportions", "blend_scale", "guide_strength", "symmetry"}
    assert ControlSettings().summary == ""


def test_exemplars_have_shares_and_no_pictures_of_one() -> None:
    found = request(
        others=("/b.png",),
        shares=(30, 70),
        labels="/l.png",
        source="/s.png",
        guide="/g.png",
        target_size=(64, 48),
    )
    assert found.files == {"images": ["/a.png", "/b.png"]}
    assert found.arguments["proportions"] == [0.3, 0.7]
    assert not set(found.arguments) & set(OF_ONE)
    assert found.arguments["size"] == "64x48", "the result has the size of its guide"
    line = found.command_line("o.png")
    assert line.startswith("texot synthesize /a.png /b.png -o o.png --size 64x48")
    assert " --proportions 0.3,0.7 --blend-scale 0.5" in line


def test_labels_of_one_kind_alone_are_refused() -> None:
    for name in ("labels", "target_labels"):
        with pytest.raises(InputError, match="are missing: paint them"):
            request(**{name: "/l.png"})
    settings = ControlSettings(labels="/l.png", target_labels="/t.png", target_size=(9, 8))
    assert settings.size == "9x8"
    assert settings.summary == "labels"


def test_a_guide_exemplar_needs_its_guide() -> None:
    assert "guide_exemplar" not in request(guide_exemplar="/h.png").arguments
    both = request(guide="/g.png", guide_exemplar="/h.png", guide_strength=0.25).arguments
    assert (both["guide_exemplar"], both["guide_strength"]) == ("/h.png", 0.25)


pictures = st.fixed_dictionaries(
    {},
    optional={name: st.just(f"/{name}.png") for name in ("source", "weights_map", "guide", "guide_exemplar")},
)


@given(
    pictures,
    st.lists(st.sampled_from(["/b.png", "/c d.png"]), max_size=3),
    st.sampled_from(["none", "flips", "both"]),
    st.booleans(),
)
def test_a_request_gives_its_settings_back(
    pictures: dict[str, str], others: list[str], symmetry: str, labelled: bool
) -> None:
    shares = tuple(equal(1 + len(others))) if others else ()
    labels = {"labels": "/l.png", "target_labels": "/t.png"} if labelled else {}
    first = request(others=tuple(others), shares=shares, symmetry=symmetry, **pictures, **labels)
    again = SynthesisSettings.from_request(JobRequest.from_json(first.to_json()))
    assert again.requests() == [first]
    words = shlex.split(first.command_line("o.png"))
    for name in PICTURES:
        flag = "--" + name.replace("_", "-")
        assert (flag in words) == (name in first.arguments)


def test_painted_pictures_are_named_as_the_user_saved_them() -> None:
    table = Table()
    table.open()
    files = table.session.files
    labels, target = files.new("labels"), files.new("target labels")
    settings = ControlSettings(labels=labels, target_labels=target, target_size=(30, 20))
    made = SynthesisSettings("/a.png", controls=settings).requests()[0]
    assert files.unsaved_inputs(made) == [labels, target]
    files.set_name(labels, "l.png")
    assert files.unsaved_inputs(made) == [target]
    files.set_name(target, "t.png")
    line = made.command_line("o.png", files.names)
    assert " --labels l.png --target-labels t.png" in line
    again = made.replay_line("o.png", "p.png", files.names)
    assert again == "texot replay o.png /a.png -o p.png --labels l.png --target-labels t.png"


def test_a_batch_keeps_what_holds_for_any_image() -> None:
    settings = SynthesisSettings(
        "/a.png",
        controls=ControlSettings(
            ("/b.png",), (50, 50), source="/s.png", guide="/g.png", guide_strength=0.8, symmetry="flips"
        ),
    )
    found = settings.for_image("/other.png").requests()[0]
    assert found.files == {"image": "/other.png"}
    assert found.arguments["guide"] == "/g.png"
    assert (found.arguments["symmetry"], found.arguments["guide_strength"]) == ("flips", 0.8)
    assert "source" not in found.arguments


@pytest.mark.parametrize(
    "settings",
    [TileSettings("/a.png", source="/s.png"), InpaintSettings("/a.png", "/m.png", source="/s.png")],
)
def test_the_source_of_a_photo_is_named(settings: TileSettings | InpaintSettings) -> None:
    (made,) = settings.requests()
    assert " --source /s.png" in made.command_line("o.png")
    assert type(settings).from_request(made) == settings
    assert "source" not in replace(settings, source=None).requests()[0].arguments


def test_a_batch_has_no_source() -> None:
    settings = TileSettings("/a.png", source="/s.png")
    assert "source" not in settings.for_image("/b.png").requests()[0].arguments


def test_drafts_and_finals_have_the_controls() -> None:
    settings = ControlSettings(labels="/l.png", target_labels="/t.png", target_size=(3000, 2000))
    (draft,) = SynthesisSettings("/a.png", quality="draft", controls=settings).requests()
    run = reduced_draft(draft, {"/a.png": (2000, 2000)})
    assert run.arguments["labels"] == "/l.png"
    assert run.arguments["size"] != draft.arguments["size"], "it is reduced, from the size of the labels"
    width, height = map(int, run.arguments["size"].split("x"))
    assert width / height == pytest.approx(1.5, rel=0.01)
    source = OpenImage("/a.png", None, (), (2000, 2000))
    final = final_request(Result(draft, None, (width, height), source, "/draft.png", run=run), "normal")
    assert (final.arguments["size"], final.arguments["init"]) == ("3000x2000", "/draft.png")
    assert final.arguments["target_labels"] == "/t.png"


def test_the_final_of_several_exemplars_starts_from_a_draft_of_its_size_only() -> None:
    settings = ControlSettings(("/b.png",), (50, 50))
    (draft,) = SynthesisSettings("/a.png", "2000x2000", quality="draft", controls=settings).requests()
    source = OpenImage("/a.png", None, (), (512, 512))
    full = final_request(Result(draft, None, (2000, 2000), source, "/draft.png"), "normal")
    assert full.arguments["init"] == "/draft.png"
    reduced = final_request(Result(draft, None, (1000, 1000), source, "/draft.png"), "normal")
    assert "init" not in reduced.arguments, "its areas are elsewhere"


def test_the_summary_names_pictures_without_their_folders() -> None:
    result = Result(request(guide="/a/long/path/g.png"), None, (4, 4), OpenImage("/a.png", None), "/r.png")
    assert "guide g.png" in result.summary
    assert str(Path("/a/long")) not in result.summary
