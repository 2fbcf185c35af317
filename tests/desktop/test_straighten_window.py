"""Straightening a photograph in the window: corners are dragged, the result becomes the open image."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from command_line import process
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox

from texot.desktop.job_queue import OpenImage
from texot.desktop.views.straighten import StraightenDialog
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton
OK = QDialogButtonBox.StandardButton.Ok


@pytest.fixture
def dialog(window: Window, image: Path, until: Until) -> StraightenDialog:
    """The dialog for a photograph of 40x36."""
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    QTest.mouseClick(window.view.straighten, LEFT)
    found = window.straightening.dialog
    assert found is not None
    assert QTest.qWaitForWindowExposed(found)
    return found


def drag(dialog: StraightenDialog, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from a pixel of the photograph to another."""
    view = dialog.view
    places = [view.from_photograph(QPointF(*pixel)).toPoint() for pixel in (begin, end)]
    QTest.mousePress(view, LEFT, pos=places[0])
    QTest.mouseMove(view, places[1])
    QTest.mouseRelease(view, LEFT, pos=places[1])


def test_it_is_off_without_an_image_and_for_a_material(window: Window) -> None:
    assert not window.view.straighten.isEnabled()
    picture = QImage(40, 32, QImage.Format.Format_RGB888)
    window.session._set_image(OpenImage("/a.png", picture, (), (40, 32)))
    assert window.view.straighten.isEnabled()
    assert window.menus.straighten.isEnabled()
    window.session._set_image(OpenImage("/rock", picture, ("basecolor",), (40, 32)))
    assert not window.view.straighten.isEnabled()


@pytest.mark.slow
def test_a_crop_becomes_the_open_image(
    window: Window, dialog: StraightenDialog, image: Path, until: Until, tmp_path: Path
) -> None:
    drag(dialog, (0, 0), (10, 6))
    drag(dialog, (40, 36), (34, 30))
    assert dialog.size_text.text() == "24x24 px"
    until(lambda: not dialog.preview.pixmap().isNull())
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    until(lambda: window.session.image.size == (24, 24) and not window.session.busy)
    wanted = np.asarray(Image.open(image))[6:30, 10:34]
    assert (np.asarray(Image.open(window.session.image.path)) == wanted).all()
    window.session.select(window.session.results[0])
    window.saving.save(str(tmp_path / "part.png"))
    until(lambda: window.session.results[0].saved)
    window.saving.copy_command()
    words = QGuiApplication.clipboard().text().split()
    assert words[:2] == ["texot", "straighten"]
    words[words.index("-o") + 1] = "again.png"
    words = words[1 : words.index("--threads")] if "--threads" in words else words[1:]
    assert process(*words, cwd=tmp_path).returncode == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "part.png").read_bytes()


@pytest.mark.slow
def test_four_corners_keys_and_light(window: Window, dialog: StraightenDialog, until: Until) -> None:
    dialog.corners.click()
    assert not dialog.angle.isEnabled()
    drag(dialog, (40, 0), (36, 3))
    dialog.view.setFocus()
    QTest.keyClick(dialog.view, Qt.Key.Key_3)
    QTest.keyClick(dialog.view, Qt.Key.Key_Left)
    corners = window.straightening.part.corners
    assert corners[1] == pytest.approx((36, 3), abs=0.1)
    assert corners[2] == pytest.approx((39, 36), abs=0.01)
    until(lambda: not dialog.preview.pixmap().isNull() and not window.session.busy)
    before = dialog.preview.pixmap().toImage()
    dialog.flatten.click()
    until(lambda: dialog.preview.pixmap().toImage() != before)
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    until(lambda: window.session.results and not window.session.busy)
    settings = window.session.results[0].settings
    assert settings["flatten"] is True
    assert settings["quad"] == window.straightening.part.quad


def test_turning_shrinks_and_cancel_keeps_the_photo(
    window: Window, dialog: StraightenDialog, image: Path
) -> None:
    dialog.angle.setValue(20)
    width, height = map(int, dialog.size_text.text().split()[0].split("x"))
    assert width < 40
    assert height < 36
    dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Cancel).click()
    assert window.session.running is None
    assert window.session.image.path == str(image)
    assert window.straightening.dialog is None
