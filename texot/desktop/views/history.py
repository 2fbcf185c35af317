"""The results of the session as a strip of thumbnails; a double click selects one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from texot.desktop.results import Result
from texot.desktop.views.controls import thumbnail, write_hint

_SIDE = 64


class History(QListWidget):
    """The strip.

    Attributes:
        chosen: a result is to be selected.
        ask_remove: a result is to be removed.
    """

    chosen = Signal(object)
    ask_remove = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._results: list[Result] = []
        self.setFlow(QListView.Flow.LeftToRight)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setSpacing(2)
        self.setFixedHeight(_SIDE + 44)
        self.setAccessibleName("Results of this session")
        self.setToolTip("Results of this session: double-click shows one again, Del removes it")
        self.itemActivated.connect(self._choose)
        self.itemDoubleClicked.connect(self._choose)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a hint while the strip is empty."""
        super().paintEvent(event)
        if not self._results:
            write_hint(self.viewport(), "Results appear here; a double click shows one again")

    def add(self, result: Result, *, marked: bool = True) -> None:
        """Add a result at the right; `marked`: it becomes the current item."""
        self._results.append(result)
        arguments = result.request.arguments
        icon, small = QIcon(), thumbnail(result.picture, _SIDE, self.devicePixelRatioF())
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            icon.addPixmap(small, mode)  # Qt would tint the selected one
        item = QListWidgetItem(icon, f"seed {arguments.get('seed', 0)}\n{arguments.get('quality', '')}")
        item.setToolTip(result.summary)
        self.addItem(item)
        if marked:
            self.setCurrentItem(item)
        self.scrollToItem(item)

    def remove(self, result: Result) -> None:
        """Remove a result from the strip."""
        place = self._results.index(result)
        del self._results[place]
        self.takeItem(place)

    def mark(self, result: Result) -> None:
        """Make a result the current item."""
        self.setCurrentRow(self._results.index(result))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ask to remove the current result on Del."""
        if event.key() == Qt.Key.Key_Delete and self.currentItem() is not None:
            self.ask_remove.emit(self._results[self.currentRow()])
        else:
            super().keyPressEvent(event)

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(self._results[self.row(item)])
