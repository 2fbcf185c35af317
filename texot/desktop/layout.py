"""Where everything is in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from texot.desktop.canvas import Canvas
from texot.desktop.controls import button, row
from texot.desktop.history import History

if TYPE_CHECKING:
    from texot.desktop.tabs.tab import Tab
    from texot.desktop.window import Window

_PANEL = 340


class Layout(QWidget):
    """Settings at the left; pictures, and the results below them, at the right."""

    def __init__(self, window: Window, tabs: list[Tab]) -> None:
        super().__init__()
        self.failure = ""  # what is shown, where that is an error
        self.canvas, self.history = Canvas(), History()
        self.tabs = QTabWidget()
        for tab in tabs:
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QScrollArea.Shape.NoFrame)
            scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            scroll.setWidget(tab)
            self.tabs.addTab(scroll, tab.title)
        self.open = button("Open...", "Open an image (Ctrl+O)", window.opening.ask_open)
        self.paste = button("Paste", "Open the image in the clipboard (Ctrl+V)", window.opening.paste)
        self.make = button("Make", "Make it as set above (Ctrl+Return)", lambda: window.make())
        self.make.setDefault(True)
        draft = "A quick look: the same at draft quality (Ctrl+D)"
        self.draft = button("Draft", draft, lambda: window.make("draft"))
        again = "Another seed, at the quality of the last: a draft at first (F5)"
        self.again = button("Again", again, window.again)
        self.stop = button("Stop", "Stop after this step and keep what there is (Esc)", window.stop)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setMinimumHeight(3 * self.message.fontMetrics().lineSpacing())
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        outer = QHBoxLayout(self)
        outer.addWidget(self._panel())
        right = QVBoxLayout()
        right.addWidget(self._view_bar(window))
        right.addWidget(self.canvas, 1)
        right.addWidget(self.history)
        outer.addLayout(right, 1)

    def _panel(self) -> QWidget:
        panel = QWidget()
        panel.setFixedWidth(max(_PANEL, self.tabs.tabBar().sizeHint().width() + 4))
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(self.open, self.paste))
        layout.addWidget(self.tabs, 1)
        layout.addWidget(row(self.make, self.draft, self.again, self.stop))
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        return panel

    def _view_bar(self, window: Window) -> QWidget:
        canvas = self.canvas
        self.split = button(
            "Split",
            "Exemplar and result over each other, with a split to drag (Ctrl+T)",
            self._view,
            checkable=True,
        )
        self.repeated = button(
            "3x3", "Show the result repeated, as tiles (Ctrl+R)", self._view, checkable=True
        )
        self.fit = button("Fit", "Everything in view (Ctrl+0)", canvas.fit)
        self.actual = button("1:1", "One picture pixel a screen pixel (Ctrl+1)", canvas.actual_size)
        zoom = QLabel("100 %")
        zoom.setMinimumWidth(zoom.fontMetrics().horizontalAdvance("6400 %"))
        for small in (self.split, self.repeated, self.fit, self.actual):
            small.setMinimumWidth(0)
            small.setFixedWidth(small.fontMetrics().horizontalAdvance(small.text()) + 24)
        canvas.zoomed.connect(lambda value: zoom.setText(f"{100 * value * canvas.devicePixelRatioF():.0f} %"))
        final = "The result as shown again: same seed, the quality chosen at the left (Ctrl+M)"
        self.final = button("Make it final", final, window.make_final)
        tip = "Copy the texot command that makes the same file (Ctrl+Shift+C)"
        self.command = button("Copy as command", tip, window.saving.copy_command)
        self.save = button("Save...", "Write the result to a file (Ctrl+S)", window.saving.ask_save)
        bar = row(self.split, self.repeated, self.fit, self.actual, zoom, self.final, self.command, self.save)
        layout = bar.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.insertStretch(5, 1)
        return bar

    def _view(self) -> None:
        self.canvas.set_split(self.split.isChecked())
        self.canvas.set_repeated(self.repeated.isChecked())

    def changeEvent(self, event: QEvent) -> None:
        """Another style, light or dark: an error stays red on it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.failure:
            self.say(self.failure, wrong=True)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Show a line below the settings, in red where something went wrong."""
        self.failure = text if wrong else ""
        dark = self.palette().window().color().lightness() < 128
        red = "#ff8a80" if dark else "#b00020"
        self.message.setStyleSheet(f"color: {red}" if wrong else "")
        self.message.setText(text)
