"""What the canvas draws: nothing false at a small zoom, both sides, labels, and strokes in view."""

import needs_qt  # noqa: F401
import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from texot.desktop.views.canvas import Canvas
from texot.desktop.views.mask import Mask
from texot.desktop.views.reduced import Reduced

LEFT = Qt.MouseButton.LeftButton
RED, BLUE, GREEN = QColor(200, 30, 30), QColor(30, 30, 200), QColor(30, 160, 30)


def plain(colour: QColor, width: int = 100, height: int = 100) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB888)
    image.fill(colour)
    return image


@pytest.fixture
def canvas(application: QApplication) -> Canvas:
    made = Canvas()
    made.resize(600, 400)
    made.show()
    return made


def seen(canvas: Canvas, x: int, y: int) -> QColor:
    return canvas.grab().toImage().pixelColor(x, y)


def test_a_checkerboard_is_grey_at_a_small_zoom(canvas: Canvas) -> None:
    size = 1024
    rows = [bytes([255 * ((x + y) % 2) for x in range(size)]) for y in range(2)]
    board = QImage(b"".join(rows) * (size // 2), size, size, size, QImage.Format.Format_Grayscale8).copy()
    canvas.show_exemplar(board)
    for zoom in (0.19, 0.31, 0.45):
        canvas.zoom_at(zoom / canvas.zoom, None)
        shown = canvas.grab().toImage()
        values = [shown.pixelColor(x, y).red() for x in range(230, 360, 7) for y in range(130, 260, 7)]
        assert max(values) - min(values) < 40, zoom  # a painter alone shows 0 and 255
        assert 110 < sum(values) / len(values) < 145


def test_reduced_pictures_are_kept_and_never_enlarged() -> None:
    reduced, image = Reduced(), plain(RED)
    assert reduced.of(image, QSize(200, 100)) is image
    small = reduced.of(image, QSize(50, 40))
    assert small.size() == QSize(50, 40)
    assert reduced.of(image, QSize(50, 40)) is small


def test_the_split_is_on_and_both_sides_repeat(canvas: Canvas) -> None:
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    assert canvas.split
    assert seen(canvas, 270, 100) == RED
    assert seen(canvas, 330, 100) == BLUE
    canvas.zoom_at(1 / canvas.zoom, None)
    background = seen(canvas, 20, 200)
    canvas.set_repeated(True)
    canvas.zoom_at(1 / canvas.zoom, None)
    assert seen(canvas, 170, 80) == RED != background, "a tile of the exemplar"
    assert seen(canvas, 430, 320) == BLUE


def test_labels_are_drawn_at_both_sides(canvas: Canvas) -> None:
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    canvas.labels = "", ""
    bare = canvas.grab().toImage()
    canvas.labels = "exemplar", "seed 3, draft"
    shown = canvas.grab().toImage()
    for x in (0, 300):
        assert shown.copy(x, 0, 300, 60) != bare.copy(x, 0, 300, 60)
    assert shown.copy(0, 60, 600, 340) == bare.copy(0, 60, 600, 340)


@pytest.mark.parametrize("split", [True, False])
def test_before_is_shown_while_it_is_asked_for(canvas: Canvas, split: bool) -> None:
    canvas.set_split(split)
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    assert seen(canvas, 450, 200) == BLUE
    canvas.show_before(True)
    assert seen(canvas, 450, 200) == RED
    canvas.show_before(False)
    assert seen(canvas, 450, 200) == BLUE


def drag(canvas: Canvas, *places: tuple[int, int]) -> None:
    QTest.mousePress(canvas, LEFT, pos=QPoint(*places[0]))
    for place in places[1:]:
        QTest.mouseMove(canvas, QPoint(*place))
    QTest.mouseRelease(canvas, LEFT, pos=QPoint(*places[-1]))


def test_the_grip_moves_the_split(canvas: Canvas) -> None:
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    drag(canvas, (310, 200), (400, 200))  # on the grip, beside the line
    assert seen(canvas, 360, 100) == RED
    assert seen(canvas, 450, 100) == BLUE


@pytest.mark.parametrize("repeated", [False, True])
def test_a_stroke_pushes_the_split_and_stays_in_view(canvas: Canvas, repeated: bool) -> None:
    mask = Mask(QSize(100, 100))
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    canvas.set_repeated(repeated)
    canvas.set_mask(mask)
    canvas.brush = 6
    end = canvas.from_picture(QPointF(85, 20)).toPoint()
    begin = canvas.from_picture(QPointF(30, 20)).toPoint()
    assert begin.x() < 300 < end.x()
    drag(canvas, begin.toTuple(), end.toTuple())  # type: ignore[attr-defined]
    assert mask.image.pixelColor(30, 20).red() == mask.image.pixelColor(84, 20).red() == 255
    canvas._pointer = None  # without the circle of the brush
    painted = seen(canvas, end.x() - 2, end.y())
    assert painted != BLUE
    assert painted.red() > RED.red(), "the red layer of the mask over the photograph"


def test_nothing_is_painted_on_a_result(canvas: Canvas) -> None:
    mask = Mask(QSize(100, 100))
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    canvas.set_mask(mask)
    mask.invert()
    assert seen(canvas, 400, 100) == BLUE, "no mask on the result"
    mask.clear()
    drag(canvas, (400, 120), (450, 120))
    assert mask.is_empty()
    canvas.show_reference(plain(GREEN), "seed 1")
    drag(canvas, (250, 120), (270, 120))
    assert mask.is_empty(), "the left picture is a result too"
    mask.invert()
    assert seen(canvas, 200, 100) == GREEN


def test_two_results_are_compared(canvas: Canvas) -> None:
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    canvas.show_reference(plain(GREEN), "seed 1, draft")
    assert (seen(canvas, 250, 100), seen(canvas, 350, 100)) == (GREEN, BLUE)
    canvas.show_reference(QImage(), "")
    assert seen(canvas, 250, 100) == RED


@pytest.mark.parametrize("explores", [False, True])
@pytest.mark.parametrize("split", [True, False])
def test_the_first_drag_keeps_the_zoom(canvas: Canvas, split: bool, explores: bool) -> None:
    canvas.set_split(split)
    canvas.show_exemplar(plain(RED))
    canvas.show_result(plain(BLUE))
    canvas.explores = explores
    zooms: list[float] = []
    canvas.zoomed.connect(zooms.append)
    before = canvas.zoom
    drag(canvas, (450, 200), (440, 200), (430, 200))
    canvas.show_dragged(plain(BLUE, 200, 200), QPointF(20, 0))  # the sample there has another size
    canvas.resize(610, 400)
    assert canvas.zoom == before
    assert not zooms
