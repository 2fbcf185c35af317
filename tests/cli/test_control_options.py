"""`texot synthesize` of several exemplars, with weights, labels, guides and symmetry."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line
from materials import make_material
from PIL import Image

QUICK = ["--quality", "draft", "--n-iter", "2", "--threads", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a dark and a light image, a label picture, a guide, and two materials."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    for name, low in (("dark", 0), ("light", 180)):
        Image.fromarray(random.integers(low, low + 70, (40, 44, 3), np.uint8)).save(f"{name}.png")
    labels = np.zeros((40, 44, 3), np.uint8)
    labels[:, 20:] = 250, 0, 0
    Image.fromarray(labels).save("labels.png")
    Image.fromarray(np.arange(30 * 50).reshape(30, 50).astype(np.uint8)).save("guide.png")
    make_material(tmp_path / "a", 1)
    make_material(tmp_path / "b", 2)
    return tmp_path


def test_several_exemplars_share_the_result(folder: Path) -> None:
    done = call("synthesize", "dark.png", "light.png", "-o", "out.png", "--proportions", "1,3", *QUICK)
    assert done.exit_code == 0, done.stderr
    with Image.open("out.png") as image:
        light = float((np.asarray(image).mean(-1) > 128).mean())
    assert light == pytest.approx(0.75, abs=0.04)
    facts = json.loads(call("info", "out.png", "--json").stdout)
    assert facts["proportions"] == [0.25, 0.75]


def test_the_result_has_the_size_of_what_it_follows(folder: Path) -> None:
    for extra in (["--guide", "guide.png"], ["--labels", "labels.png", "--target-labels", "guide.png"]):
        if "--labels" in extra:
            Image.fromarray(np.full((30, 50, 3), [250, 0, 0], np.uint8)).save("guide.png")
        assert call("synthesize", "dark.png", "-o", "out.png", *extra, *QUICK).exit_code == 0
        with Image.open("out.png") as image:
            assert image.size == (50, 30)


def test_maps_of_rotation_and_scale(folder: Path) -> None:
    Image.fromarray(np.arange(30 * 50).reshape(30, 50).astype(np.uint8)).save("map.png")
    for option in ("--rotation-map", "--scale-map"):
        done = call("synthesize", "dark.png", "-o", "out.png", option, "map.png", *QUICK)
        assert done.exit_code == 0, done.stderr
        with Image.open("out.png") as image:
            assert image.size == (50, 30)
        done = call("synthesize", "dark.png", "light.png", "-o", "out.png", option, "map.png", *QUICK)
        assert done.exit_code == 1
        assert option.strip("-").replace("-", "_") in one_line(done)
    done = call(
        "synthesize", "dark.png", "-o", "o.png", "--scale-map", "map.png", "--save-field", "f.npz", *QUICK
    )
    assert "neither turned nor resized" in one_line(done)
    done = call("synthesize", "a", "-o", "turned", "--rotation-map", "map.png", *QUICK)
    assert "normal map" in one_line(done)
    assert call("synthesize", "a", "-o", "resized", "--scale-map", "map.png", *QUICK).exit_code == 0


def test_materials_follow_guides_and_share_a_result(folder: Path) -> None:
    extra = ["--guide", "guide.png", "--weights-map", "a/rock_basecolor.png"]
    assert call("synthesize", "a", "-o", "one", "--size", "36x30", *extra, *QUICK).exit_code == 0
    assert {path.name for path in Path("one").iterdir()} >= {"rock_basecolor.png", "field.npz", "texot.json"}
    assert call("synthesize", "a", "b", "-o", "two", "--proportions", "1,2", *QUICK).exit_code == 0
    again = call("replay", "two", "a", "b", "-o", "again")
    assert again.exit_code == 0, again.stderr
    assert "is identical to" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("dark.png -o out.png --proportions 1", "for several exemplars"),
        ("dark.png light.png -o out.png --proportions 1,2,3", "3 weights for 2 exemplars"),
        ("dark.png light.png -o out.png --save-field f.npz", "--save-field takes one EXEMPLAR"),
        (
            "dark.png -o out.png --labels labels.png --target-labels guide.png",
            "which the exemplar's labels lack",
        ),
        ("dark.png -o out.png --labels labels.png", "give both"),
        ("dark.png -o out.png --guide missing.png", "missing.png"),
        ("dark.png -o out.png --source guide.png", "source mask"),
        ("dark.png -o guide.png --guide guide.png", "guide.png"),
        ("dark.png a -o out.png", "cannot be mixed"),
        ("a dark.png -o out", "several materials are folders"),
        ("a -o out --symmetry both", "symmetry would turn a normal map"),
        ("dark.png -o out.png --guide guide.png --variations 2 --share-border", "without --guide"),
    ],
)
def test_what_does_not_fit_is_one_line_and_writes_nothing(folder: Path, arguments: str, message: str) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    done = call("synthesize", *arguments.split(), *QUICK)
    assert done.exit_code != 0
    assert message in done.stderr.splitlines()[-1]
    if "Usage:" not in done.stderr:
        one_line(done)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
