"""The temporary folder is empty after a window ends in any way."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from command_line import environment

from texot.desktop.session_folder import SessionFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")
_WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication
from texot.desktop.app import _run
from texot.desktop.worker_client import WorkerClient
from texot.desktop.window import Window
app = QApplication([])
WorkerClient.start = lambda self: None  # no worker: it would load torch
window = Window(QSettings(sys.argv[1], QSettings.Format.IniFormat))
Path(window.session.files.folder, "unsaved.png").touch()
QTimer.singleShot(0, lambda: print(window.session.files.folder, flush=True))  # once signals are heard
_run(app, window, None, None, "draft")
"""


def _sessions(tmp_path: Path) -> Path:
    return tmp_path / "state" / "texot" / "sessions"


def opened(tmp_path: Path, script: str = _WINDOW) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, str(tmp_path / "settings.ini")]
    extra = {"QT_QPA_PLATFORM": "offscreen", "XDG_STATE_HOME": str(tmp_path / "state")}
    heard = functools.partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # though nohup runs the tests
    return subprocess.Popen(
        command, env=environment(**extra), stdout=subprocess.PIPE, text=True, preexec_fn=heard
    )


def folder_of(window: "subprocess.Popen[str]") -> Path:
    assert window.stdout is not None
    return Path(window.stdout.readline().strip())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signals_close_the_window(tmp_path: Path, number: signal.Signals) -> None:
    with opened(tmp_path) as window:
        assert folder_of(window).parent == _sessions(tmp_path)
        window.send_signal(number)
        try:
            window.communicate(timeout=30)
        finally:
            window.kill()  # else a failure waits for ever
    assert window.returncode == 0
    assert not os.listdir(_sessions(tmp_path))


@pytest.mark.slow
def test_the_next_window_removes_the_folder_of_a_killed_one_only(tmp_path: Path) -> None:
    with opened(tmp_path) as killed:
        left = folder_of(killed)
        killed.kill()
    assert (left / "unsaved.png").exists()
    (_sessions(tmp_path) / "texot-session-notes").mkdir()
    with opened(tmp_path) as first:
        living = folder_of(first)
        assert not left.exists()
        with opened(tmp_path) as second:
            assert folder_of(second) != living
            assert (living / "unsaved.png").exists()
            second.terminate()
        first.terminate()
    assert os.listdir(_sessions(tmp_path)) == ["texot-session-notes"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_unsaved_work_outlives_its_window(tmp_path: Path, number: signal.Signals) -> None:
    script = _WINDOW.replace("QTimer.single", "window._folder.record({'results': []})\nQTimer.single")
    with opened(tmp_path, script) as window:
        left = folder_of(window)
        window.send_signal(number)
        window.wait(timeout=30)
    with opened(tmp_path) as other:  # does not sweep it away
        folder_of(other)
        assert (left / "unsaved.png").exists()
        other.terminate()
    folder = SessionFolder()
    try:
        assert folder.left() == [left]
        assert folder.take_left(left) == {"results": []}
        assert folder.left() == []
        assert [path.name for path in Path(folder.path).glob("restored-*/*/*.png")] == ["unsaved.png"]
    finally:
        folder.remove()
    assert not os.listdir(_sessions(tmp_path))


def test_paths_of_a_folder_that_was_left_are_those_where_it_is_now() -> None:
    first = SessionFolder()
    image = os.path.join(first.path, 'result "1".png')
    Path(image).write_bytes(b"png")
    first.record({"file": image, "other": "/a.png"})
    first.keep()
    second = SessionFolder()
    (left,) = second.left()
    found = second.take_left(left)
    assert found["other"] == "/a.png"
    assert Path(found["file"]).read_bytes() == b"png"
    assert Path(found["file"]).is_relative_to(second.path)
    second.remove()


def test_signals_of_the_terminal_do_not_end_the_worker() -> None:
    """The window ends its worker: it may ask first, and the worker may hold a training."""
    command = [sys.executable, "-m", "texot.desktop.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe) as worker:
        assert worker.stdout is not None
        assert worker.stdout.read(1)  # of its hello
        worker.send_signal(signal.SIGINT)
        worker.send_signal(signal.SIGHUP)
        _, errors = worker.communicate(timeout=30)  # closes its stdin
    assert (worker.returncode, errors) == (0, b"")
