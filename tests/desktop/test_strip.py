"""The strip of results: what is current there is what is shown and what is saved."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.job_queue import OpenImage
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.views.history import History
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


def result(seed: int = 0, size: tuple[int, int] = (40, 36), **facts: object) -> Result:
    picture = QImage(*size, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.gray)
    request = JobRequest("synthesize", {"image": "/a.png"}, {"seed": seed, "quality": "normal"})
    return Result(request, picture, size, OpenImage("/a.png", picture), "", **facts)  # type: ignore[arg-type]


@pytest.fixture
def strip(application: QApplication) -> History:
    made = History()
    made.resize(500, made.height())
    made.show()
    return made


def test_cells_are_equal_and_nothing_is_cut(strip: History) -> None:
    shapes = [(40, 36), (4000, 300), (30, 900), (64, 64)]
    for number, size in enumerate(shapes):
        strip.add(result(2**31 - 1 - number, size))
    QTest.qWait(10)
    cells = [strip.visualItemRect(strip.item(i)) for i in range(len(shapes))]
    assert len({(cell.width(), cell.height()) for cell in cells}) == 1
    metrics = strip.fontMetrics()
    for i, cell in enumerate(cells):
        assert cell.bottom() < strip.viewport().height()
        for text in strip.item(i).text().split("\n"):
            assert metrics.horizontalAdvance(text) <= cell.width()
        icon = strip.item(i).icon().pixmap(64, 64)
        assert icon.deviceIndependentSize().toSize().toTuple() == (64, 64)  # type: ignore[attr-defined]
    assert cells[0].height() >= 64 + 2 * metrics.lineSpacing()


def colour(strip: History, place: int, x: int) -> tuple[int, int, int]:
    found = strip.item(place).icon().pixmap(64, 64).toImage().pixelColor(x, 47)
    return found.red(), found.green(), found.blue()


def test_saved_and_stopped_results_are_marked(strip: History) -> None:
    plain, stopped = result(1, (64, 64)), result(2, (64, 64), settings={"stopped_at": 5})
    strip.add(plain)
    strip.add(stopped)
    left, right = 10, 54  # columns of the two marks
    grey = colour(strip, 0, left)
    assert colour(strip, 0, right) == grey
    assert colour(strip, 1, left) != grey
    assert "stopped" in strip.item(1).toolTip()
    assert "not saved" in strip.item(0).toolTip()
    plain.saved = "/out.png"
    strip.update_marks(plain)
    assert colour(strip, 0, right) != grey
    assert colour(strip, 0, left) == grey
    assert "/out.png" in strip.item(0).toolTip()


def test_clicks_and_arrows_choose(strip: History) -> None:
    results = [result(seed) for seed in range(3)]
    chosen: list[Result] = []
    strip.chosen.connect(chosen.append)
    for one in results:
        strip.add(one)
    assert strip.currentRow() == -1, "adding selects nothing"
    QTest.mouseClick(strip.viewport(), LEFT, pos=strip.visualItemRect(strip.item(1)).center())
    QTest.keyClick(strip, Qt.Key.Key_Right)
    QTest.keyClick(strip, Qt.Key.Key_Right)
    assert chosen == [results[1], results[2]]
    strip.mark(None)
    assert strip.currentRow() == -1
    assert not strip.selectedItems()


def test_removing_another_keeps_the_current_one(strip: History) -> None:
    results = [result(seed) for seed in range(3)]
    for one in results:
        strip.add(one)
    strip.mark(results[2])
    strip.remove(results[0])
    assert strip.currentRow() == 1
    strip.remove(results[2])
    assert strip.currentRow() == -1


@pytest.mark.slow
def test_what_is_current_is_shown_and_saved(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    window.forms[0].variations.setValue(3)  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: len(window.session.results) == 3 and not window.session.busy)
    session, strip, canvas = window.session, window.view.history, window.view.canvas
    for row in (1, 0, 2):
        QTest.mouseClick(strip.viewport(), LEFT, pos=strip.visualItemRect(strip.item(row)).center())
        assert session.selected is session.results[row]
        assert strip.currentRow() == row
        assert canvas.result == session.results[row].picture
        target = tmp_path / f"{row}.png"
        monkeypatch.setattr(FileDialogs, "ask_save", lambda *_, target=target: str(target))
        QTest.mouseClick(window.view.save, LEFT)
        until(lambda row=row: session.results[row].saved)  # type: ignore[misc]
        assert target.read_bytes() == Path(session.results[row].file).read_bytes()
    session.deselect()
    assert strip.currentRow() == -1, "nothing is marked while something else is shown"
    window.forms[0].variations.setValue(1)  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.draft, LEFT)
    assert len(session.results) == 3
    assert session.selected is session.results[2], "the same settings show the same result"


@pytest.mark.slow
def test_the_menu_of_a_result(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    window.forms[0].variations.setValue(2)  # type: ignore[attr-defined]
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: len(window.session.results) == 2 and not window.session.busy)
    session, strip = window.session, window.view.history
    place = strip.visualItemRect(strip.item(0)).center()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, strip.viewport().mapToGlobal(place))
    QApplication.sendEvent(strip.viewport(), event)
    shown = QApplication.activePopupWidget()
    assert isinstance(shown, QMenu)
    texts = [action.text().replace("&", "") for action in shown.actions()]
    shown.close()
    assert session.selected is session.results[0], "its entries act on the result below the pointer"
    assert {"Save...", "Save all...", "Delete", "Copy picture", "Use as original"} <= set(texts)

    def choose(text: str) -> None:
        next(a for a in strip.menu().actions() if a.text().replace("&", "") == text).trigger()

    monkeypatch.setattr(FileDialogs, "ask_folder", lambda *_: str(tmp_path / "all"))
    (tmp_path / "all").mkdir()
    choose("Save all...")
    until(lambda: not session.saves.unsaved())
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["noise-0.png", "noise-1.png"]
    session.select(session.results[1])
    canvas = window.view.canvas
    with_exemplar = canvas.grab().toImage()
    QTest.keyPress(window, Qt.Key.Key_B)
    assert canvas.grab().toImage() != with_exemplar, "the exemplar alone"
    QTest.keyRelease(window, Qt.Key.Key_B)
    assert canvas.grab().toImage() == with_exemplar
    session.select(session.results[0])
    choose("Compare with this")
    session.select(session.results[1])
    assert canvas.grab().toImage() != with_exemplar
    session.select(session.results[0])
    choose("Delete")
    assert len(session.results) == 1
    assert session.reference is None
    assert canvas.grab().toImage() == with_exemplar
    choose("Use as original")
    until(lambda: session.image.path == str(tmp_path / "all" / "noise-1.png"))
