"""`texot train`, `sample` and `info` on real files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import call, environment, one_line, pixels, process, text
from PIL import Image

pytestmark = pytest.mark.usefixtures("small_torus")
TINY = ["--steps", 8, "--n-scales", 2, "--features", "none", "--backend", "tiled", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with an exemplar, 40x36."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (36, 40, 3), np.uint8)).save("photo.png")
    return tmp_path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps."""
    place = tmp_path_factory.mktemp("model")
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (36, 40, 3), np.uint8)).save(
        place / "photo.png"
    )
    done = call("train", place / "photo.png", "-o", place / "m.safetensors", "--license", "CC0 1.0", *TINY)
    assert done.exit_code == 0, done.stderr
    return place / "m.safetensors"


@pytest.mark.slow
def test_main_job_in_a_real_process(folder: Path) -> None:
    more = ["--log-dir", "log", "--exemplar-size", 24]
    done = process("train", "photo.png", "-o", "m.safetensors", *TINY, *more, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "wrote m.safetensors" in done.stderr
    assert not Path("m.safetensors.checkpoint").exists()
    rows = [json.loads(line) for line in Path("log/metrics.jsonl").read_text().splitlines()]
    assert [row["total_step"] for row in rows] == list(range(1, 9))
    assert all(row["loss"] > 0 for row in rows)
    assert pixels(Path("log/preview-000008.png"))[1] == (256, 256)
    assert Path("log/loss.png").exists()
    sampled = call("sample", "m.safetensors", "-o", "out.png", "--size", "70x50", "--seed", 7)
    assert sampled.exit_code == 0, sampled.stderr
    assert pixels(Path("out.png"))[:2] == ("RGB", (70, 50))
    about = json.loads(text(Path("out.png"))["texot"])
    assert (about["job"], about["seed"], about["size"]) == ("sample", 7, [70, 50])


def test_large_exemplars_are_reduced(folder: Path) -> None:
    done = call("train", "photo.png", "-o", "m.safetensors", *TINY, "--exemplar-size", 24)
    assert done.exit_code == 0, done.stderr
    assert "reduced to 25x22" in done.stderr
    found = json.loads(call("info", "m.safetensors", "--json").stdout)
    assert found["exemplar_size"] == [25, 22]


def test_same_seed_same_bytes(folder: Path, model: Path) -> None:
    again = call("train", "photo.png", "-o", "again.safetensors", "--license", "CC0 1.0", *TINY)
    assert again.exit_code == 0, again.stderr
    assert Path("again.safetensors").read_bytes() == model.read_bytes()
    other = call("train", "photo.png", "-o", "other.safetensors", "--seed", 1, *TINY)
    assert other.exit_code == 0, other.stderr
    assert Path("other.safetensors").read_bytes() != model.read_bytes()


def test_windows_tiles_counts_and_formats(folder: Path, model: Path) -> None:
    def made(name: str, *options: object) -> np.ndarray:
        done = call("sample", model, "-o", name, *options)
        assert done.exit_code == 0, done.stderr
        return np.asarray(Image.open(name)).astype(int)

    plane = "--tile", "none", "--finish", "none"  # the finish makes blocks of 512 px
    whole = made("whole.png", *plane, "--size", "60x50", "--at", "-20,10")
    part = made("part.tif", *plane, "--size", "17x13", "--at", "5,30")
    assert np.abs(whole[20:33, 25:42] - part).max() <= 1
    tile = made("tile.png", "--size", "31x26")
    beyond = made("beyond.png", "--size", "31x26", "--at", "31,-26")
    assert np.abs(tile - beyond).max() <= 1
    assert call("sample", model, "-o", "many-{seed:02}.png", "--count", 2, "--seed", 3).exit_code == 0
    assert sorted(path.name for path in Path().glob("many-*")) == ["many-03.png", "many-04.png"]
    assert pixels(Path("many-03.png"))[1] == (40, 36)
    assert pixels(Path("many-03.png"))[2] != pixels(Path("many-04.png"))[2]
    assert made("small.jpg", "--size", "16x16").shape == (16, 16, 3)


@pytest.mark.slow
def test_stdout(folder: Path, model: Path) -> None:
    command = [sys.executable, "-m", "texot", "sample", str(model), "-o", "-", "--size", "20x18", "-q"]
    done = subprocess.run(command, env=environment(), capture_output=True, check=True, timeout=60)
    Path("piped.png").write_bytes(done.stdout)
    assert call("sample", model, "-o", "file.png", "--size", "20x18").exit_code == 0
    assert Path("piped.png").read_bytes() == Path("file.png").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_samples_leave_nothing(folder: Path, model: Path, sent: signal.Signals) -> None:
    command = [sys.executable, "-m", "texot", "sample", str(model), "-o", "big.png", "--size", "16384x16384"]
    child = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    while not list(folder.glob(".texot-*")):
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.02)
    child.send_signal(sent)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == 128 + sent
    assert errors.count("\n") == 1
    assert [path.name for path in folder.iterdir()] == ["photo.png"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_reader_that_leaves(folder: Path, model: Path) -> None:
    command = [sys.executable, "-m", "texot", "sample", str(model), "-o", "-", "--size", "2000x2000", "-q"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read(8) == b"\x89PNG\r\n\x1a\n"
        child.stdout.close()
        assert child.stderr.read() == b""  # as other programs of a pipe: it was the reader's wish
        assert child.wait(timeout=60) == 1


def test_info(model: Path) -> None:
    done = call("info", model, "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["license"] == "CC0 1.0"
    assert facts["exemplar_size"] == [40, 36]
    assert (facts["seed"], facts["total_step"], facts["network_colours"]) == (0, 8, 3)
    shown = call("info", model)
    assert "CC0 1.0" in shown.stdout
    assert len(shown.stdout.splitlines()) == len(facts)


LONG = [
    "--steps",
    2000,
    "--n-scales",
    2,
    "--features",
    "none",
    "--backend",
    "tiled",
    "--threads",
    1,
    "--no-exemplar",
]


def started(folder: Path, *options: object, until: Callable[[], bool]) -> "subprocess.Popen[str]":
    """A training in a real process, that has come as far as `until` says."""
    command = [sys.executable, "-m", "texot", "train", "photo.png", "-o", "m.safetensors", *map(str, options)]
    child = subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not until():
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.02)
    return child


def steps_in(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signals_write_a_checkpoint(folder: Path, sent: signal.Signals, code: int) -> None:
    metrics = folder / "log" / "metrics.jsonl"
    child = started(folder, *LONG, "--log-dir", "log", until=lambda: steps_in(metrics) > 3)
    child.send_signal(sent)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == code, errors
    assert "--resume" in errors.splitlines()[-1]
    assert Path("m.safetensors.checkpoint").exists()
    assert not Path("m.safetensors").exists()
    assert not list(folder.glob(".texot-*"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_between_checkpoints_and_resumed(folder: Path) -> None:
    """Bit-identical weights, though the process died without a word."""
    steps = ["--steps", 40, *LONG[2:], "--checkpoint-every", 8]
    assert call("train", "photo.png", "-o", "whole.safetensors", *steps).exit_code == 0
    aside, metrics = folder / "m.safetensors.checkpoint", folder / "log" / "metrics.jsonl"
    child = started(
        folder, *steps, "--log-dir", "log", until=lambda: aside.exists() and steps_in(metrics) > 18
    )
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGKILL
    assert not Path("m.safetensors").exists()
    lost = steps_in(metrics)
    done = call("train", "photo.png", "-o", "m.safetensors", *steps, "--resume", "--log-dir", "log")
    assert done.exit_code == 0, done.stderr
    assert Path("m.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()
    rows = [json.loads(line)["total_step"] for line in metrics.read_text().splitlines()]
    assert rows == list(range(1, 41))
    assert 18 <= lost <= 40
    assert not aside.exists()


def test_resumed_at_the_last_step(folder: Path, model: Path) -> None:
    """Killed after the last step, before the model was written."""
    from texot.generator.checkpoint import save_checkpoint
    from texot.generator.trainer import Trainer

    trainer = Trainer("photo.png", steps=8, n_scales=2, features="none", backend="tiled", device="cpu")
    for _ in trainer:
        pass
    save_checkpoint(trainer.checkpoint(), "m.safetensors.checkpoint")
    options = [*TINY, "--license", "CC0 1.0", "--resume", "--log-dir", "log"]
    done = call("train", "photo.png", "-o", "m.safetensors", *options)
    assert done.exit_code == 0, done.stderr
    assert Path("m.safetensors").read_bytes() == model.read_bytes()
    assert not Path("m.safetensors.checkpoint").exists()


def test_the_checkpoint_goes_after_the_model_is_safe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut at any moment leaves one of the two."""
    calls: list[str] = []
    for name in ("fsync", "replace", "unlink"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, _real=real, _name=name: (calls.append(f"{_name} {a[-1]}"), _real(*a))[1]
        )
    done = call("train", "photo.png", "-o", "m.safetensors", "--checkpoint-every", 4, *TINY)
    assert done.exit_code == 0, done.stderr
    assert calls[-1] == "unlink m.safetensors.checkpoint"
    model = next(k for k, made in enumerate(calls) if made.endswith("/m.safetensors"))
    before, after = calls[model - 1], calls[model + 1 : -1]
    assert before.startswith("fsync")
    assert [made.split()[0] for made in after] == ["fsync"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["train", "photo.png"], 2, "--output"),
        (["train", "photo.png", "-o", "m.png"], 1, ".safetensors"),
        (["train", "missing.png", "-o", "m.safetensors"], 1, "no such file"),
        (["train", "photo.png", "-o", "no/m.safetensors"], 1, "no such folder"),
        (["train", "photo.png", "-o", "m.safetensors", "--resume"], 1, "no such file"),
        (["train", "photo.png", "-o", "m.safetensors", "--time-limit", "soon"], 2, "90s"),
        (["train", "photo.png", "-o", "m.safetensors", "--steps", "0"], 2, "--steps"),
        (["train", "photo.png", "-o", "m.safetensors", "--n-scales", "9"], 1, "--n-scales"),
        (["train", "photo.png", "-o", "m.safetensors", "--features", "some"], 1, "efficientnet-lite0"),
        (["train", "photo.png", "-o", "m.safetensors", "--features", "photo.png"], 1, "a file of weights"),
        (["train", "small.png", "-o", "m.safetensors"], 1, "8x8"),
        (["sample", "missing.safetensors", "-o", "out.png"], 1, "no such file"),
        (["sample", "photo.png", "-o", "out.png"], 1, "safetensors"),
        (["sample", "MODEL", "-o", "out.xyz"], 1, "suffix"),
        (["sample", "MODEL", "-o", "out.png", "--size", "0x4"], 2, "--size"),
        (["sample", "MODEL", "-o", "out.png", "--at", "here"], 2, "--at"),
        (["sample", "MODEL", "-o", "out.png", "--count", "2"], 2, "{seed}"),
        (["sample", "MODEL", "-o", "out.png", "--device", "cuda:77"], 1, "cuda"),
        (["info", "photo.png"], 1, "no texot settings"),
        (["info", "missing.safetensors"], 1, "no such file"),
    ],
)
def test_errors(folder: Path, model: Path, arguments: list[str], code: int, word: str) -> None:
    Image.new("L", (5, 5), 9).save("small.png")
    done = call(*[str(model) if part == "MODEL" else part for part in arguments])
    assert done.exit_code == code, done.stderr
    assert word in one_line(done)
    assert not Path("out.png").exists()
    assert not Path("m.safetensors").exists()


def test_resume_refuses_another_training(folder: Path) -> None:
    from texot.generator.checkpoint import save_checkpoint
    from texot.generator.trainer import Trainer

    trainer = Trainer("photo.png", steps=8, n_scales=2, features="none", backend="tiled", device="cpu")
    next(iter(trainer))
    save_checkpoint(trainer.checkpoint(), "m.safetensors.checkpoint")
    for options, word in ((["--seed", 1], "seed"), (["--lr", 0.1], "lr")):
        done = call("train", "photo.png", "-o", "m.safetensors", "--resume", *TINY, *options)
        assert done.exit_code == 1
        assert f"made with {word}" in one_line(done)
    Image.new("L", (40, 40), 9).save("other.png")
    done = call("train", "other.png", "-o", "m.safetensors", "--resume", *TINY)
    assert done.exit_code == 1
    assert "another exemplar" in one_line(done)
    Path("m.safetensors.checkpoint").write_bytes(b"\x08" + bytes(40))
    done = call("train", "photo.png", "-o", "m.safetensors", "--resume", *TINY)
    assert done.exit_code == 1
    assert "damaged" in one_line(done)
    done = call("train", "photo.png", "-o", "m.safetensors", *TINY)
    assert done.exit_code == 0, done.stderr
    assert "training from the start" in done.stderr


@pytest.mark.slow
def test_time_limit(folder: Path) -> None:
    begun = time.monotonic()
    done = call("train", "photo.png", "-o", "m.safetensors", "--time-limit", "2s", *LONG)
    assert done.exit_code == 0, done.stderr
    assert time.monotonic() - begun < 6
    facts = json.loads(call("info", "m.safetensors", "--json").stdout)
    assert 2 <= facts["total_step"] < 2000
    assert facts["total_step"] > 0.5 * facts["total_steps"]  # the finest scale was trained too
