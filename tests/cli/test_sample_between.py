"""`texot train`, `sample`, `info` and `export` of a model of several exemplars; how a sample reports."""

import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import call, one_line, process, text
from PIL import Image

from texot.cli.options import MAPS
from texot.cli.progress import Bar
from texot.generator.export import noise_shapes
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator
from texot.solver import barycentric_weights

pytestmark = pytest.mark.usefixtures("small_torus")
TINY = ["--steps", 8, "--n-scales", 2, "--features", "none", "--backend", "tiled", "--device", "cpu"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two exemplars, a model of both and one of the first."""
    place = tmp_path_factory.mktemp("between")
    for number, size in enumerate(((36, 40, 3), (32, 33, 3))):
        noise = np.random.default_rng(number).integers(0, 256 >> number, size, np.uint8)
        Image.fromarray(noise).save(place / f"{number}.png")
    for name, exemplars in (("m", ("0.png", "1.png")), ("one", ("0.png",))):
        done = call("train", *(place / e for e in exemplars), "-o", place / f"{name}.safetensors", *TINY)
        assert done.exit_code == 0, done.stderr
    return place


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def pixels_of(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image).astype(int)


def test_weights_and_maps(folder: Path) -> None:
    for name, options in (
        ("first.png", ["--weights", "1,0"]),
        ("last.png", ["--weights", "0,2"]),
        ("map.png", ["--weight-map", "horizontal", "--weight-map-area", "100,0,50x50"]),
        ("file.png", ["--weight-map", "1.png", "--tile", "x"]),
    ):
        done = call("sample", "m.safetensors", "-o", name, "--size", "60x50", "--tile", "none", *options)
        assert done.exit_code == 0, done.stderr
    assert np.abs(pixels_of("map.png") - pixels_of("first.png")).max() <= 1  # the map begins beyond
    assert np.abs(pixels_of("last.png") - pixels_of("first.png")).mean() > 5
    about = json.loads(text(Path("file.png"))["texot"])
    assert (about["weight_map"], about["tile"]) == ("image", "x")
    assert json.loads(text(Path("last.png"))["texot"])["weights"] == [0, 1]
    done = call(
        "sample", "m.safetensors", "-o", "default.png", "--weight-map", "horizontal", "--size", "60x50"
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(text(Path("default.png"))["texot"])["tile"] == "y"
    part = [
        "--size",
        "20x15",
        "--at",
        "33,21",
        "--tile",
        "none",
        "--weight-map",
        "radial",
        "--weight-map-area",
        "0,0,60x50",
    ]
    assert call("sample", "m.safetensors", "-o", "part.png", *part).exit_code == 0
    whole = ["--size", "60x50", "--tile", "none", "--weight-map", "radial"]
    assert call("sample", "m.safetensors", "-o", "whole.png", *whole).exit_code == 0
    assert np.abs(pixels_of("whole.png")[21:36, 33:53] - pixels_of("part.png")).max() <= 1


def test_info(folder: Path) -> None:
    for model, count in (("m.safetensors", 2), ("one.safetensors", 1)):
        facts = json.loads(call("info", model, "--json").stdout)
        assert facts["exemplars"] == count
        assert "network_textures" not in facts
    assert len(json.loads(call("info", "m.safetensors", "--json").stdout)["exemplar_sha256"]) == 2


@pytest.mark.parametrize(
    ("model", "options", "code", "word"),
    [
        ("m", ["--weights", "1"], 1, "1 weights for 2"),
        ("m", ["--weights", "1,2,3"], 1, "3 weights for 2"),
        ("m", ["--weights", "0,0"], 1, "all weights are 0"),
        ("m", ["--weights", "1,x"], 2, "--weights"),
        ("m", ["--weights", "1,0", "--weight-map", "radial"], 2, "one of the two"),
        ("m", ["--weight-map", "missing.png"], 1, "no such file"),
        ("m", ["--weight-map-area", "0,0,5x5"], 2, "--weight-map"),
        ("m", ["--weight-map", "radial", "--weight-map-area", "5x5"], 2, "X,Y,WxH"),
        ("one", ["--weights", "1,0"], 1, "has one exemplar"),
        ("one", ["--weight-map", "radial"], 1, "has one exemplar"),
        ("m", ["--weight-map", "out.png"], 2, "used twice"),
    ],
)
def test_errors(folder: Path, model: str, options: list[str], code: int, word: str) -> None:
    done = call("sample", f"{model}.safetensors", "-o", "out.png", *options)
    assert done.exit_code == code, done.stderr
    assert word in one_line(done)
    assert not Path("out.png").exists()


def test_training_protects_every_exemplar(folder: Path) -> None:
    before = Path("one.safetensors").read_bytes()
    done = call("train", "0.png", "one.safetensors", "-o", "one.safetensors", *TINY)
    assert done.exit_code != 0
    assert Path("one.safetensors").read_bytes() == before
    done = call("train", "0.png", "1.png", "-o", "new.safetensors", "--preset", "paper", *TINY)
    assert done.exit_code == 1
    assert "one texture" in one_line(done)


@pytest.mark.slow
def test_previews_go_from_the_first_to_the_last(folder: Path) -> None:
    done = call("train", "0.png", "1.png", "-o", "again.safetensors", *TINY, "--log-dir", "log")
    assert done.exit_code == 0, done.stderr
    with Image.open("log/preview-000008.png") as image:
        assert image.size == (1024, 256)
    assert Path("again.safetensors").read_bytes() == Path("m.safetensors").read_bytes()


@pytest.mark.slow
def test_export_takes_weights(folder: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network = TextureNetwork(Architecture(3, textures=2), torch.Generator().manual_seed(1))
    for tensor in network.state_dict().values():
        tensor.add_(0.05 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(2)))
    Generator(network.requires_grad_(False), {"mode": "RGB", "exemplar_size": [8, 8]}).save("e.safetensors")
    done = call("export", "e.safetensors", "-o", "e.onnx")
    assert done.exit_code == 0, done.stderr
    session = onnxruntime.InferenceSession("e.onnx", providers=["CPUExecutionProvider"])
    assert {entry.name: entry.shape for entry in session.get_inputs()}["weights"] == [2]
    for size, weights in (((48, 56), (0.3, 0.7)), ((31, 70), (1.0, 0.0))):
        window, shares = network.window((0, 0), size), torch.tensor(weights)
        noise = network.noise(3, window)
        assert [tuple(part.shape) for part in noise] == noise_shapes(network, size)
        given = {**{f"noise_{k}": part.numpy() for k, part in enumerate(noise)}, "weights": shares.numpy()}
        (found,) = session.run(None, given)
        wanted = network.sample(3, (0, 0), size, mixture=shares).clamp(0, 1)
        torch.testing.assert_close(torch.from_numpy(found)[0], wanted, atol=1e-4, rtol=0)


# progress


@pytest.mark.slow
def test_json_progress(folder: Path) -> None:
    size = "600x300"
    done = process(
        "sample", "one.safetensors", "-o", "o.png", "--size", size, "--progress", "json", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert next(event["event"] for event in events if event["event"] != "note") == "start"
    assert events[-1]["event"] == "done"
    assert (events[-1]["output"], events[-1]["interrupted"]) == ("o.png", False)
    steps = [event for event in events if event["event"] == "step"]
    assert steps[-1]["total_step"] == steps[-1]["total_steps"] == 600 * 300
    assert steps[-1]["seconds_left"] == 0
    assert all(a["total_step"] < b["total_step"] for a, b in pairwise(steps))


@pytest.mark.slow
def test_quiet_and_plain(folder: Path) -> None:
    done = process("sample", "one.safetensors", "-o", "q.png", "--size", "300x300", "-q", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = process("sample", "one.safetensors", "-o", "q.png", "--size", "300x300", cwd=folder)
    assert done.stderr.count("\n") == 1  # no terminal, no bar
    assert "wrote q.png (" in done.stderr


def test_a_bar_of_pixels(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal, of what takes a while only."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("os.get_terminal_size", lambda *_: os.terminal_size((80, 24)))
    monkeypatch.setattr("sys.stderr.fileno", lambda: 2)
    with Bar() as bar:
        bar.part(250_000, 1_000_000, 0.1)
        assert bar.bar is None
        bar.part(250_000, 1_000_000, 1.0)
        bar.bar.refresh()  # type: ignore[attr-defined]
        bar.part(500_000, 1_000_000, 2.0)
        bar.bar.refresh()  # type: ignore[attr-defined]
    shown = capsys.readouterr().err
    assert "25%" in shown
    assert "50%" in shown
    assert "0.2 megapixels/s, 00:02 left" in shown


def test_maps_are_those_of_the_library() -> None:
    assert MAPS == barycentric_weights.MAPS


@pytest.mark.parametrize(("name", "size"), [("out.webp", "16400x1"), ("out.jpg", "1x65600")])
def test_what_a_format_cannot_hold_is_refused_before_the_work(folder: Path, name: str, size: str) -> None:
    done = call("sample", "one.safetensors", "-o", name, "--size", size)
    assert done.exit_code == 1
    assert "a side; use .png" in one_line(done)
    assert not Path(name).exists()
