"""The results of the session as a strip of thumbnails; a click selects one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QIcon,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
)
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QMenu, QWidget

from texot.desktop.results import Result
from texot.desktop.views.controls import thumbnail, write_hint

_SIDE = 64
_BADGE = 18  # pixels of the marks of saved and stopped results
Entry = tuple[str, Callable[[], object]]
"""Text of an entry of the menu, and what it does with the selected result."""


class History(QListWidget):
    """The strip. The current item is the result that is shown; none is current while something else is.

    Attributes:
        chosen: a result is to be selected.
        ask_remove: a result is to be removed.
        entries: of the menu of a result.
    """

    chosen = Signal(object)
    ask_remove = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: list[Result] = []
        self.entries: Sequence[Entry] = ()
        self.setFlow(QListView.Flow.LeftToRight)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self._size_cells()
        self.setAccessibleName("Results of this session")
        self.setToolTip("Results of this session: a click shows one, Del removes it")
        self.itemClicked.connect(self._choose)

    def _size_cells(self) -> None:
        """Make all cells as large as the longest text needs, and the strip as high as one."""
        metrics, frame = self.fontMetrics(), 2 * self.frameWidth()
        width = max(_SIDE, *(metrics.horizontalAdvance(text) for text in ("seed 2147483647", "interpolate")))
        height = _SIDE + 2 * metrics.lineSpacing() + 12
        self.setGridSize(QSize(width + 12, height))
        self.setFixedHeight(height + frame + self.horizontalScrollBar().sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a hint while the strip is empty."""
        super().paintEvent(event)
        if not self._results:
            write_hint(self.viewport(), "Results appear here; a click shows one again")

    def add(self, result: Result) -> None:
        """Add a result at the right."""
        self._results.append(result)
        item = QListWidgetItem(result.label.replace(", ", "\n"))
        item.setSizeHint(self.gridSize())
        self.addItem(item)
        self.update_marks(result)
        self.scrollToItem(item)

    def update_marks(self, result: Result) -> None:
        """Mark a result as saved, and as stopped, if it is."""
        item = self.item(self._results.index(result))
        icon, small = QIcon(), _marked(result, self.devicePixelRatioF())
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            icon.addPixmap(small, mode)  # Qt would tint the selected one
        item.setIcon(icon)
        facts = [result.summary, "stopped before its last step" if result.stopped else ""]
        facts.append(f"saved as {result.saved}" if result.saved else "not saved")
        item.setToolTip("\n".join(filter(None, facts)))

    def remove(self, result: Result) -> None:
        """Remove a result from the strip."""
        place, row = self._results.index(result), self.currentRow()
        current = self._results[row] if row >= 0 else None
        del self._results[place]
        with QSignalBlocker(self):
            self.takeItem(place)
        self.mark(None if current is result else current)

    def mark(self, result: Result | None) -> None:
        """Make a result the current item, or none."""
        row = -1 if result is None else self._results.index(result)
        self.setCurrentRow(row)
        if row < 0:
            self.clearSelection()
        else:
            self.scrollToItem(self.item(row))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Select what the arrows reach; ask to remove the current result on Del."""
        if event.key() == Qt.Key.Key_Delete and self.currentItem() is not None:
            self.ask_remove.emit(self._results[self.currentRow()])
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentItem() is not None:
            self._choose(self.currentItem())
            return
        if event.text().isalpha():  # a key of the window, not a search for a text
            event.ignore()
            return
        before = self.currentRow()
        super().keyPressEvent(event)
        if self.currentRow() not in (-1, before):
            self._choose(self.currentItem())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Select the result below the pointer, or the current one for the key, and show its menu."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        item = self.currentItem() if by_key else self.itemAt(event.pos())
        if item is None:
            return
        self._choose(item)
        menu = self.menu()
        place = self.visualItemRect(item).center() if by_key else event.pos()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.viewport().mapToGlobal(place))

    def menu(self) -> QMenu:
        """The menu of the selected result."""
        menu = QMenu(self)
        for text, action in self.entries:
            menu.addAction(text).triggered.connect(lambda _=False, action=action: action())
        return menu

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(self._results[self.row(item)])


def _marked(result: Result, ratio: float) -> QPixmap:
    """A square with the thumbnail of a result in its middle, and its marks in the lower corners."""
    small = thumbnail(result.picture, _SIDE, ratio)
    square = QPixmap(QSize(_SIDE, _SIDE) * ratio)
    square.setDevicePixelRatio(ratio)
    square.fill(Qt.GlobalColor.transparent)
    size = small.deviceIndependentSize()
    painter = QPainter(square)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.drawPixmap(QPointF((_SIDE - size.width()) / 2, (_SIDE - size.height()) / 2), small)
    if result.saved:
        disc = _disc(painter, QColor("#1b873f"), _SIDE - _BADGE - 1)
        check = [QPointF(0.25, 0.52), QPointF(0.43, 0.7), QPointF(0.75, 0.33)]
        painter.setPen(QPen(Qt.GlobalColor.white, 2))
        painter.drawPolyline(QPolygonF([disc.topLeft() + place * _BADGE for place in check]))
    if result.stopped:
        disc = _disc(painter, QColor("#b45309"), 1)
        inner = _BADGE * 0.32
        painter.fillRect(disc.adjusted(inner, inner, -inner, -inner), Qt.GlobalColor.white)
    painter.end()
    return square


def _disc(painter: QPainter, colour: QColor, left: float) -> QRectF:
    """Draw the disc of a mark; returns its rectangle."""
    disc = QRectF(left, _SIDE - _BADGE - 1, _BADGE, _BADGE)
    painter.setPen(QPen(Qt.GlobalColor.white, 1))
    painter.setBrush(colour)
    painter.drawEllipse(disc)
    return disc
