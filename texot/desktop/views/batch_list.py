"""The images of a batch, a line for each, with how far it is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QListWidget, QVBoxLayout

from texot.desktop.views.controls import button

_LINES = 4  # that are seen at once


class BatchList(QFrame):
    """The list; hidden while there is no batch.

    Attributes:
        chosen: the row of this number is to be shown.
        ask_stop: the rows that wait or run are to be stopped.
        ask_close: the list is not needed any more.
    """

    chosen = Signal(int)
    ask_stop = Signal()
    ask_close = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.text = QLabel()
        self.stop = button(
            "Stop batch", "Leave the images that wait, and the one that runs", self.ask_stop.emit
        )
        self.close_button = button("Close", "Hide this list; the results stay below", self.ask_close.emit)
        self.rows = QListWidget()
        self.rows.setAccessibleName("Images of the batch")
        self.rows.setToolTip("Images of the batch; a click shows the result of one that is done")
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        line = self.rows.fontMetrics().lineSpacing()
        self.rows.setFixedHeight(_LINES * line + 2 * self.rows.frameWidth())
        self.rows.itemClicked.connect(lambda item: self.chosen.emit(self.rows.row(item)))
        top = QHBoxLayout()
        top.addWidget(self.text, 1)
        top.addWidget(self.stop)
        top.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 4)
        layout.addLayout(top)
        layout.addWidget(self.rows)
        self.hide()

    def show_rows(self, labels: Sequence[str], summary: str, *, is_over: bool, running: int | None) -> None:
        """Show the rows of a batch; hidden without any.

        Args:
            labels: a line for each row.
            summary: of all rows.
            is_over: whether none waits or runs.
            running: number of the row that runs, which is scrolled to; None: none does.
        """
        for place, label in enumerate(labels[: self.rows.count()]):
            if self.rows.item(place).text() != label:
                self.rows.item(place).setText(label)
        self.rows.addItems(labels[self.rows.count() :])
        while self.rows.count() > len(labels):
            self.rows.takeItem(self.rows.count() - 1)
        for place, label in enumerate(labels):
            self.rows.item(place).setToolTip(label)
        self.text.setText(f"Batch: {summary}")
        self.stop.setEnabled(not is_over)
        self.close_button.setEnabled(is_over)
        if running is not None:
            self.rows.scrollToItem(self.rows.item(running))
        self.setVisible(bool(labels))
