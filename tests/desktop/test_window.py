"""The window through clicks, keys and drops."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from command_line import environment, one_line, process, text
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    QTest.mouseClick(widget, LEFT)


def opened(window: Window, image: Path, until: Until) -> None:
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))


def done(window: Window, count: int) -> Callable[[], bool]:
    return lambda: len(window.session.results) == count and window.session.running is None


def draft(window: Window, until: Until) -> None:
    count = len(window.session.results)
    click(window.view.draft)
    until(done(window, count + 1))


def slow(window: Window) -> None:
    """Choose settings of a slow job."""
    window.forms[0].common.size.setText("256x256")  # type: ignore[attr-defined]
    window.forms[0].common.quality.setCurrentText("high")  # type: ignore[attr-defined]


@pytest.mark.slow
def test_open_draft_save_and_copy_as_command(
    window: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    assert not window.view.save.isEnabled()
    opened(window, image, until)
    assert window.windowTitle().startswith("noise.png")
    seed = window.forms[0].common.seed  # type: ignore[attr-defined]
    seed.setFocus()
    seed.selectAll()
    QTest.keyClicks(seed, "7")
    draft(window, until)
    assert window.session.selected is not None
    assert window.view.canvas.result.size() == window.view.canvas.exemplar.size()
    window.saving.save(str(tmp_path / "out.png"))
    until(lambda: (tmp_path / "out.png").exists())
    assert json.loads(text(tmp_path / "out.png")["texot"])["seed"] == 7
    until(lambda: window.session.selected.saved)
    click(window.view.command)
    line = QGuiApplication.clipboard().text()
    assert line.startswith(f"texot synthesize {image} -o {tmp_path / 'out.png'} ")
    (tmp_path / "out.png").rename(tmp_path / "window.png")
    words = [*line.split()[1:], "--quiet", "--threads", "1"]
    assert process(*words, cwd=tmp_path).returncode == 0
    assert (tmp_path / "window.png").read_bytes() == (tmp_path / "out.png").read_bytes()


@pytest.mark.slow
def test_save_dialog_and_other_formats(
    window: Window, image: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(window, image, until)
    draft(window, until)
    target = tmp_path / "out.jpg"
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(target))
    QTest.keyClick(window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    until(target.exists)
    with Image.open(target) as written:
        assert written.size == (40, 36)
    window.saving.save(str(tmp_path / "no" / "out.png"))
    until(lambda: "no such folder" in window.view.failure)


@pytest.mark.slow
def test_errors_have_the_words_of_the_library(
    window: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    click(window.view.generate)
    assert window.view.failure == "open an image first"
    (tmp_path / "bad.png").write_bytes(image.read_bytes()[:50])
    window.opening.open(str(tmp_path / "bad.png"))
    until(lambda: "bad.png" in window.view.failure)
    opened(window, image, until)
    size = window.forms[0].common.size  # type: ignore[attr-defined]
    QTest.keyClicks(size, "nonsense")
    click(window.view.generate)
    until(lambda: "size 'nonsense' not understood" in window.view.message.text())
    assert window.session.running is None


@pytest.mark.slow
def test_stop_keeps_the_best_so_far(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    slow(window)
    click(window.view.generate)
    until(lambda: window.view.progress.value() > 0)
    begun = time.monotonic()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    until(done(window, 1))
    assert time.monotonic() - begun < 5
    assert "stopped at step" in window.view.message.text()
    assert window.session.selected is not None
    assert "stopped_at" in window.session.selected.settings
    assert window.session.selected.picture.width() == 256


@pytest.mark.slow
def test_variations_history_and_final(window: Window, image: Path, until: Until, tmp_path: Path) -> None:
    opened(window, image, until)
    window.forms[0].variations.setValue(2)  # type: ignore[attr-defined]
    click(window.view.draft)
    until(done(window, 2))
    first, second = window.session.results
    assert [r.request.arguments["seed"] for r in (first, second)] == [0, 1]
    assert first.picture != second.picture
    history = window.view.history
    place = history.visualItemRect(history.item(0)).center()
    QTest.mouseClick(history.viewport(), LEFT, pos=place)
    assert window.session.selected is first
    assert window.forms[0].variations.value() == 1  # type: ignore[attr-defined]
    click(window.view.render_final)
    until(done(window, 3))
    final = window.session.results[2]
    start = {"init": first.file, "n_scales": 2, "novelty": None}
    assert final.request.arguments == {**first.request.arguments, "quality": "normal", **start}
    assert not window.view.render_final.isEnabled(), "it is final already"
    window.session.select(first)
    assert window.view.render_final.isEnabled()
    for result, name in ((first, "draft.png"), (final, "final.png")):
        window.session.select(result)
        window.saving.save(str(tmp_path / name))
        until(lambda result=result: result.saved)  # type: ignore[misc]
    click(window.view.command)
    words = QGuiApplication.clipboard().text().split()
    assert words[words.index("--init") + 1] == str(tmp_path / "draft.png")
    words[words.index("-o") + 1] = "again.png"
    assert process(*words[1:], "--quiet", "--threads", "1", cwd=tmp_path).returncode == 0
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "final.png").read_bytes()


@pytest.mark.slow
def test_a_result_is_removed_with_a_question(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    window.forms[0].variations.setValue(2)  # type: ignore[attr-defined]
    click(window.view.draft)
    until(done(window, 2))
    first, second = window.session.results
    history = window.view.history
    asked: list[str] = []

    def answer(button: QMessageBox.StandardButton) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        QTest.mouseClick(box.button(button), LEFT)

    QTimer.singleShot(100, lambda: answer(QMessageBox.StandardButton.Cancel))
    QTest.keyClick(history, Qt.Key.Key_Delete)
    assert asked == ["Remove the result without saving it?"]
    assert window.session.results == [first, second]
    QTimer.singleShot(100, lambda: answer(QMessageBox.StandardButton.Discard))
    QTest.keyClick(history, Qt.Key.Key_Delete)
    assert window.session.results == [first]
    assert history.count() == 1
    assert window.session.selected is first
    assert history.currentRow() == 0
    assert window.view.canvas.result == first.picture
    first.saved = "a file"
    QTest.keyClick(history, Qt.Key.Key_Delete)
    assert len(asked) == 2, "what is saved is removed at once"
    assert window.view.canvas.result.isNull()
    assert not window.view.save.isEnabled()


@pytest.mark.slow
def test_drop_paste_and_recent(window: Window, image: Path, until: Until) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(image))])
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), action, data, LEFT, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), action, data, LEFT, none))
    until(lambda: window.session.image.path == str(image))
    assert window.dialogs.recent() == [str(image)]
    QGuiApplication.clipboard().setImage(QImage(str(image)).copy(0, 0, 20, 20))
    QTest.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    until(lambda: "pasted" in window.session.image.path)
    assert window.view.canvas.exemplar.width() == 20
    assert window.dialogs.recent() == [str(image)]


@pytest.mark.slow
def test_zoom_pan_split_and_repeat(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    draft(window, until)
    canvas, view = window.view.canvas, window.view
    click(view.actual)
    assert canvas.zoom == 1
    place = QPointF(100, 120)
    pixel = canvas.to_picture(place)
    none = Qt.KeyboardModifier.NoModifier
    turn = QWheelEvent(
        place,
        canvas.mapToGlobal(place),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        none,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, turn)
    assert canvas.zoom > 1.5
    assert (canvas.to_picture(place) - pixel).manhattanLength() < 1e-6
    QTest.mousePress(canvas, LEFT, pos=QPoint(100, 120))
    QTest.mouseMove(canvas, QPoint(150, 120))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(150, 120))
    assert (canvas.from_picture(pixel) - QPointF(150, 120)).manhattanLength() < 1e-6
    click(view.fit)
    one = canvas.grab().toImage()
    click(view.repeated)
    nine = canvas.grab().toImage()
    assert one != nine
    click(view.split)
    click(view.split)
    assert canvas.split, "it is on by default"
    before = canvas.grab().toImage()
    middle = QPoint(canvas.width() // 2, 50)
    QTest.mousePress(canvas, LEFT, pos=middle)
    QTest.mouseMove(canvas, QPoint(40, 50))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(40, 50))
    assert canvas.grab().toImage() != before


@pytest.mark.slow
def test_a_crash_of_the_worker_leaves_the_window(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    draft(window, until)
    slow(window)
    click(window.view.generate)
    until(lambda: window.view.progress.value() > 0)
    os.kill(window.client.process_id, signal.SIGKILL)
    until(lambda: "the worker crashed" in window.view.failure)
    assert len(window.session.results) == 1
    window.forms[0].common.size.setText("")  # type: ignore[attr-defined]
    window.forms[0].common.seed.setValue(9)  # type: ignore[attr-defined]
    draft(window, until)


@pytest.mark.slow
def test_close_while_working_asks_and_ends_the_worker(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    draft(window, until)
    slow(window)
    click(window.view.generate)
    until(lambda: window.view.progress.value() > 0)
    worker = window.client.process_id

    def answer(button: QMessageBox.StandardButton) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        QTest.mouseClick(box.button(button), LEFT)

    QTimer.singleShot(100, lambda: answer(QMessageBox.StandardButton.Cancel))
    assert not window.close()
    assert window.isVisible()
    QTimer.singleShot(100, lambda: answer(QMessageBox.StandardButton.Discard))
    assert window.close()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert not Path(window.session.files.folder).exists()


@pytest.mark.slow
def test_screenshot_in_a_real_process(image: Path, tmp_path: Path) -> None:
    words = ["desktop", image, "--screenshot", "shot.png", "--quality", "draft"]
    done = process(*words, cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path), QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "shot.png") as picture:
        assert picture.width >= 1000
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 100
    done = process(*words[:1], "no.png", *words[2:], cwd=tmp_path, XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "no such file" in one_line(done)


def test_without_qt_one_line_says_what_to_install(tmp_path: Path) -> None:
    script = "import sys; sys.modules['PySide6'] = None; from texot.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "desktop"],
        env=environment(QT_QPA_PLATFORM="offscreen"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'texot[desktop]'" in one_line(done)


def test_the_window_loads_no_torch() -> None:
    script = "import sys, texot.desktop.app; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)


@pytest.mark.slow
def test_size_and_folder_are_remembered(window: Window, image: Path, until: Until) -> None:
    opened(window, image, until)
    window.resize(window.minimumSizeHint().width(), 600)  # Qt restores no width beyond its 800x800 screen
    assert window.close()
    again = Window(window.settings)
    again.show()
    assert again.size() == window.size()
    assert again.dialogs.recent() == [str(image)]
    assert again.settings.value("folder") == str(image.parent)
    again.close()


@pytest.mark.slow
def test_selecting_a_result_of_another_image_restores_it(
    window: Window, image: Path, until: Until, tmp_path: Path
) -> None:
    opened(window, image, until)
    window.forms[0].common.seed.setValue(5)  # type: ignore[attr-defined]
    draft(window, until)
    other = tmp_path / "other.png"
    Image.open(image).crop((0, 0, 32, 32)).save(other)
    opened(window, other, until)
    window.forms[0].common.seed.setValue(6)  # type: ignore[attr-defined]
    window.view.tabs.setCurrentIndex(3)
    window.session.select(window.session.results[0])
    assert window.session.image.path == str(image)
    assert window.view.tabs.currentIndex() == 0
    assert window.forms[0].common.seed.value() == 5  # type: ignore[attr-defined]
    assert window.forms[0].settings().requests() == [window.session.results[0].request]
