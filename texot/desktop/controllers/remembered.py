"""The settings of forms and views that are remembered between sessions."""

from __future__ import annotations

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSlider, QSpinBox, QWidget


def restore(settings: QSettings, controls: dict[str, QWidget]) -> None:
    """Show the remembered values; a control without one, or whose choice is gone, keeps its own."""
    for name, control in controls.items():
        value = settings.value(f"controls/{name}")
        if not isinstance(value, str):
            continue
        if isinstance(control, QComboBox):
            place = control.findText(value)
            control.setCurrentIndex(place if place >= 0 else control.currentIndex())
        elif isinstance(control, QSpinBox | QSlider) and value.isdecimal():
            control.setValue(min(int(value), control.maximum()))
        elif isinstance(control, QAbstractButton) and control.isChecked() != (value == "on"):
            control.click()
        elif isinstance(control, QLineEdit):
            control.setText(value)


def remember(settings: QSettings, controls: dict[str, QWidget]) -> None:
    """Remember the values that are shown."""
    for name, control in controls.items():
        value = ""
        if isinstance(control, QComboBox):
            value = control.currentText()
        elif isinstance(control, QSpinBox | QSlider):
            value = str(control.value())
        elif isinstance(control, QAbstractButton):
            value = "on" if control.isChecked() else "off"
        elif isinstance(control, QLineEdit):
            value = control.text()
        settings.setValue(f"controls/{name}", value)
