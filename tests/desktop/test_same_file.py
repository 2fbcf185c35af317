"""For each task, the copied command writes the same file."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
import torch
from command_line import call, process, text
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A second exemplar, 32x32, in a folder of another name."""
    values = np.random.default_rng(2).integers(0, 200, (32, 32, 3), np.uint8)
    (tmp_path / "a folder").mkdir()
    Image.fromarray(values).save(tmp_path / "a folder" / "other one.png")
    return tmp_path / "a folder" / "other one.png"


@pytest.fixture
def copied(window: Window, until: Until, tmp_path: Path) -> Callable[[], str]:
    """Copy the command of the selected result, run it with the output again.SUFFIX, and return it."""

    def run() -> str:
        QGuiApplication.clipboard().clear()
        QTest.mouseClick(window.view.command, LEFT)
        until(QGuiApplication.clipboard().text)
        return again(QGuiApplication.clipboard().text(), tmp_path)

    return run


def again(line: str, folder: Path) -> str:
    """Run a copied command with another name for its output, by two threads if it does not ask for one.

    The worker of the window is a real process, so that one for a JPEG is enough here.
    """
    words = shlex.split(line)
    place = words.index("-o") + 1
    words[place] = "again" + Path(words[place]).suffix
    if words[place].endswith(".jpg"):
        done = process(*words[1:], "--quiet", cwd=folder, OMP_NUM_THREADS="2")
        assert done.returncode == 0, done.stderr
        return line
    before, threads = Path.cwd(), torch.get_num_threads()
    os.chdir(folder)
    torch.set_num_threads(2)
    try:
        called = call(*words[1:], "--quiet")
    finally:
        torch.set_num_threads(threads)
        os.chdir(before)
    assert called.exit_code == 0, called.stderr
    return line


def opened(window: Window, image: Path, until: Until) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))


def made(window: Window, until: Until) -> None:
    count = len(window.session.results)
    QTest.mouseClick(window.view.draft if window.view.tabs.front.has_quality else window.view.generate, LEFT)
    until(lambda: window.view.failure or (len(window.session.results) > count and not window.session.busy))
    assert not window.view.failure


def saved(window: Window, path: Path, until: Until) -> bytes:
    window.saving.save(str(path))
    until(lambda: window.session.selected is not None and window.session.selected.saved == str(path))
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_synthesis(
    window: Window, image: Path, until: Until, tmp_path: Path, copied: Callable[[], str], suffix: str
) -> None:
    opened(window, image, until)
    window.forms[0].common.size.setText("1.5x")  # type: ignore[attr-defined]
    made(window, until)
    wanted = saved(window, tmp_path / f"out.{suffix}", until)
    copied()
    assert (tmp_path / f"again.{suffix}").read_bytes() == wanted


@pytest.mark.slow
def test_hole(
    window: Window,
    image: Path,
    until: Until,
    tmp_path: Path,
    copied: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The mask is only painted: the window asks for a file for it."""
    window.view.tabs.setCurrentIndex(2)
    opened(window, image, until)
    canvas = window.view.canvas
    QTest.mouseClick(canvas, LEFT, pos=canvas.from_picture(QPointF(20, 20)).toPoint())
    made(window, until)
    wanted = saved(window, tmp_path / "out.png", until)
    asked: list[str] = []
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *words: asked.append(words[1]) or "")
    QGuiApplication.clipboard().setText("before")
    QTest.mouseClick(window.view.command, LEFT)
    assert QGuiApplication.clipboard().text() == "before"
    assert asked == ["The command needs the mask in a file"]
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(tmp_path / "mask.png"))
    assert str(tmp_path / "mask.png") in copied()
    assert (tmp_path / "again.png").read_bytes() == wanted
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: pytest.fail("asked twice"))
    copied()


@pytest.mark.slow
def test_tile(window: Window, image: Path, until: Until, tmp_path: Path, copied: Callable[[], str]) -> None:
    window.view.tabs.setCurrentIndex(1)
    opened(window, image, until)
    window.forms[1].flatten.setChecked(True)  # type: ignore[attr-defined]
    made(window, until)
    wanted = saved(window, tmp_path / "out.png", until)
    copied()
    assert (tmp_path / "again.png").read_bytes() == wanted


@pytest.mark.slow
@pytest.mark.parametrize("weight_map", ["none", "radial", "image"])
def test_between(
    window: Window,
    image: Path,
    other: Path,
    until: Until,
    tmp_path: Path,
    copied: Callable[[], str],
    weight_map: str,
) -> None:
    window.view.tabs.setCurrentIndex(3)
    opened(window, image, until)
    tab = window.forms[3]
    window.exemplars.add(str(other))
    until(lambda: tab.list.count() == 2)  # type: ignore[attr-defined]
    tab.t.show_value(0.3)  # type: ignore[attr-defined]
    if weight_map == "image":
        Image.linear_gradient("L").resize((40, 36)).save(tmp_path / "map.png")
        tab.weight_map.use_image(str(tmp_path / "map.png"))  # type: ignore[attr-defined]
    else:
        tab.weight_map.setCurrentText(weight_map)  # type: ignore[attr-defined]
    made(window, until)
    wanted = saved(window, tmp_path / "out.png", until)
    copied()
    assert (tmp_path / "again.png").read_bytes() == wanted


@pytest.mark.slow
def test_training_on_two_and_samples(
    window: Window,
    image: Path,
    other: Path,
    until: Until,
    tmp_path: Path,
    copied: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window.view.tabs.setCurrentIndex(4)
    opened(window, image, until)
    tab = window.forms[4]
    assert not tab.t.isVisible()
    window.exemplars.add(str(other))
    until(lambda: tab.list.count() == 2)
    tab.steps.setValue(3)
    QTest.mouseClick(tab.train, LEFT)
    until(lambda: window.session.models.current and not window.session.busy)
    assert tab.t.isVisible()
    path = tmp_path / "model.safetensors"
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(path))
    QTest.mouseClick(tab.command, LEFT)
    until(lambda: "texot train" in QGuiApplication.clipboard().text())
    QTest.mouseClick(tab.save, LEFT)
    until(lambda: window.session.models.current.saved)
    again(QGuiApplication.clipboard().text(), tmp_path)
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    tab.size_line.setText("48x40")
    QTest.keyClick(tab.t.slider, Qt.Key.Key_PageUp)
    until(lambda: "Generate keeps it" in window.view.message.text() and not window.session.busy)
    assert window.session.selected is None, "it is a preview"
    assert window.view.canvas.result.width() == 48
    made(window, until)
    wanted = saved(window, tmp_path / "out.png", until)
    assert " --weights 0.4,0.6" in copied()
    assert (tmp_path / "again.png").read_bytes() == wanted
    tab.weight_map.setCurrentText("horizontal")
    tab.at = (-5, 3)
    tab.explore.setChecked(True)
    made(window, until)
    saved(window, tmp_path / "out.tif", until)
    copied()
    assert (tmp_path / "again.tif").read_bytes() == (tmp_path / "out.tif").read_bytes()
    wanted = saved(window, tmp_path / "out.png", until)
    assert " --at -5,3 --weight-map horizontal" in copied()
    assert (tmp_path / "again.png").read_bytes() == wanted
    assert '"weight_map": "horizontal"' in text(tmp_path / "out.png")["texot"]


@pytest.mark.slow
def test_pasted_image(
    window: Window,
    image: Path,
    until: Until,
    tmp_path: Path,
    copied: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from PySide6.QtGui import QImage

    QGuiApplication.clipboard().setImage(QImage(str(image)))
    QTest.keyClick(window, Qt.Key.Key_V, CONTROL)
    until(lambda: window.session.image.path)
    made(window, until)
    wanted = saved(window, tmp_path / "out.png", until)
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(tmp_path / "kept.png"))
    assert str(tmp_path / "kept.png") in copied()
    assert (tmp_path / "again.png").read_bytes() == wanted


@pytest.mark.slow
def test_stopped(
    window: Window, image: Path, until: Until, tmp_path: Path, copied: Callable[[], str]
) -> None:
    """The command of a stopped job is a replay of its PNG."""
    opened(window, image, until)
    window.forms[0].common.size.setText("128x128")  # type: ignore[attr-defined]
    window.forms[0].common.quality.setCurrentText("high")  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.generate, LEFT)
    until(lambda: window.view.progress.value() > 5)
    QTest.mouseClick(window.view.stop, LEFT)
    until(lambda: window.session.selected is not None)
    QTest.mouseClick(window.view.command, LEFT)
    assert "save it as a PNG" in window.view.failure
    wanted = saved(window, tmp_path / "out.png", until)
    assert copied().startswith(f"texot replay {tmp_path / 'out.png'} {image} -o ")
    assert (tmp_path / "again.png").read_bytes() == wanted


@pytest.mark.slow
def test_stopped_between(
    window: Window, image: Path, other: Path, until: Until, tmp_path: Path, copied: Callable[[], str]
) -> None:
    """The command names all input images, also that of the map."""
    window.view.tabs.setCurrentIndex(3)
    opened(window, image, until)
    tab = window.forms[3]
    window.exemplars.add(str(other))
    until(lambda: tab.list.count() == 2)  # type: ignore[attr-defined]
    Image.linear_gradient("L").resize((96, 96)).save(tmp_path / "map.png")
    tab.weight_map.use_image(str(tmp_path / "map.png"))  # type: ignore[attr-defined]
    tab.common.size.setText("96x96")  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.generate, LEFT)
    until(lambda: window.view.progress.value() > 5)
    QTest.mouseClick(window.view.stop, LEFT)
    until(lambda: window.session.selected is not None)
    wanted = saved(window, tmp_path / "out.png", until)
    assert copied().endswith(f" --weight-map {tmp_path / 'map.png'}")
    assert (tmp_path / "again.png").read_bytes() == wanted
