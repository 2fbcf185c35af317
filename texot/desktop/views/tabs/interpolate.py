"""Blend: textures between two or more exemplars, as `texot interpolate`."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import InterpolationSettings
from texot.desktop.views.controls import AS_FITS, CommonControls, Share
from texot.desktop.views.exemplars import Exemplars
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.views.weight_map import WeightMapChoice

_LIVE_MS = 250  # a draft begins when nothing has changed for so long


class InterpolateTab(Tab):
    """The form, with the list of exemplars."""

    title, icon = "Blend", "blend"
    hint = "A texture between images, or a gradient of them."
    tasks = ("interpolate",)

    def __init__(self) -> None:
        super().__init__()
        self.list = Exemplars(self.form, 110)
        self.t = Share(0.5, "How much of each: 0 is the first exemplar, 1 the last")
        self.form.addRow("&Weight t", self.t)
        self.live = QCheckBox("&Live draft")
        self.live.setToolTip("Generate a draft whenever t, the map or the exemplars change")
        self.form.addRow(self.live)
        self.weight_map = WeightMapChoice()
        self.form.addRow("M&ap", self.weight_map)
        self.common = CommonControls(self.form, [AS_FITS, "both", "x", "y", "none"], AS_FITS, size=True)
        self.common.size.setToolTip(
            "Size in pixels, or a factor of the largest exemplar's size; default: that size"
        )
        self.common.tile.setToolTip("Axes along which the result tiles; automatic: both, not along a map")
        tip = "How far the layout departs from the exemplar's, 0 to 1; 0 only makes it tile; default: 0.5"
        self.novelty = Share(0.5, tip)
        self.form.addRow("&Novelty", self.novelty)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_LIVE_MS)
        self._rest.timeout.connect(self._want_draft)
        self.t.slider.valueChanged.connect(lambda _: self._rest.start())
        self.live.toggled.connect(lambda _: self._rest.start())
        self.list.changed.connect(self._rest.start)
        self.weight_map.changed.connect(self._weight_map_changed)

    @property
    def quality(self) -> str:
        """The quality that is chosen."""
        return self.common.quality.currentText()

    @property
    def paths(self) -> list[str]:
        """Paths of the exemplars."""
        return self.list.paths

    def show_image(self, path: str, image: QImage) -> None:
        """Make the open image the first exemplar, in place of the one that was open before."""
        self.list.replace_first(self.image, path)
        super().show_image(path, image)

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {**self.common.remembered(), "novelty": self.novelty.slider, "t": self.t.slider}

    def next_seed(self) -> None:
        """Show the next seed."""
        self.common.next_seed()

    def show_request(self, request: JobRequest) -> None:
        """Show the exemplars and settings of a request."""
        settings = InterpolationSettings.from_request(request)
        self.list.show_paths(settings.exemplars)
        self.common.show_values(settings.size, settings.tile, settings.quality, settings.seed)
        self.novelty.show_value(settings.novelty)
        if settings.t is not None:
            self.t.show_value(settings.t)
        self.weight_map.show_value(settings.weight_map)
        self._rest.stop()

    def settings(self) -> InterpolationSettings:
        """The settings that are shown."""
        weight_map, tile = self.weight_map.value, self.common.tile.currentText()
        return InterpolationSettings(
            tuple(self.paths),
            t=self.t.value if weight_map is None else None,
            weight_map=weight_map,
            size=self.common.size_value,
            tile=None if tile == AS_FITS else tile,
            quality=self.quality,
            seed=self.common.seed.value(),
            novelty=self.novelty.value,
        )

    def _want_draft(self) -> None:
        if self.live.isChecked() and self.isVisible() and self.list.count() > 1:
            self.wanted.emit("draft")

    def _weight_map_changed(self) -> None:
        self.t.setEnabled(self.weight_map.value is None)
        self._rest.start()
