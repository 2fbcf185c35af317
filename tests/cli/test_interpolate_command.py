"""`texot interpolate` on real files."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, process, text
from PIL import Image

QUICK = ["--quality", "draft", "--n-iter", "3", "--backend", "tiled"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a colour image, 40x36, and a grey one, 32x44."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 128, (36, 40, 3), np.uint8)).save("a.png")
    Image.fromarray(random.integers(128, 256, (44, 32), np.uint8)).save("b.png")
    return tmp_path


def mean(name: str) -> float:
    with Image.open(name) as image:
        return float(np.asarray(image.convert("L")).mean())


@pytest.mark.slow
def test_main_job_in_a_real_process(folder: Path) -> None:
    done = process("interpolate", "a.png", "b.png", "-o", "out.png", "--weights", "1,3", *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    with Image.open("out.png") as image:
        assert (image.mode, image.size) == ("RGB", (40, 36))
    assert mean("out.png") == pytest.approx(0.25 * mean("a.png") + 0.75 * mean("b.png"), abs=6)
    settings = json.loads(text(Path("out.png"))["texot"])
    assert (settings["job"], settings["weights"]) == ("interpolate", [0.25, 0.75])


def test_a_map(folder: Path) -> None:
    done = call(
        "interpolate",
        "a.png",
        "b.png",
        "-o",
        "out.png",
        "--weight-map",
        "horizontal",
        "--size",
        "64x32",
        *QUICK,
    )
    assert done.exit_code == 0, done.stderr
    values = np.asarray(Image.open("out.png").convert("L"))
    assert values[:, :12].mean() < values[:, 26:38].mean() < values[:, -12:].mean()


def test_frames_as_files_and_a_sheet(folder: Path) -> None:
    arguments = ["-o", "f/{i:02}.png", "--frames", 3, "--sheet", "sheet.png", "--size", "24x24"]
    done = call("interpolate", "a.png", "b.png", *arguments, *QUICK)
    assert done.exit_code == 0, done.stderr
    assert mean("f/01.png") < mean("f/02.png") < mean("f/03.png")
    with Image.open("sheet.png") as image:
        assert image.size == (3 * 24 + 2 * 4, 24)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_a_moving_picture(folder: Path, suffix: str) -> None:
    arguments = ["-o", f"move.{suffix}", "--frames", 3, "--size", "24x24"]
    done = call("interpolate", "a.png", "b.png", *arguments, *QUICK)
    assert done.exit_code == 0, done.stderr
    with Image.open(f"move.{suffix}") as image:
        assert image.n_frames == 4  # there and back
        assert image.info["loop"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.png", "-o", "out.png"], "two or more images"),
        (["a.png", "b.png", "-o", "out.png", "--weights", "1,x"], "not a number from 0"),
        (["a.png", "b.png", "-o", "out.png", "--weights", "1,2,3"], "3 weights for 2 exemplars"),
        (["a.png", "b.png", "-o", "out.png", "--weights", "0,0"], "all weights are 0"),
        (
            ["a.png", "b.png", "-o", "out.png", "--weights", "1,1", "--weight-map", "radial"],
            "give one of the two",
        ),
        (["a.png", "b.png", "-o", "out.png", "--weight-map", "diagonal"], "diagonal"),
        (["a.png", "b.png", "-o", "out.jpg", "--frames", "3"], "an animation ends in"),
        (["a.png", "b.png", "-o", "out.gif"], "expected an output file ending in"),
        (["a.png", "b.png", "-o", "out.png", "--sheet", "s.png"], "give --frames N as well"),
        (["a.png", "b.png", "-o", "a.png"], "would be used twice"),
        (["a.png", "none.png", "-o", "out.png"], "none.png"),
    ],
)
def test_errors_in_one_line(folder: Path, arguments: list[str], words: str) -> None:
    done = call("interpolate", *arguments)
    assert done.exit_code in (1, 2)
    assert words in one_line(done)
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
