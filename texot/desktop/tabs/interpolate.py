"""Interpolate: textures between two or more exemplars, as `texot interpolate`."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox

from texot.desktop.controls import Common, Share
from texot.desktop.exemplars import Exemplars, place_of, weights_at
from texot.desktop.maps import MapChoice
from texot.desktop.requests import JobRequest
from texot.desktop.tabs.tab import Tab
from texot.errors import InputError

_LIVE_MS = 250  # the slider rests this long before a draft


class InterpolateTab(Tab):
    """Its settings, and the exemplars."""

    title = "Interpolate"
    tasks = ("interpolate",)

    def __init__(self) -> None:
        super().__init__()
        self.list = Exemplars(self.form, 110)
        self.t = Share(0.5, "How much of each: 0 is the first exemplar, 1 the last")
        self.form.addRow("&Weight t", self.t)
        self.live = QCheckBox("&Live draft")
        self.live.setToolTip("Make a draft whenever t, the map or the exemplars change")
        self.form.addRow(self.live)
        self.map = MapChoice()
        self.form.addRow("M&ap", self.map)
        self.common = Common(self.form, ["as fits", "both", "x", "y", "none"], "as fits", size=True)
        self.common.size.setToolTip(
            "Size in pixels, or a factor of the largest exemplar's size; default: that size"
        )
        self.common.tile.setToolTip("Axes along which the result tiles; as fits: both, not along a map")
        tip = "How far the layout departs from the exemplar's, 0 to 1; 0 only makes it tile; default: 0.5"
        self.novelty = Share(0.5, tip)
        self.form.addRow("&Novelty", self.novelty)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_LIVE_MS)
        self._rest.timeout.connect(self._draft)
        self.t.slider.valueChanged.connect(lambda _: self._rest.start())
        self.live.toggled.connect(lambda _: self._rest.start())
        self.list.changed.connect(self._rest.start)
        self.map.changed.connect(self._map_changed)

    @property
    def quality(self) -> str:
        """As chosen."""
        return self.common.quality.currentText()

    @property
    def paths(self) -> list[str]:
        """Of the exemplars."""
        return self.list.paths

    def opened(self, path: str, image: QImage) -> None:
        """The open image is the first exemplar, or replaces the one that was."""
        self.list.opened(path, self.image)
        super().opened(path, image)

    def another(self) -> None:
        """The next seed."""
        self.common.another()

    def restore(self, job: JobRequest) -> None:
        """Show the exemplars and settings of a job."""
        self.list.show_paths(job.files["images"])
        self.common.restore(job.arguments)
        self.novelty.show_value(job.arguments["novelty"])
        if job.arguments["weights"] is not None:
            self.t.show_value(place_of(job.arguments["weights"]))
        self.map.show_value(job.arguments["map"])
        self._rest.stop()

    def jobs(self, folder: str) -> list[JobRequest]:
        """One."""
        if self.list.count() < 2:
            raise InputError("it takes two images or more to be between them: open one, and add others")
        map_ = self.map.value
        tile = self.common.tile.currentText()
        options = {
            "weights": weights_at(self.t.value, self.list.count()) if map_ is None else None,
            "map": map_,
            "size": self.common.size.text().strip() or None,
            "tile": None if tile == "as fits" else tile,
            "quality": self.quality,
            "seed": self.common.seed.value(),
            "novelty": self.novelty.value,
        }
        return [JobRequest("interpolate", {"images": self.paths}, options)]

    def _draft(self) -> None:
        if self.live.isChecked() and self.isVisible() and self.list.count() > 1:
            self.wanted.emit("draft")

    def _map_changed(self) -> None:
        self.t.setEnabled(self.map.value is None)
        self._rest.start()
