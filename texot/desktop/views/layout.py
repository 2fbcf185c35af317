"""The arrangement of the window: buttons, forms, canvas and history."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from texot.desktop.views.actions import Actions
from texot.desktop.views.batch_list import BatchList
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.controls import button, row
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.history import History
from texot.desktop.views.look_bar import LookBar
from texot.desktop.views.offer import Offer
from texot.desktop.views.welcome import Welcome

_PANEL = 340


class Layout(QWidget):
    """Forms and buttons at the left; canvas, and the history below it, at the right.

    Attributes:
        failure: the message that is shown, if it is about a failure; else empty.
    """

    def __init__(self, tabs: FormTabs, canvas: Canvas, history: History, actions: Actions) -> None:
        super().__init__()
        self.failure, self._estimate = "", ""
        self.tabs, self.canvas, self.history = tabs, canvas, history
        self.looks = LookBar()
        self.welcome = Welcome(canvas)
        canvas.emptied.connect(self.welcome.setVisible)
        self.open = button("Open...", "Open an image (Ctrl+O)", actions.open)
        tip = "Open a folder of maps as a material (Ctrl+Shift+O)"
        self.open_material = button("Material...", tip, actions.open_material)
        self.paste = button("Paste", "Open the image in the clipboard (Ctrl+V)", actions.paste)
        tip = "Crop, turn, set upright and flatten the photo before it becomes a texture (Ctrl+E)"
        self.straighten = button("Straighten...", tip, actions.straighten)
        self.generate = button("Generate", "Generate with the settings above (Ctrl+Return)", actions.generate)
        self.generate.setDefault(True)
        tip = "Quick preview: the same at draft quality (Ctrl+D)"
        self.draft = button("Draft", tip, actions.draft)
        tip = "The same with another seed, at the quality of the last result; first a draft (F5)"
        self.new_seed = button("New seed", tip, actions.new_seed)
        tip = "Stop after this step and keep its result (Esc)"
        self.stop = button("Stop", tip, actions.stop)
        self.progress = QProgressBar()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setMinimumHeight(3 * self.message.fontMetrics().lineSpacing())
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        outer = QHBoxLayout(self)
        outer.addWidget(self._panel())
        right = QVBoxLayout()
        self.offer = Offer()
        right.addWidget(self.offer)
        right.addWidget(self._view_bar(actions))
        right.addWidget(self.looks)
        right.addWidget(self.canvas, 1)
        self.batch = BatchList()
        right.addWidget(self.batch)
        right.addWidget(self.history)
        outer.addLayout(right, 1)

    def _panel(self) -> QWidget:
        panel = QWidget()
        layout = QVBoxLayout(panel)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(self.open, self.open_material, self.paste, self.straighten))
        layout.addWidget(self.tabs, 1)
        layout.addWidget(row(self.generate, self.draft, self.new_seed, self.stop))
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        panel.setFixedWidth(max(_PANEL, self.tabs.least_width(), layout.minimumSize().width()))
        return panel

    def _view_bar(self, actions: Actions) -> QWidget:
        canvas = self.canvas
        tip = "Original and result over each other, with a movable split (Ctrl+T)"
        self.split = button("Split", tip, self._set_view, checkable=True)
        self.split.setChecked(canvas.split)
        tip = "As long as it is pressed, show the original in place of the result (hold B)"
        self.before = button("Before", tip, lambda: None)
        self.before.pressed.connect(lambda: canvas.show_before(True))
        self.before.released.connect(lambda: canvas.show_before(False))
        tip = "Show original and result repeated 3x3 (Ctrl+R)"
        self.repeated = button("3x3", tip, self._set_view, checkable=True)
        self.fit = button("Fit", "Zoom so that everything is in view (Ctrl+0)", canvas.fit)
        self.actual = button("1:1", "One picture pixel is one screen pixel (Ctrl+1)", canvas.actual_size)
        zoom = QLabel("100 %")
        zoom.setMinimumWidth(zoom.fontMetrics().horizontalAdvance("6400 %"))
        for small in (self.split, self.before, self.repeated, self.fit, self.actual):
            small.setMinimumWidth(0)
            small.setFixedWidth(small.fontMetrics().horizontalAdvance(small.text()) + 14)
        canvas.zoomed.connect(lambda value: zoom.setText(f"{100 * value * canvas.devicePixelRatioF():.0f} %"))
        tip = "The same texture at the quality chosen at the left, from this layout (Ctrl+M)"
        self.render_final = button("Render final", tip, actions.render_final)
        tip = "Copy the texot command that makes the same file (Ctrl+Shift+C)"
        self.command = button("Copy as command", tip, actions.copy_command)
        self.save = button("Save...", "Write the result to a file (Ctrl+S)", actions.save)
        looks = (self.split, self.before, self.repeated, self.fit, self.actual, zoom)
        bar = row(*looks, self.render_final, self.command, self.save)
        layout = bar.layout()
        assert isinstance(layout, QHBoxLayout)
        layout.setSpacing(4)
        layout.insertStretch(len(looks), 1)
        return bar

    def _set_view(self) -> None:
        self.canvas.set_split(self.split.isChecked())
        self.canvas.set_repeated(self.repeated.isChecked())

    def changeEvent(self, event: QEvent) -> None:
        """Choose the colour of a failure again when the palette becomes light or dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.failure:
            self.show_message(self.failure, failed=True)

    def show_message(self, text: str, *, failed: bool = False) -> None:
        """Show a line below the forms, in red if it is about a failure."""
        self.failure = text if failed else ""
        dark = self.palette().window().color().lightness() < 128
        red = "#ff8a80" if dark else "#b00020"
        self.message.setStyleSheet(f"color: {red}" if failed else "")
        self.message.setText(text)

    def show_estimate(self, text: str) -> None:
        """Show how long the settings will take, in the place of the progress while nothing runs."""
        self._estimate = text
        self.progress.setFormat(text)

    def show_progress(self, done: tuple[int, int] | None, *, busy: bool) -> None:
        """Show (step, steps) of the running job; None: not known yet. Without one, the estimate is shown."""
        self.stop.setEnabled(busy)
        self.progress.setTextVisible(not busy)
        if not busy:
            self.progress.setRange(0, 1)
            self.progress.setValue(0)  # `reset` would show no text
            self.show_estimate(self._estimate)
        elif done is None:
            self.progress.setRange(0, 0)
        else:
            self.progress.setRange(0, done[1])
            self.progress.setValue(done[0])
