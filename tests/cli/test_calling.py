"""texot called by another program: handshake, progress, previews, cancelling, errors as JSON."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from click.testing import Result
from command_line import QUICK, call, environment, process
from materials import make_material
from PIL import Image

from texot._version import ALGORITHM, __version__
from texot.cli.app import texot as command
from texot.cli.calling import PROTOCOL, Preview, wants_json
from texot.cli.progress import Json

LONG = [
    "--quality",
    "draft",
    "--n-iter",
    "100000",
    "--n-scales",
    "2",
    "--patch-size",
    "3",
    "--backend",
    "tiled",
]
TRAIN = ["--features", "none", "--n-scales", "2", "--device", "cpu", "--no-exemplar"]
NAME = "-a 'b' \"c\" %d é 木.png"  # what a shell, a format string or an option parser would take apart


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "other.png"):
        values = np.random.default_rng(len(name)).integers(0, 256, (20, 24, 3), np.uint8)
        Image.fromarray(values).save(name)
    mask = Image.new("L", (24, 20))
    mask.paste(255, (9, 8, 14, 13))
    mask.save("mask.png")
    return tmp_path


def events(text: str) -> list[dict[str, Any]]:
    """The objects of the lines; fails on a line that is none."""
    return [json.loads(line) for line in text.splitlines()]


def of(result: Result) -> list[dict[str, Any]]:
    return events(result.stderr)


# ------------------------------------------------------------------------------------------------- handshake


def test_the_handshake_in_a_real_process(folder: Path) -> None:
    done = process("--version", "--json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["texot"], found["algorithm"], found["protocol"]) == (__version__, ALGORITHM, PROTOCOL)
    assert found["commands"] == sorted(command.commands)
    assert os.path.samefile(found["executable"], sys.executable)


def test_the_order_of_the_two_options_does_not_matter() -> None:
    assert call("--json", "--version").stdout == call("--version", "--json").stdout
    assert call("--version").stdout == f"texot {__version__}\n"


# -------------------------------------------------------------------------------------------------- progress


@pytest.mark.slow
def test_events_of_a_real_process(folder: Path) -> None:
    """Standard error has nothing but objects, standard output nothing but the image."""
    options = [*QUICK, "--progress", "json", "--preview-file", "seen.png"]
    line = [sys.executable, "-m", "texot", "synthesize", "photo.png", "-o", "-", "--size", "40x30", *options]
    done = subprocess.run(line, env=environment(), capture_output=True, timeout=120, check=True)
    assert done.stdout.startswith(b"\x89PNG")
    found = events(done.stderr.decode())
    assert [event["event"] for event in found][:: len(found) - 1] == ["start", "done"]
    assert found[0]["protocol"] == PROTOCOL
    steps = [event for event in found if event["event"] == "step"]
    assert all(0 <= event["share"] <= 1 and event["seconds_left"] >= 0 for event in steps)
    shares = [event["share"] for event in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert next(event["preview"] for event in steps if "preview" in event) == "seen.png"
    with Image.open("seen.png") as preview:
        assert preview.size == (40, 30)


def jobs() -> dict[str, list[Any]]:
    """Commands that make two images, of which one step is shown at least."""
    sample = ["sample", "m.safetensors", "-o", "s{seed}.png", "--count", 2, "--size", "24x24"]
    return {
        "synthesize": ["synthesize", "photo.png", "-o", "{i}.png", "--variations", 2, *QUICK],
        "tile": ["tile", "photo.png", "-o", "{i}.png", "--set", 2, "--band", 6, *QUICK],
        "interpolate": ["interpolate", "photo.png", "other.png", "-o", "{i}.png", "--frames", 2, *QUICK],
        "animation": ["interpolate", "photo.png", "other.png", "-o", "a.gif", "--frames", 2, *QUICK],
        "materials": ["synthesize", "material", "-o", "made{i}", "--variations", 2, *QUICK],
        "sample": sample,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", jobs())
def test_the_share_is_of_all_images(folder: Path, name: str) -> None:
    if name == "materials":
        make_material(folder / "material")
    if name == "sample":
        assert call("train", "photo.png", "-o", "m.safetensors", "--steps", 4, *TRAIN, "-q").exit_code == 0
    found = of(call(*jobs()[name], "--progress", "json"))
    starts = [event for event in found if event["event"] == "start"]
    assert [(event["image"], event["images"]) for event in starts] == [(1, 2), (2, 2)]
    second = found.index(starts[1])
    first, last = (
        [e["share"] for e in part if e["event"] == "step"] for part in (found[:second], found[second:])
    )
    assert first == sorted(first)
    assert last == sorted(last)
    assert first[-1] == 0.5
    assert last[-1] == 1
    assert min(last) >= 0.5


def test_the_share_is_one_of_time_and_never_falls(capsys: pytest.CaptureFixture[str]) -> None:
    """The estimate of what is left may rise, and be unknown at first."""
    report, base = (
        Json(),
        SimpleNamespace(scale=0, n_scales=1, step=1, stage_steps=1, loss=0.1, marginal_error=0),
    )
    report.images = 2
    report.start()
    shares = []
    for done, seconds, left in [(1, 1, float("nan")), (2, 2, 2), (3, 3, 9), (4, 8, 0)]:
        state = SimpleNamespace(
            **vars(base), total_step=done, total_steps=4, seconds=seconds, seconds_left=left
        )
        report.step(state)  # type: ignore[arg-type]
        (event,) = (e for e in events(capsys.readouterr().err) if e["event"] == "step")
        shares.append(event["share"])
        if left == 2:
            assert event["seconds_left"] == 2 + (2 + 2)  # of this image, and as much as all of it again
    assert shares == [0.125, 0.25, 0.25, 0.5]


def test_the_page_names_the_commands_that_have_the_options() -> None:
    """Those of long work, and those that show the image so far."""
    page = Path(__file__).parents[2] / "docs" / "calling.md"
    if not page.exists():
        pytest.skip("not a checkout")
    text = page.read_text("utf-8")

    def named(pattern: str) -> set[str]:
        (sentence,) = re.findall(pattern, text, re.DOTALL)
        return set(re.findall(r"`([a-z]+)`", sentence))

    def having(option: str) -> set[str]:
        return {n for n, c in command.commands.items() if any(option in p.opts for p in c.params)}

    long = named(r"work for long: (.*?) The\nothers")
    assert long == having("--progress") == having("--cancel-file") == having("--quiet")
    assert set(command.commands) - long == named(r"The\nothers, (.*?) have neither")
    assert having("--preview-file") == named(r"sees half of it\. (.*?) have this option")


@pytest.mark.slow
def test_an_evaluation(folder: Path) -> None:
    """Figures on stdout, objects on stderr; the share is of all images, and a file stops it."""
    values = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(values).save("photo.png")
    line = ["evaluate", "photo.png", "photo.png", "--n-samples", 50, "--json", "--progress", "json"]
    done = call(*line)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["result"] == "photo.png"
    found = of(done)
    assert (found[0]["event"], found[-1]["event"]) == ("start", "done")
    steps = [event for event in found if event["event"] == "step"]
    assert [e["share"] for e in steps] == sorted(e["share"] for e in steps)
    assert (steps[-1]["share"], steps[-1]["total_step"], steps[-1]["total_steps"]) == (1, 3, 3)
    Path("stop").touch()
    done = call(*line, "--cancel-file", "stop")
    assert (done.exit_code, of(done)[-1]["event"], done.stdout) == (130, "interrupted", "")


# -------------------------------------------------------------------------------------------------- previews


def test_previews_are_small_and_rare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("texot.cli.calling.time", clock)
    state = SimpleNamespace(total_step=1, total_steps=9)
    preview, image = Preview(Path("seen.png")), torch.rand(3, 300, 2000)

    def picture(_: Any) -> torch.Tensor:
        clock.now += 0.5  # as long as it takes
        return image

    written = []
    for _ in range(25):
        written.append(preview.write(state, picture) is not None)  # type: ignore[arg-type]
        clock.now += 0.5
    assert written[:2] == [True, False]
    assert 2 <= sum(written) <= 3  # ten seconds apart: a twentieth of the time
    state.total_step = 9
    assert preview.write(state, picture) == Path("seen.png")  # type: ignore[arg-type]
    with Image.open("seen.png") as seen:
        assert seen.size == (512, 77)


@pytest.mark.parametrize("name", ["synthesize", "tile", "interpolate", "materials", "inpaint", "train"])
def test_every_job_has_previews(folder: Path, name: str) -> None:
    if name == "materials":
        make_material(folder / "material")
    given = {
        **jobs(),
        "inpaint": ["inpaint", "photo.png", "mask.png", "-o", "filled.png", *QUICK],
        "train": ["train", "photo.png", "-o", "m.safetensors", "--steps", 4, *TRAIN],
    }
    done = call(*given[name], "--preview-file", NAME[1:], "--progress", "json")
    assert done.exit_code == 0, done.stderr
    assert any(event.get("preview") == NAME[1:] for event in of(done))
    with Image.open(NAME[1:]) as image:
        assert image.mode == "RGB"
        if name == "materials":
            with Image.open(next(Path("made2").glob("*basecolor*"))) as final:
                near = np.asarray(final.convert("RGB"), float) - np.asarray(image, float)
            assert np.abs(near).mean() < 12  # the same picture, but for the last vote


@pytest.mark.parametrize(
    ("path", "words"),
    [("photo.png", "twice"), ("out.png", "twice"), ("a.jpg", ".png"), ("no/a.png", "folder")],
)
def test_previews_that_cannot_be(folder: Path, path: str, words: str) -> None:
    before = Path("photo.png").read_bytes()
    done = call(
        "synthesize", "photo.png", "-o", "out.png", *QUICK, "--preview-file", path, "--progress", "json"
    )
    assert done.exit_code in (1, 2)
    (event,) = of(done)
    assert words in event["message"]
    assert Path("photo.png").read_bytes() == before


def test_a_preview_that_fails_costs_no_result(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from texot.errors import OutputError

    def full(*_: Any) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr(Preview, "_write", full)
    done = call(
        "synthesize", "photo.png", "-o", "out.png", *QUICK, "--preview-file", "p.png", "--progress", "json"
    )
    assert done.exit_code == 0
    assert [e["message"] for e in of(done) if e["event"] == "note"] == ["no more previews: the disk is full"]
    assert Path("out.png").exists()


# ------------------------------------------------------------------------------------------------- cancelling


def started(*arguments: Any) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "texot", *map(str, arguments), "--progress", "json"]
    return subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True)


def stopped(child: "subprocess.Popen[str]", stop: Callable[[], object]) -> dict[str, Any]:
    """The last event of a process that is told to stop after its first step."""
    assert child.stderr is not None
    event: dict[str, Any] = {}
    with child:
        for line in child.stderr:
            event = json.loads(line)
            if event["event"] == "step":
                stop()
                stop = lambda: None  # noqa: E731
    assert child.returncode == event["exit_code"]
    return event


LONG_JOBS: dict[str, list[Any]] = {
    "synthesize": ["synthesize", "photo.png", "-o", NAME[1:], *LONG],
    "inpaint": ["inpaint", "photo.png", "mask.png", "-o", NAME[1:], *LONG],
    "tile": ["tile", "photo.png", "-o", NAME[1:], "--band", 6, *LONG],
    "interpolate": ["interpolate", "photo.png", "other.png", "-o", NAME[1:], *LONG],
    "train": ["train", "photo.png", "-o", "m.safetensors", "--steps", 10**6, "--no-early-stop", *TRAIN],
}


@pytest.mark.parametrize("name", LONG_JOBS)
def test_the_file_that_cancels(folder: Path, name: str) -> None:
    """The work so far is kept, as after Ctrl-C."""

    def cancel() -> None:
        while not Path("seen.png").exists():  # after the first step
            time.sleep(0.02)
        Path("stop 'it' %s").touch()

    thread = threading.Thread(target=cancel)
    thread.start()
    options = ["--cancel-file", "stop 'it' %s", "--preview-file", "seen.png", "--progress", "json"]
    done = call(*LONG_JOBS[name], *options)
    thread.join(10)
    event = of(done)[-1]
    assert (event["event"], event["exit_code"]) == ("interrupted", 130)
    assert done.exit_code == 130
    assert Path("m.safetensors.checkpoint" if name == "train" else NAME[1:]).exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("name", ["synthesize", "train"])
def test_sigterm(folder: Path, name: str) -> None:
    child = started(*LONG_JOBS[name])
    event = stopped(child, child.terminate)
    assert (event["event"], event["exit_code"]) == ("interrupted", 128 + signal.SIGTERM)
    assert Path("m.safetensors.checkpoint" if name == "train" else NAME[1:]).exists()


@pytest.mark.slow
def test_a_sample_is_cancelled(folder: Path) -> None:
    assert call("train", "photo.png", "-o", "m.safetensors", "--steps", 4, *TRAIN, "-q").exit_code == 0
    given = [
        "sample",
        "m.safetensors",
        "-o",
        "big.png",
        "--size",
        "9000x9000",
        "--tile",
        "none",
        "--finish",
        "none",
    ]
    child = started(*given, "--cancel-file", "stop")
    event = stopped(child, Path("stop").touch)
    assert (event["event"], event["exit_code"]) == ("interrupted", 130)
    assert not Path("big.png").exists()


@pytest.mark.slow
def test_a_file_that_is_there_already_cancels_at_once(folder: Path) -> None:
    Path("stop").touch()
    begun = time.monotonic()
    done = process(*LONG_JOBS["synthesize"], "--cancel-file", "stop", "--progress", "json", cwd=folder)
    assert done.returncode == 130
    assert events(done.stderr)[-1]["event"] == "interrupted"
    assert time.monotonic() - begun < 30
    assert not Path(NAME[1:]).exists()


# ----------------------------------------------------------------------------------------------------- errors


class TestErrors:
    GIVEN: ClassVar[dict[str, tuple[list[Any], int, str]]] = {
        "input": (["synthesize", "none.png", "-o", "o.png"], 1, "input"),
        "output": (["synthesize", "photo.png", "-o", "no/o.png"], 1, "output"),
        "usage": (["synthesize", "photo.png"], 2, "usage"),
        "bad option": (["synthesize", "photo.png", "-o", "o.png", "--no-such"], 2, "usage"),
        "size": (["synthesize", "photo.png", "-o", "o.png", "--size", "x"], 2, "usage"),
        "device": (["synthesize", "photo.png", "-o", "o.png", "--device", "cuda:99"], 1, "device"),
        "quiet": (["synthesize", "none.png", "-o", "o.png", "-q"], 1, "input"),
    }

    @pytest.mark.parametrize("name", GIVEN)
    def test_one_object(self, folder: Path, name: str) -> None:
        arguments, code, kind = self.GIVEN[name]
        done = call(*arguments, "--progress", "json")
        *starts, event = of(done)
        assert all(before["event"] == "start" for before in starts)
        assert done.exit_code == event["exit_code"] == code
        assert (event["event"], event["kind"]) == ("error", kind)
        assert event["message"]
        assert not done.stdout

    def test_of_commands_with_json(self, folder: Path) -> None:
        (event,) = of(call("info", "none.png", "--json"))
        assert (event["event"], event["kind"]) == ("error", "input")
        (event,) = of(call("no-such-command", "--json"))
        assert (event["kind"], event["exit_code"]) == ("usage", 2)

    def test_memory(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any, **__: Any) -> None:
            raise MemoryError

        monkeypatch.setattr("texot.iter_synthesis", full)
        (_, event) = of(call("synthesize", "photo.png", "-o", "o.png", *QUICK, "--progress", "json"))
        assert event["kind"] == "memory"


def test_what_asks_for_json() -> None:
    assert wants_json(["synthesize", "--progress", "json"])
    assert wants_json(["synthesize", "--progress=json", "a"])
    assert wants_json(["doctor", "--json"])
    assert not wants_json(["synthesize", "--progress", "bar", "json"])
    assert not wants_json(["synthesize", "--", "--json"])
