"""`texot desktop`: the application that shows the window."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib.resources import files

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QApplication

from texot.desktop.session_folder import SessionFolder
from texot.desktop.window import Window


def run(image: str | None, *, screenshot: str | None = None, quality: str = "normal") -> str | None:
    """Show the window until it is closed.

    Args:
        image: to open, or None.
        screenshot: PNG of the window to write when a texture of the image is made; then the window closes.
        quality: quality of that texture.

    Returns:
        The message of a failure, or None.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("texot")
    app.setOrganizationName("texot")
    app.setDesktopFileName("texot")
    app.setWindowIcon(icon())
    if screenshot is None:
        return _run(app, Window(QSettings()), image, None, quality)
    # no recent files in the picture, and none remembered: Qt writes only this file
    folder = SessionFolder()
    try:
        own = QSettings(os.path.join(folder.path, "settings.ini"), QSettings.Format.IniFormat)
        return _run(app, Window(own), image, screenshot, quality)
    finally:
        folder.remove()


def _run(
    app: QApplication, window: Window, image: str | None, screenshot: str | None, quality: str
) -> str | None:
    def end() -> None:
        window.end()
        app.exit()  # also ends a dialog that is open

    def soon(what: Callable[[], object]) -> Callable[..., None]:
        return lambda *_: QTimer.singleShot(0, what)  # in the event loop: before it runs, it cannot be ended

    before = {signal.SIGINT: signal.signal(signal.SIGINT, soon(window.close))}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, soon(end))
    app.commitDataRequest.connect(lambda manager: window.keep_at_close())  # the session of the desktop ends
    wake = QTimer()  # Python handles signals only while it runs code
    wake.timeout.connect(lambda: None)
    wake.start(200)
    try:
        if screenshot is not None:
            return _screenshot(app, window, image or "", screenshot, quality)
        window.fit_into(window.screen().availableGeometry())
        window.show()
        if image is not None:
            window.opening.open(image)
        app.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return None


def icon() -> QIcon:
    """The icon of the program."""
    pixmap = QPixmap()
    pixmap.loadFromData((files("texot.desktop") / "data" / "texot.png").read_bytes())
    return QIcon(pixmap)


def _screenshot(app: QApplication, window: Window, image: str, file: str, quality: str) -> str | None:
    """Synthesise a texture and save a picture of the window; returns the message of a failure."""
    failed: list[str] = []

    def idle() -> None:
        if window.session.failure:
            failed.append(window.session.failure)
        elif window.session.selected is None:
            window.synthesise.show_quality(quality)
            window.generate()
            return
        elif not window.session.selected.saved:
            window.session.selected.saved = file
            picture = window.session.files.new("screenshot")
            app.processEvents()  # lays out the space of hidden widgets
            window.grab().save(picture)
            window.session.copy_file(picture, file, lambda header, image: None)
            return
        window.idle.disconnect(idle)
        window.close()

    window.idle.connect(idle)
    window.show()
    window.opening.open(image)
    app.exec()
    return failed[0] if failed else None
