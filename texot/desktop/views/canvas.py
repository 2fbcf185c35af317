"""The canvas: exemplar and result, with a split or side by side; zoom, pan, and painting a mask."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from texot.desktop.views.canvas_marks import GRIP_RADIUS, draw_label, draw_split
from texot.desktop.views.painting import Painting
from texot.desktop.views.reduced import Reduced

MIN_ZOOM, MAX_ZOOM = 1 / 64, 64.0
_STEP = 1.25
_GAP = 6  # pixels between two panes
_GRIP = 6  # pixels around the split in which a press moves it
_SHARP = 2.0  # zoom from which pixels are shown as squares


class Canvas(QWidget):
    """Two pictures at one zoom: the exemplar, or a result to compare with, and a result.

    Attributes:
        labels: texts of the two.
        zoomed: the zoom changed; 1 is one picture pixel a pixel of the widget.
        emptied: whether there is no picture now.
        dragged: the result was dragged by this many of its pixels, where `explores`.
        pointed: the mouse moved without a button, where `follows`: place in the view below it, from its
            middle to the right and up, in halves of the shorter side.
    """

    zoomed = Signal(float)
    emptied = Signal(bool)
    dragged = Signal(QPointF)
    pointed = Signal(QPointF)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Exemplar and result")
        self.exemplar, self.result = QImage(), QImage()
        self.labels = ("original", "result")
        self.split, self.repeated = True, False
        self.zoom, self.centre = 1.0, QPointF(0, 0)  # centre: from a picture's middle to its pane's
        self.painting: Painting | None = None
        self.brush, self.erasing = 24, False
        self.follows = False  # `pointed` is emitted
        self._reference, self._reference_label = QImage(), ""  # compared with the result, if not null
        self._before_only = False  # the result is hidden for now
        self._reduced = Reduced()
        self._looks = (QImage(), QImage())  # drawn in the places of exemplar and result, if not null
        self.explores = False  # dragging the result asks for other places of the plane, and does not pan
        self._ahead = QPointF()  # pixels by which the result was dragged since it was made
        self._divider, self._fits = 0.5, True
        self._held = ""  # what the mouse drags: "", "pan", "split" or "paint"
        self._last = QPointF()
        self._pointer: QPointF | None = None

    def sizeHint(self) -> QSize:
        """Two small pictures fit."""
        return QSize(640, 420)

    def show_exemplar(self, image: QImage) -> None:
        """Show another exemplar, and no result."""
        self.exemplar, self.result, self._looks = image, QImage(), (QImage(), QImage())
        self.emptied.emit(image.isNull())
        self.fit()

    def show_result(self, image: QImage) -> None:
        """Show another result."""
        another = image.size() != self.result.size()
        self.result, self._ahead, self._looks = image, QPointF(), (self._looks[0], QImage())
        self.emptied.emit(image.isNull() and self.exemplar.isNull())
        if another and self._fits:
            self.fit()
        self.update()

    def show_reference(self, image: QImage, label: str) -> None:
        """Compare results with this picture in place of the exemplar; null: with the exemplar."""
        self._reference, self._reference_label = image, label
        self.fit() if self._fits else self.update()

    def show_before(self, on: bool) -> None:
        """Show the exemplar, or what is compared with, in the place of the result."""
        self._before_only = on
        self.update()

    @property
    def _before(self) -> QImage:
        """The picture that is compared with the result."""
        return self.exemplar if self._reference.isNull() else self._reference

    def show_looks(self, exemplar: QImage, result: QImage) -> None:
        """Draw other pictures in the places of exemplar and result, of any size; null: the pictures."""
        self._looks = exemplar, result
        self.update()

    @property
    def shown_result(self) -> QImage:
        """The picture that is drawn as the result."""
        return self.result if self._looks[1].isNull() else self._looks[1]

    def show_dragged(self, image: QImage, pixels: QPointF) -> None:
        """Show the result that was asked for when the last one had been dragged by `pixels`."""
        ahead = self._ahead - pixels
        self.show_result(image)
        self._ahead = ahead

    def set_split(self, on: bool) -> None:
        """Draw the two over each other with a movable split, or side by side."""
        self.split = on
        self.fit() if self._fits else self.update()

    def set_repeated(self, on: bool) -> None:
        """Show both pictures 3x3, as tiles."""
        self.repeated = on
        self.fit() if self._fits else self.update()

    def set_mask(self, mask: Painting | None) -> None:
        """Let the mouse paint on this mask; None: let it pan."""
        if self.painting is not None:
            self.painting.changed.disconnect(self.update)
        self.painting = mask
        if mask is not None:
            mask.changed.connect(self.update)
        self.setCursor(Qt.CursorShape.CrossCursor if mask else Qt.CursorShape.ArrowCursor)
        self.update()

    def fit(self) -> None:
        """Zoom so that both pictures are in view."""
        size = self._before.size().expandedTo(self.result.size()) * (3 if self.repeated else 1)
        pane = self._panes()[0]
        self.centre, self._fits = QPointF(0, 0), True
        if not size.isEmpty() and pane.width() > 8 and pane.height() > 8:
            room = min((pane.width() - 8) / size.width(), (pane.height() - 8) / size.height())
            self._set_zoom(min(room, 16.0))
        self.update()

    def actual_size(self) -> None:
        """Show one picture pixel as one screen pixel."""
        self._set_zoom(1 / self.devicePixelRatioF())
        self._fits = False
        self.update()

    def zoom_in(self) -> None:
        """Zoom in about the middle."""
        self.zoom_at(_STEP, None)

    def zoom_out(self) -> None:
        """Zoom out about the middle."""
        self.zoom_at(1 / _STEP, None)

    def zoom_at(self, factor: float, place: QPointF | None) -> None:
        """Zoom by a factor; the pixel at `place` of the widget stays there (None: the middle)."""
        pane = self._pane_at(place) if place is not None else self._panes()[0]
        off = QPointF(0, 0) if place is None else place - QRectF(pane).center()
        before = self.zoom
        self._set_zoom(before * factor)
        self.centre += off * (1 / before - 1 / self.zoom)
        self._fits = False
        self.update()

    def _set_zoom(self, zoom: float) -> None:
        self.zoom = min(max(zoom, MIN_ZOOM), MAX_ZOOM)
        self.zoomed.emit(self.zoom)

    def _panes(self) -> list[QRect]:
        """The rectangles in which pictures are drawn: the whole widget, or its halves."""
        if self.split or self.result.isNull():
            return [self.rect()]
        half = (self.width() - _GAP) // 2
        return [QRect(0, 0, half, self.height()), QRect(self.width() - half, 0, half, self.height())]

    def _pane_at(self, place: QPointF) -> QRect:
        return next((p for p in self._panes() if QRectF(p).contains(place)), self._panes()[0])

    def _target(self, image: QImage, pane: QRect) -> QRectF:
        """The rectangle of an image in the widget."""
        middle = QRectF(pane).center() - self.centre * self.zoom
        width, height = image.width() * self.zoom, image.height() * self.zoom
        return QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)

    def to_picture(self, place: QPointF) -> QPointF:
        """The exemplar's pixel at a place of the widget."""
        target = self._target(self.exemplar, self._panes()[0])
        return (place - target.topLeft()) / self.zoom

    def from_picture(self, pixel: QPointF) -> QPointF:
        """The place of the exemplar's pixel in the widget."""
        return self._target(self.exemplar, self._panes()[0]).topLeft() + pixel * self.zoom

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw both pictures, the split and the brush."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().base().color().darker(108))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.zoom < _SHARP)
        if self.exemplar.isNull() and self.result.isNull():
            return
        before, after = self._sides()
        panes = self._panes()
        self._draw_before(painter, panes[0], before)
        if self._before_only and len(panes) == 2:
            self._draw_before(painter, panes[1], after)
        elif not after.isEmpty():
            self._draw_result(painter, panes[-1], after)
        painter.setClipping(False)
        if len(panes) == 2:
            painter.fillRect(panes[0].right() + 1, 0, _GAP, self.height(), self.palette().window())
        elif self._has_split:
            draw_split(painter, self._divider * self.width(), self.height(), self.palette())
        self._draw_labels(painter, QRectF(before), QRectF(after))
        if self.painting is not None and self._pointer is not None and self._held in ("", "paint"):
            self._draw_brush(painter, before, self._pointer)

    @property
    def _has_split(self) -> bool:
        return self.split and not self.result.isNull() and not self._before_only

    def _sides(self) -> tuple[QRect, QRect]:
        """The parts of the widget that show the two pictures; the second is empty without a result."""
        panes = self._panes()
        if len(panes) == 2:
            return panes[0], panes[1]
        x = round(self._divider * self.width()) if self._has_split else self.width()
        return QRect(0, 0, x, self.height()), QRect(x, 0, self.width() - x, self.height())

    def _draw_labels(self, painter: QPainter, before: QRectF, after: QRectF) -> None:
        if self.result.isNull():
            return
        left = self.labels[0] if self._reference.isNull() else self._reference_label
        draw_label(painter, left, before, right=False)
        draw_label(painter, left if self._before_only else self.labels[1], after, right=True)

    def _draw_brush(self, painter: QPainter, clip: QRect, place: QPointF) -> None:
        painter.setClipRect(clip)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = self.brush * self.zoom / 2
        for colour, width in ((Qt.GlobalColor.black, 3), (Qt.GlobalColor.white, 1)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawEllipse(place, radius, radius)

    def _draw_before(self, painter: QPainter, pane: QRect, clip: QRect) -> None:
        painter.setClipRect(clip)
        before, mask = self._before, self.painting
        look = self._looks[0]
        has_mask = mask is not None and self._reference.isNull() and mask.size == before.size()
        for target in self._tiles(self._target(before, pane)):
            self._draw(painter, target, before if look.isNull() else look)
            if mask is not None and has_mask:
                painter.drawImage(target, mask.overlay())

    def _draw_result(self, painter: QPainter, pane: QRect, clip: QRect) -> None:
        target = self._target(self.result, pane)
        if self.repeated:
            painter.setClipRect(clip)
            for tile in self._tiles(target):
                self._draw(painter, tile, self.shown_result)
            return
        painter.setClipRect(QRectF(clip) & target)
        ahead = QPointF(self._ahead.toPoint())
        self._draw(painter, target.translated(ahead * self.zoom), self.shown_result)

    def _tiles(self, target: QRectF) -> list[QRectF]:
        """The places of a picture: one, or 3x3 around it."""
        around = (-1, 0, 1) if self.repeated else (0,)
        width, height = target.width(), target.height()
        return [target.translated(x * width, y * height) for y in around for x in around]

    def _draw(self, painter: QPainter, target: QRectF, image: QImage) -> None:
        if image.hasAlphaChannel():
            painter.fillRect(target, QColor(200, 200, 200))
            painter.fillRect(target, Qt.BrushStyle.Dense4Pattern)
        small = self._reduced.of(image, (target.size() * self.devicePixelRatioF()).toSize())
        painter.drawImage(target, small)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep both pictures in view, if they were."""
        if self._fits:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        turns = event.angleDelta().y() / 120
        if turns:
            self.zoom_at(_STEP**turns, event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows pan."""
        steps = {
            Qt.Key.Key_Left: QPointF(-1, 0),
            Qt.Key.Key_Right: QPointF(1, 0),
            Qt.Key.Key_Up: QPointF(0, -1),
            Qt.Key.Key_Down: QPointF(0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        self.centre += step * (32 / self.zoom)
        self._fits = False
        self.update()

    def _on_split(self, place: QPointF) -> bool:
        x, y = place.x() - self._divider * self.width(), place.y() - self.height() / 2
        on_grip = x * x + y * y <= GRIP_RADIUS**2
        return self._has_split and (abs(x) <= _GRIP or on_grip)

    def _paints_at(self, place: QPointF) -> bool:
        """Whether a stroke may begin here: on the photograph, not on a result."""
        on_before = QRectF(self._sides()[0]).contains(place)
        return self.painting is not None and self._reference.isNull() and on_before

    def _explores_at(self, place: QPointF) -> bool:
        on_result = not self.result.isNull() and QRectF(self._sides()[1]).contains(place)
        return self.explores and on_result

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to move the split, paint, explore the plane, or pan."""
        place = self._last = event.position()
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self._on_split(place):
            self._held = "split"
        elif left and self.painting is not None and self._paints_at(place):
            self._held = "paint"
            self._push_split(place)
            pixel = self.to_picture(place)
            self.painting.begin()
            self.painting.stroke(pixel, pixel, self.brush, self.erasing)
        elif left and self._explores_at(place):
            self._held = "explore"
        else:
            self._held = "pan"

    def _push_split(self, place: QPointF) -> None:
        """Move the split to the right of the brush, so that the stroke is seen."""
        edge = place.x() + self.brush * self.zoom / 2 + _GRIP
        self._divider = max(self._divider, min(edge / self.width(), 1.0))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue what the press began."""
        place, self._pointer = event.position(), event.position()
        if self._held == "split":
            self._divider = min(max(place.x() / self.width(), 0.0), 1.0)
        elif self._held == "paint" and self.painting is not None:
            begin, end = self.to_picture(self._last), self.to_picture(place)
            self.painting.stroke(begin, end, self.brush, self.erasing)
            self._push_split(place)
        elif self._held == "explore":
            self._fits = False  # a sample of another size keeps the zoom
            pixels = (place - self._last) / self.zoom
            self._ahead += pixels
            self.dragged.emit(pixels)
        elif self._held == "pan":
            self.centre -= (place - self._last) / self.zoom
            self._fits = False
        elif self.painting is None:
            grip = self._on_split(place)
            self.setCursor(Qt.CursorShape.SplitHCursor if grip else Qt.CursorShape.ArrowCursor)
        if self._held == "" and self.follows:
            self._point(place)
        self._last = place
        self.update()

    def _point(self, place: QPointF) -> None:
        pane = QRectF(self._pane_at(place))
        off = (place - pane.center()) / max(1.0, min(pane.width(), pane.height()) / 2)
        self.pointed.emit(QPointF(off.x(), -off.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the press began."""
        if self._held == "paint" and self.painting is not None:
            self.painting.end()
        self._held = ""

    def leaveEvent(self, event: object) -> None:
        """Hide the brush."""
        self._pointer = None
        self.update()
