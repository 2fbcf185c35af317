"""Remove and fill: a mask is painted with the mouse, undone, kept in files, filled."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from command_line import process
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QWidget

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.job_queue import OpenImage
from texot.desktop.views.tabs.remove import RemoveTab
from texot.desktop.views.tabs.seamless import SeamlessTab
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    QTest.mouseClick(widget, LEFT)


@pytest.fixture
def tab(window: Window, image: Path, until: Until) -> RemoveTab:
    """The form in front, with a photograph of 40x36 open."""
    found = window.forms[2]
    assert isinstance(found, RemoveTab)
    window.view.tabs.setCurrentIndex(2)
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    return found


def paint(window: Window, *pixels: tuple[int, int]) -> None:
    """A stroke through these pixels of the photo."""
    canvas = window.view.canvas
    places = [canvas.from_picture(QPointF(x + 0.5, y + 0.5)).toPoint() for x, y in pixels]
    QTest.mousePress(canvas, LEFT, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
    QTest.mouseRelease(canvas, LEFT, pos=places[-1])


def painted(window: Window) -> np.ndarray:
    """Boolean array, true where the mask is white."""
    assert window.view.canvas.painting is not None
    mask: QImage = window.view.canvas.painting.image
    rows = np.frombuffer(bytes(mask.constBits()), np.uint8).reshape(mask.height(), mask.bytesPerLine())
    return rows[:, : mask.width()] == 255


@pytest.mark.slow
def test_paint_erase_invert_undo_redo(window: Window, tab: RemoveTab) -> None:
    tab.brush.setValue(6)
    paint(window, (10, 10), (20, 10))
    first = painted(window)
    assert first[10, 10:21].all()
    assert 60 < first.sum() < 120
    QTest.keyClick(window, Qt.Key.Key_E)
    assert tab.erase.isChecked()
    paint(window, (20, 10))
    second = painted(window)
    assert not second[10, 20]
    assert second[10, 10]
    click(tab.invert)
    assert (painted(window) == ~second).all()
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    QTest.keyClick(window, Qt.Key.Key_Z, CONTROL)
    assert (painted(window) == first).all()
    click(tab.undo)
    assert not painted(window).any()
    assert not tab.undo.isEnabled()
    click(tab.redo)
    assert (painted(window) == first).all()
    QTest.keyClick(window, Qt.Key.Key_BracketRight)
    assert tab.brush.value() == 7


@pytest.mark.slow
def test_fill_what_is_painted(
    window: Window, tab: RemoveTab, image: Path, until: Until, tmp_path: Path
) -> None:
    click(window.view.draft)
    assert "nothing is painted" in window.view.failure
    tab.brush.setValue(9)
    paint(window, (16, 16), (22, 18))
    hole = painted(window)
    before = window.view.canvas.grab().toImage()
    click(window.view.draft)
    until(lambda: window.session.selected is not None)
    assert window.view.canvas.grab().toImage() != before
    window.saving.save(str(tmp_path / "out.png"))
    until(lambda: window.session.selected.saved)
    old, new = (np.asarray(Image.open(path)) for path in (image, tmp_path / "out.png"))
    assert (old[~hole] == new[~hole]).all()
    assert not (old[hole] == new[hole]).all()
    window.masks.save(str(tmp_path / "mask.png"))
    until(lambda: "mask.png" in window.view.message.text())
    click(window.view.command)
    words = QGuiApplication.clipboard().text().split()
    assert words[:4] == ["texot", "inpaint", str(image), str(tmp_path / "mask.png")]
    words[words.index("-o") + 1] = "again.png"
    assert process(*words[1:], "--quiet", "--threads", 1, cwd=tmp_path).returncode == 0
    assert (np.asarray(Image.open(tmp_path / "again.png")) == new).all()


@pytest.mark.slow
def test_selecting_a_result_restores_its_mask(window: Window, tab: RemoveTab, until: Until) -> None:
    tab.brush.setValue(9)
    paint(window, (16, 16), (22, 18))
    first = painted(window)
    click(window.view.draft)
    until(lambda: window.session.selected is not None and not window.session.busy)
    click(tab.clear)
    paint(window, (30, 30))
    second = painted(window)
    history = window.view.history
    place = history.visualItemRect(history.item(0)).center()
    QTest.mouseClick(history.viewport(), LEFT, pos=place)
    assert (painted(window) == first).all()
    click(tab.undo)
    assert (painted(window) == second).all()


@pytest.mark.slow
def test_masks_in_files(
    window: Window, tab: RemoveTab, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.zeros((36, 40), np.uint8)
    values[4:9, 20:30] = 255
    Image.fromarray(values).save(tmp_path / "mask.png")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "mask.png"), ""))
    click(tab.load)
    until(lambda: painted(window).any())
    assert (painted(window) == (values == 255)).all()
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(tmp_path / "copy.png"))
    click(tab.save)
    until(lambda: (tmp_path / "copy.png").exists())
    assert (np.asarray(Image.open(tmp_path / "copy.png")) == values).all()
    Image.new("L", (9, 9)).save(tmp_path / "small.png")
    Image.fromarray(values // 2 + 20).save(tmp_path / "grey.png")
    window.masks.load(str(tmp_path / "grey.png"))
    until(lambda: "grey pixels" in window.view.message.text())
    window.masks.load(str(tmp_path / "small.png"))
    until(lambda: "9x9 px" in window.view.failure)


@pytest.mark.slow
def test_make_the_photo_seamless(window: Window, tab: RemoveTab, until: Until) -> None:
    click(window.view.tabs.buttons["Make seamless"])
    seamless = window.view.tabs.front
    assert isinstance(seamless, SeamlessTab)
    assert not tab.brush.isVisible()
    assert window.view.canvas.painting is None
    seamless.band.setValue(8)
    click(window.view.draft)
    until(lambda: window.session.selected is not None)
    assert window.session.selected.settings["job"] == "tile"
    assert window.session.selected.settings["band"] == 8


@pytest.mark.slow
def test_a_press_outside_the_photo_paints_nothing(window: Window, tab: RemoveTab) -> None:
    QTest.mouseClick(window.view.canvas, LEFT, pos=QPoint(1, 1))
    assert not painted(window).any()


@pytest.mark.slow
def test_transparent_pixels_are_filled_where_nothing_is_painted(
    window: Window, tab: RemoveTab, image: Path, until: Until, tmp_path: Path
) -> None:
    with Image.open(image) as photo:
        cut = photo.convert("RGBA")
    cut.paste((0, 0, 0, 0), (10, 10, 18, 18))
    cut.save(tmp_path / "cut.png")
    window.opening.open(str(tmp_path / "cut.png"))
    until(lambda: window.session.image.path.endswith("cut.png"))
    click(window.view.draft)
    until(lambda: window.session.selected is not None)
    assert window.session.selected.picture.pixelColor(12, 12).alpha() == 255
    assert f"{tmp_path / 'cut.png'} -o" in window.session.selected.request.command_line("out.png")


@pytest.mark.slow
def test_a_reduced_draft_is_shown_in_full_size_and_made_final(
    window: Window, tab: RemoveTab, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("texot.desktop.sizes.DRAFT_PIXELS", 400)
    tab.brush.setValue(9)
    paint(window, (16, 16), (22, 18))
    click(window.view.draft)
    until(lambda: window.session.selected is not None and not window.session.busy)
    assert window.session.selected.size == (21, 18)
    assert window.view.canvas.result.size() == window.view.canvas.exemplar.size()
    click(window.view.render_final)
    until(lambda: len(window.session.results) == 2 and not window.session.busy)
    final = window.session.results[1]
    assert final.size == (40, 36)
    assert final.settings["init_sha256"]
    assert not window.view.render_final.isEnabled()


def test_the_time_of_a_large_hole_is_told(window: Window, until: Until) -> None:
    picture = QImage(1200, 1000, QImage.Format.Format_RGB888)
    window.session._set_image(OpenImage("/photo.png", picture, (), (1200, 1000)))
    window.view.tabs.setCurrentIndex(2)
    assert not window.view.progress.text()
    window.forms[2].invert.click()  # type: ignore[attr-defined]
    until(lambda: window.view.progress.text().startswith("takes about 36 s"))
