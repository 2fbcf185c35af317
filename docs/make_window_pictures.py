"""The pictures of the window in `docs/window/`, made by driving the real window; minutes.

    python docs/make_window_pictures.py              # all looks
    python docs/make_window_pictures.py dark         # one of light, dark, large

Qt's offscreen platform is used unless QT_QPA_PLATFORM names another one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from make_pictures import DOCS, ROOT
from PIL import Image
from PySide6.QtCore import QPointF, QSettings, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from texot.desktop.views.canvas import Canvas
from texot.desktop.window import Window

FOLDER = DOCS / "window"
SIZE, SECONDS = (1024, 700), 120
MAX_BYTES = 120_000
LEFT = Qt.MouseButton.LeftButton
LARGE = "large"  # two pixels for one


class Driver:
    """Drives a window and takes its pictures.

    Args:
        window: the window.
        folder: for files; its name is seen in the pictures.
    """

    def __init__(self, window: Window, folder: Path) -> None:
        self.window, self.folder = window, folder
        self.samples = folder / "samples"
        self.samples.symlink_to(ROOT / "samples")

    def until(self, condition: Callable[[], object]) -> None:
        """Run the window until a condition is true."""
        late = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > late or self.window.view.failure:
                raise TimeoutError(self.window.session.message)
            QTest.qWait(10)
        QTest.qWait(30)

    def open(self, path: Path, task: int) -> None:
        """Open a sample, with the form of a task in front."""
        self.window.view.tabs.setCurrentIndex(task)
        if self.window.session.image.path != str(path):
            self.window.opening.open(str(path))
            self.until(lambda: self.window.session.image.path == str(path))

    def click(self, widget: QWidget) -> None:
        """Click on a control."""
        QTest.mouseClick(widget, LEFT)
        QTest.qWait(30)

    def stroke(self, canvas: Canvas, *pixels: tuple[float, float]) -> None:
        """Paint through these pixels of the picture."""
        places = [canvas.from_picture(QPointF(*pixel)).toPoint() for pixel in pixels]
        QTest.mousePress(canvas, LEFT, pos=places[0])
        for place in places[1:]:
            QTest.mouseMove(canvas, place)
        QTest.mouseRelease(canvas, LEFT, pos=places[-1])

    def grab(self, name: str, widget: QWidget | None = None) -> None:
        """Take a picture of the window, or of another widget, as JPEG."""
        QTest.qWait(50)
        file = self.folder / "grabbed.png"
        (widget or self.window).grab().save(str(file))
        FOLDER.mkdir(parents=True, exist_ok=True)
        with Image.open(file) as opened:
            image = opened.convert("RGB")
        for quality in range(85, 20, -5):
            image.save(FOLDER / f"{name}.jpg", "JPEG", quality=quality, optimize=True, progressive=True)
            if (FOLDER / f"{name}.jpg").stat().st_size <= MAX_BYTES:
                return

    def work(self, name: str, button: QWidget, part: float = 0.3) -> None:
        """Start a job, and take pictures while it is at work and when it is done."""
        session, bar = self.window.session, self.window.view.progress
        count = len(session.results)
        self.click(button)
        self.until(lambda: len(session.results) > count or 0 < part * bar.maximum() <= bar.value())
        self.grab(f"{name}-work")
        self.until(lambda: len(session.results) > count and not session.busy)
        self.grab(f"{name}-done")


def light(driver: Driver) -> None:
    """Every task, at work and done."""
    window, view = driver.window, driver.window.view
    driver.grab("empty")
    driver.open(driver.samples / "stonewall.jpg", 0)
    window.synthesise.common.size.setText("1K")
    driver.work("new", view.generate)
    window.synthesise.common.size.setText("")
    _what_goes_where(driver)
    driver.open(driver.samples / "pebbles.jpg", 1)
    driver.click(view.repeated)
    driver.work("seamless", view.generate)
    driver.click(view.repeated)
    driver.open(driver.samples / "stonewall.jpg", 2)
    driver.stroke(view.canvas, (190, 250), (215, 250))
    driver.click(view.split)
    driver.work("fill", view.generate, 0.2)
    driver.click(view.split)
    driver.open(driver.samples / "brick_old.jpg", 3)
    window.exemplars.add(str(driver.samples / "stonewall.jpg"))
    driver.until(lambda: len(window.forms[3].paths) == 2)  # type: ignore[attr-defined]
    window.forms[3].weight_map.setCurrentText("horizontal")  # type: ignore[attr-defined]
    driver.work("blend", view.generate, 0.25)
    _generator(driver)
    driver.open(driver.samples / "materials" / "cliff", 0)
    window.synthesise.controls.fold.setChecked(False)
    driver.click(view.draft)
    driver.until(lambda: not window.session.busy)
    view.looks.tabs.setCurrentIndex(view.looks.tabs.count() - 1)
    driver.until(lambda: not window.session.busy)
    QTest.qWait(500)
    driver.grab("material-done")


def _what_goes_where(driver: Driver) -> None:
    """Two exemplars with shares; labels that are painted."""
    window, controls = driver.window, driver.window.synthesise.controls
    driver.click(controls.fold)
    window.controls.add(str(driver.samples / "grass_gray.png"))
    driver.until(lambda: controls.exemplars.others)
    controls.exemplars.boxes[0].setValue(70)
    driver.work("shares", window.view.generate)
    driver.click(controls.exemplars.remove_buttons[0])
    photo = driver.folder / "photo.png"
    with (
        Image.open(driver.samples / "grass_gray.png") as opened,
        Image.open(driver.samples / "stonewall.jpg") as stones,
    ):
        image = opened.convert("RGB")
        image.paste(stones.crop((0, 0, image.width // 2, image.height)), (image.width // 2, 0))
    image.save(photo)
    driver.open(photo, 0)
    width, height = image.size
    driver.click(controls.pictures["labels"].paint)
    driver.until(lambda: window.painting.dialog)
    dialog = window.painting.dialog
    assert dialog is not None
    dialog.brush.setValue(width // 2)
    driver.click(dialog.swatches[1])
    driver.stroke(dialog.canvas, (0.75 * width, 0), (0.75 * width, height))
    driver.grab("labels", dialog)
    driver.click(dialog.tabs[1])
    dialog.brush.setValue(width // 5)
    path = [(0, 0.15), (0.3, 0.3), (0.55, 0.6), (1, 0.85)]
    driver.stroke(dialog.canvas, *((x * width, y * height) for x, y in path))
    driver.grab("labels-of-result", dialog)
    dialog.accept()
    driver.work("labels", window.view.generate)
    driver.click(window.synthesise.controls.fold)


def _generator(driver: Driver) -> None:
    """A short training, and a sample."""
    window, form = driver.window, driver.window.forms[4]
    driver.open(driver.samples / "gravel.jpg", 4)
    form.steps.setValue(60)  # type: ignore[attr-defined]
    view = window.view
    driver.click(form.train)  # type: ignore[attr-defined]
    driver.until(
        lambda: view.progress.maximum() > 1 and view.progress.value() > 0.5 * view.progress.maximum()
    )
    driver.grab("generator-work")
    driver.until(lambda: window.session.models.current and not window.session.busy)
    driver.click(view.generate)
    driver.until(lambda: window.session.selected is not None and not window.session.busy)
    driver.grab("generator-done")


def dark(driver: Driver) -> None:
    """The dark palette."""
    driver.grab("dark-empty")
    driver.open(driver.samples / "rust.jpg", 0)
    driver.click(driver.window.synthesise.controls.fold)
    driver.window.synthesise.common.size.setText("2x")
    driver.work("dark", driver.window.view.generate)


def large(driver: Driver) -> None:
    """Two pixels for one."""
    driver.open(driver.samples / "rust.jpg", 0)
    driver.click(driver.window.view.draft)
    driver.until(lambda: driver.window.session.selected is not None and not driver.window.session.busy)
    driver.grab("large-done")


LOOKS = {"light": light, "dark": dark, LARGE: large}


def drive(look: str) -> None:
    """Take the pictures of a look in this process."""
    with tempfile.TemporaryDirectory(prefix="textures-") as made:
        os.environ["XDG_STATE_HOME"] = made
        app = QApplication([])
        app.setStyle("Fusion")
        if look == "dark":
            app.setPalette(QPalette(QColor("#2b2b2b")))
        window = Window(QSettings(str(Path(made) / "settings.ini"), QSettings.Format.IniFormat))
        window.resize(*SIZE)
        window.show()
        QTest.qWaitForWindowExposed(window)
        LOOKS[look](Driver(window, Path(made)))
        window.closing.asks = False
        window.close()


def main(looks: list[str]) -> None:
    """Take the pictures of looks, each in a process of its own: the ratio of pixels is one of a process."""
    if looks[:1] == ["--here"]:
        drive(looks[1])
        return
    for look in looks or LOOKS:
        ratio = "2" if look == LARGE else "1"
        environment = {**os.environ, "QT_SCALE_FACTOR": ratio}
        subprocess.run([sys.executable, __file__, "--here", look], env=environment, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
