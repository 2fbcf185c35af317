"""While something runs, the window goes on: files open and are saved, other results are looked at."""

import os
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def running(window: Window, image: Path, until: Until) -> Window:
    """A draft is there, and something slow runs."""
    window.open(str(image))
    until(lambda: window.image == str(image))
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: window.result is not None and not window.busy)
    window.tabs[0].common.size.setText("256x256")  # type: ignore[attr-defined]
    window.tabs[0].common.quality.setCurrentText("high")  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.make, LEFT)
    until(lambda: window.view.progress.value() > 0)
    assert window.result is None, "what is shown is on its way"
    assert not window.view.save.isEnabled()
    return window


@pytest.mark.slow
def test_another_image_opens_at_once_and_the_result_goes_to_the_strip(
    running: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.open(image).crop((0, 0, 32, 30)).save(other)
    running.open(str(other))
    until(lambda: running.image == str(other))
    assert running.running is not None
    step = running.view.progress.value()
    until(lambda: running.view.progress.value() > step + 3)
    assert running.view.canvas.after.isNull(), "no picture of another exemplar's"
    QTest.mouseClick(running.view.stop, LEFT)
    until(lambda: not running.busy)
    assert len(running.view.history.results) == 2
    assert running.view.canvas.after.isNull()
    assert running.result is None
    assert "in the strip" in running.view.message.text()


@pytest.mark.slow
def test_a_result_comes_back_and_is_saved_meanwhile(running: Window, until: Until, tmp_path: Path) -> None:
    strip = running.view.history
    place = strip.visualItemRect(strip.item(0)).center()
    QTest.mouseClick(strip.viewport(), LEFT, pos=place)
    QTest.mouseDClick(strip.viewport(), LEFT, pos=place)
    assert running.result is strip.results[0]
    running.saving.save(str(tmp_path / "draft.png"))
    until((tmp_path / "draft.png").exists)
    assert running.running is not None
    step = running.view.progress.value()
    until(lambda: running.view.progress.value() > step + 3)
    assert running.result is strip.results[0]
    assert running.view.canvas.after.size() == strip.results[0].picture.size()


@pytest.mark.slow
def test_closing_asks_about_what_runs(window: Window, image: Path, until: Until) -> None:
    window.open(str(image))
    until(lambda: window.image == str(image))
    window.view.tabs.setCurrentIndex(3)
    QTest.mouseClick(window.models.tab.train, LEFT)
    until(lambda: window.view.progress.value() > 0)
    asked: list[str] = []

    def cancel() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        QTest.mouseClick(box.button(QMessageBox.StandardButton.Cancel), LEFT)

    QTimer.singleShot(100, cancel)
    assert not window.close()
    assert asked == ["Close without saving the training that runs?"]


@pytest.mark.slow
def test_again_takes_the_next_seed(window: Window, image: Path, until: Until) -> None:
    window.open(str(image))
    until(lambda: window.image == str(image))
    QTest.keyClick(window, Qt.Key.Key_F5)
    until(lambda: window.result is not None and not window.busy)
    QTest.mouseClick(window.view.again, LEFT)
    until(lambda: len(window.view.history.results) == 2 and not window.busy)
    options = [result.job.arguments for result in window.view.history.results]
    assert [o["seed"] for o in options] == [1, 2]
    assert [o["quality"] for o in options] == ["draft", "draft"]
    QTest.keyClick(window, Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().image() == window.view.canvas.after.convertToFormat(
        QGuiApplication.clipboard().image().format()
    )


@pytest.mark.slow
def test_recent_files_are_found_from_other_folders(
    window: Window, image: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image.parent)
    window.open(image.name)
    until(lambda: window.image)
    assert window.opening.recent() == [str(image)]
    assert os.path.isabs(str(window.settings.value("folder")))


def drop(window: Window, data: QMimeData) -> None:
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), action, data, LEFT, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), action, data, LEFT, none))


@pytest.mark.slow
def test_pictures_several_files_and_models_are_dropped(
    window: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    data = QMimeData()
    data.setImageData(QImage(str(image)))
    drop(window, data)
    until(lambda: "pasted" in window.image)
    other = tmp_path / "other.png"
    other.write_bytes(image.read_bytes())
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (image, other)])
    drop(window, data)
    until(lambda: window.tabs[2].paths == [str(image), str(other)])  # type: ignore[attr-defined]
    assert window.view.tabs.currentIndex() == 2
    model = tmp_path / "no model.safetensors"
    model.write_bytes(b"nothing")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(model))])
    drop(window, data)
    until(lambda: "no model.safetensors" in window.view.failure)
    assert window.view.tabs.currentIndex() == 3
    assert not window.view.tabs.currentWidget().findChild(type(window.models.tab)).model  # type: ignore[union-attr]


@pytest.mark.slow
def test_the_picture_goes_with_the_hand(window: Window, image: Path, until: Until) -> None:
    """Dragged over the plane, it moves before the next sample is there."""
    window.open(str(image))
    until(lambda: window.image == str(image))
    window.view.tabs.setCurrentIndex(3)
    tab, canvas = window.models.tab, window.view.canvas
    tab.steps.setValue(2)
    QTest.mouseClick(tab.train, LEFT)
    until(lambda: tab.model and not window.busy)
    tab.explore.click()
    QTest.mouseClick(window.view.make, LEFT)
    until(lambda: window.result is not None and not window.busy)
    before = canvas.grab().toImage()
    place = QPoint(canvas.width() * 3 // 4, canvas.height() // 2)
    shift = round(8 * canvas.zoom)
    QTest.mousePress(canvas, LEFT, pos=place)
    QTest.mouseMove(canvas, place - QPoint(shift, 0))
    moved = canvas.grab().toImage()
    around = 6
    x, y = place.x() - around, place.y() - around
    assert moved.copy(x, y, 12, 12) == before.copy(x + shift, y, 12, 12)
    until(lambda: tab.at == (8, 0) and not window.busy)
    assert window.result is None, "nobody asked to keep it"
    QTest.mouseRelease(canvas, LEFT, pos=place - QPoint(shift, 0))
    after = canvas.grab().toImage()
    assert after.copy(x, y, 12, 12) == moved.copy(x, y, 12, 12)
