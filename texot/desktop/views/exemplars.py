"""The list of exemplars in a form."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFormLayout, QListWidget, QListWidgetItem

from texot.desktop.views.controls import button, row


class Exemplars(QListWidget):
    """Paths of exemplars, which the user can drag into another order.

    Args:
        form: gets the list, and buttons below it.
        height: of the list in pixels.

    Attributes:
        ask_add: exemplars are to be added from files.
        changed: the exemplars are others.
    """

    ask_add = Signal()
    changed = Signal()

    def __init__(self, form: QFormLayout, height: int) -> None:
        super().__init__()
        self.setAccessibleName("Exemplars")
        self.setToolTip(
            "Exemplars: the images that textures are made from, from t = 0 to t = 1; drag to reorder"
        )
        self.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.setFixedHeight(height)
        self.setTextElideMode(Qt.TextElideMode.ElideLeft)
        form.addRow(self)
        self.add_button = button("Add...", "One more exemplar, or several", self.ask_add.emit)
        self.remove_button = button("Remove", "Remove the selected exemplar from the list", self._remove)
        form.addRow(row(self.add_button, self.remove_button))

    @property
    def paths(self) -> list[str]:
        """Paths in the order of the list."""
        return [self.item(i).text() for i in range(self.count())]

    def replace_first(self, old: str, new: str) -> None:
        """Insert `new` at the top, in place of `old` if that is there."""
        if old and self.paths[:1] == [old]:
            self.takeItem(0)
        if new and new not in self.paths:
            self.insertItem(0, _item(new))
        self.changed.emit()

    def add(self, path: str) -> None:
        """Append an exemplar."""
        self.addItem(_item(path))
        self.changed.emit()

    def show_paths(self, paths: Sequence[str]) -> None:
        """Show these exemplars, with the icons that are known."""
        icons = {self.item(i).text(): self.item(i).icon() for i in range(self.count())}
        self.clear()
        for path in paths:
            item = _item(path)
            item.setIcon(icons.get(path, QIcon()))
            self.addItem(item)

    def set_icon(self, path: str, icon: QIcon) -> None:
        """Show an icon next to an exemplar."""
        for item in self.findItems(path, Qt.MatchFlag.MatchExactly):
            item.setIcon(icon)

    def _remove(self) -> None:
        marked = self.currentRow()
        if marked >= 0:
            self.takeItem(marked)
            self.changed.emit()


def _item(path: str) -> QListWidgetItem:
    item = QListWidgetItem(path)
    item.setToolTip(path)
    return item
