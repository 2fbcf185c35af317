"""Generator: train some steps, stop, go on, save, load, sample, drag over the plane."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QWidget

from texot.desktop.tabs.generator import GeneratorTab
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    QTest.mouseClick(widget, LEFT)


@pytest.fixture
def tab(window: Window, image: Path, until: Until) -> GeneratorTab:
    """The tab in front, an exemplar of 40x36 open."""
    found = window.tabs[3]
    assert isinstance(found, GeneratorTab)
    window.view.tabs.setCurrentIndex(3)
    window.open(str(image))
    until(lambda: window.image == str(image))
    return found


@pytest.mark.slow
def test_train_sample_save_load_and_drag(
    window: Window, tab: GeneratorTab, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(window.view.make)
    assert "no model yet" in window.view.failure
    assert not window.view.draft.isVisible()
    tab.steps.setValue(4)
    click(tab.train)
    until(lambda: tab.model)
    assert len(tab.curve.losses) == 4
    assert not tab.resume.isEnabled()
    tab.width_height.setText("32x24")
    click(window.view.make)
    until(lambda: window.result is not None)
    assert window.result.picture.width() == 32
    assert not window.view.final.isEnabled()
    path = tmp_path / "model.safetensors"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    click(tab.save)
    until(path.exists)
    until(lambda: "model.safetensors" in tab.name.text())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    click(tab.load)
    until(lambda: "40x36 px" in window.view.message.text())
    tab.explore.click()
    assert tab.tile.currentText() == "none"
    click(window.view.make)
    until(lambda: len(window.view.history.results) == 2 and not window.busy)
    canvas = window.view.canvas
    before = canvas.after.copy()
    place = QPoint(canvas.width() * 3 // 4, canvas.height() // 2)
    QTest.mousePress(canvas, LEFT, pos=place)
    QTest.mouseMove(canvas, place - QPoint(round(8 * canvas.zoom), 0))
    until(lambda: tab.at == (8, 0) and not window.busy)
    QTest.mouseRelease(canvas, LEFT, pos=place)
    assert canvas.after.copy(0, 0, 24, 24) == before.copy(8, 0, 24, 24)
    click(window.view.make)
    until(lambda: len(window.view.history.results) == 3 and not window.busy)
    click(window.view.command)
    line = QGuiApplication.clipboard().text()
    assert line.startswith(f"texot sample {path} ")
    assert line.endswith(" --at 8,0")


@pytest.mark.slow
def test_stop_a_training_and_go_on(window: Window, tab: GeneratorTab, until: Until) -> None:
    tab.steps.setValue(30)
    click(tab.train)
    until(lambda: len(tab.curve.losses) > 2)
    click(window.view.stop)
    until(lambda: tab.model)
    done = len(tab.curve.losses)
    assert done < 30
    click(tab.resume)
    until(lambda: len(tab.curve.losses) > done)
    until(lambda: not window.busy)
    assert len(tab.curve.losses) == 30
    assert not tab.resume.isEnabled()


@pytest.mark.slow
def test_a_file_that_is_no_model(window: Window, tab: GeneratorTab, until: Until, image: Path) -> None:
    window.models.load(str(image))
    until(lambda: "noise.png" in window.view.failure)
    assert not tab.model


@pytest.mark.slow
def test_a_large_sample_tells_how_far_it_is_and_stops(
    window: Window, tab: GeneratorTab, until: Until
) -> None:
    tab.steps.setValue(2)
    click(tab.train)
    until(lambda: tab.model and not window.busy)
    tab.width_height.setText("8000x8000")
    click(window.view.make)
    until(lambda: window.view.progress.value() > 0)
    assert "% of the sample, about" in window.view.message.text()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    until(lambda: not window.busy)
    assert "stopped" in window.view.failure
    assert not window.view.history.results
    tab.width_height.setText("32x24")
    click(window.view.make)
    until(lambda: window.result is not None)
