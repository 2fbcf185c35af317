"""What the canvas shows while it is empty: a picture, what to do, and samples to try."""

from __future__ import annotations

from importlib.resources import files

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from texot.desktop.views.controls import thumbnail
from texot.desktop.views.icons import picture

_ICON, _SAMPLE = 72, 96  # pixels
EMPTY_ICON = "image-plus"
SAMPLES = ("stonewall.jpg", "rust.jpg")
"""Files in `data/samples`."""


def sample_path(name: str) -> str:
    """Path of a sample that is installed with the window."""
    return str(files("texot.desktop") / "data" / "samples" / name)


class Welcome(QWidget):
    """The empty state.

    Attributes:
        ask_sample: the sample of this path is to be opened.
    """

    ask_sample = Signal(str)

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAcceptDrops(False)
        self._icon = QLabel()
        text = QLabel("Open an image (Ctrl+O), drop one or a folder of maps here,\nor paste one (Ctrl+V)")
        self._try = QLabel("Or try a sample:")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        for label in (self._icon, text, self._try):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(label)
        samples = QHBoxLayout()
        samples.addStretch(1)
        self.samples = [self._sample(name) for name in SAMPLES]
        for made in self.samples:
            samples.addWidget(made)
        samples.addStretch(1)
        layout.addLayout(samples)
        layout.addStretch(1)
        around = QVBoxLayout(canvas)
        around.addWidget(self)
        self._draw()

    def _sample(self, name: str) -> QToolButton:
        made = QToolButton()
        title = name.split(".")[0]
        made.setText(title)
        made.setToolTip(f"Open the sample {title}")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.setAutoRaise(True)
        made.setIconSize(QSize(_SAMPLE, _SAMPLE))
        path = sample_path(name)
        made.setIcon(QIcon(thumbnail(QImage(path), _SAMPLE, 2.0)))
        made.clicked.connect(lambda: self.ask_sample.emit(path))
        return made

    def _draw(self) -> None:
        colour = self.palette().placeholderText().color()
        self._icon.setPixmap(picture(EMPTY_ICON, _ICON, colour, self.devicePixelRatioF()))

    def changeEvent(self, event: QEvent) -> None:
        """Draw the picture again when the palette becomes light or dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
