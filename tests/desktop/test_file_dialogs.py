"""The dialog that asks where to save, driven by keys: suffixes, formats, and files that exist."""

from collections.abc import Callable
from pathlib import Path

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QMessageBox, QWidget

from texot.desktop.controllers.file_dialogs import (
    EXACT,
    FLOATS,
    IMAGES,
    MODELS,
    FileDialogs,
    Kinds,
    kinds_of,
)


@pytest.fixture
def dialogs(application: QApplication, tmp_path: Path) -> FileDialogs:
    return FileDialogs(QWidget(), QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat))


def saved(
    dialogs: FileDialogs, suggested: Path, kinds: Kinds, use: Callable[[QFileDialog, QLineEdit], object]
) -> str:
    """What the dialog returns after `use` has been called with it and with its field for the name."""

    def drive() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QFileDialog)
        field = dialog.findChild(QLineEdit, "fileNameEdit")
        assert isinstance(field, QLineEdit)
        try:
            use(dialog, field)
        finally:
            QTimer.singleShot(2000, dialog.reject)  # if it is still open

    QTimer.singleShot(100, drive)
    return dialogs.ask_save("Save", suggested, kinds)


def named(name: str, kind: str = "") -> Callable[[QFileDialog, QLineEdit], None]:
    def use(dialog: QFileDialog, field: QLineEdit) -> None:
        if kind:
            box = dialog.findChild(QComboBox, "fileTypeCombo")
            assert isinstance(box, QComboBox)
            while not box.currentText().startswith(kind):
                QTest.keyClick(box, Qt.Key.Key_Down)
        if name:
            field.setText(name)
        QTest.keyClick(field, Qt.Key.Key_Return)

    return use


@pytest.mark.parametrize(
    ("kinds", "suggested", "kind", "name", "wanted"),
    [
        (IMAGES, "a.png", "", "", "a.png"),
        (IMAGES, "a.png", "", "b", "b.png"),
        (IMAGES, "a.png", "", "b.jpg", "b.jpg"),
        (IMAGES, "a.png", "TIFF", "", "a.tif"),
        (IMAGES, "a.png", "JPEG", "b", "b.jpg"),
        (IMAGES, "a.tiff", "", "b", "b.tif"),
        (EXACT, "mask.png", "", "mine", "mine.png"),
        (MODELS, "m.safetensors", "", "n", "n.safetensors"),
        (FLOATS, "sky.exr", "", "b", "b.exr"),
        (FLOATS, "sky.exr", "Radiance", "", "sky.hdr"),
        (kinds_of(".exr"), "sky.exr", "", "b", "b.exr"),
    ],
)
def test_a_name_gets_the_suffix_of_its_kind(
    dialogs: FileDialogs, tmp_path: Path, kinds: Kinds, suggested: str, kind: str, name: str, wanted: str
) -> None:
    assert saved(dialogs, tmp_path / suggested, kinds, named(name, kind)) == str(tmp_path / wanted)


def test_a_file_with_the_added_suffix_is_not_replaced_unasked(
    dialogs: FileDialogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name has no suffix; the file that would be written has one and exists."""
    (tmp_path / "b.png").write_bytes(b"mine")
    asked: list[str] = []

    def refuse() -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            asked.append(box.text())
            box.button(QMessageBox.StandardButton.No).click()

    def use(dialog: QFileDialog, field: QLineEdit) -> None:
        QTimer.singleShot(200, refuse)
        named("b")(dialog, field)
        assert dialog.isVisible(), "it asks again for a name"
        dialog.reject()

    assert not saved(dialogs, tmp_path / "a.png", IMAGES, use)
    assert len(asked) == 1
    assert "b.png" in asked[0]


def test_no_name_is_chosen_without_a_dialog_that_was_accepted(dialogs: FileDialogs, tmp_path: Path) -> None:
    assert saved(dialogs, tmp_path / "a.png", IMAGES, lambda dialog, field: dialog.reject()) == ""
