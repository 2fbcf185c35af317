"""The dialog that straightens a photograph before it becomes a texture."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from texot.desktop.straightening import Part
from texot.desktop.views.controls import button, thumbnail
from texot.desktop.views.quad import QuadView

PREVIEW = 240
"""Pixels of the longer side of the preview."""


class StraightenDialog(QDialog):
    """A photograph with the corners of the part, a preview of the result, and what can be set.

    Attributes:
        free_chosen: whether each corner moves alone.
        turned: the content is to be turned by this many degrees.
        flatten_chosen: whether the light is made even.
        ask_reset: the whole photograph is wanted.
    """

    free_chosen = Signal(bool)
    turned = Signal(float)
    flatten_chosen = Signal(bool)
    ask_reset = Signal()

    def __init__(self, parent: QWidget, photograph: QImage) -> None:
        super().__init__(parent)
        self.setWindowTitle("Straighten the photo")
        self.view = QuadView(photograph)
        self.crop = QRadioButton("&Crop and turn")
        self.crop.setToolTip("The part stays a rectangle")
        self.corners = QRadioButton("&Four corners")
        self.corners.setToolTip("Each corner moves alone: set a slanted surface upright")
        self.crop.setChecked(True)
        modes = QButtonGroup(self)
        modes.addButton(self.crop)
        modes.addButton(self.corners)
        self.corners.toggled.connect(self.free_chosen.emit)
        self.angle = QDoubleSpinBox()
        self.angle.setRange(-45, 45)
        self.angle.setSingleStep(0.5)
        self.angle.setDecimals(1)
        self.angle.setSuffix("\u00b0")
        self.angle.setToolTip("Turn the content counterclockwise")
        self.angle.valueChanged.connect(self.turned.emit)
        self.flatten = QCheckBox("F&latten the light")
        self.flatten.setToolTip("Remove gradients of brightness and colour")
        self.flatten.toggled.connect(self.flatten_chosen.emit)
        self.preview = QLabel()
        self.preview.setFixedSize(PREVIEW, PREVIEW)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setAccessibleName("Preview of the result")
        self.size_text = QLabel()
        layout = QHBoxLayout(self)
        layout.addWidget(self.view, 1)
        layout.addLayout(self._panel())

    def _panel(self) -> QVBoxLayout:
        panel, form = QVBoxLayout(), QFormLayout()
        panel.addWidget(self.crop)
        panel.addWidget(self.corners)
        form.addRow("&Angle", self.angle)
        label = form.labelForField(self.angle)
        label.setToolTip(self.angle.toolTip())
        panel.addLayout(form)
        panel.addWidget(self.flatten)
        panel.addWidget(button("Whole photo", "Take the whole photo, not turned", self.ask_reset.emit))
        panel.addStretch(1)
        panel.addWidget(self.preview)
        panel.addWidget(self.size_text)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.button(kinds.Ok).setText("Straighten")
        self.buttons.button(kinds.Ok).setToolTip("Make this part the open image")
        self.buttons.button(kinds.Cancel).setToolTip("Leave the photo as it is")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        panel.addWidget(self.buttons)
        return panel

    def sizeHint(self) -> QSize:
        """It fits into a window of the least size."""
        return QSize(900, 560)

    def show_part(self, part: Part) -> None:
        """Show a part, and the size of its image."""
        self.view.show_part(part.corners)
        width, height = part.result_size
        self.size_text.setText(f"{width}x{height} px")
        self.angle.setEnabled(not part.free)
        if self.angle.value() != round(part.angle, 1):
            self.angle.blockSignals(True)
            self.angle.setValue(part.angle)
            self.angle.blockSignals(False)

    def show_preview(self, picture: QImage) -> None:
        """Show how the part looks as an image."""
        self.preview.setPixmap(thumbnail(picture, PREVIEW, self.devicePixelRatioF()))
