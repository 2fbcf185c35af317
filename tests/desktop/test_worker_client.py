"""The worker must be of this installation; else the window says that it is not."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest

import texot
from texot.desktop.protocol import Unpacker, pack
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]


def another_installation(folder: Path, spoil: Callable[[Path], None]) -> Path:
    """A changed copy of texot."""
    shutil.copytree(
        Path(texot.__file__).parent, folder / "texot", ignore=shutil.ignore_patterns("__pycache__")
    )
    spoil(folder / "texot")
    return folder


def newer(package: Path) -> None:
    (package / "_version.py").write_text('__version__ = "99.0"\n')


def silent(package: Path) -> None:
    """Its output does not begin with a frame."""
    (package / "desktop" / "worker.py").write_text(
        'import sys\nsys.stdout.write("Welcome, " * 99)\nsys.stdout.flush()\nsys.stdin.read()\n'
        "def main():\n    pass\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"), [(newer, "the worker is texot 99.0"), (silent, "no worker of this texot")]
)
def test_a_worker_of_another_installation_is_refused(
    window: Window,
    image: Path,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    message: str,
) -> None:
    """As after an update while a window is open."""
    until(lambda: window.client.greeted)
    window.client._process.kill()  # type: ignore[union-attr]
    until(lambda: "crashed" in window.view.failure)
    monkeypatch.setattr(sys, "path", [str(another_installation(tmp_path, spoil)), *sys.path])
    window.opening.open(str(image))
    until(lambda: message in window.view.failure)
    assert "restart texot" in window.view.failure
    assert not window.session.busy
    monkeypatch.undo()
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))


@pytest.mark.slow
def test_the_current_folder_is_not_imported(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another checkout in the current folder is not imported by the worker."""
    until(lambda: window.client.greeted)
    window.client._process.kill()  # type: ignore[union-attr]
    until(lambda: "crashed" in window.view.failure)
    monkeypatch.chdir(another_installation(tmp_path, newer))
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))


def test_frames_arrive_in_pieces_and_nonsense_is_refused() -> None:
    frames = Unpacker()
    data = pack({"a": 1}, b"xyz") + pack({"b": "ü"})
    found = [frame for byte in data for frame in frames.feed(bytes([byte]))]
    assert found == [({"a": 1}, b"xyz"), ({"b": "ü"}, b"")]
    with pytest.raises(ValueError, match="no frame"):
        list(Unpacker().feed(b"Traceback (most recent call last)"))
