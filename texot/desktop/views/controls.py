"""Controls that forms share, with tooltips in the words of `--help`."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

from texot.desktop.sizes import PRESETS, size_word

MAX_SEED = 2**31 - 1  # the largest value of a spin box
AS_FITS = "automatic"
"""Choice of the tiled axes that leaves them to the library."""
TIPS = {
    "size": "Size in pixels, or a factor of the exemplar's size (the open image's); default: that size",
    "tile": "Axes along which the result tiles",
    "quality": "Speed/quality trade-off",
    "seed": "Random seed; the same seed gives the same image",
    "novelty": "How far the layout departs from the exemplar's, 0 to 1; 0 only makes it tile; default: 0.5",
}


def choice(words: list[str], value: str, tip: str) -> QComboBox:
    """A box to choose one of several words."""
    box = QComboBox()
    box.addItems(words)
    box.setCurrentText(value)
    box.setToolTip(tip)
    return box


def number(low: int, high: int, value: int, tip: str, suffix: str = "") -> QSpinBox:
    """A box for a whole number."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setValue(value)
    box.setToolTip(tip)
    box.setSuffix(suffix)
    return box


def line(placeholder: str, tip: str) -> QLineEdit:
    """A field for one line of text."""
    edit = QLineEdit()
    edit.setPlaceholderText(placeholder)
    edit.setToolTip(tip)
    edit.setClearButtonEnabled(True)
    edit.setAcceptDrops(False)  # the window takes files that are dropped
    return edit


def button(text: str, tip: str, action: Callable[[], object], *, checkable: bool = False) -> QPushButton:
    """A button that calls `action`."""
    made = QPushButton(text)
    made.setToolTip(tip)
    made.setCheckable(checkable)
    made.clicked.connect(lambda: action())
    return made


def row(*widgets: QWidget) -> QWidget:
    """A widget with these widgets in a row."""
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return holder


def thumbnail(image: QImage, side: int, ratio: float) -> QPixmap:
    """A picture scaled to fit `side` x `side` pixels of a display with `ratio` device pixels a pixel."""
    keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    small = QPixmap.fromImage(image.scaled(QSize(side, side) * ratio, keep, smooth))
    small.setDevicePixelRatio(ratio)
    return small


def write_hint(widget: QWidget, text: str) -> None:
    """Draw a grey line of text in the middle of a widget, from within its `paintEvent`."""
    painter = QPainter(widget)
    painter.setPen(widget.palette().placeholderText().color())
    painter.drawText(widget.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)


def with_presets(size: QLineEdit) -> QWidget:
    """A row with a field for a size, and a button with sizes to choose from."""
    presets = QToolButton()
    presets.setText("...")
    presets.setToolTip("Sizes to choose from: squares of 512, 1024 (1K) and more pixels, factors")
    presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    presets.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    menu = QMenu(presets)
    for word in ("", *PRESETS):
        menu.addAction(word or "as the original").triggered.connect(lambda _=False, w=word: size.setText(w))
    presets.setMenu(menu)
    holder = row(size, presets)
    holder.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # else the key of the label sets no focus
    holder.setFocusProxy(size)
    return holder


def repeat_tips(form: QFormLayout) -> None:
    """Give each label the tooltip of what it names."""
    roles = QFormLayout.ItemRole
    for place in range(form.rowCount()):
        items = [form.itemAt(place, role) for role in (roles.LabelRole, roles.FieldRole)]
        label, field = (item.widget() if item is not None else None for item in items)
        if label is not None and field is not None:
            label.setToolTip(_tip(field))


def _tip(field: QWidget) -> str:
    """The tooltip of a control, or of the one that has its focus."""
    proxy = field.focusProxy()
    return field.toolTip() or (proxy.toolTip() if proxy is not None else "")


class Share(QWidget):
    """A slider for a number in [0, 1], which it also shows as text."""

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
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # else the key of the label sets no focus
        self.setFocusProxy(self.slider)

    def show_value(self, value: float) -> None:
        """Show a number."""
        self.slider.setValue(round(100 * value))

    @property
    def value(self) -> float:
        """The number that is shown."""
        return self.slider.value() / 100


class CommonControls:
    """Size, tile, quality and seed, which several forms have.

    Args:
        form: gets a row for each.
        tiles: choices of the tiled axes.
        tile: the one that is chosen at first.
        size: whether there is a row for the size.
    """

    def __init__(self, form: QFormLayout, tiles: list[str], tile: str, *, size: bool) -> None:
        self.size = line("as the original", TIPS["size"])
        if size:
            form.addRow("&Size", with_presets(self.size))
        self.tile = choice(tiles, tile, TIPS["tile"])
        form.addRow("&Tile", self.tile)
        self.quality = choice(["draft", "normal", "high"], "normal", TIPS["quality"])
        form.addRow("&Quality", self.quality)
        self.seed = number(0, MAX_SEED, 0, TIPS["seed"])
        form.addRow("S&eed", self.seed)

    @property
    def size_value(self) -> str | None:
        """The size that is shown; None: the default."""
        return size_word(self.size.text())

    def remembered(self) -> dict[str, QWidget]:
        """The controls that are remembered: all but the seed."""
        return {"size": self.size, "tile": self.tile, "quality": self.quality}

    def next_seed(self, step: int = 1) -> None:
        """Show the seed that is `step` higher."""
        self.seed.setValue((self.seed.value() + step) % MAX_SEED)

    def show_values(self, size: str | None, tile: str | None, quality: str, seed: int) -> None:
        """Show these values; None: the default."""
        self.size.setText(size or "")
        self.tile.setCurrentText(tile or self.tile.itemText(0))
        self.quality.setCurrentText(quality)
        self.seed.setValue(seed)
