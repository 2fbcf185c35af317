"""A material in the window: opened as a folder, its maps, light, jobs and files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from materials import make_material
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.job_queue import OpenImage
from texot.desktop.looks import LIT, Light
from texot.desktop.window import NO_GENERATOR, Window
from texot.files.material_names import ROLES

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def rock(tmp_path: Path) -> Path:
    return make_material(tmp_path / "rock")


def opened(window: Window, folder: Path, until: Until) -> None:
    window.opening.open(str(folder))
    until(lambda: window.session.image.path == str(folder))


def generated(window: Window, until: Until) -> None:
    count = len(window.session.results)
    QTest.mouseClick(window.view.draft, Qt.MouseButton.LeftButton)
    until(lambda: len(window.session.results) == count + 1 and not window.session.busy)


def look(window: Window, name: str) -> None:
    tabs = window.view.looks.tabs
    names = [tabs.tabText(place) for place in range(tabs.count())]
    QTest.mouseClick(tabs, Qt.MouseButton.LeftButton, pos=tabs.tabRect(names.index(name)).center())


def drawn(window: Window) -> tuple[QImage, QImage]:
    exemplar, result = window.view.canvas._looks
    return exemplar, result


def seen(window: Window) -> bytes:
    """The pixels of the canvas."""
    return bytes(window.view.canvas.grab().toImage().constBits())


def test_the_generator_is_off_for_a_material(window: Window) -> None:
    window.view.tabs.setCurrentIndex(4)
    picture = QImage(40, 32, QImage.Format.Format_RGB888)
    window.session._set_image(OpenImage("/rock", picture, ("basecolor",)))
    tabs = window.view.tabs
    entry = tabs.entry(window.forms[4])
    assert not entry.isEnabled()
    assert entry.toolTip() == NO_GENERATOR
    assert tabs.currentIndex() != 4
    QTest.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    assert tabs.currentIndex() != 4
    window.session._set_image(OpenImage("/a.png", picture))
    assert entry.isEnabled()
    assert entry.toolTip() == window.forms[4].hint


@pytest.mark.parametrize("size", [(1024, 640), (1600, 1000)])
@pytest.mark.parametrize("maps", [2, len(ROLES)])
def test_no_control_of_the_light_is_cut(window: Window, size: tuple[int, int], maps: int) -> None:
    window.resize(*size)
    bar = window.view.looks
    assert not bar.isVisible()
    bar.show_looks([*list(ROLES)[:maps], LIT], LIT)
    QTest.qWait(20)
    assert (window.width(), window.height()) == size
    for box in (bar.azimuth, bar.elevation):
        assert box.isVisible()
        assert box.width() >= box.minimumSizeHint().width()
        assert bar.rect().contains(box.mapTo(bar, box.rect().topRight()))
    assert bar.tabs.width() >= (bar.tabs.sizeHint().width() if maps == 2 else 100)
    last = bar.tabs.tabRect(maps)
    assert bar.tabs.currentIndex() == maps
    assert bar.tabs.rect().intersects(last), "it is scrolled to"
    bar.show_looks(["basecolor", LIT], "basecolor")
    assert not bar.azimuth.isVisible()


def test_the_light_is_set_by_keys(window: Window) -> None:
    bar, found = window.view.looks, list[Light]()
    bar.light_changed.connect(found.append)
    bar.show_looks(["basecolor", LIT], LIT)
    bar.show_light(Light(20, 45))
    assert not found
    QTest.keyClick(bar.azimuth, Qt.Key.Key_Down)
    QTest.keyClick(bar.elevation, Qt.Key.Key_Up)
    assert found == [Light(15, 45), Light(15, 50)]


@pytest.mark.slow
def test_maps_and_light_of_exemplar_and_result(window: Window, rock: Path, until: Until) -> None:
    data, action, none = QMimeData(), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    data.setUrls([QUrl.fromLocalFile(f"{rock}/")])
    left = Qt.MouseButton.LeftButton
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(300, 300), action, data, left, none))
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), action, data, left, none))
    until(lambda: window.session.image.path == str(rock))
    assert window.windowTitle().startswith("rock")
    assert window.dialogs.recent() == [str(rock)]
    bar, canvas = window.view.looks, window.view.canvas
    assert [bar.tabs.tabText(i) for i in range(bar.tabs.count())] == ["basecolor", "normal", "height", LIT]
    generated(window, until)
    look(window, "normal")
    until(lambda: not any(picture.isNull() for picture in drawn(window)))
    normals = QImage(str(rock / "rock_normal.png")).convertToFormat(QImage.Format.Format_RGB888)
    assert drawn(window)[0].convertToFormat(QImage.Format.Format_RGB888) == normals
    file = Path(window.session.results[0].file) / "rock_normal.png"
    made = QImage(str(file)).convertToFormat(QImage.Format.Format_RGB888)
    assert drawn(window)[1].convertToFormat(QImage.Format.Format_RGB888) == made
    look(window, LIT)
    until(lambda: not any(picture.isNull() for picture in drawn(window)))
    pictures = set()
    for place in (QPoint(40, 40), QPoint(canvas.width() // 4, canvas.height() // 2), QPoint(180, 300)):
        for toggled in (False, True):
            canvas.set_split(toggled)
            canvas.set_repeated(toggled)
            QTest.mouseMove(canvas, place)
            until(lambda: not window.session.busy)
            QTest.qWait(20)
            pictures.add(seen(window))
    assert len(pictures) == 6, "each place of the light gives another picture, in both views"
    assert canvas.exemplar.size() == normals.size(), "the mask has the size of the maps"
    window.session.select(window.session.results[0])
    until(lambda: not drawn(window)[1].isNull())
    look(window, "basecolor")
    assert all(picture.isNull() for picture in drawn(window))


@pytest.mark.slow
def test_fill_save_and_copy_as_command(
    window: Window, rock: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(rock))
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_O, modifiers)
    until(lambda: window.session.image.path == str(rock))
    window.view.tabs.setCurrentIndex(2)
    canvas = window.view.canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    generated(window, until)
    window.saving.ask_save()
    assert "holds the open material" in window.view.failure
    target = tmp_path / "target"
    target.mkdir()
    (target / "rock_normal.png").write_bytes(b"mine")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(target))
    asked: list[str] = []

    def answer(button: QMessageBox.StandardButton) -> Callable[..., QMessageBox.StandardButton]:
        return lambda parent, title, text, *rest: (asked.append(text), button)[1]

    monkeypatch.setattr(QMessageBox, "question", answer(QMessageBox.StandardButton.Cancel))
    window.saving.ask_save()
    assert asked == [f"{target} has rock_normal.png. Replace?"]
    assert [path.name for path in target.iterdir()] == ["rock_normal.png"]
    window.saving.save(str(target))
    until(lambda: "already" in window.view.failure)
    monkeypatch.setattr(QMessageBox, "question", answer(QMessageBox.StandardButton.Yes))
    window.saving.ask_save()
    until(lambda: window.session.results[0].saved)
    found = {path.name for path in target.iterdir()}
    assert found >= {"rock_basecolor.png", "rock_normal.png", "rock_height.png", "texot.json"}
    before, after = QImage(str(rock / "rock_height.png")), QImage(str(target / "rock_height.png"))
    assert after.format() == before.format(), "16 bits"
    assert after.pixel(1, 1) == before.pixel(1, 1), "outside the hole"
    mask = str(tmp_path / "mask.png")
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: mask)
    window.saving.copy_command()
    until(lambda: f"texot inpaint {rock}" in QGuiApplication.clipboard().text())
    line = QGuiApplication.clipboard().text()
    assert line.startswith(f"texot inpaint {rock} {mask} -o {target} ")


@pytest.mark.slow
def test_two_materials_and_a_folder_that_is_gone(
    window: Window, rock: Path, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moss = make_material(tmp_path / "moss", 2)
    opened(window, rock, until)
    window.view.tabs.setCurrentIndex(3)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(moss))
    window.exemplars.ask_add()
    until(lambda: window.forms[3].paths == [str(rock), str(moss)])  # type: ignore[attr-defined]
    generated(window, until)
    assert window.session.results[0].maps == ("basecolor", "normal", "height")
    shutil.rmtree(rock)
    QTest.mouseClick(window.view.new_seed, Qt.MouseButton.LeftButton)
    until(lambda: window.session.failed)
    until(lambda: not window.session.busy)
    assert str(rock) in window.view.failure
    assert "\n" not in window.view.failure
    (tmp_path / "empty").mkdir()
    window.opening.open(str(tmp_path / "empty"))
    until(lambda: "no map of a material in" in window.view.failure)
    assert window.session.image.path == str(rock), "what was open stays open"
