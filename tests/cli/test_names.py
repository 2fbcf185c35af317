"""No job writes over what it reads, or two results into one file."""

import os
from pathlib import Path

import numpy as np
import pytest
from command_line import QUICK, call, one_line
from PIL import Image

pytestmark = pytest.mark.usefixtures("small_torus")
TINY = ["--steps", "2", "--n-scales", "1", "--features", "none", "--backend", "tiled"]
SAVE = ["--save-every", "1", "--frames", "frames"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of every name that a job writes beside its result, all of them one image."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)).save("photo.png")
    image = Path("photo.png").read_bytes()
    for folder in ("frames", "log"):
        Path(folder).mkdir()
    for name in ("frames/000001.png", "log/loss.png", "log/preview-000002.png", "m.safetensors.checkpoint"):
        Path(name).write_bytes(image)
    Path("to-frame.png").symlink_to("frames/000001.png")
    Path("to-log").symlink_to("log")
    Path("loop.png").symlink_to("loop.png")
    Path("loop.safetensors").symlink_to("loop.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["synthesize", "frames/000001.png", "-o", "out.png", *SAVE, *QUICK], 2, "frames/000001.png"),
        (["synthesize", "to-frame.png", "-o", "out.png", *SAVE, *QUICK], 2, "to-frame.png"),
        (["synthesize", "photo.png", "-o", "frames/000001.png", *SAVE, *QUICK], 2, "frames/000001.png"),
        (["synthesize", "photo.png", "-o", "loop.png", *QUICK], 1, "cannot write 'loop.png'"),
        (["train", "photo.png", "-o", "loop.safetensors", *TINY], 1, "cannot write 'loop.safetensors'"),
        (["train", "log/loss.png", "-o", "m.safetensors", "--log-dir", "to-log", *TINY], 2, "log/loss.png"),
        (["train", "log/preview-000002.png", "-o", "n.safetensors", "--log-dir", "log", *TINY], 2, "preview"),
        (["train", "m.safetensors.checkpoint", "-o", "m.safetensors", *TINY], 2, "m.safetensors.checkpoint"),
        (["train", "photo.png", "-o", "photo.png", *TINY], 1, ".safetensors"),
        (["export", "m.onnx", "-o", "m.onnx"], 2, "m.onnx"),
        (["sample", "MODEL", "-o", "loop.png"], 1, "cannot write 'loop.png'"),
        (["evaluate", "photo.png", "photo.png", "--reference", "r.html", "--report", "r.html"], 2, "r.html"),
    ],
)
def test_nothing_that_is_read_is_written(
    folder: Path, arguments: list[str], code: int, words: str, request: pytest.FixtureRequest
) -> None:
    if "evaluate" in arguments:
        Path("r.html").write_bytes(Path("photo.png").read_bytes())
    if "MODEL" in arguments:
        assert call("train", "photo.png", "-o", "model.safetensors", *TINY).exit_code == 0
        arguments[1] = "model.safetensors"
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    done = call(*arguments)
    assert done.exit_code == code, done.stderr
    assert words in one_line(done)
    assert "bug" not in done.stderr
    after = {path: path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    assert after == before


def test_a_link_is_another_name_of_its_file(folder: Path) -> None:
    os.link("photo.png", "hard.png")
    Path("soft.png").symlink_to("photo.png")
    for name in ("hard.png", "soft.png"):
        done = call("synthesize", "photo.png", "-o", name, *QUICK)
        assert done.exit_code == 2
        assert "would be used twice" in one_line(done)
