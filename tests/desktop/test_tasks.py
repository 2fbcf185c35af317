"""The tasks, their icons and hints, and the empty window."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFormLayout, QLabel

from texot.desktop.views.form_tabs import ADVANCED, ADVANCED_ICON
from texot.desktop.views.icons import icon
from texot.desktop.views.welcome import EMPTY_ICON, SAMPLES, sample_path
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton
REPOSITORY = Path(__file__).parents[2]


def test_a_click_on_a_task_shows_its_form_and_its_hint(window: Window) -> None:
    tabs = window.view.tabs
    assert list(tabs.buttons) == ["New texture", "Make seamless", "Remove and fill", "Blend", ADVANCED]
    for place, (title, button) in enumerate(list(tabs.buttons.items())[:4]):
        QTest.mouseClick(button, LEFT)
        assert tabs.front is window.forms[place]
        assert tabs.front.title == title
        assert tabs.front.isVisible()
        assert tabs.hint.text() == tabs.front.hint
        assert [one for one in tabs.buttons.values() if one.isChecked()] == [button]
    tabs.entry(window.forms[4]).trigger()
    assert tabs.front is window.forms[4]
    assert tabs.buttons[ADVANCED].isChecked()
    assert tabs.hint.text().startswith("Generator: ")


def test_a_hint_is_one_line_of_words(window: Window) -> None:
    for form in window.forms:
        assert 30 < len(form.hint) < 55
        assert form.hint.endswith(".")


@pytest.mark.parametrize("ink", ["#000000", "#ffffff"])
def test_icons_have_the_colour_of_the_text(window: Window, ink: str) -> None:
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.ButtonText, QColor(ink))
    for form in window.forms:
        made = icon(form.icon, 24, palette).pixmap(QSize(24, 24), 2.0).toImage()
        assert made.size() == QSize(48, 48)
        opaque = [
            made.pixelColor(x, y) for x in range(48) for y in range(48) if made.pixelColor(x, y).alpha() > 200
        ]
        assert len(opaque) > 80, form.icon
        assert {colour.name() for colour in opaque} == {ink}


def test_icons_follow_the_palette(window: Window) -> None:
    tabs = window.view.tabs

    def ink() -> int:
        image = tabs.buttons["Blend"].icon().pixmap(QSize(24, 24), 1.0, QIcon.Mode.Normal).toImage()
        colours = [image.pixelColor(x, y) for x in range(24) for y in range(24)]
        return max(colours, key=lambda colour: colour.alpha()).lightness()

    found = []
    for base in ("#f0f0f0", "#202020"):
        tabs.setPalette(QPalette(QColor(base)))
        found.append(ink())
    assert found[0] < 80 < 170 < found[1]


def test_a_label_has_the_tooltip_of_what_it_names(window: Window) -> None:
    count = 0
    for form in window.forms:
        for place in range(form.form.rowCount()):
            item = form.form.itemAt(place, QFormLayout.ItemRole.LabelRole)
            label = item and item.widget()
            if isinstance(label, QLabel):
                field = label.buddy()
                tip = field.toolTip() or field.focusProxy().toolTip()
                assert label.toolTip() == tip != "", label.text()
                count += 1
    assert count > 20


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_copies_of_those_with_credits(name: str) -> None:
    assert Path(sample_path(name)).read_bytes() == (REPOSITORY / "samples" / name).read_bytes()


@pytest.mark.slow
def test_a_sample_is_opened_from_the_empty_window(window: Window, until: Until) -> None:
    welcome = window.view.welcome
    assert welcome.isVisible()
    QTest.mouseClick(welcome.samples[1], LEFT)
    until(lambda: window.session.image.path)
    assert window.session.image.path == sample_path(SAMPLES[1])
    assert not welcome.isVisible()
    assert not window.dialogs.recent(), "the folder of the program is not the user's"


def test_a_result_hides_the_welcome(window: Window) -> None:
    """A sample of a model that is loaded needs no open image."""
    window.view.canvas.show_result(QImage(8, 8, QImage.Format.Format_RGB888))
    assert not window.view.welcome.isVisible()
    window.view.canvas.show_result(QImage())
    assert window.view.welcome.isVisible()


def test_only_icons_that_are_shown_are_installed(window: Window) -> None:
    folder = REPOSITORY / "texot" / "desktop" / "data" / "icons"
    used = {form.icon for form in window.forms} | {ADVANCED_ICON, EMPTY_ICON}
    assert {path.stem for path in folder.glob("*.svg")} == used
    assert "ISC License" in (folder / "LICENSE").read_text(encoding="utf-8")
