"""The command line on real files: every option does what its help says."""

import json
import logging
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from command_line import QUICK, call, environment, pixels, process, text
from PIL import Image

from texot.cli.app import texot as command
from texot.cli.interrupt import CtrlC
from texot.cli.plot import draw_losses
from texot.cli.progress import reporter
from texot.files.record import read_record
from texot.generator.network import Architecture, TextureNetwork
from texot.generator.sampling import Generator

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals work otherwise there")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds a small exemplar, 24x20."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(values).save("exemplar.png")
    return tmp_path


def synthesize(*options: object, output: str = "out.png") -> str:
    """Run `texot synthesize` in this process; returns stderr."""
    result = call("synthesize", "exemplar.png", "-o", output, *QUICK, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    return result.stderr


def settings(path: str) -> dict[str, Any]:
    found = json.loads(text(Path(path))["texot"])
    assert isinstance(found, dict)
    return found


# ------------------------------------------------------------------------------------------------ synthesize


def test_main_job_in_a_real_process(folder: Path) -> None:
    done = process("synthesize", "exemplar.png", "-o", "out.png", "--size", "31x17", *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert re.search(r"^texot: wrote out\.png \(loss [\d.e-]+, [\d.]+ s\)$", done.stderr, re.M)
    assert "\r" not in done.stderr, "a bar without a terminal"
    assert len(done.stderr.splitlines()) < 10
    assert pixels(folder / "out.png")[:2] == ("RGB", (31, 17))
    assert sorted(p.name for p in folder.iterdir()) == ["exemplar.png", "out.png"]


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (24, 20)), ("2x", (48, 40)), ("17x13", (17, 13)), ("1.5x", (36, 30))]
)
def test_size(folder: Path, size: str | None, expected: tuple[int, int]) -> None:
    synthesize(*(["--size", size] if size else []))
    assert pixels(folder / "out.png")[1] == expected


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_every_output_format(folder: Path, suffix: str) -> None:
    synthesize(output=f"out.{suffix}")
    assert pixels(folder / f"out.{suffix}")[:2] == ("RGB", (24, 20))


def test_grey_in_grey_out(folder: Path) -> None:
    Image.open("exemplar.png").convert("L").save("exemplar.png")
    synthesize()
    assert pixels(folder / "out.png")[0] == "L"


def test_seed_decides_the_bytes(folder: Path) -> None:
    synthesize("--seed", 3, output="a.png")
    synthesize("--seed", 3, output="b.png")
    synthesize("--seed", 4, output="c.png")
    a, b, c = (Path(name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    "options",
    [
        ["--tile", "none"],
        ["--tile", "x"],
        ["--preset", "paper"],
        ["--psi-steps", "2"],
        ["--lr", "0.02", "--preset", "paper"],
        ["--entropy", "0.01"],
        ["--novelty", "0.75"],
        ["--attempts", "2"],
        ["--backend", "reference"],
        ["--device", "cpu"],
    ],
    ids=" ".join,
)
def test_options_reach_the_library(folder: Path, options: list[str]) -> None:
    synthesize(*options)
    name = options[0].removeprefix("--").replace("-", "_")
    assert str(settings("out.png")[name]) == options[1]


@pytest.mark.parametrize("suffix", ["npz", "png"])
def test_the_saved_field_rebuilds_the_texture(folder: Path, suffix: str) -> None:
    smooth = Image.open("exemplar.png").resize((72, 60), Image.Resampling.BICUBIC)
    smooth.save("exemplar.png")
    synthesize("--size", "50x40", "--save-field", f"field.{suffix}", "--quality", "normal")
    done = call("apply", f"field.{suffix}", "exemplar.png", "-o", "again.png")
    assert done.exit_code == 0, done.output
    found, again = (np.asarray(Image.open(name), np.float32) for name in ("out.png", "again.png"))
    assert found.shape == again.shape
    assert np.corrcoef(found.ravel(), again.ravel())[0, 1] > 0.95


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--save-field", "f.npz", "--preset", "paper"], 2, "does not work with --preset paper"),
        (["--save-field", "f.jpg"], 1, "f.jpg"),
        (["--save-field", "out.png"], 2, "used twice"),
        (["--save-field", "f.npz", "--variations", "2", "-o", "out-{i}.png"], 2, "--save-field"),
    ],
)
def test_fields_that_cannot_be_kept(folder: Path, options: list[str], code: int, message: str) -> None:
    done = call("synthesize", "exemplar.png", "-o", "out.png", *QUICK, *options)
    assert done.exit_code == code
    assert message in done.stderr
    assert not Path("out.png").exists()


def test_init_image_is_where_it_starts(folder: Path) -> None:
    Image.new("RGB", (24, 20), (200, 30, 30)).save("red.png")
    synthesize("--init", "red.png", "--n-iter", 1, "--lr", 1e-9, "--preset", "paper")
    mean = np.asarray(Image.open("out.png")).reshape(-1, 3).mean(0)
    assert mean[0] > 140 > 100 > mean[1]


def test_variations_have_numbers_and_seeds(folder: Path) -> None:
    synthesize("--variations", 3, "--seed", 5, output="v-{i:02}.png")
    assert sorted(p.name for p in folder.glob("v-*")) == ["v-01.png", "v-02.png", "v-03.png"]
    assert [settings(f"v-0{i}.png")["seed"] for i in (1, 2, 3)] == [5, 6, 7]
    synthesize("--seed", 6)
    assert Path("out.png").read_bytes() == Path("v-02.png").read_bytes()


def test_save_every_keeps_frames_of_full_size(folder: Path) -> None:
    synthesize("--save-every", 2)
    frames = sorted((folder / "out-frames").iterdir())
    assert [p.name for p in frames] == [f"{i:06}.png" for i in range(1, len(frames) + 1)]
    assert len(frames) >= 3, "three steps at each of two scales"
    assert {pixels(p)[1] for p in frames} == {(24, 20)}
    synthesize("--save-every", 3, "--frames", "film")
    assert list((folder / "film").iterdir())


def test_overwrites_unless_told_not_to(folder: Path) -> None:
    Path("out.png").write_bytes(b"old")
    result = call("synthesize", "exemplar.png", "-o", "out.png", "--no-overwrite", *QUICK)
    assert result.exit_code == 1
    assert Path("out.png").read_bytes() == b"old"
    synthesize()
    assert pixels(Path("out.png"))[1] == (24, 20)


# -------------------------------------------------------------------------------------------------- progress


@pytest.mark.slow
def test_quiet_is_quiet_and_threads_are_recorded(folder: Path) -> None:
    """In one real process."""
    options = ["--quiet", "--threads", 2, *QUICK]
    done = process("synthesize", "exemplar.png", "-o", "out.png", *options, cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert settings("out.png")["threads"] == 2


def test_json_progress_is_one_object_a_line(folder: Path) -> None:
    events = [json.loads(line) for line in synthesize("--progress", "json").splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "done"
    steps = [event for event in events if event["event"] == "step"]
    assert steps
    last = steps[-1]
    assert last["total_step"] == last["total_steps"]
    assert {(s["scale"], s["step"]) for s in steps} >= {(s["scale"], s["stage_steps"]) for s in steps}
    assert all(isinstance(s["loss"], float | None) for s in steps)
    assert events[-1]["loss"] == settings("out.png")["loss"]


@pytest.mark.slow
def test_bar_on_a_terminal(folder: Path) -> None:
    pty = pytest.importorskip("pty")
    os = pytest.importorskip("os")
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "texot", "synthesize", "exemplar.png", "-o", "out.png", *QUICK]
    line += ["--n-iter", "100"]  # long enough for a bar that moves ten times a second
    with subprocess.Popen(line, stderr=theirs, env=environment(COLUMNS="100")) as running:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(ours)
    assert running.returncode == 0
    assert re.search(rb"scale \d of \d: \|.*\| \d+/\d+, loss .* left", shown)
    assert b"texot: wrote out.png" in shown


def test_what_the_library_says_reaches_the_user_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("texot")
    with reporter("bar", quiet=False):
        for _ in range(2):
            log.info("1 scale fits, not %d", 5)
        log.debug("a detail")
    with reporter("json", quiet=False):
        log.warning("KeOps failed")
    with reporter("bar", quiet=True):
        log.warning("nobody asked")
    log.info("nobody listens")
    assert capsys.readouterr().err == (
        'texot: 1 scale fits, not 5\n{"event": "note", "message": "KeOps failed"}\n'
    )


@pytest.mark.parametrize("losses", [[], [(0, 1.0)], [(1, 0.5), (0, float("nan"))], [(0, 0.0)]])
def test_loss_plot_of_odd_losses(losses: list[tuple[int, float]]) -> None:
    assert draw_losses(losses, 2).size == (900, 540)


def test_loss_plot_is_a_picture_with_a_curve(folder: Path) -> None:
    synthesize("--loss-plot", "loss.png")
    picture = np.asarray(Image.open("loss.png").convert("RGB")).astype(int)
    blue = (picture[..., 2] - picture[..., 0] > 60).sum()
    assert 200 < blue < picture.shape[0] * picture.shape[1] / 10


# ---------------------------------------------------------------------------------------------------- replay


def test_settings_hold_what_made_the_image(folder: Path) -> None:
    import torch

    import texot

    synthesize("--seed", 9)
    found = settings("out.png")
    assert found["seed"] == 9
    assert found["texot"] == texot.__version__
    assert found["torch"] == torch.__version__
    assert isinstance(found["loss"], float)
    assert str(folder) not in json.dumps(found)


def test_a_png_holds_its_losses(folder: Path) -> None:
    synthesize()
    _, curve = read_record("out.png")
    assert [point.step for point in curve] == list(range(1, len(curve) + 1))
    assert [point.scale for point in curve] == sorted((point.scale for point in curve), reverse=True)
    assert curve[-1].loss == pytest.approx(settings("out.png")["loss"], rel=1e-4)


@pytest.mark.slow
def test_replay_makes_the_identical_file(folder: Path) -> None:
    first = process(
        "synthesize",
        "exemplar.png",
        "-o",
        "out.png",
        "--seed",
        7,
        "--size",
        "21x33",
        "--novelty",
        0.8,
        "--entropy",
        0.013,
        *QUICK,
        cwd=folder,
    )
    assert first.returncode == 0, first.stderr
    again = process("replay", "out.png", "exemplar.png", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "identical to out.png" in again.stderr
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


def test_replay_from_an_init_image_asks_for_it(folder: Path) -> None:
    Image.new("RGB", (24, 20), (200, 30, 30)).save("red.png")
    synthesize("--init", "red.png")
    assert call("replay", "out.png", "exemplar.png").exit_code == 1
    assert not Path("out-replay.png").exists()
    result = call("replay", "out.png", "exemplar.png", "--init", "red.png")
    assert result.exit_code == 0
    assert Path("out.png").read_bytes() == Path("out-replay.png").read_bytes()


def test_replay_refuses_another_exemplar_unless_forced(folder: Path) -> None:
    synthesize()
    Image.new("RGB", (24, 20), (9, 99, 9)).save("other.png")
    result = call("replay", "out.png", "other.png")
    assert result.exit_code == 1
    assert "--force" in result.stderr
    result = call("replay", "out.png", "other.png", "--force", "-o", "forced.png")
    assert result.exit_code == 0
    assert "differs from out.png" in result.stderr


def test_replay_warns_on_another_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesize()
    monkeypatch.setattr("texot.cli.replay_checks.__version__", "99.0")
    result = call("replay", "out.png", "exemplar.png")
    assert result.exit_code == 0
    assert "99.0" in result.stderr


# ---------------------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.slow
@posix
def test_ctrl_c_keeps_the_image_and_it_can_be_replayed(folder: Path) -> None:
    line = [sys.executable, "-m", "texot", "synthesize", "exemplar.png", "-o", "out.png", *QUICK]
    line += ["--n-iter", "1000000", "--progress", "json"]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment()) as running:
        assert running.stderr is not None
        watchdog = threading.Timer(100, running.kill)
        watchdog.start()
        seen = []
        for raw in running.stderr:
            seen.append(json.loads(raw))
            if seen[-1]["event"] == "step" and seen[-1]["total_step"] > 1:
                running.send_signal(signal.SIGINT)
                break
        seen += [json.loads(raw) for raw in running.stderr]
        watchdog.cancel()
    assert running.returncode == 130
    assert seen[-1]["event"] == "interrupted"
    assert "out.png" in seen[-1]["message"]
    assert [event["interrupted"] for event in seen if event["event"] == "done"] == [True]
    assert pixels(folder / "out.png")[1] == (24, 20)
    assert sorted(p.name for p in folder.iterdir()) == ["exemplar.png", "out.png"]
    again = process("replay", "out.png", "exemplar.png", cwd=folder)
    assert "identical to out.png" in again.stderr


@posix
def test_ctrl_c_says_so_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import texot
    from texot.jobs.synthesis import iter_synthesis

    def pressed(*args: Any, **kwargs: Any) -> Any:
        for state in iter_synthesis(*args, **kwargs):
            yield state
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(texot, "iter_synthesis", pressed)
    result = call("synthesize", "exemplar.png", "-o", "out-{i}.png", "--variations", 3, "--quiet", *QUICK)
    assert result.exit_code == 130
    assert re.fullmatch(
        r"texot: interrupted: out-1\.png holds the image after step 2 of \d+\n", result.stderr
    )
    assert [p.name for p in folder.glob("out*")] == ["out-1.png"], "no further variation"


@posix
@pytest.mark.parametrize("stubborn", [False, True], ids=["plain", "import that eats exceptions"])
def test_ctrl_c_while_torch_is_imported(folder: Path, stubborn: bool) -> None:
    """A torch that takes for ever stands for the real one, which takes a second."""
    body = (
        "try:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)"
        if stubborn
        else "time.sleep(60)"
    )
    (folder / "slow").mkdir()
    (folder / "slow" / "torch.py").write_text(f"import time\nprint('importing', flush=True)\n{body}\n")
    line = [sys.executable, "-m", "texot", "synthesize", "exemplar.png", "-o", "out.png"]
    env = environment()
    env["PYTHONPATH"] = f"{folder / 'slow'}:{env['PYTHONPATH']}"
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "importing\n"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == 130
    assert errors == "texot: interrupted\n"
    assert not Path("out.png").exists()


@posix
def test_ctrl_c_before_there_is_an_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import texot

    def pressed(*args: Any, **kwargs: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        yield

    monkeypatch.setattr(texot, "iter_synthesis", pressed)
    result = call("synthesize", "exemplar.png", "-o", "out.png", *QUICK)
    assert (result.exit_code, result.stderr) == (
        130,
        "texot: interrupted before there was an image to keep\n",
    )
    assert not Path("out.png").exists()


@posix
def test_second_ctrl_c_ends_a_long_step() -> None:
    with CtrlC() as ctrl_c:
        ctrl_c.keep()
        signal.raise_signal(signal.SIGINT)
        assert ctrl_c.pressed
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        ctrl_c.ignore()
        signal.raise_signal(signal.SIGINT)


# ---------------------------------------------------------------------------------------------- help, doctor


def commands() -> list[list[str]]:
    return [[], *([name] for name in sorted(command.commands))]


def examples(path: list[str]) -> list[str]:
    """The commands of the example that ends a help text."""
    result = call(*path, "--help")
    assert result.exit_code == 0
    _, found, block = result.stdout.rpartition("\n  Example:\n")
    assert found, f"the help of {path} does not end in an example"
    return [line.strip() for line in block.strip().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_help_ends_in_an_example_that_runs(folder: Path, path: list[str]) -> None:
    """Run as it stands, on a small image of the sample's name, for a few steps and few pixels."""
    if path == ["desktop"]:
        pytest.importorskip("PySide6.QtWidgets", reason="the window needs Qt", exc_type=ImportError)
    Path("samples").mkdir()
    for name in ("samples/pebbles.jpg", "samples/gravel.jpg", "photo.png"):
        Image.open("exemplar.png").save(name)
    if path == ["straighten"]:
        Image.open("exemplar.png").resize((512, 400)).save("photo.png")
    Path("samples/materials/cliff").mkdir(parents=True)
    for name in ("basecolor", "normal"):
        Image.open("exemplar.png").save(f"samples/materials/cliff/{name}.png")
    mask = Image.new("L", (24, 20))
    mask.paste(255, (8, 8, 14, 14))
    mask.save("mask.png")
    for name, textures in (("pebbles", 1), ("between", 2)):
        architecture = Architecture(3, (2, 2), (1, 1), 1, (1, 1), textures=textures)
        network = TextureNetwork(architecture, torch.Generator().manual_seed(0))
        Generator(network, {"mode": "RGB", "exemplar_size": [24, 20]}).save(f"{name}.safetensors")
    lines = examples(path)
    assert lines[-1].split()[1 : 1 + len(path)] == path, "the example shows another command"
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "texot"
        brief = QUICK if arguments[0] in ("synthesize", "inpaint", "tile", "interpolate") else []
        brief = ["--steps", "4", "--features", "none", "--no-exemplar"] if arguments[0] == "train" else brief
        if brief is QUICK and "--size" in arguments:
            brief = [*QUICK, "--size", "96x40"]
        result = call(*arguments, *brief)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_option_has_a_help_text(path: list[str]) -> None:
    at: click.Command = command
    for name in path:
        assert isinstance(at, click.Group)
        at = at.commands[name]
    assert at.help
    for option in at.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert all("_" not in spelling for spelling in option.opts)


def test_library_and_command_line_spell_alike() -> None:
    """Every option of `texot.iter_synthesis` is one of the same name."""
    from typing import get_type_hints

    from texot.jobs.keywords import SynthesisOptions

    names = set(get_type_hints(SynthesisOptions)) | {"exemplars", "size"}
    assert names <= {option.name for option in command.commands["synthesize"].params}


def test_no_arguments_shows_the_help(folder: Path) -> None:
    result = call()
    assert result.exit_code == 2
    assert "Usage: texot" in result.stderr


def test_version(folder: Path) -> None:
    import texot

    done = process("--version", cwd=folder)
    assert (done.returncode, done.stdout) == (0, f"texot {texot.__version__}\n")
