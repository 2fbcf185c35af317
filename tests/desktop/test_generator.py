"""Generator: train some steps, stop, resume, save, load, sample, drag over the plane."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.models import Model, Models
from texot.desktop.settings import SamplingSettings
from texot.desktop.views.tabs.generator import GeneratorTab
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    QTest.mouseClick(widget, LEFT)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small exemplar, 24x20: measuring the finish of a model takes longer than all else here."""
    values = np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def tab(window: Window, image: Path, until: Until) -> GeneratorTab:
    """The form in front, with an exemplar open."""
    found = window.forms[4]
    assert isinstance(found, GeneratorTab)
    window.view.tabs.setCurrentIndex(4)
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    return found


@pytest.mark.slow
def test_train_sample_save_load_and_drag(
    window: Window, tab: GeneratorTab, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(window.view.generate)
    assert "no model yet" in window.view.failure
    assert not window.view.draft.isVisible()
    tab.steps.setValue(4)
    click(tab.train)
    until(lambda: window.session.models.current)
    assert len(tab.curve.losses) == 4
    assert not tab.resume.isEnabled()
    tab.size_line.setText("32x24")
    click(window.view.generate)
    until(lambda: window.session.selected is not None)
    assert window.session.selected.picture.width() == 32
    assert not window.view.render_final.isEnabled()
    path = tmp_path / "model.safetensors"
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(path))
    click(tab.save)
    until(path.exists)
    until(lambda: "model.safetensors" in tab.name.text())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    click(tab.load)
    until(lambda: "24x20 px" in window.view.message.text())
    tab.explore.click()
    assert tab.tile.currentText() == "none"
    click(window.view.generate)
    until(lambda: len(window.session.results) == 2 and not window.session.busy)
    canvas = window.view.canvas
    place = QPoint(canvas.width() * 3 // 4, canvas.height() // 2)
    QTest.mousePress(canvas, LEFT, pos=place)
    QTest.mouseMove(canvas, place - QPoint(round(4 * canvas.zoom), 0))
    until(lambda: tab.at == (4, 0) and not window.session.busy)
    before = canvas.result.copy()  # a preview, as the network makes it
    QTest.mouseMove(canvas, place - QPoint(round(12 * canvas.zoom), 0))
    until(lambda: tab.at == (12, 0) and not window.session.busy)
    QTest.mouseRelease(canvas, LEFT, pos=place)
    assert canvas.result.copy(0, 0, 24, 24) == before.copy(8, 0, 24, 24)
    click(window.view.generate)
    until(lambda: len(window.session.results) == 3 and not window.session.busy)
    click(window.view.command)
    line = QGuiApplication.clipboard().text()
    assert line.startswith(f"texot sample {path} ")
    assert line.endswith(" --at 12,0")


@pytest.mark.slow
def test_stop_a_training_and_resume(window: Window, tab: GeneratorTab, until: Until) -> None:
    tab.steps.setValue(30)
    click(tab.train)
    until(lambda: len(tab.curve.losses) > 2)
    click(window.view.stop)
    until(lambda: window.session.models.current)
    done = len(tab.curve.losses)
    assert done < 30
    click(tab.resume)
    until(lambda: len(tab.curve.losses) > done)
    until(lambda: not window.session.busy)
    assert len(tab.curve.losses) == 30
    assert not tab.resume.isEnabled()


@pytest.mark.slow
def test_a_file_that_is_no_model(window: Window, tab: GeneratorTab, until: Until, image: Path) -> None:
    window.generator.load(str(image))
    until(lambda: "noise.png" in window.view.failure)
    assert not window.session.models.current


@pytest.mark.slow
def test_a_large_sample_shows_progress_and_stops(window: Window, tab: GeneratorTab, until: Until) -> None:
    tab.steps.setValue(2)
    click(tab.train)
    until(lambda: window.session.models.current and not window.session.busy)
    tab.size_line.setText("8000x8000")
    click(window.view.generate)
    until(lambda: window.view.progress.value() > 0)
    assert "% of the sample, about" in window.view.message.text()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    until(lambda: not window.session.busy)
    assert "stopped" in window.view.failure
    assert not window.session.results
    tab.size_line.setText("32x24")
    click(window.view.generate)
    until(lambda: window.session.selected is not None)


def test_a_sample_that_is_selected_is_not_replaced_by_a_preview(application: QApplication) -> None:
    """A preview follows the slider of the weights where the user moves it, not where a result sets it."""
    form, models, wanted = GeneratorTab(), Models(), []
    form.ask_preview.connect(lambda: wanted.append("preview"))
    models.use(Model("between.safetensors", n_exemplars=2))
    form.show_models(models)
    form.t.slider.setValue(40)
    assert wanted == ["preview"]
    request = SamplingSettings("between.safetensors", 2, t=0.75).requests()[0]
    form.show_request(request)
    assert form.t.value == 0.75
    assert wanted == ["preview"]
    assert form.settings().requests() == [request]
    form.t.slider.setValue(10)
    assert len(wanted) == 2
