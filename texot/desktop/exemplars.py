"""Exemplars that one is between, a list in a tab, and how much of each there is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFormLayout, QListWidget, QListWidgetItem

from texot.desktop.controls import button, row


class Exemplars(QListWidget):
    """Their paths, which can be dragged into another order.

    Args:
        form: gets the list, and buttons below it.
        height: in pixels.

    Attributes:
        ask_add: files are wanted.
        changed: others are in it.
    """

    ask_add = Signal()
    changed = Signal()

    def __init__(self, form: QFormLayout, height: int) -> None:
        super().__init__()
        self.setAccessibleName("Exemplars")
        self.setToolTip("Exemplars, from t = 0 to t = 1; drag to reorder")
        self.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.setFixedHeight(height)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        form.addRow(self)
        self.add_button = button("Add...", "One more exemplar, or several", self.ask_add.emit)
        self.remove_button = button("Remove", "Leave out the exemplar that is marked", self._remove)
        form.addRow(row(self.add_button, self.remove_button))

    @property
    def paths(self) -> list[str]:
        """Of the exemplars, in order."""
        return [self.item(i).text() for i in range(self.count())]

    def opened(self, path: str, before: str) -> None:
        """The open image is the first exemplar, or replaces the one that was."""
        if before and self.paths[:1] == [before]:
            self.takeItem(0)
        if path not in self.paths:
            self.insertItem(0, _item(path))
        self.changed.emit()

    def add(self, path: str) -> None:
        """One more."""
        self.addItem(_item(path))
        self.changed.emit()

    def show_paths(self, paths: list[str]) -> None:
        """Those of a job."""
        icons = {self.item(i).text(): self.item(i).icon() for i in range(self.count())}
        self.clear()
        for path in paths:
            item = _item(path)
            item.setIcon(icons.get(path, QIcon()))
            self.addItem(item)

    def _remove(self) -> None:
        marked = self.currentRow()
        if marked >= 0:
            self.takeItem(marked)
            self.changed.emit()


def weights_at(t: float, count: int) -> list[float]:
    """One an exemplar: t in [0, 1] goes from one to the next."""
    place = t * (count - 1)
    return [round(max(0.0, 1 - abs(place - i)), 4) for i in range(count)]


def place_of(weights: list[float]) -> float:
    """The t that gives these weights."""
    return sum(i * w for i, w in enumerate(weights)) / max(1, len(weights) - 1)


def _item(path: str) -> QListWidgetItem:
    item = QListWidgetItem(path)
    item.setToolTip(path)
    return item
