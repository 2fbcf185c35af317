"""While a job runs, the user opens and saves files and selects other results."""

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
    """A window with a draft, and a slow job that runs."""
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: window.session.selected is not None and not window.session.busy)
    window.forms[0].common.size.setText("256x256")  # type: ignore[attr-defined]
    window.forms[0].common.quality.setCurrentText("high")  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.generate, LEFT)
    until(lambda: window.view.progress.value() > 0)
    assert window.session.selected is not None, "the draft is better than a coarse state"
    assert window.view.save.isEnabled()
    return window


@pytest.mark.slow
def test_another_image_opens_at_once_and_the_result_is_added_to_the_strip(
    running: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.open(image).crop((0, 0, 32, 30)).save(other)
    running.opening.open(str(other))
    until(lambda: running.session.image.path == str(other))
    assert running.session.running is not None
    step = running.view.progress.value()
    until(lambda: running.view.progress.value() > step + 3)
    assert running.view.canvas.result.isNull(), "a result of another exemplar is not shown"
    QTest.mouseClick(running.view.stop, LEFT)
    until(lambda: not running.session.busy)
    assert len(running.session.results) == 2
    assert running.view.canvas.result.isNull()
    assert running.session.selected is None
    assert "in the strip" in running.view.message.text()


@pytest.mark.slow
def test_a_result_is_selected_and_saved_while_a_job_runs(
    running: Window, until: Until, tmp_path: Path
) -> None:
    strip = running.view.history
    place = strip.visualItemRect(strip.item(0)).center()
    QTest.mouseClick(strip.viewport(), LEFT, pos=place)
    assert running.session.selected is running.session.results[0]
    running.saving.save(str(tmp_path / "draft.png"))
    until((tmp_path / "draft.png").exists)
    assert running.session.running is not None
    step = running.view.progress.value()
    until(lambda: running.view.progress.value() > step + 3)
    assert running.session.selected is running.session.results[0]
    assert running.view.canvas.result.size() == running.session.results[0].picture.size()


@pytest.mark.slow
def test_closing_asks_about_what_runs(window: Window, image: Path, until: Until) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    window.view.tabs.setCurrentIndex(4)
    QTest.mouseClick(window.forms[4].train, LEFT)
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
def test_new_seed_takes_the_next_seed(window: Window, image: Path, until: Until) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    QTest.keyClick(window, Qt.Key.Key_F5)
    until(lambda: window.session.selected is not None and not window.session.busy)
    QTest.mouseClick(window.view.new_seed, LEFT)
    until(lambda: len(window.session.results) == 2 and not window.session.busy)
    options = [result.request.arguments for result in window.session.results]
    assert [o["seed"] for o in options] == [1, 2]
    assert [o["quality"] for o in options] == ["draft", "draft"]
    QTest.keyClick(window, Qt.Key.Key_C, CONTROL)
    assert QGuiApplication.clipboard().image() == window.view.canvas.result.convertToFormat(
        QGuiApplication.clipboard().image().format()
    )


@pytest.mark.slow
def test_recent_files_are_found_from_other_folders(
    window: Window, image: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image.parent)
    window.opening.open(image.name)
    until(lambda: window.session.image.path)
    assert window.dialogs.recent() == [str(image)]
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
    until(lambda: "pasted" in window.session.image.path)
    other = tmp_path / "other.png"
    other.write_bytes(image.read_bytes())
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (image, other)])
    drop(window, data)
    until(lambda: window.forms[3].paths == [str(image), str(other)])  # type: ignore[attr-defined]
    assert window.view.tabs.currentIndex() == 3
    model = tmp_path / "no model.safetensors"
    model.write_bytes(b"nothing")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(model))])
    drop(window, data)
    until(lambda: "no model.safetensors" in window.view.failure)
    assert window.view.tabs.currentIndex() == 4
    assert window.session.models.current is None


@pytest.mark.slow
def test_a_dragged_result_moves_at_once(window: Window, image: Path, until: Until) -> None:
    """A dragged result moves at once, before the next sample is made."""
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    window.view.tabs.setCurrentIndex(4)
    tab, canvas = window.forms[4], window.view.canvas
    tab.steps.setValue(2)
    QTest.mouseClick(tab.train, LEFT)
    until(lambda: window.session.models.current and not window.session.busy)
    tab.explore.click()
    QTest.mouseClick(window.view.generate, LEFT)
    until(lambda: window.session.selected is not None and not window.session.busy)
    place = QPoint(canvas.width() * 5 // 8, canvas.height() // 2)  # in the result, also where it has moved
    shift = round(8 * canvas.zoom)
    QTest.mousePress(canvas, LEFT, pos=place + QPoint(shift, 0))
    QTest.mouseMove(canvas, place)
    until(lambda: tab.at == (8, 0) and not window.session.busy)  # previews are as the network makes them
    before = canvas.grab().toImage()
    QTest.mouseMove(canvas, place - QPoint(shift, 0))
    moved = canvas.grab().toImage()
    around = 6
    x, y = place.x() - around, place.y() - around
    assert moved.copy(x, y, 12, 12) == before.copy(x + shift, y, 12, 12)
    until(lambda: tab.at == (16, 0) and not window.session.busy)
    assert window.session.selected is None, "it is a preview"
    QTest.mouseRelease(canvas, LEFT, pos=place - QPoint(shift, 0))
    after = canvas.grab().toImage()
    assert after.copy(x, y, 12, 12) == moved.copy(x, y, 12, 12)
