"""Controls that tabs share: each says what it does in the words of `--help`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

MOST_SEED = 2**31 - 1  # what a spin box holds
TIPS = {
    "size": "Size in pixels, or a factor of the exemplar's size; default: the exemplar's size",
    "tile": "Axes along which the result tiles",
    "quality": "Speed/quality trade-off",
    "seed": "Random seed; the same seed gives the same image",
    "novelty": "How far the layout departs from the exemplar's, 0 to 1; 0 only makes it tile; default: 0.5",
}


def choice(words: list[str], value: str, tip: str) -> QComboBox:
    """One of several words."""
    box = QComboBox()
    box.addItems(words)
    box.setCurrentText(value)
    box.setToolTip(tip)
    return box


def number(low: int, high: int, value: int, tip: str, suffix: str = "") -> QSpinBox:
    """A whole number."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    box.setSuffix(suffix)
    return box


def line(placeholder: str, tip: str) -> QLineEdit:
    """A line of text."""
    edit = QLineEdit()
    edit.setPlaceholderText(placeholder)
    edit.setToolTip(tip)
    edit.setClearButtonEnabled(True)
    edit.setAcceptDrops(False)  # a file that is dropped is for the window
    return edit


def button(text: str, tip: str, action: Callable[[], object], *, checkable: bool = False) -> QPushButton:
    """A button."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    made.clicked.connect(lambda: action())
    return made


def row(*widgets: QWidget) -> QWidget:
    """Widgets beside each other."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return holder


def thumbnail(image: QImage, side: int, ratio: float) -> QPixmap:
    """A small picture of at most `side` pixels a side, on a display of so many device pixels a pixel."""
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    small = QPixmap.fromImage(image.scaled(QSize(side, side) * ratio, keep, smooth))
    small.setDevicePixelRatio(ratio)
    return small


def span(seconds: float) -> str:
    """A time in words: 0.4 s, 40 s, 3 min, 1 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.{1 if seconds < 10 else 0}f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def write_hint(widget: QWidget, text: str) -> None:
    """Draw a quiet line in the middle of an empty widget, within its `paintEvent`."""
    painter = QPainter(widget)
    painter.setPen(widget.palette().placeholderText().color())
    painter.drawText(widget.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)


class Share(QWidget):
    """A number in [0, 1], by a slider that shows it."""

    def __init__(self, value: float, tip: str) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setPageStep(10)
        self.slider.setValue(round(100 * value))
        self.slider.setToolTip(tip)
        self._label = QLabel()
        self._label.setMinimumWidth(self._label.fontMetrics().horizontalAdvance("0.00 "))
        layout.addWidget(self.slider)
        layout.addWidget(self._label)
        self.slider.valueChanged.connect(lambda: self._label.setText(f"{self.value:.2f}"))
        self._label.setText(f"{self.value:.2f}")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # else the label's key would not come here
        self.setFocusProxy(self.slider)

    def show_value(self, value: float) -> None:
        """Show another number."""
        self.slider.setValue(round(100 * value))

    @property
    def value(self) -> float:
        """As shown."""
        return self.slider.value() / 100


class Common:
    """Size, tile, quality and seed: what every result has.

    Args:
        form: gets their rows.
        tiles: words for the axes.
        tile: the one chosen.
        size: whether the result has a size of its own.
    """

    def __init__(self, form: QFormLayout, tiles: list[str], tile: str, *, size: bool) -> None:
        self.size = line("as the exemplar", TIPS["size"])
        if size:
            form.addRow("&Size", self.size)
        self.tile = choice(tiles, tile, TIPS["tile"])
        form.addRow("&Tile", self.tile)
        self.quality = choice(["draft", "normal", "high"], "normal", TIPS["quality"])
        form.addRow("&Quality", self.quality)
        self.seed = number(0, MOST_SEED, 0, TIPS["seed"])
        form.addRow("S&eed", self.seed)

    def another(self, step: int = 1) -> None:
        """A seed that was not there yet."""
        self.seed.setValue((self.seed.value() + step) % MOST_SEED)

    def restore(self, options: dict[str, Any]) -> None:
        """Show the settings of a job."""
        self.size.setText(options.get("size") or "")
        self.tile.setCurrentText(options["tile"] or self.tile.itemText(0))
        self.quality.setCurrentText(options["quality"])
        self.seed.setValue(options["seed"])
