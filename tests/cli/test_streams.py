"""No state of stdout or stderr, and no signal, loses a result."""

import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import QUICK, call, environment, one_line, pixels
from PIL import Image

from texot.cli.interrupt import CtrlC, Stopped
from texot.errors import OutputError

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals, /dev/full"),
    pytest.mark.usefixtures("small_torus"),
]
TINY = ["--steps", 4, "--n-scales", 2, "--features", "none", "--backend", "tiled", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)).save("photo.png")
    return tmp_path


def gone_terminal() -> int:
    """A terminal whose other end is closed, as after a lost connection."""
    ours, theirs = pty.openpty()
    os.close(ours)
    return theirs


def broken_pipe() -> int:
    """A pipe that nobody reads any more, as after `| head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def unread_pipe() -> int:
    """A full pipe that nobody reads: an ordinary write to it waits for ever."""
    writing = full_pipe()
    os.set_blocking(writing, True)
    return writing


def full_pipe() -> int:
    """A pipe that nobody reads and that does not wait, as some programs give to those that they start."""
    _, writing = os.pipe()
    os.set_blocking(writing, False)
    os.write(writing, bytes(1 << 20))
    return writing


STREAMS: dict[str, Callable[[], int]] = {
    "full": lambda: os.open("/dev/full", os.O_WRONLY),
    "broken": broken_pipe,
    "unread": unread_pipe,
    "unread, not waiting": full_pipe,
    "gone": gone_terminal,
}


@pytest.mark.parametrize("state", STREAMS)
@pytest.mark.parametrize("options", [[], ["-u"]])
def test_writing_to_stderr_never_fails(state: str, options: list[str]) -> None:
    code = (
        "import sys\n"
        "from texot.cli.streams import settle_streams\n"
        "settle_streams()\n"
        "for k in range(3):\n"
        "    print('a line', file=sys.stderr)\n"
        "    sys.stderr.write('a bar' * 5000)\n"
        "    sys.stderr.flush()\n"
    )
    stream = STREAMS[state]()
    line = [sys.executable, *options, "-c", code]
    assert subprocess.run(line, env=environment(), stderr=stream, check=False, timeout=60).returncode == 0
    os.close(stream)


def damaged_tiff(path: Path) -> None:
    """A file about which libtiff itself writes a line for nearly every row."""
    noise = np.random.default_rng(0).integers(0, 2, (256, 256)).astype(np.bool_)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "TIFF", compression="group4")
    data = bytearray(whole.getvalue())
    for place in range(300, len(data) - 400, 37):
        data[place] ^= 0x55
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_libraries_do_not_wait_for_a_reader_of_stderr(folder: Path, kind: str) -> None:
    """libtiff writes to descriptor 2 by itself, which waits for ever where nobody reads it."""
    damaged_tiff(folder / "damaged.tif")
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            theirs.send(bytes(1 << 16))
    theirs.setblocking(True)
    stream = unread_pipe() if kind == "pipe" else theirs.fileno()
    line = [
        sys.executable,
        "-m",
        "texot",
        "synthesize",
        "damaged.tif",
        "-o",
        "out.png",
        "--size",
        "24x20",
        *QUICK,
    ]
    subprocess.run(list(map(str, line)), env=environment(), stderr=stream, check=False, timeout=60)
    ours.close()
    theirs.close()


@pytest.mark.slow
def test_what_libraries_say_is_not_among_our_messages(folder: Path) -> None:
    damaged_tiff(folder / "damaged.tif")
    line = [sys.executable, "-m", "texot", "synthesize", "damaged.tif", "-o", "out.png", "--size", "9z"]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "Fax4Decode" not in done.stderr
    assert done.stderr.startswith("texot: Invalid value for '--size'")
    shown = subprocess.run(
        line,
        env={**environment(), "TEXOT_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Fax4Decode" in shown.stderr


def test_messages_that_find_no_reader_are_dropped_whole() -> None:
    code = (
        "import sys\n"
        "from texot.cli.streams import settle_streams\n"
        "settle_streams()\n"
        "for k in range(20):\n"
        "    print('<' + 9990 * '-' + '>', file=sys.stderr)\n"
        "sys.stdout.write('x')\n"
        "sys.stdout.flush()\n"
        "sys.stdin.read(1)\n"
        "print('<at last>', file=sys.stderr)\n"
    )
    line = [sys.executable, "-c", code]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(line, env=environment(), **pipes) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"x"  # although nobody has read any
        assert child.stderr is not None
        begin = os.read(child.stderr.fileno(), 1 << 15)
        found = (begin + child.communicate(b"x", timeout=60)[1]).decode().splitlines()
    assert child.returncode == 0
    assert found[-1] == "<at last>"
    assert 3 < len(found) < 20
    torn = [text for text in found if not text.startswith("<") or not text.endswith(">")]
    assert len(torn) <= 1  # what the pipe held in part, on a line of its own


@pytest.mark.slow
@pytest.mark.parametrize("state", ["broken", "closed", "unread"])
def test_stderr_costs_no_result(folder: Path, state: str) -> None:
    """`2>&1 | head -1`, a program without any streams, `2> >(sleep 1000)`."""
    line = [sys.executable, "-m", "texot", "synthesize", "photo.png", "-o", "out.png", *QUICK]
    if state == "closed":
        script = 'exec "$@" >&- 2>&-'
        done = subprocess.run(["sh", "-c", script, "sh", *line], env=environment(), check=False, timeout=60)
    else:
        stream = STREAMS[state]()
        done = subprocess.run(line, env=environment(), stdout=stream, stderr=stream, check=False, timeout=90)
        os.close(stream)
    assert done.returncode == 0
    assert pixels(folder / "out.png")[1] == (24, 20)
    assert sorted(path.name for path in folder.iterdir()) == ["out.png", "photo.png"]


@pytest.mark.slow
def test_train_on_a_full_stderr(folder: Path) -> None:
    line = [sys.executable, "-m", "texot", "train", "photo.png", "-o", "m.safetensors", *map(str, TINY)]
    line.append("--no-exemplar")
    with open("/dev/full", "w") as full:
        done = subprocess.run(line, env=environment(), stderr=full, check=False, timeout=60)
    assert done.returncode == 0
    assert [path.name for path in folder.glob("m.*")] == ["m.safetensors"]


def test_closed_streams_are_not_given_to_files(tmp_path: Path) -> None:
    """Else what C code says would land in the result; stdout is known to be closed."""
    code = (
        "import os, sys\n"
        "from texot.cli.streams import settle_streams\n"
        "settle_streams()\n"
        "print('to nobody', file=sys.stderr)\n"
        f"file = open({str(tmp_path / 'a')!r}, 'w')\n"
        "os.write(2, b'words of C')\n"
        "sys.exit(0 if file.fileno() > 2 and sys.stdout is None else 1)\n"
    )
    script = 'exec "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-c", code], env=environment(), check=False
    )
    assert done.returncode == 0
    assert (tmp_path / "a").read_bytes() == b""


def test_an_image_for_a_closed_stdout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from texot.cli.sample import _check

    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OutputError, match="stdout is closed"):
        _check("-", [], True)


def stopping(after: int, *signals: int) -> Callable[..., Any]:
    """The library's states, with signals in the midst of the step after some."""
    from texot.jobs.synthesis import iter_synthesis

    def states(*args: Any, **kwargs: Any) -> Any:
        for state in iter_synthesis(*args, **kwargs):
            if state.total_step > after:
                for number in signals:
                    signal.raise_signal(number)
            yield state

    return states


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_signals_keep_the_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, times: int
) -> None:
    """The second ends the step at once, and no further one the saving."""
    import texot

    monkeypatch.setattr(texot, "iter_synthesis", stopping(1, *[number] * times))
    done = call("synthesize", "photo.png", "-o", "out.png", *QUICK, "--quiet")
    assert done.exit_code == 128 + number
    assert f"after step {2 if times == 1 else 1} of" in one_line(done)
    assert pixels(folder / "out.png")[1] == (24, 20)


def test_signals_between_the_loop_and_the_file_do_nothing() -> None:
    with CtrlC() as ctrl_c:
        ctrl_c.keep()
        signal.raise_signal(signal.SIGHUP)
        with pytest.raises(Stopped) as stopped:
            signal.raise_signal(signal.SIGINT)
        assert (stopped.value.signum, ctrl_c.signum) == (signal.SIGHUP, signal.SIGHUP)
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)


def test_nohup_is_obeyed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import texot

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(texot, "iter_synthesis", stopping(1, signal.SIGHUP))
        assert call("synthesize", "photo.png", "-o", "out.png", *QUICK, "--quiet").exit_code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_put_back(folder: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert call("synthesize", "photo.png", "-o", "out.png", *QUICK, "--quiet").exit_code == 0
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.parametrize("frames", ["{i}.png", "move.gif"])
def test_frames_that_are_done_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch, frames: str) -> None:
    """A second signal while the third frame is prepared."""
    import texot.jobs.interpolation as module

    real, calls = module.iter_interpolation, []

    def states(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        yield from real(*args, **kwargs)

    monkeypatch.setattr(module, "iter_interpolation", states)
    Image.new("RGB", (24, 20), (9, 99, 200)).save("other.png")
    done = call("interpolate", "photo.png", "other.png", "-o", frames, "--frames", 4, "--quiet", *QUICK)
    assert done.exit_code == 130
    names = sorted(path.name for path in folder.iterdir())
    assert names == (["1.png", "2.png"] if "{" in frames else ["move.gif"]) + ["other.png", "photo.png"]
    if frames == "move.gif":
        with Image.open("move.gif") as image:
            assert image.n_frames == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_two_quick_signals_and_train_writes_its_checkpoint(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    from texot.solver.adam import loop as module

    real = module.evaluate

    def evaluate(*given: Any, **named: Any) -> Any:
        signal.raise_signal(number)  # in the midst of every step
        signal.raise_signal(number)
        return real(*given, **named)

    whole = call("train", "photo.png", "-o", "whole.safetensors", *TINY)
    assert whole.exit_code == 0, whole.stderr
    for step in range(1, 5):
        with monkeypatch.context() as patch:
            if step > 1:
                patch.setattr(module, "evaluate", evaluate)
            else:  # before its end there is nothing to keep
                patch.setattr("texot.cli.train.TrainingLog.step", lambda *_: signal.raise_signal(number))
            more = ["--resume"] if step > 1 else []
            done = call("train", "photo.png", "-o", "m.safetensors", *TINY, *more, "--quiet")
        assert done.exit_code == 128 + number
        assert "--resume" in one_line(done)
    done = call("train", "photo.png", "-o", "m.safetensors", *TINY, "--resume")
    assert done.exit_code == 0, done.stderr
    assert Path("m.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()


def test_a_full_disk_at_previews_and_checkpoints(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both say so, and the model is written where there is room again."""
    from texot.files import whole

    ordinary = open

    def full(path: str, mode: str) -> Any:
        if len(opened) in range(1, 5):  # the first is for the metrics, before the training
            opened.append(path)
            with ordinary(path, mode):
                return ordinary("/dev/full", "wb")
        opened.append(path)
        return ordinary(path, mode)

    opened: list[str] = []
    monkeypatch.setattr(whole, "open", full, raising=False)
    often = ["--checkpoint-every", 2, "--log-dir", "log", "--preview-every", 2]
    done = call("train", "photo.png", "-o", "m.safetensors", *TINY, *often)
    assert done.exit_code == 0, done.stderr
    assert "no checkpoint after step 2: " in done.stderr
    assert "--log-dir is not complete: " in done.stderr
    assert Path("m.safetensors").exists()
    rows = [json.loads(row)["total_step"] for row in Path("log/metrics.jsonl").read_text().splitlines()]
    assert rows == [1, 2, 3, 4]


def test_a_checkpoint_that_cannot_be_written_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OutputError("cannot write: the disk is full")

    monkeypatch.setattr("texot.generator.checkpoint.write_whole", refuse)
    monkeypatch.setattr("texot.cli.train.TrainingLog.step", lambda *_: signal.raise_signal(signal.SIGTERM))
    done = call("train", "photo.png", "-o", "m.safetensors", *TINY, "--quiet")
    assert done.exit_code == 143
    assert "nothing is saved" in done.stderr


def test_a_full_disk_at_a_frame(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from texot.cli import run

    real = run.write_picture

    def write(result: Any, path: Path, *text: Any) -> None:
        if path.parent.name == "frames":
            raise OutputError("cannot write: the disk is full")
        real(result, path, *text)

    monkeypatch.setattr(run, "write_picture", write)
    done = call("synthesize", "photo.png", "-o", "out.png", "--save-every", 1, "--frames", "frames", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("no more frames: cannot write: the disk is full") == 1
    assert Path("out.png").exists()
