"""The choice of a map of the material that is shown, and of the light."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QTabBar, QWidget

from texot.desktop.looks import LIT, Light
from texot.desktop.views.controls import number

_TIPS = {
    "basecolor": "Base colour",
    "normal": "Normals: red to the right, green up or down, blue to the viewer",
    "orm": "Occlusion, roughness and metallic, packed in red, green and blue",
    LIT: "All maps in light, which follows the pointer",
}


class LookBar(QWidget):
    """A tab for each map, and one for the lit material.

    Attributes:
        chosen: the look of this name is wanted.
        light_changed: the light is wanted here.
    """

    chosen = Signal(str)
    light_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName("Map that is shown")
        self.tabs.setToolTip("The map that is shown")
        self.azimuth = number(0, 359, 0, "Azimuth of the light: 0 from the right, 90 from the top", "\u00b0")
        self.azimuth.setWrapping(True)
        self.elevation = number(0, 90, 0, "Elevation of the light: 0 flat, 90 from the viewer", "\u00b0")
        self._light = QWidget()
        light = QHBoxLayout(self._light)
        light.setContentsMargins(0, 0, 0, 0)
        for text, box in (("Azim&uth", self.azimuth), ("Elevati&on", self.elevation)):
            label = QLabel(text)
            label.setBuddy(box)
            light.addWidget(label)
            light.addWidget(box)
            box.setSingleStep(5)
            box.valueChanged.connect(lambda _: self._light_changed())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self._light)
        self.tabs.currentChanged.connect(self._chosen)
        self.show_looks([], "")
        self.show_light(Light())

    def show_looks(self, looks: Sequence[str], look: str) -> None:
        """Show a tab for each of these looks, `look` as the chosen one; hidden without any."""
        if looks != [self.tabs.tabText(i) for i in range(self.tabs.count())]:
            with QSignalBlocker(self.tabs):
                while self.tabs.count():
                    self.tabs.removeTab(0)
                for name in looks:
                    place = self.tabs.addTab(name)
                    self.tabs.setTabToolTip(place, _TIPS.get(name, f"The {name} map"))
        if look in looks:
            with QSignalBlocker(self.tabs):
                self.tabs.setCurrentIndex(list(looks).index(look))
        self._light.setVisible(look == LIT)
        self.setVisible(bool(looks))

    def show_light(self, light: Light) -> None:
        """Show where the light is."""
        with QSignalBlocker(self.azimuth), QSignalBlocker(self.elevation):
            self.azimuth.setValue(round(light.azimuth) % 360)
            self.elevation.setValue(round(light.elevation))

    def _chosen(self, place: int) -> None:
        if place >= 0:
            self.chosen.emit(self.tabs.tabText(place))

    def _light_changed(self) -> None:
        self.light_changed.emit(Light(float(self.azimuth.value()), float(self.elevation.value())))
