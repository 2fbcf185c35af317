"""What is not saved when a window ends comes back in the next one; settings do too."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.views.curve import Curve
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


def drafts(window: Window, image: Path, until: Until, count: int) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    window.forms[0].variations.setValue(count)  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: len(window.session.results) == count and not window.session.busy)


@pytest.mark.slow
def test_the_next_window_restores_what_was_not_saved(
    window: Window, image: Path, until: Until, state_folder: Path, tmp_path: Path
) -> None:
    drafts(window, image, until, 3)
    pictures = [result.picture for result in window.session.results]
    window.session.select(window.session.results[1])
    window.saving.save(str(tmp_path / "saved.png"))
    until(lambda: window.session.results[1].saved)
    os.kill(window.client.process_id, signal.SIGKILL)
    window.end()
    again = Window(window.settings)
    again.show()
    assert again.view.offer.isVisible()
    QTest.mouseClick(again.view.offer.restore_button, LEFT)
    assert not again.view.offer.isVisible()
    until(lambda: len(again.session.results) == 2 and not again.session.busy)
    found = again.session.results
    assert [result.picture for result in found] == [pictures[0], pictures[2]]
    assert [result.request.arguments["seed"] for result in found] == [0, 2]
    again.session.select(found[1])
    assert again.session.image.path == str(image)
    assert again.view.canvas.exemplar.size().toTuple() == (40, 36)  # type: ignore[attr-defined]
    again.saving.save(str(tmp_path / "later.png"))
    until(lambda: found[1].saved)
    again.session.remove(found[0])
    assert again.close(), "all is saved"
    assert not os.listdir(state_folder)


@pytest.mark.slow
def test_the_question_at_the_end_saves(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts(window, image, until, 2)
    (tmp_path / "kept").mkdir()
    monkeypatch.setattr(FileDialogs, "ask_folder", lambda *_: str(tmp_path / "kept"))

    def answer() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        QTest.mouseClick(box.button(QMessageBox.StandardButton.Save), LEFT)

    QTimer.singleShot(100, answer)
    assert not window.close(), "it is open until all is written"
    until(lambda: not window.isVisible())
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["noise-0.png", "noise-1.png"]


@pytest.mark.slow
def test_discarded_work_is_deleted(window: Window, image: Path, until: Until, state_folder: Path) -> None:
    drafts(window, image, until, 1)
    window.end()
    assert len(os.listdir(state_folder)) == 1
    again = Window(window.settings)
    again.show()
    QTest.mouseClick(again.view.offer.discard_button, LEFT)
    again.close()
    assert not os.listdir(state_folder)


def test_settings_are_remembered(window: Window) -> None:
    synthesise, seamless, _, interpolate, _ = window.forms
    synthesise.common.quality.setCurrentText("high")  # type: ignore[attr-defined]
    synthesise.common.size.setText("2K")  # type: ignore[attr-defined]
    synthesise.novelty.show_value(0.8)  # type: ignore[attr-defined]
    seamless.flatten.setChecked(True)  # type: ignore[attr-defined]
    interpolate.common.tile.setCurrentText("x")  # type: ignore[attr-defined]
    window.view.split.click()
    assert window.close()
    again = Window(window.settings)
    synthesise, seamless, _, interpolate, _ = again.forms
    assert synthesise.quality == "high"
    assert synthesise.common.size.text() == "2K"  # type: ignore[attr-defined]
    assert synthesise.novelty.value == 0.8  # type: ignore[attr-defined]
    assert seamless.flatten.isChecked()  # type: ignore[attr-defined]
    assert interpolate.common.tile.currentText() == "x"  # type: ignore[attr-defined]
    assert not again.view.canvas.split
    again.close()


def test_the_loss_of_each_scale_falls_in_a_range_of_its_own(application: QApplication) -> None:
    curve = Curve()
    curve.resize(208, 110)
    for scale, first in ((1, 1.0), (0, 50.0)):  # the loss rises where the finer scale begins
        for step in range(50):
            curve.add(first * 0.95**step, 100, scale)
    assert curve.begins == [0, 50]
    shown, ink = curve.grab().toImage(), curve.palette().highlight().color()

    def height(column: int) -> int:
        def distance(y: int) -> int:
            found = QColor(shown.pixel(column, y))
            return sum(abs(a - b) for a, b in zip(found.getRgb(), ink.getRgb(), strict=True))  # type: ignore[arg-type]

        return min(range(110), key=distance)

    for left in (6, 108):
        heights = [height(left + x) for x in range(4, 80, 12)]
        assert heights == sorted(heights), "it falls"
        assert heights[-1] - heights[0] > 60
