"""The look of the window, and its use by keyboard alone."""

import fnmatch
import re
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, QSettings, QSize, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from texot.desktop.controllers.file_dialogs import ANY_IMAGE
from texot.desktop.job_queue import OpenImage
from texot.desktop.views.controls import thumbnail
from texot.desktop.views.mask import Mask
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
CONTROLS = (QAbstractButton, QComboBox, QSpinBox, QLineEdit, QSlider, QListWidget)


def controls(window: Window) -> list[QWidget]:
    """The visible controls, without their parts, which Qt makes."""
    found = [w for w in window.findChildren(QWidget) if isinstance(w, CONTROLS) and w.isVisible()]
    return [w for w in found if not w.objectName().startswith("qt_") and "Clear" not in type(w).__name__]


def text_width(control: QAbstractButton) -> int:
    """Pixels of the longest line of a button's text."""
    lines = control.text().replace("&", "").split("\n")
    return max(control.fontMetrics().horizontalAdvance(line) for line in lines)


@pytest.mark.parametrize("tab", range(5))
def test_every_control_has_a_tooltip_and_takes_keys(window: Window, tab: int) -> None:
    window.view.tabs.setCurrentIndex(tab)
    QTest.qWait(10)
    found = controls(window)
    assert len(found) > 15
    for control in found:
        assert control.toolTip(), control
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control


@pytest.mark.parametrize("tab", range(5))
def test_no_key_is_taken_twice(window: Window, tab: int) -> None:
    """Alt and a letter: of the menus, and of the labels and boxes of the form in front."""
    window.view.tabs.setCurrentIndex(tab)
    front = window.forms[tab]
    texts = [action.text() for action in window.menuBar().actions()]
    for widget in front.findChildren(QWidget):
        if isinstance(widget, QLabel | QCheckBox) and not widget.isHidden():
            texts.append(widget.text())
    keys = [key.lower() for text in texts for key in re.findall("&(.)", text)]
    assert len(keys) > 6
    assert len(set(keys)) == len(keys), texts


@pytest.mark.parametrize("size", [(1024, 640), (1600, 1000)])
@pytest.mark.parametrize("tab", range(5))
def test_nothing_is_cut_off(window: Window, size: tuple[int, int], tab: int) -> None:
    window.resize(*size)
    window.view.tabs.setCurrentIndex(tab)
    QTest.qWait(10)
    assert window.size() == QSize(*size)
    for control in controls(window):
        if isinstance(control, QAbstractButton):
            assert control.width() >= text_width(control)
        assert control.height() >= min(control.minimumSizeHint().height(), control.sizeHint().height())


@pytest.mark.parametrize("scale", [0.8, 1.5])
def test_no_text_is_cut_in_other_fonts(application: QApplication, tmp_path: Path, scale: float) -> None:
    before, font = application.font(), application.font()
    font.setPointSizeF(scale * font.pointSizeF())
    application.setFont(font)
    try:
        window = Window(QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))
        window.show()
        window.resize(700, 560)
        for tab in range(5):
            window.view.tabs.setCurrentIndex(tab)
            QTest.qWait(10)
            for control in controls(window):
                if isinstance(control, QAbstractButton):
                    assert control.width() >= text_width(control), control.text()
            scroll = window.view.tabs.stack.currentWidget()
            assert isinstance(scroll, QScrollArea)
            assert not scroll.horizontalScrollBar().isVisible()
        window.end()
    finally:
        application.setFont(before)


@pytest.mark.parametrize("place", [(0, 0, 3000, 2000), (-500, -90, 960, 560), (2000, 900, 960, 560)])
def test_the_window_fits_into_a_small_screen(window: Window, place: tuple[int, int, int, int]) -> None:
    window.hide()
    window.setGeometry(QRect(*place))
    room = QRect(0, 30, 1024, 610)  # below a bar of the desktop
    window.fit_into(room)
    assert room.contains(window.geometry())
    assert window.geometry().top() > room.top(), "the title bar is above it"
    assert place[2] > 1024 or window.size() == QSize(*place[2:])


def test_errors_are_red_on_light_and_on_dark(window: Window) -> None:
    for base in ("#f0f0f0", "#202020"):
        window.view.setPalette(QPalette(QColor(base)))
        window.session.fail("wrong")
        ink = QColor(re.findall("#[0-9a-f]{6}", window.view.message.styleSheet())[0])
        assert ink.red() > 1.2 * max(ink.green(), ink.blue())
        assert abs(ink.lightness() - QColor(base).lightness()) > 80


@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_thumbnails_are_sharp_on_any_display(ratio: float) -> None:
    small = thumbnail(QImage(300, 150, QImage.Format.Format_RGB888), 64, ratio)
    assert (small.width(), small.height()) == (64 * ratio, 32 * ratio)
    assert small.deviceIndependentSize().toSize() == QSize(64, 32)


def test_a_failure_is_cleared_with_its_tab(window: Window) -> None:
    QTest.mouseClick(window.view.generate, Qt.MouseButton.LeftButton)
    assert window.view.failure
    window.view.tabs.setCurrentIndex(3)
    assert not window.view.message.text()


def test_the_overlay_has_a_soft_edge() -> None:
    mask = Mask(QSize(60, 60))
    mask.stroke(QPointF(30, 30), QPointF(30, 30), 24, erase=False)
    alpha = [mask.overlay().pixelColor(x, 30).alpha() for x in range(60)]
    assert alpha[0] == alpha[59] == 0
    assert alpha[30] == max(alpha) > 130
    assert sum(10 < a < 120 for a in alpha) >= 4
    assert all(a >= max(alpha) // 2 - 1 for a in alpha[19:41])
    dot = Mask(QSize(60, 60))
    dot.stroke(QPointF(9, 9), QPointF(9, 9), 1, erase=False)
    assert dot.overlay().pixelColor(9, 9).alpha() > 60, "a dot is seen"


@pytest.mark.slow
def test_several_files_are_dropped_on_interpolate(
    window: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(image.read_bytes())
    window.view.tabs.setCurrentIndex(3)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (image, other)])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    left = Qt.MouseButton.LeftButton
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(300, 300), action, data, left, none))
    drop = QDropEvent(QPointF(300, 300), action, data, left, none)
    QApplication.sendEvent(window, drop)
    until(lambda: window.forms[3].paths == [str(image), str(other)])  # type: ignore[attr-defined]


@pytest.mark.parametrize("tab", range(5))
def test_a_key_of_a_label_goes_to_what_it_names(window: Window, tab: int) -> None:
    """Alt and the underlined letter; also for a slider that shows its number."""
    window.view.tabs.setCurrentIndex(tab)
    front = window.forms[tab]
    labels = [w for w in front.findChildren(QLabel) if w.isVisible() and "&" in w.text()]
    assert labels
    for label in labels:
        if not label.buddy().isEnabled():
            continue
        window.view.generate.setFocus()
        letter = re.findall("&(.)", label.text())[0].upper()
        QTest.keyClick(window, getattr(Qt.Key, f"Key_{letter}"), Qt.KeyboardModifier.AltModifier)
        assert label.buddy().isAncestorOf(QApplication.focusWidget()) or label.buddy().hasFocus(), (
            label.text()
        )


@pytest.mark.slow
def test_a_picture_is_pasted_while_a_field_has_the_focus(window: Window, image: Path, until: Until) -> None:
    common = window.forms[0].common  # type: ignore[attr-defined]
    for box in (common.size, common.seed):
        window.session.image = OpenImage("", None)
        QApplication.clipboard().setImage(QImage(str(image)))
        box.setFocus()
        QTest.keyClick(box, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        until(lambda: window.session.image.path)
        assert not common.size.text()
    QApplication.clipboard().setText("64x48")
    common.size.setFocus()
    QTest.keyClick(common.size, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert common.size.text() == "64x48"


def test_a_stroke_redraws_its_part_of_the_overlay() -> None:
    """Drawing the changed part gives the same overlay as drawing all of it."""
    part, whole = Mask(QSize(200, 120)), Mask(QSize(200, 120))
    part.overlay()
    for x in range(20, 180, 8):
        part.stroke(QPointF(x, 60), QPointF(x + 8, 60 + x / 9), 13, erase=False)
        part.overlay()
    part.stroke(QPointF(60, 60), QPointF(70, 60), 9, erase=True)
    whole.replace(part.image)
    assert part.overlay() == whole.overlay()


def test_tooltips_have_the_words_of_the_help(window: Window) -> None:
    """The words of each option, except the names of arguments."""
    from texot.cli.app import texot

    synthesise, seamless, fill, interpolate, generator = window.forms
    forms = [
        ("synthesize", synthesise.common, ["size", "tile", "quality", "seed"]),  # type: ignore[attr-defined]
        ("synthesize", synthesise, ["novelty", "variations"]),
        ("inpaint", fill.common, ["tile", "quality", "seed"]),  # type: ignore[attr-defined]
        ("inpaint", fill, ["reach"]),
        ("tile", seamless, ["band", "flatten"]),
        ("interpolate", interpolate.common, ["size", "tile", "quality", "seed"]),  # type: ignore[attr-defined]
        ("interpolate", interpolate, ["novelty", "weight_map"]),
        ("train", generator, ["steps"]),
        ("sample", generator, ["tile", "seed", "weight_map"]),
    ]
    for command, form, names in forms:
        helps = {option.opts[0]: getattr(option, "help", "") for option in texot.commands[command].params}
        for name in names:
            help_text = helps[f"--{name.replace('_', '-')}"]
            control = getattr(form, name)
            tip = getattr(control, "slider", control).toolTip()
            words = [w.lower() for w in re.findall(r"[A-Za-z]+", tip)]
            wanted = [w.lower() for w in re.findall(r"[A-Za-z]+", help_text.split(";")[0])]
            known = [w for w in wanted if w in words]
            assert len(known) >= 0.8 * len(wanted), (command, name, tip, help_text)


def test_return_starts_and_no_button_moves(window: Window) -> None:
    started: list[str] = []
    window.generate = lambda quality="", **_: started.append(quality)  # type: ignore[method-assign]
    common = window.forms[0].common  # type: ignore[attr-defined]
    for count, field in enumerate((common.size, common.seed, common.quality), start=1):
        QTest.keyClick(field, Qt.Key.Key_Return)
        assert len(started) == count, field
    places = [control.geometry() for control in controls(window)]
    window.view.show_progress((3, 10), busy=True)
    QTest.qWait(10)
    assert [control.geometry() for control in controls(window)] == places
    window.view.show_progress(None, busy=False)
    QTest.qWait(10)
    assert [control.geometry() for control in controls(window)] == places


def test_sizes_are_chosen_and_their_time_is_told(window: Window) -> None:
    size = window.forms[0].common.size  # type: ignore[attr-defined]
    presets = size.parent().findChild(QToolButton, options=Qt.FindChildOption.FindDirectChildrenOnly)
    actions = {action.text(): action for action in presets.menu().actions()}
    assert set(actions) >= {"512", "1K", "2K", "4K", "2x", "4x"}
    window.session.image = OpenImage("/a.png", None, (), (256, 256))
    window.forms[0].image = "/a.png"
    actions["512"].trigger()
    assert window.forms[0].settings().size == "512x512"  # type: ignore[attr-defined]
    assert not window.view.progress.text()
    actions["4K"].trigger()
    assert window.view.progress.text().startswith("takes about")
    assert window.view.progress.isVisible()


def test_the_edit_menu_disables_what_would_do_nothing(window: Window) -> None:
    edit = window.menuBar().actions()[1].menu()
    edit.popup(window.mapToGlobal(QPoint(50, 20)))
    QTest.qWait(10)
    assert not any(a.isEnabled() for a in (window.menus.undo, window.menus.redo, window.menus.copy))
    edit.close()
    assert window.menus.undo.isEnabled(), "a disabled action would have no key"


def test_drops_are_copies_and_addresses_are_answered(window: Window, tmp_path: Path, until: Until) -> None:
    move, none = Qt.DropAction.MoveAction, Qt.KeyboardModifier.NoModifier
    left, both = Qt.MouseButton.LeftButton, Qt.DropAction.MoveAction | Qt.DropAction.CopyAction

    def dropped(url: QUrl) -> QDropEvent:
        data = QMimeData()
        data.setUrls([url])
        enter = QDragEnterEvent(QPoint(300, 300), both, data, left, none)
        QApplication.sendEvent(window, enter)
        assert enter.isAccepted()
        drop = QDropEvent(QPointF(300, 300), both, data, left, none)
        drop.setDropAction(move)
        QApplication.sendEvent(window, drop)
        return drop

    dropped(QUrl("https://example.org/wall.jpg"))
    assert "that is an address" in window.view.failure
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    assert dropped(QUrl.fromLocalFile(str(text))).dropAction() == Qt.DropAction.CopyAction
    until(lambda: "notes.txt" in window.view.failure)


@pytest.mark.parametrize("name", ["a.png", "B.JPG", "c.exr", "d.TIFF"])
def test_the_filter_of_images_shows_images(name: str) -> None:
    patterns = re.findall(r"\((.*?)\)", ANY_IMAGE.split(";;")[0])[0].split()
    assert any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    assert not any(fnmatch.fnmatchcase("notes.txt", pattern) for pattern in patterns)
