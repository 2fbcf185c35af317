"""A bar that offers the unsaved work of the last session."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from texot.desktop.views.controls import button


class Offer(QFrame):
    """The bar; hidden until it has something to offer.

    Attributes:
        restore, discard: what the user wants.
    """

    restore = Signal()
    discard = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._text = QLabel()
        tip = "Add them to the results below, to look at and save"
        self.restore_button = button("Restore", tip, self.restore.emit)
        self.discard_button = button("Discard", "Delete them", self.discard.emit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 2)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.restore_button)
        layout.addWidget(self.discard_button)
        self.hide()

    def show_text(self, text: str) -> None:
        """Offer something."""
        self._text.setText(text)
        self.show()
