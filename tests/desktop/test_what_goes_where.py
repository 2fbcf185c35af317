"""What goes where in the window: exemplars with shares, pictures from files, labels that are painted."""

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from command_line import process
from materials import make_material
from PIL import Image
from PySide6.QtCore import QPointF, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QSlider,
    QSpinBox,
    QWidget,
)

from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.views.paint_dialog import PaintDialog
from texot.desktop.views.tabs.remove import RemoveTab
from texot.desktop.views.tabs.seamless import SeamlessTab
from texot.desktop.views.what_goes_where import WhatGoesWhere
from texot.desktop.window import Window

Until = Callable[[Callable[[], object]], None]
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
OK = QDialogButtonBox.StandardButton.Ok
GREEN, OCHRE, BLUE = (44, 160, 44), (224, 160, 48), (31, 119, 180)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Dark noise at the left, bright noise at the right, 40x36."""
    values = np.random.default_rng(1).integers(0, 90, (36, 40, 3), np.uint8)
    values[:, 20:] += 160
    Image.fromarray(values).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def controls(window: Window, photo: Path, until: Until) -> WhatGoesWhere:
    """The controls, unfolded, with the photo open."""
    found = window.synthesise.controls
    window.opening.open(str(photo))
    until(lambda: window.session.image.path == str(photo))
    QTest.mouseClick(found.fold, LEFT)
    return found


def click(widget: QWidget) -> None:
    assert widget.isVisible()
    assert widget.isEnabled()
    QTest.mouseClick(widget, LEFT)


def drafted(window: Window, until: Until) -> dict[str, object]:
    """Click on Draft; the arguments of the result."""
    count = len(window.session.results)
    click(window.view.draft)
    until(lambda: window.view.failure or (len(window.session.results) > count and not window.session.busy))
    assert not window.view.failure
    return window.session.results[-1].request.arguments


def dialog_of(window: Window, until: Until, button: QWidget) -> PaintDialog:
    click(button)
    until(lambda: window.painting.dialog is not None)
    found = window.painting.dialog
    assert found is not None
    assert QTest.qWaitForWindowExposed(found)
    return found


def paint(dialog: PaintDialog, *pixels: tuple[float, float]) -> None:
    """A stroke through these pixels of the page."""
    places = [dialog.canvas.from_picture(QPointF(*pixel)).toPoint() for pixel in pixels]
    QTest.mousePress(dialog.canvas, LEFT, pos=places[0])
    for place in places[1:]:
        QTest.mouseMove(dialog.canvas, place)
    QTest.mouseRelease(dialog.canvas, LEFT, pos=places[-1])


def colours(dialog: PaintDialog) -> set[tuple[int, int, int]]:
    """The colours of the page in front."""
    image = dialog.page.labels.image
    found = {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}
    return {(value >> 16 & 255, value >> 8 & 255, value & 255) for value in found}


def choose(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """What the next file dialogs answer."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(paths[0]), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(path) for path in paths], ""))


def visible(parent: QWidget, kinds: Sequence[type[QWidget]]) -> list[QWidget]:
    found = [w for w in parent.findChildren(QWidget) if isinstance(w, tuple(kinds)) and w.isVisible()]
    return [w for w in found if not w.objectName().startswith("qt_")]


def test_it_is_folded_until_it_is_asked_for(window: Window) -> None:
    controls = window.synthesise.controls
    assert not controls.exemplars.add_button.isVisible()
    assert not controls.summary.isVisible()
    click(controls.fold)
    assert controls.exemplars.add_button.isVisible()
    for name in ("source", "weights_map", "labels", "target_labels", "guide"):
        assert controls.pictures[name].isVisible(), name
    assert not controls.guide_strength.isVisible(), "there is no guide"
    assert not controls.blend_scale.isVisible(), "there is one exemplar"
    controls.symmetry.setCurrentText("flips")
    click(controls.fold)
    assert controls.summary.text() == "Uses symmetry flips"
    assert controls.summary.isVisible()


@pytest.mark.parametrize("width", [1024, 1600])
def test_every_control_has_a_tooltip_takes_keys_and_is_not_cut(window: Window, width: int) -> None:
    controls = window.synthesise.controls
    window.resize(width, 640)
    controls.exemplars.show_image("/a/a picture with a very long name indeed.png")
    controls.exemplars.add("/b.png")
    controls.pictures["guide"].show_path("/g/another picture with a very long name indeed.png")
    click(controls.fold)
    QTest.qWait(10)
    for others in (["/b.png"], []):
        controls.exemplars.show_exemplars(others, [])
        QTest.qWait(10)
        found = visible(controls, [QAbstractButton, QComboBox, QSpinBox, QSlider])
        assert len(found) > 8
        for control in found:
            assert control.toolTip(), control
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus, control
            assert control.height() >= min(control.minimumSizeHint().height(), control.sizeHint().height())
            if isinstance(control, QAbstractButton):
                assert control.width() >= control.fontMetrics().horizontalAdvance(control.text())
    scroll = window.view.tabs.stack.currentWidget()
    assert not scroll.horizontalScrollBar().isVisible()  # type: ignore[attr-defined]


def test_tooltips_have_the_words_of_the_help(window: Window) -> None:
    from texot.cli.app import texot

    controls = window.synthesise.controls
    tips = {name: choice.toolTip() for name, choice in controls.pictures.items()}
    tips |= {
        "blend_scale": controls.blend_scale.slider.toolTip(),
        "guide_strength": controls.guide_strength.slider.toolTip(),
        "symmetry": controls.symmetry.toolTip(),
    }
    helps = {option.opts[0]: getattr(option, "help", "") for option in texot.commands["synthesize"].params}
    for name, tip in tips.items():
        wanted = re.findall(r"[a-z]+", helps[f"--{name.replace('_', '-')}"].split(";")[0].lower())
        words = re.findall(r"[a-z]+", tip.lower())
        assert sum(word.rstrip("s") in {w.rstrip("s") for w in words} for word in wanted) >= 0.8 * len(
            wanted
        ), name


def test_without_an_image_nothing_is_added_or_painted(window: Window) -> None:
    controls = window.synthesise.controls
    click(controls.fold)
    click(controls.exemplars.add_button)
    assert "open an image first" in window.view.failure
    window.session.say("")
    click(controls.pictures["labels"].paint)
    assert "open an image first" in window.view.failure
    assert window.painting.dialog is None


@pytest.mark.slow
def test_exemplars_with_shares(
    window: Window, controls: WhatGoesWhere, until: Until, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = image.with_name("third.png")
    other.write_bytes(image.read_bytes())
    choose(monkeypatch, image, other)
    click(controls.exemplars.add_button)
    until(lambda: len(controls.exemplars.others) == 2)
    assert sum(controls.exemplars.shares) == 100
    box = controls.exemplars.boxes[0]
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "60")
    assert [shown.value() for shown in controls.exemplars.boxes] == [60, 20, 20]
    assert not controls.pictures["labels"].isVisible(), "labels are of one exemplar"
    QTest.keyClick(controls.blend_scale.slider, Qt.Key.Key_PageUp)
    click(controls.exemplars.remove_buttons[1])
    assert controls.exemplars.shares == [75, 25]
    arguments = drafted(window, until)
    assert arguments["proportions"] == [0.75, 0.25]
    assert arguments["blend_scale"] == 0.6
    assert window.session.results[-1].settings["proportions"] == [0.75, 0.25]
    controls.exemplars.show_exemplars([], [])
    drafted(window, until)
    window.session.select(window.session.results[0])
    assert controls.exemplars.others == [str(image)]
    assert controls.exemplars.shares == [75, 25]
    assert controls.blend_scale.value == 0.6


@pytest.mark.slow
def test_labels_are_painted_and_the_copied_command_makes_the_same_file(
    window: Window,
    controls: WhatGoesWhere,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window.synthesise.common.size.setText("48x32")
    dialog = dialog_of(window, until, controls.pictures["labels"].paint)
    before = dialog.canvas.grab().toImage()
    dialog.brush.setValue(40)
    click(dialog.swatches[1])
    paint(dialog, (40, 0), (40, 36))
    after = dialog.canvas.grab().toImage()
    place = dialog.canvas.from_picture(QPointF(38, 18)).toPoint()
    assert after.pixelColor(place) != before.pixelColor(place)
    below = dialog.page.below.pixelColor(38, 18)
    shown = after.pixelColor(dialog.canvas.from_picture(QPointF(38.5, 18.5)).toPoint())
    for part, photo, ink in zip(shown.getRgb(), below.getRgb(), (*OCHRE, 255), strict=True):  # type: ignore[misc, call-overload]
        assert abs(part - (photo + ink) / 2) < 12, "half of each is seen"
    assert colours(dialog) == {GREEN, OCHRE}, "no smooth edges"
    click(dialog.tabs[1])
    assert (dialog.page.below.width(), dialog.page.below.height()) == (48, 32), "the size of the result"
    dialog.brush.setValue(16)
    paint(dialog, (0, 16), (48, 16))
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    assert window.painting.dialog is None
    arguments = drafted(window, until)
    assert arguments["size"] == "48x32"
    result = window.session.results[-1]
    assert result.settings["target_labels_sha256"]
    middle = [result.picture.pixelColor(x, 16).lightness() for x in range(48)]
    edge = [result.picture.pixelColor(x, 1).lightness() for x in range(48)]
    assert min(np.mean(middle) - 60, 150 - np.mean(edge)) > 0, "ochre is bright in the original"
    window.saving.save(str(tmp_path / "out.png"))
    until(lambda: result.saved)
    asked: list[str] = []

    def answer(title: str, suggested: Path) -> str:
        asked.append(title)
        return str(tmp_path / suggested.name)

    monkeypatch.setattr(
        FileDialogs, "ask_save", lambda self, title, suggested, kinds: answer(title, suggested)
    )
    QGuiApplication.clipboard().clear()
    click(window.view.command)
    until(QGuiApplication.clipboard().text)
    assert asked == [
        "The command needs the labels in a file",
        "The command needs the target labels in a file",
    ]
    words = shlex.split(QGuiApplication.clipboard().text())
    words[words.index("-o") + 1] = "again.png"
    done = process(*words[1:], "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()
    window.session.select(result)
    assert controls.pictures["labels"].path == arguments["labels"]
    (again,) = window.synthesise.settings().requests()
    assert again == result.request
    click(window.view.draft)
    assert "it was made before" in window.view.message.text()


@pytest.mark.slow
def test_the_palette_and_the_tools(
    window: Window, controls: WhatGoesWhere, until: Until, tmp_path: Path
) -> None:
    dialog = dialog_of(window, until, controls.pictures["target_labels"].paint)
    assert dialog.page.name == "target_labels"
    click(dialog.add)
    QTest.qWait(10)
    assert dialog.colours.current == 2
    assert dialog.swatches[2].isChecked()
    click(dialog.fill)
    assert colours(dialog) == {BLUE}
    click(dialog.swatches[0])
    dialog.brush.setValue(10)
    paint(dialog, (10, 10))
    assert colours(dialog) == {BLUE, GREEN}
    QTest.keyClick(dialog, Qt.Key.Key_P)
    paint(dialog, (30, 30))
    assert dialog.colours.current == 2, "it was picked"
    assert not dialog.pick.isChecked()
    assert colours(dialog) == {BLUE, GREEN}, "and nothing was painted"
    paint(dialog, (10, 10))
    assert colours(dialog) == {BLUE}
    QTest.keyClick(dialog, Qt.Key.Key_Z, CONTROL)
    assert colours(dialog) == {BLUE, GREEN}
    click(dialog.undo)
    click(dialog.undo)
    assert colours(dialog) == {GREEN}
    assert not dialog.undo.isEnabled()
    click(dialog.redo)
    assert colours(dialog) == {BLUE}
    QTest.keyClick(dialog, Qt.Key.Key_BracketRight)
    assert dialog.brush.value() == 12
    for control in visible(dialog, [QAbstractButton, QSpinBox]):
        assert control.toolTip(), control
    dialog.reject()
    assert controls.settings().summary == "", "nothing is used"


@pytest.mark.slow
def test_label_pictures_from_files_are_painted_on_and_saved(
    window: Window,
    controls: WhatGoesWhere,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = Image.new("RGB", (40, 36), (1, 2, 3))
    labels.paste((250, 0, 0), (20, 0, 40, 36))
    labels.save(tmp_path / "labels.png")
    labels.resize((64, 48), Image.Resampling.NEAREST).save(tmp_path / "target.png")
    for name in ("labels", "target"):
        choose(monkeypatch, tmp_path / f"{name}.png")
        role = {"labels": "labels", "target": "target_labels"}[name]
        click(controls.pictures[role].open)
        until(lambda role=role: controls.pictures[role].path)
    settings = window.synthesise.settings().requests()[0].arguments
    assert settings["labels"] == str(tmp_path / "labels.png"), "the user's file"
    assert settings["size"] == "64x48"
    dialog = dialog_of(window, until, controls.pictures["target_labels"].paint)
    assert dialog.colours.colours == ["#010203", "#fa0000"]
    assert colours(dialog) == {(1, 2, 3), (250, 0, 0)}
    paint(dialog, (32, 40))
    monkeypatch.setattr(FileDialogs, "ask_save", lambda *_: str(tmp_path / "saved.png"))
    click(dialog.save)
    until(lambda: "saved.png" in dialog.message.text())
    with Image.open(tmp_path / "saved.png") as saved:
        assert saved.size == (64, 48)
        assert {colour for _, colour in saved.convert("RGB").getcolors()} == colours(dialog)  # type: ignore[union-attr]
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    request = window.synthesise.settings().requests()[0]
    assert request.arguments["labels"] == str(tmp_path / "labels.png"), "it was not changed"
    assert not window.session.files.unsaved_inputs(request), "it was saved"
    assert "saved.png" in request.command_line("o.png", window.session.files.names)
    choose(monkeypatch, tmp_path / "photo.png")
    click(controls.pictures["labels"].open)
    until(lambda: "no clear colours" in window.view.failure)
    click(controls.pictures["target_labels"].clear)
    click(window.view.draft)
    assert "labels of the result are missing" in window.view.failure


@pytest.mark.slow
def test_a_source_is_painted(window: Window, controls: WhatGoesWhere, until: Until) -> None:
    dialog = dialog_of(window, until, controls.pictures["source"].paint)
    assert not dialog.add.isVisible()
    assert len(dialog.tabs) == 1
    dialog.brush.setValue(20)
    paint(dialog, (6, 0), (6, 36))
    assert colours(dialog) == {(0, 0, 0), (255, 255, 255)}
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    drafted(window, until)
    result = window.session.results[-1]
    assert result.settings["source_sha256"]
    bright = [result.picture.pixelColor(x, y).lightness() > 130 for x in range(40) for y in range(36)]
    assert not any(bright), "the bright half is not used"
    dialog = dialog_of(window, until, controls.pictures["source"].paint)
    assert colours(dialog) == {(0, 0, 0), (255, 255, 255)}, "it is painted further"
    dialog.reject()


@pytest.mark.slow
def test_a_hole_takes_texture_from_its_source(
    window: Window, controls: WhatGoesWhere, until: Until, tmp_path: Path
) -> None:
    window.view.tabs.setCurrentIndex(2)
    form = window.forms[2]
    assert isinstance(form, RemoveTab)
    form.brush.setValue(10)
    QTest.mouseClick(window.view.canvas, LEFT, pos=window.view.canvas.from_picture(QPointF(31, 18)).toPoint())
    mask = Image.new("L", (40, 36))
    mask.paste(255, (0, 0, 18, 36))
    mask.save(tmp_path / "source.png")
    window.controls.use("source", form.source, str(tmp_path / "source.png"))
    until(lambda: form.source.path)
    assert drafted(window, until)["source"] == str(tmp_path / "source.png")
    click(form.source.clear)
    assert "source" not in drafted(window, until)
    with_source, without = window.session.results
    assert with_source.settings["source_sha256"]
    assert not without.settings["source_sha256"]
    assert with_source.picture != without.picture
    window.session.select(with_source)
    assert form.source.path == str(tmp_path / "source.png")


@pytest.mark.slow
def test_a_seamless_photo_takes_texture_from_its_source(
    window: Window, controls: WhatGoesWhere, until: Until, image: Path, tmp_path: Path
) -> None:
    window.view.tabs.setCurrentIndex(1)
    form = window.forms[1]
    assert isinstance(form, SeamlessTab)
    form.band.setValue(8)
    dialog = dialog_of(window, until, form.source.paint)
    dialog.brush.setValue(20)
    paint(dialog, (8, 0), (8, 36))
    QTest.mouseClick(dialog.buttons.button(OK), LEFT)
    assert controls.pictures["source"].path is None, "it is the source of the other form"
    arguments = drafted(window, until)
    result = window.session.results[-1]
    assert result.settings["source_sha256"]
    window.session.files.set_name(str(arguments["source"]), "s.png")
    assert " --source s.png" in result.command_line(window.session.files.names)
    form.source.show_path(None)
    window.session.select(result)
    assert form.source.path == arguments["source"]
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    assert form.source.path is None


@pytest.mark.slow
def test_a_guide_gives_the_size_and_another_image_clears_what_is_of_the_first(
    window: Window, controls: WhatGoesWhere, until: Until, image: Path, tmp_path: Path
) -> None:
    Image.linear_gradient("L").resize((56, 44)).save(tmp_path / "guide.png")
    for name in ("guide", "guide_exemplar", "weights_map"):
        path = tmp_path / ("guide.png" if name == "guide" else "photo.png")
        window.controls.use(name, controls.pictures[name], str(path))
        until(lambda name=name: controls.pictures[name].path)
    assert controls.guide_strength.isVisible()
    controls.guide_strength.show_value(0.8)
    arguments = drafted(window, until)
    assert (arguments["size"], arguments["guide_strength"]) == ("56x44", 0.8)
    assert window.session.results[-1].size == (56, 44)
    window.opening.open(str(image))
    until(lambda: window.session.image.path == str(image))
    used = {name for name, choice in controls.pictures.items() if choice.path}
    assert used == {"guide"}


@pytest.mark.slow
def test_materials_take_controls(
    window: Window, until: Until, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rock, moss = make_material(tmp_path / "rock"), make_material(tmp_path / "moss", 2)
    window.opening.open(str(rock))
    until(lambda: window.session.image.maps)
    controls = window.synthesise.controls
    click(controls.fold)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(moss))
    click(controls.exemplars.add_button)
    until(lambda: controls.exemplars.others)
    drafted(window, until)
    assert window.session.results[-1].maps == ("basecolor", "normal", "height")
    assert window.session.results[-1].settings["proportions"] == [0.5, 0.5]
    controls.symmetry.setCurrentText("flips")
    click(window.view.draft)
    until(lambda: "symmetry would turn a normal map" in window.view.failure)


def test_what_is_remembered(window: Window, tmp_path: Path) -> None:
    controls = window.synthesise.controls
    click(controls.fold)
    controls.symmetry.setCurrentText("both")
    controls.guide_strength.show_value(0.9)
    controls.pictures["guide"].show_path("/g.png")
    window.close()
    again = Window(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    shown = again.synthesise.controls
    assert shown.fold.isChecked()
    assert (shown.symmetry.currentText(), shown.guide_strength.value) == ("both", 0.9)
    assert shown.pictures["guide"].path is None, "pictures are of their session"
    again.end()
