"""The choice of a picture: from a file, painted, or none."""

from __future__ import annotations

import os

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QToolButton, QWidget

from texot.desktop.sizes import Size
from texot.desktop.views.controls import thumbnail

_ICON = 18  # pixels
_EDGES = 24  # pixels of a button beside its text
NONE = "open..."


class PictureChoice(QWidget):
    """A button with the picture's name, which opens another; one to paint it, one to clear it.

    Args:
        tip: what the picture does.
        paints: whether it can be painted.

    Attributes:
        ask_file, ask_paint: the picture is to be chosen, or painted, and passed to `show_path`.
        changed: another picture is chosen, or none.
        path: of the picture, or None.
        size_shown: (width, height) of the picture, where it is known.
    """

    ask_file = Signal()
    ask_paint = Signal()
    changed = Signal()

    def __init__(self, tip: str, *, paints: bool = False) -> None:
        super().__init__()
        self.path: str | None = None
        self.size_shown: Size | None = None
        self._tip = tip
        self.open = QPushButton(NONE)
        self.open.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.open.setMinimumWidth(self.open.fontMetrics().horizontalAdvance(NONE) + _EDGES)
        self.open.setIconSize(QSize(_ICON, _ICON))
        self.open.clicked.connect(self.ask_file.emit)
        self.paint = self._small("Paint...", "Paint it on the picture")
        self.paint.clicked.connect(self.ask_paint.emit)
        self.paint.setHidden(not paints)
        self.clear = self._small("\u00d7", "Use no picture here")
        self.clear.clicked.connect(lambda: self.show_path(None))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.open, 1)
        layout.addWidget(self.paint)
        layout.addWidget(self.clear)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # else the key of the label sets no focus
        self.setFocusProxy(self.open)
        self._show()

    def _small(self, text: str, tip: str) -> QToolButton:
        made = QToolButton()
        made.setText(text)
        made.setToolTip(tip)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return made

    def show_path(self, path: str | None, picture: QImage | None = None) -> None:
        """Show a picture's name, and the picture where it is known."""
        before, self.path = self.path, path
        self.size_shown = None if path is None or picture is None else (picture.width(), picture.height())
        if path is None or picture is None:
            self.open.setIcon(QIcon())
        else:
            self.open.setIcon(QIcon(thumbnail(picture, _ICON, self.devicePixelRatioF())))
        self._show()
        if path != before or picture is not None:
            self.changed.emit()

    def _show(self) -> None:
        name = os.path.basename(self.path) if self.path else NONE
        room = self.open.width() - _EDGES - (0 if self.open.icon().isNull() else _ICON + 4)
        metrics, middle = self.open.fontMetrics(), Qt.TextElideMode.ElideMiddle
        self.open.setText(metrics.elidedText(name, middle, room) if self.path else NONE)
        tip = f"{self._tip}: {self.path}" if self.path else self._tip
        self.setToolTip(tip)
        self.open.setToolTip(tip)
        self.clear.setEnabled(self.path is not None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the name to the room that there is."""
        super().resizeEvent(event)
        self._show()
