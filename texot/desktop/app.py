"""`texot desktop`: the application around the window."""

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
        screenshot: PNG to write of the window once a texture is made of the image; then it closes.
        quality: of that texture.

    Returns:
        What went wrong, or None.
    """
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("texot")
    app.setOrganizationName("texot")
    app.setDesktopFileName("texot")
    app.setWindowIcon(icon())
    if screenshot is None:
        return _run(app, Window(QSettings()), image, None, quality)
    # a picture shows nobody's recent files, and leaves none: Qt replaces the file it is told
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
        app.exit()  # of a question that is open, too

    def soon(what: Callable[[], object]) -> Callable[..., None]:
        return lambda *_: QTimer.singleShot(0, what)  # once the loop runs: before, nothing can be ended

    before = {signal.SIGINT: signal.signal(signal.SIGINT, soon(window.close))}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, soon(end))
    wake = QTimer()  # Python sees signals only while it runs
    wake.timeout.connect(lambda: None)
    wake.start(200)
    try:
        if screenshot is not None:
            return _screenshot(app, window, image or "", screenshot, quality)
        window.show()
        if image is not None:
            window.open(image)
        app.exec()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return None


def icon() -> QIcon:
    """The program's picture."""
    pixmap = QPixmap()
    pixmap.loadFromData((files("texot.desktop") / "data" / "texot.png").read_bytes())
    return QIcon(pixmap)


def _screenshot(app: QApplication, window: Window, image: str, file: str, quality: str) -> str | None:
    """Make a texture and a picture of the window; returns what went wrong."""
    failed: list[str] = []

    def idle() -> None:
        if window.view.failure:
            failed.append(window.view.failure)
        elif window.result is None:
            window.tabs[0].show_quality(quality)
            window.make()
            return
        elif not window.result.saved:
            window.result.saved = file
            picture = window.new_file("screenshot")
            app.processEvents()  # the place of what is gone is filled
            window.grab().save(picture)
            window.saving.copy_file(picture, file, lambda header, image: None)
            return
        window.idle.disconnect(idle)
        window.close()

    window.idle.connect(idle)
    window.show()
    window.open(image)
    app.exec()
    return failed[0] if failed else None
