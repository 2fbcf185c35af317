"""Wrong input through the real command line: one clear line, the right exit code, no file left behind."""

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from command_line import QUICK, call, environment, one_line, process
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

import texot
from texot.cli.app import texot as command
from texot.cli.replay_specs import REPLAY_SPECS
from texot.cli.synthesize import synthesize
from texot.errors import InputError

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds a small exemplar and a subfolder."""
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    Image.fromarray(values).save("exemplar.png")
    Path("folder").mkdir()
    return tmp_path


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 60000x60000."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def nan_tiff(path: Path) -> None:
    values = np.full((20, 24), 0.5, np.float32)
    values[3, 4] = np.nan
    Image.fromarray(values).save(path)


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "missing.png": lambda path: None,
    "empty.png": lambda path: path.write_bytes(b""),
    "truncated.png": lambda path: path.write_bytes(Path("exemplar.png").read_bytes()[:400]),
    "text.jpg": lambda path: path.write_text("this is no image\n" * 9),
    "bomb.png": lambda path: path.write_bytes(bomb()),
    "directory.png": lambda path: path.mkdir(),
    "nan.tif": nan_tiff,
    "transparent.png": lambda path: Image.new("RGBA", (20, 20)).save(path),
}

# what is wrong -> options, exit code, a word the line must hold
BAD_OPTIONS = {
    "size zero": (["--size", "0x0"], 2, "--size"),
    "size negative": (["--size", "-5"], 2, "--size"),
    "size absurd": (["--size", "1e9x1e9"], 2, "memory"),
    "size no number": (["--size", "big"], 2, "--size"),
    "factor absurd": (["--size", "1e300x"], 2, "--size"),
    "seed negative": (["--seed", "-1"], 2, "--seed"),
    "seed no number": (["--seed", "x"], 2, "--seed"),
    "no variations": (["--variations", "0"], 2, "--variations"),
    "variations of one name": (["--variations", "2"], 2, "{i}"),
    "frames without every": (["--frames", "film"], 2, "--save-every"),
    "lr zero": (["--lr", "0"], 2, "--lr"),
    "lr nan": (["--lr", "nan"], 2, "--lr"),
    "entropy negative": (["--entropy", "-1"], 2, "--entropy"),
    "entropy infinite": (["--entropy", "inf"], 2, "--entropy"),
    "novelty beyond 1": (["--novelty", "1.1"], 2, "--novelty"),
    "novelty of noise": (["--novelty", "1", "--preset", "paper"], 1, "novelty"),
    "no scales": (["--n-scales", "0"], 2, "--n-scales"),
    "no threads": (["--threads", "0"], 2, "--threads"),
    "unknown choice": (["--quality", "superb"], 2, "draft"),
    "unknown option": (["--n_scales", "3"], 2, "--n_scales"),
    "device misspelt": (["--device", "gpu"], 2, "cuda"),
    "device not there": (["--device", "cuda:99"], 1, "cuda:99"),
    "patch beyond the image": (["--patch-size", "100"], 1, "100"),
    "init missing": (["--init", "missing.png"], 1, "missing.png"),
    "output is the exemplar": (["-o", "exemplar.png"], 2, "twice"),
    "output unknown": (["-o", "out.xyz"], 1, ".xyz"),
    "output without suffix": (["-o", "out"], 1, "suffix"),
    "output in no folder": (["-o", "nowhere/out.png"], 1, "nowhere"),
    "output is a directory": (["-o", "directory.png"], 1, "directory"),
    "plot is the output": (["--loss-plot", "out.png"], 2, "twice"),
    "plot in no folder": (["--loss-plot", "nowhere/loss.png"], 1, "nowhere"),
    "frames are a file": (["--save-every", "1", "--frames", "exemplar.png"], 1, "exemplar.png"),
}


def left_behind(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_exemplar(folder: Path, name: str) -> None:
    BAD_FILES[name](folder / name)
    before = left_behind(folder)
    result = call("synthesize", name, "-o", "out.png", *QUICK)
    assert result.exit_code == 1
    assert name in one_line(result)
    assert left_behind(folder) == before


@pytest.mark.parametrize("wrong", BAD_OPTIONS)
def test_bad_option(folder: Path, wrong: str) -> None:
    options, code, word = BAD_OPTIONS[wrong]
    Path("directory.png").mkdir()
    before, old = left_behind(folder), Path("exemplar.png").read_bytes()
    result = call("synthesize", "exemplar.png", "-o", "out.png", *QUICK, *options)
    assert result.exit_code == code, result.output
    assert word in one_line(result)
    assert left_behind(folder) == before
    assert Path("exemplar.png").read_bytes() == old


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["size absurd", "output unknown"])  # an exit code of each kind
def test_bad_option_in_a_real_process(folder: Path, wrong: str) -> None:
    options, code, word = BAD_OPTIONS[wrong]
    done = process("synthesize", "exemplar.png", "-o", "out.png", *QUICK, *options, cwd=folder)
    assert done.returncode == code
    assert word in one_line(done)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["synthesize"], ["synthesize", "exemplar.png"], ["replay", "exemplar.png"]]
)
def test_bad_usage(folder: Path, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert "--help" in one_line(result)


def test_json_progress_reports_errors_as_json(folder: Path) -> None:
    result = call("synthesize", "missing.png", "-o", "out.png", "--progress", "json", *QUICK)
    assert result.exit_code == 1
    event = json.loads(one_line(result))
    assert (event["event"], event["exit_code"]) == ("error", 1)
    assert "missing.png" in event["message"]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(folder: Path) -> None:
    Path("folder").chmod(0o500)
    result = call("synthesize", "exemplar.png", "-o", "folder/out.png", *QUICK)
    assert result.exit_code == 1
    assert "permission" in one_line(result)


# ---------------------------------------------------------------------------- failures that strike on the way


@pytest.mark.slow
@posix
def test_no_room_for_the_file(folder: Path) -> None:
    """A limit on the size of files fails the write like a full disk, in a real process."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500));"
        "from texot.cli import main; sys.argv[0] = 'texot'; main()"
    )
    line = [sys.executable, "-c", script, "synthesize", "exemplar.png", "-o", "out.png", "--quiet", *QUICK]
    done = subprocess.run(
        line, env=environment(PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "out.png" in one_line(done)
    assert left_behind(folder) == {"exemplar.png", "folder"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "out.png"), "out.png: No space left on device"),
        (MemoryError(), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "out of memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory.\nTried 9 GiB"), "out of memory"),
        (ModuleNotFoundError("No module named 'torch'"), "No module named 'torch': install texot again"),
        (InputError("expected that,\n  got this"), "expected that, got this"),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_on_the_way(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(texot, "iter_synthesis", fail)
    result = call("synthesize", "exemplar.png", "-o", "out.png", "--quiet", *QUICK)
    assert result.exit_code == 1
    line = one_line(result)
    assert words in line
    assert ("TEXOT_DEBUG" in line) == isinstance(error, ZeroDivisionError), "only that one is a bug"
    assert not Path("out.png").exists()


def test_debug_shows_the_traceback_of_a_bug(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(texot, "iter_synthesis", fail)
    monkeypatch.setenv("TEXOT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(
            command, ["synthesize", "exemplar.png", "-o", "out.png", *QUICK], catch_exceptions=False
        )


# ----------------------------------------------------------------------------------------------------- replay


def png_with(text: str | None) -> None:
    info = PngImagePlugin.PngInfo()
    if text is not None:
        info.add_text("texot", text)
    Image.new("RGB", (8, 8)).save("made.png", pnginfo=info)


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[1, 2]", '"text"', "[" * 100_000, '{"stopped_at": "soon"}', "{}"],
    ids=lambda t: str(t)[:20],
)
def test_replay_of_a_file_without_settings(folder: Path, text: str | None) -> None:
    png_with(text)
    result = call("replay", "made.png", "exemplar.png")
    assert result.exit_code == 1
    assert "made.png" in one_line(result)
    assert left_behind(folder) == {"exemplar.png", "folder", "made.png"}


def test_replay_of_no_png(folder: Path) -> None:
    Path("made.png").write_text("no image")
    result = call("replay", "made.png", "exemplar.png")
    assert result.exit_code == 1
    assert "made.png" in one_line(result)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@given(
    st.sampled_from(sorted(REPLAY_SPECS)),
    st.dictionaries(
        st.sampled_from(
            sorted({p.name or "" for spec in REPLAY_SPECS.values() for p in spec.command.params})
        ),
        JSON,
        max_size=4,
    ),
)
@effort(max_examples=150, deadline=None)
def test_replayed_settings_may_hold_anything(job: str, found: dict[str, Any]) -> None:
    try:
        options = REPLAY_SPECS[job].parse(Path("made.png"), found)
    except InputError:
        return
    assert options.get("seed", 0) >= 0
    assert options.get("lr") is None or options["lr"] > 0


# ------------------------------------------------------------------------------------------------------- fuzz

SPELLINGS = sorted({s for p in synthesize.params if isinstance(p, click.Option) for s in p.opts})
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
WORDS = st.sampled_from(SPELLINGS) | TEXT | st.integers().map(str) | st.floats().map(str)


@given(st.lists(WORDS, max_size=6))
@effort(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_command_line_gives_one_line(folder: Path, words: list[str]) -> None:
    """The exemplar does not exist: whatever the rest says, there is nothing to make and something to say."""
    result = call("synthesize", "missing.png", "-o", "out.png", *words)
    if result.exit_code == 0:
        assert {"-h", "--help"} & set(words)
        return
    assert result.exit_code in (1, 2)
    one_line(result)
    assert not isinstance(result.exception, UnicodeError)
    assert left_behind(folder) == {"exemplar.png", "folder"}


# ----------------------------------------------------------------------------------------------------- doctor


@pytest.mark.slow
def test_doctor_in_a_real_process(folder: Path) -> None:
    done = process("doctor", cwd=folder)
    assert done.returncode == 0, done.stderr
    for word in ("python", "torch", "keops", "compiler", "threads", "auto"):
        assert word in done.stdout.lower()
    assert done.stderr == ""


@pytest.mark.slow
def test_doctor_without_keops(folder: Path) -> None:
    """A pykeops that cannot be imported stands for one that is missing or broken."""
    (folder / "broken").mkdir()
    (folder / "broken" / "pykeops.py").write_text("raise ImportError('no KeOps on this machine')\n")
    env = environment()
    path = f"{folder / 'broken'}{os.pathsep}{env['PYTHONPATH']}"
    done = process("doctor", "--json", cwd=folder, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "no KeOps on this machine" in report["keops"]
    assert report["auto on cpu"].startswith("tiled")
