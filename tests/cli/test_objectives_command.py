"""`texot train --experimental-objective`, and what samples of such models can do, on real files."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line, pixels, text
from PIL import Image

NOISE = ["--experimental-refine", "noise"]
pytestmark = pytest.mark.usefixtures("small_torus")
TINY = ["--steps", 4, "--n-scales", 2, "--backend", "tiled", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two exemplars, 40x36."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.png")):
        image = np.random.default_rng(number).integers(0, 256 - 100 * number, (36, 40, 3), np.uint8)
        Image.fromarray(image).save(name)
    return tmp_path


def facts(model: str) -> dict[str, object]:
    found = json.loads(call("info", model, "--json").stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_objectives_are_trained_and_shown(folder: Path) -> None:
    for objective in ("transport", "sinkhorn", "ot-gan"):
        chosen = [] if objective == "transport" else ["--experimental-objective", objective]
        done = call("train", "a.png", "-o", "m.safetensors", *chosen, "--features", "none", *TINY)
        assert done.exit_code == 0, done.stderr
        assert facts("m.safetensors")["objective"] == objective
        assert call("sample", "m.safetensors", "-o", "out.png").exit_code == 0


@pytest.mark.slow
def test_samples_are_refined_by_kept_critics(folder: Path) -> None:
    done = call("train", "a.png", "-o", "m.safetensors", "--experimental-objective", "wgan-gp", *TINY)
    assert done.exit_code == 0, done.stderr
    assert facts("m.safetensors")["critics"] == 3
    for name, options in (
        ("plain.png", []),
        ("refined.png", ["--experimental-refine", "image"]),
        ("again.png", ["--experimental-refine", "image"]),
    ):
        done = call("sample", "m.safetensors", "-o", name, "--size", "30x20", *options)
        assert done.exit_code == 0, done.stderr
    assert pixels(Path("refined.png")) == pixels(Path("again.png"))
    assert pixels(Path("refined.png")) != pixels(Path("plain.png"))
    assert json.loads(text(Path("refined.png"))["texot"])["refine"] is True
    for name in ("latent.png", "same.png"):
        done = call("sample", "m.safetensors", "-o", name, "--size", "30x20", *NOISE, "--at", "7,-3")
        assert done.exit_code == 0, done.stderr
    assert Path("latent.png").read_bytes() == Path("same.png").read_bytes()
    assert json.loads(text(Path("latent.png"))["texot"])["refine"] == "latent"
    done = call("train", "a.png", "-o", "t.safetensors", "--features", "none", *TINY)
    assert done.exit_code == 0, done.stderr
    done = call("sample", "t.safetensors", "-o", "out.png", "--experimental-refine", "image")
    assert (done.exit_code, "no critics" in one_line(done)) == (1, True)


def test_pictures_are_mapped(folder: Path) -> None:
    done = call(
        "train", "a.png", "b.png", "-o", "m.safetensors", "--experimental-objective", "neural-ot", *TINY
    )
    assert done.exit_code == 0, done.stderr
    assert len(facts("m.safetensors")["exemplar_sha256"]) == 2  # type: ignore[arg-type]
    Image.new("RGB", (33, 17), "red").save("other.png")
    done = call("sample", "m.safetensors", "-o", "out.png", "--experimental-map-from", "other.png")
    assert done.exit_code == 0, done.stderr
    assert pixels(Path("out.png"))[1] == (33, 17)
    for arguments, word in (
        (["sample", "m.safetensors", "-o", "no.png"], "--experimental-map-from"),
        (["sample", "m.safetensors", "-o", "other.png", "--experimental-map-from", "other.png"], "twice"),
    ):
        done = call(*arguments)
        assert done.exit_code in (1, 2)
        assert word in one_line(done)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["a.png", "--experimental-objective", "gan"], 2, "neural-ot"),
        (["a.png", "--experimental-objective", "neural-ot"], 1, "two exemplars"),
        (["a.png", "b.png", "--experimental-objective", "sinkhorn"], 1, "one exemplar"),
        (["a.png", "--experimental-objective", "wgan-gp", "--preset", "paper"], 1, "preset"),
        (["a.png", "--experimental-objective", "ot-gan", "--features", "efficientnet-lite0"], 1, "features"),
        (["a.png", "--experimental-objective", "wgan-gp", "--entropy", "0.1"], 1, "entropy"),
    ],
)
def test_errors(folder: Path, arguments: list[str], code: int, word: str) -> None:
    done = call("train", *arguments, "-o", "m.safetensors", *TINY)
    assert done.exit_code == code, done.stderr
    assert word in one_line(done)
    assert not Path("m.safetensors").exists()
