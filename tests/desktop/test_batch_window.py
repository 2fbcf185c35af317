"""Folders of images dropped on the window."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from materials import make_material
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from texot.desktop.window import Window
from texot.desktop.worker_files import images_in, looks_like_material
from texot.errors import InputError

Until = Callable[[Callable[[], object]], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two photographs, one damaged file and one that is no image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(1)
    for name in ("a", "b"):
        Image.fromarray(random.integers(0, 256, (36, 40, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("none")
    return folder


def drop(window: Window, path: Path) -> None:
    data, action, none = QMimeData(), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    data.setUrls([QUrl.fromLocalFile(str(path))])
    QApplication.sendEvent(window, QDragEnterEvent(QPoint(300, 300), action, data, LEFT, none))
    QApplication.sendEvent(window, QDropEvent(QPointF(300, 300), action, data, LEFT, none))


def test_what_is_a_material(tmp_path: Path, photos: Path) -> None:
    assert [Path(path).name for path in images_in(str(photos))] == ["a.png", "b.png", "c.png"]
    assert not looks_like_material(images_in(str(photos)))
    assert looks_like_material(images_in(str(make_material(tmp_path / "rock"))))
    assert looks_like_material(["r_Color.png", "r_NormalGL.png", "r_NormalDX.png", "preview.png"])
    assert not looks_like_material(["a_diffuse.png", "b_diffuse.png", "c_diffuse.png"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no images"):
        images_in(str(tmp_path / "empty"))


@pytest.mark.slow
def test_a_folder_of_photographs_is_a_batch(window: Window, photos: Path, until: Until) -> None:
    window.view.tabs.setCurrentIndex(1)
    window.forms[1].common.quality.setCurrentText("draft")  # type: ignore[attr-defined]
    drop(window, photos)
    view = window.view.batch
    until(lambda: window.session.batch.rows and window.session.batch.is_over)
    assert view.isVisible()
    labels = [view.rows.item(k).text() for k in range(view.rows.count())]
    assert labels[:2] == ["a.png: done", "b.png: done"]
    assert labels[2].startswith("c.png: failed, ")
    assert view.text.text() == "Batch: 2 of 3 done, 1 failed"
    assert [result.request.task for result in window.session.results] == ["tile", "tile"]
    assert window.session.selected is None
    place = view.rows.visualItemRect(view.rows.item(1)).center()
    QTest.mouseClick(view.rows.viewport(), LEFT, pos=place)
    until(lambda: window.session.selected is window.session.results[1])
    assert window.view.canvas.exemplar.width() == window.view.canvas.result.width() == 40
    assert window.windowTitle().startswith("b.png")
    QTest.mouseClick(view.close_button, LEFT)
    assert not view.isVisible()


@pytest.mark.slow
def test_a_folder_of_maps_is_a_material(window: Window, tmp_path: Path, until: Until) -> None:
    drop(window, make_material(tmp_path / "rock"))
    until(lambda: window.session.image.maps)
    assert not window.session.batch.rows


def test_the_list_leaves_room_for_the_canvas(window: Window) -> None:
    window.resize(1024, 640)
    window.view.batch.show_rows(
        [f"{k}.png: waiting" for k in range(50)], "0 of 50 done", is_over=False, running=9
    )
    QTest.qWait(20)
    assert (window.width(), window.height()) == (1024, 640)
    assert window.view.canvas.height() > 250
    rows = window.view.batch.rows
    assert QRect(QPoint(), rows.viewport().size()).intersects(rows.visualItemRect(rows.item(9)))
