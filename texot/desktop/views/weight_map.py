"""The choice of a weight map: weights of the exemplars that vary over the result."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox

NONE, IMAGE = "none", "image..."
_TIP = "Weights that vary: from the first exemplar on one side to the last, or black to white of an image"


class WeightMapChoice(QComboBox):
    """No map, a named map, or an image.

    Attributes:
        ask_file: an image is to be chosen and passed to `use_image`.
        changed: another map is chosen.
    """

    ask_file = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._file = ""
        self.addItems([NONE, "horizontal", "vertical", "radial", IMAGE])
        self.setToolTip(_TIP)
        self.activated.connect(lambda _: self._chosen())
        self.currentTextChanged.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> str | None:
        """The name of a map, the path of an image, or None."""
        word = self.currentText()
        return None if word == NONE else self._file if word == IMAGE else word

    def show_value(self, value: str | None) -> None:
        """Show a map as `value` gives it."""
        named = value is None or self.findText(value) >= 0
        self.use_image("" if named else str(value))
        if named:
            self.setCurrentText(value or NONE)

    def use_image(self, path: str) -> None:
        """Use the image of a path; empty: no map."""
        another, self._file = path != self._file, path
        self.setToolTip(path or _TIP)
        self.setCurrentText(IMAGE if path else NONE)
        if another and path:
            self.changed.emit()

    def _chosen(self) -> None:
        if self.currentText() == IMAGE:
            self.ask_file.emit()
