"""Interpolate: exemplars are added; t or a map sets their weights."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from texot.desktop.views.tabs.interpolate import InterpolateTab
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tab(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> InterpolateTab:
    """The form in front, with two exemplars."""
    found = window.forms[3]
    assert isinstance(found, InterpolateTab)
    window.view.tabs.setCurrentIndex(3)
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    QTest.mouseClick(window.view.draft, LEFT)
    assert "two images or more" in window.view.failure
    other = tmp_path / "other.png"
    with Image.open(image) as first:
        first.rotate(90).resize((32, 32)).save(other)
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(other)], ""))
    QTest.mouseClick(found.list.add_button, LEFT)
    until(lambda: found.list.count() == 2)
    assert not any(found.list.item(i).icon().isNull() for i in range(2)), "each has a small picture"
    return found


@pytest.mark.slow
def test_slider_with_a_live_draft(window: Window, tab: InterpolateTab, until: Until) -> None:
    tab.common.size.setText("32x32")
    tab.live.setChecked(True)
    until(lambda: window.session.selected is not None)
    slider = tab.t.slider
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_PageUp)
    until(
        lambda: window.session.selected and window.session.selected.request.arguments["weights"] == [0.4, 0.6]
    )
    assert len(window.session.results) <= 2, "a draft that another replaces is not kept"
    assert window.session.selected.settings["job"] == "interpolate"
    QTest.mouseClick(window.view.command, LEFT)
    assert " --weights 0.4,0.6 " in QGuiApplication.clipboard().text()


@pytest.mark.slow
def test_map_and_removal(window: Window, tab: InterpolateTab, until: Until, image: Path) -> None:
    tab.common.size.setText("48x24")
    tab.weight_map.setCurrentText("horizontal")
    assert not tab.t.isEnabled()
    QTest.mouseClick(window.view.draft, LEFT)
    until(lambda: window.session.selected is not None)
    assert window.session.selected.picture.width() == 48
    tab.list.setCurrentRow(1)
    QTest.mouseClick(tab.list.remove_button, LEFT)
    assert tab.paths == [str(image)]
