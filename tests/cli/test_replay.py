"""`texot replay` of the files of every job: the same bytes, and one line where other images are given."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, text
from PIL import Image, PngImagePlugin

QUICK = ["--quality", "draft", "--n-iter", "3", "--backend", "tiled"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with images a and b, 44x40 and 48x48, and masks for a."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (40, 44, 3), np.uint8)).save("a.png")
    Image.fromarray(random.integers(0, 256, (48, 48, 3), np.uint8)).save("b.png")
    mask = np.zeros((40, 44), np.uint8)
    mask[10:22, 12:24] = 255
    Image.fromarray(mask).save("mask.png")
    Image.fromarray(255 - mask).save("source.png")
    Image.fromarray(random.integers(0, 256, (20, 22, 3), np.uint8)).save("draft.png")
    Image.fromarray(np.linspace(0, 255, 44 * 40).reshape(40, 44).astype(np.uint8)).save("map.png")
    return tmp_path


MADE = {
    "inpaint": ("inpaint a.png mask.png -o out.png --reach 70 --seed 3", "a.png mask.png"),
    "inverted": ("inpaint a.png source.png -o out.png --invert-mask", "a.png source.png"),
    "source": ("inpaint a.png mask.png -o out.png --source source.png", "a.png mask.png --source source.png"),
    "exemplar": ("inpaint a.png mask.png -o out.png --exemplar b.png", "a.png mask.png --exemplar b.png"),
    "draft of a fill": ("inpaint a.png mask.png -o out.png --image-size 30", "a.png mask.png"),
    "fill from a draft": (
        "inpaint a.png mask.png -o out.png --init draft.png --n-scales 1",
        "a.png mask.png --init draft.png",
    ),
    "draft of a tile": ("tile a.png -o out.png --image-size 30", "a.png"),
    "tile from a draft": ("tile a.png -o out.png --init draft.png --n-scales 1", "a.png --init draft.png"),
    "mix from a draft": (
        "interpolate a.png b.png -o out.png --init draft.png --n-scales 1",
        "a.png b.png --init draft.png",
    ),
    "shares": (
        "synthesize a.png b.png -o out.png --proportions 3,7 --blend-scale 0.2 --symmetry flips",
        "a.png b.png",
    ),
    "weights": (
        "synthesize a.png -o out.png --weights-map map.png --source source.png --copy",
        "a.png --weights-map map.png --source source.png",
    ),
    "labels": (
        "synthesize a.png -o out.png --labels mask.png --target-labels source.png",
        "a.png --labels mask.png --target-labels source.png",
    ),
    "guide": (
        "synthesize a.png -o out.png --guide draft.png --guide-strength 0.7",
        "a.png --guide draft.png",
    ),
    "guide exemplar": (
        "synthesize a.png -o out.png --guide draft.png --guide-exemplar map.png",
        "a.png --guide draft.png --guide-exemplar map.png",
    ),
    "rotation and scale": (
        "synthesize a.png -o out.png --rotation-map draft.png --scale-map map.png",
        "a.png --rotation-map draft.png --scale-map map.png",
    ),
    "corners": ("straighten a.png -o out.png --quad 3,2,40.25,1,42,37.5,1,39 --flatten", "a.png"),
    "turned": ("straighten a.png -o out.png --rotate 7.3 --size 30x20", "a.png"),
    "tile": ("tile a.png -o out.png --band 12 --flatten", "a.png"),
    "tile of a source": ("tile a.png -o out.png --band 12 --source source.png", "a.png --source source.png"),
    "mix": ("interpolate a.png b.png -o out.png --weights 3,7 --size 40x36", "a.png b.png"),
    "map": ("interpolate a.png b.png -o out.png --weight-map horizontal", "a.png b.png"),
    "map image": (
        "interpolate a.png b.png -o out.png --weight-map map.png",
        "a.png b.png --weight-map map.png",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_the_same_file_again(folder: Path, name: str) -> None:
    command, images = MADE[name]
    quick = [] if command.startswith("straighten") else [*QUICK, "--threads", 1]
    assert call(*command.split(), *quick).exit_code == 0
    done = call("replay", "out.png", *images.split())
    assert done.exit_code == 0, done.stderr
    assert "is identical to" in done.stderr
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


def test_info_shows_the_settings(folder: Path) -> None:
    assert call("synthesize", "a.png", "-o", "out.png", *QUICK, "--seed", 7).exit_code == 0
    found = json.loads(call("info", "out.png", "--json").stdout)
    assert (found["seed"], found["n_iter"], found["size"]) == (7, 3, [44, 40])
    assert "seed" in call("info", "out.png").stdout


@pytest.mark.slow
def test_files_made_from_other_results(folder: Path) -> None:
    assert call("tile", "a.png", "-o", "{i}.png", "--set", 2, *QUICK, "--threads", 1).exit_code == 0
    assert call("replay", "2.png", "1.png").exit_code == 0
    assert Path("2.png").read_bytes() == Path("2-replay.png").read_bytes()
    sourced = [
        "tile",
        "a.png",
        "-o",
        "s{i}.png",
        "--set",
        2,
        "--source",
        "source.png",
        *QUICK,
        "--threads",
        1,
    ]
    assert call(*sourced).exit_code == 0
    assert call("replay", "s2.png", "s1.png", "--source", "source.png").exit_code == 0
    assert Path("s2.png").read_bytes() == Path("s2-replay.png").read_bytes()
    assert "--source" in one_line(call("replay", "s2.png", "s1.png", "--overwrite"))
    frames = ["interpolate", "a.png", "b.png", "-o", "f{i}.png", "--frames", 3]
    assert call(*frames, *QUICK, "--threads", 1).exit_code == 0
    assert call("replay", "f2.png", "a.png", "b.png", "--init", "f1.png").exit_code == 0
    assert Path("f2.png").read_bytes() == Path("f2-replay.png").read_bytes()
    assert call("replay", "f1.png", "a.png").exit_code == 0  # all of it is a
    assert Path("f1.png").read_bytes() == Path("f1-replay.png").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "arguments", "code", "words"),
    [
        ("inpaint a.png mask.png", "b.png", 1, "nothing to fill"),
        ("inpaint a.png mask.png", "a.png source.png", 1, "another mask"),
        ("inpaint a.png mask.png", "a.png mask.png --exemplar b.png", 1, "without exemplar"),
        ("inpaint a.png mask.png --source source.png", "a.png mask.png", 1, "--source"),
        ("inpaint a.png mask.png", "a.png mask.png a.png", 2, "texot inpaint"),
        ("tile a.png --band 16", "b.png", 1, "another photograph"),
        ("tile a.png", "a.png --weight-map map.png", 2, "no --weight-map"),
        ("interpolate a.png b.png", "b.png a.png", 1, "another exemplar"),
        ("interpolate a.png b.png", "a.png", 1, "exemplar"),
        ("interpolate a.png b.png --weight-map map.png", "a.png b.png", 1, "--weight-map"),
    ],
)
def test_other_images(folder: Path, command: str, arguments: str, code: int, words: str) -> None:
    assert call(*command.split(), "-o", "out.png", *QUICK).exit_code == 0
    done = call("replay", "out.png", *arguments.split())
    assert done.exit_code == code, done.stderr
    assert words in one_line(done)
    assert not Path("out-replay.png").exists()


@pytest.mark.parametrize("job", ['"weave"', '"sample"', "{}", "[1]", "null"])
def test_a_job_of_another_version(folder: Path, job: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("texot", f'{{"texot": "9.9", "job": {job}, "seed": 1}}')
    Image.new("RGB", (8, 8)).save("made.png", pnginfo=info)
    done = call("replay", "made.png", "a.png")
    assert done.exit_code == 1
    assert "made.png" in one_line(done)


def test_the_settings_go_on(folder: Path) -> None:
    assert call("tile", "a.png", "-o", "out.png", *QUICK, "--threads", 1).exit_code == 0
    assert call("replay", "out.png", "a.png").exit_code == 0
    assert call("replay", "out-replay.png", "a.png", "-o", "third.png").exit_code == 0
    assert text(Path("third.png")) == text(Path("out.png"))
