"""Start the real window on a real display, reach every control, take a picture, and quit.

    python drive_window.py PICTURE IMAGE

Prints JSON: the size of the screen and of the window in pixels, its ratio, the number of controls that were
reached, and those that were not. A program of its own: Qt allows one display in a process.
"""

import json
import sys
import tempfile
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QListWidget,
    QScrollArea,
    QSlider,
    QWidget,
)

from texot.desktop.window import Window

CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QSlider, QListWidget)


def controls(parent: QWidget) -> list[QWidget]:
    """The controls that are shown, without their parts, which Qt makes."""
    found = [w for w in parent.findChildren(QWidget) if isinstance(w, CONTROLS) and w.isVisible()]
    return [w for w in found if not w.objectName().startswith("qt_") and "Clear" not in type(w).__name__]


def is_reached(control: QWidget, scroll: QScrollArea) -> bool:
    """Whether a click in the middle of a control meets it, after its form has scrolled to it."""
    if scroll.isAncestorOf(control):
        scroll.ensureWidgetVisible(control)
        QTest.qWait(1)
    place = control.mapToGlobal(control.rect().center())
    found = QApplication.widgetAt(place)
    inside = control.screen().geometry().contains(place)
    return inside and found is not None and (found is control or control.isAncestorOf(found))


def name_of(control: QWidget, form: str) -> str:
    """What a control is, in words."""
    return f"{form}: {type(control).__name__} {control.toolTip() or control.accessibleName()}"


def main(picture: str, image: str, folder: str) -> None:
    """Drive the window."""
    app = QApplication([])
    window = Window(QSettings(str(Path(folder) / "settings.ini"), QSettings.Format.IniFormat))
    window.fit_into(window.screen().availableGeometry())
    window.show()
    assert QTest.qWaitForWindowExposed(window)
    window.opening.open(image)
    for _ in range(3000):
        if window.session.image.path:
            break
        QTest.qWait(10)
    assert window.session.image.path == image, window.session.message
    reached, missed = 0, []
    for number, form in enumerate(window.forms):
        window.view.tabs.setCurrentIndex(number)
        if number == 0:
            window.synthesise.controls.fold.click()
        QTest.qWait(50)
        scroll = window.view.tabs.stack.currentWidget()
        assert isinstance(scroll, QScrollArea)
        for control in controls(window):
            if is_reached(control, scroll):
                reached += 1
            else:
                missed.append(name_of(control, form.title))
    window.view.tabs.setCurrentIndex(0)
    QTest.qWait(100)
    screen = window.screen()
    screen.grabWindow(0).save(picture)
    size, ratio = window.frameGeometry().size(), screen.devicePixelRatio()
    found = {
        "platform": app.platformName(),
        "screen": screen.size().toTuple(),  # type: ignore[attr-defined]
        "window": size.toTuple(),  # type: ignore[attr-defined]
        "ratio": ratio,
        "reached": reached,
        "missed": missed,
    }
    print(json.dumps(found))
    window.end()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(*sys.argv[1:], made)
