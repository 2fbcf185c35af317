"""`texot tile`, and tiles that share a border, on real files."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, process, text
from PIL import Image
from textures import photograph

QUICK = ["--quality", "draft", "--n-iter", "3", "--backend", "tiled"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a photograph, 72x64."""
    monkeypatch.chdir(tmp_path)
    values = (photograph(64, 72).movedim(0, -1).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(values).save("photo.png", dpi=(90, 90))
    return tmp_path


@pytest.mark.slow
def test_main_job_in_a_real_process(folder: Path) -> None:
    done = process("tile", "photo.png", "-o", "out.png", "--band", 20, *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "seam where copies meet" in done.stderr
    before, after = (np.asarray(Image.open(name)) for name in ("photo.png", "out.png"))
    assert (before[10:-10, 10:-10] == after[10:-10, 10:-10]).all()
    assert not (before == after).all()
    settings = json.loads(text(Path("out.png"))["texot"])
    assert (settings["job"], settings["band"]) == ("tile", 20)
    with Image.open("out.png") as image:
        assert image.info["dpi"] == pytest.approx((90, 90), abs=0.1)


@pytest.mark.slow
def test_a_set_and_its_layout(folder: Path) -> None:
    done = call(
        "tile", "photo.png", "-o", "set/{i}.png", "--set", 3, "--frame", 5, "--layout", "all.png", *QUICK
    )
    assert done.exit_code == 0, done.stderr
    tiles = [np.asarray(Image.open(f"set/{i}.png")) for i in (1, 2, 3)]
    for tile in tiles[1:]:
        assert (tile[:5] == tiles[0][:5]).all()
        assert (tile[:, -5:] == tiles[0][:, -5:]).all()
        assert not (tile == tiles[0]).all()
    assert not (tiles[1] == tiles[2]).all()
    layout = Image.open("all.png")
    assert layout.size == (4 * 72, 3 * 64)
    assert any((np.asarray(layout)[:64, :72] == tile).all() for tile in tiles)


def test_synthesised_tiles_that_share_a_border(folder: Path) -> None:
    done = call(
        "synthesize", "photo.png", "-o", "{i:02}.png", "--variations", 2, "--share-border", "--size", "48x48",
        *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    a, b = (np.asarray(Image.open(f"{i:02}.png")) for i in (1, 2))
    assert (a[:4] == b[:4]).all()
    assert not (a == b).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tile", "photo.png", "-o", "out.png", "--tile", "none"], "tile must be one of both, x, y"),
        (["tile", "photo.png", "-o", "out.png", "--set", "2"], "use {i} for the number"),
        (["tile", "photo.png", "-o", "out.png", "--size", "9x9"], "give --layout FILE too"),
        (["tile", "photo.png", "-o", "photo.png"], "would be used twice"),
        (["tile", "photo.png", "-o", "a.png", "--layout", "a.png"], "would be used twice"),
        (["tile", "photo.png", "-o", "out.png", "--band", "64"], "band must be a whole number from 2 to 56"),
        (["tile", "none.png", "-o", "out.png"], "none.png"),
        (["synthesize", "photo.png", "-o", "{i}.png", "--share-border", "--tile", "none"], "--share-border"),
        (["synthesize", "photo.png", "-o", "{i}.png", "--share-border", "--preset", "paper"], "--preset"),
    ],
)
def test_errors_in_one_line(folder: Path, arguments: list[str], words: str) -> None:
    done = call(*arguments)
    assert done.exit_code in (1, 2)
    assert words in one_line(done)
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


def test_every_tile_of_a_set_tells_its_axes(folder: Path) -> None:
    assert call("tile", "photo.png", "-o", "{i}.png", "--set", 2, "--tile", "x", *QUICK).exit_code == 0
    assert [json.loads(text(Path(f"{i}.png"))["texot"])["tile"] for i in (1, 2)] == ["x", "x"]
