"""Interpolate: textures between two or more exemplars, as `texot interpolate`."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QImage
from PySide6.QtWidgets import QCheckBox, QListWidget, QListWidgetItem

from texot.desktop.commands import Job
from texot.desktop.controls import TIPS, Common, Share, button, choice, row
from texot.desktop.tabs.tab import Tab
from texot.errors import InputError

NO_MAP = "none"
_LIVE_MS = 250  # the slider rests this long before a draft


class InterpolateTab(Tab):
    """Its settings, and the exemplars.

    Attributes:
        ask_add: files are wanted for exemplars.
        ask_map: a file is wanted for the map.
    """

    title = "Interpolate"
    commands = ("interpolate",)
    ask_add = Signal()
    ask_map = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.list = QListWidget()
        self.list.setAccessibleName("Exemplars")
        self.list.setToolTip("Exemplars, from t = 0 to t = 1; drag to reorder")
        self.list.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.list.setFixedHeight(110)
        self.list.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.form.addRow(self.list)
        self.add = button("Add...", "One more exemplar, or several", self.ask_add.emit)
        self.remove = button("Remove", "Leave out the exemplar that is marked", self._remove)
        self.form.addRow(row(self.add, self.remove))
        self.t = Share(0.5, "How much of each: 0 is the first exemplar, 1 the last")
        self.form.addRow("&Weight t", self.t)
        self.live = QCheckBox("&Live draft")
        self.live.setToolTip("Make a draft whenever t changes")
        self.form.addRow(self.live)
        tip = "Weights that vary: from the first image on one side to the last, or black to white of an image"
        self.map = choice([NO_MAP, "horizontal", "vertical", "radial", "image..."], NO_MAP, tip)
        self.form.addRow("M&ap", self.map)
        self._map_file = ""
        self.common = Common(self.form, ["as fits", "both", "x", "y", "none"], "as fits", size=True)
        self.novelty = Share(0.5, TIPS["novelty"])
        self.form.addRow("&Novelty", self.novelty)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_LIVE_MS)
        self._rest.timeout.connect(self._draft)
        self.t.slider.valueChanged.connect(lambda _: self._rest.start())
        self.live.toggled.connect(lambda _: self._rest.start())
        self.map.activated.connect(lambda _: self._map_chosen())
        self.map.currentTextChanged.connect(lambda text: self.t.setEnabled(text == NO_MAP))

    @property
    def quality(self) -> str:
        """As chosen."""
        return self.common.quality.currentText()

    @property
    def paths(self) -> list[str]:
        """Of the exemplars."""
        return [self.list.item(i).text() for i in range(self.list.count())]

    def opened(self, path: str, image: QImage) -> None:
        """The open image is the first exemplar, or replaces the one that was."""
        if self.image and self.paths[:1] == [self.image]:
            self.list.takeItem(0)
        super().opened(path, image)
        if path not in self.paths:
            self.list.insertItem(0, _item(path))

    def added(self, path: str) -> None:
        """One more exemplar."""
        self.list.addItem(_item(path))
        self._rest.start()

    def use_map(self, path: str) -> None:
        """Weights by an image; empty: none."""
        self._map_file = path
        self.map.setToolTip(path or "From the first image on one side to the last")
        self.map.setCurrentText("image..." if path else NO_MAP)

    def weights(self) -> list[float]:
        """One an exemplar: t goes from one to the next."""
        place = self.t.value * (self.list.count() - 1)
        return [round(max(0.0, 1 - abs(place - i)), 4) for i in range(self.list.count())]

    def restore(self, job: Job) -> None:
        """Show the exemplars and settings of a job."""
        icons = {self.list.item(i).text(): self.list.item(i).icon() for i in range(self.list.count())}
        self.list.clear()
        for path in job.inputs["images"]:
            item = _item(path)
            item.setIcon(icons.get(path, QIcon()))
            self.list.addItem(item)
        self.common.restore(job.options)
        self.novelty.show_value(job.options["novelty"])
        weights, map_ = job.options["weights"], job.options["map"]
        if weights is not None:
            self.t.show_value(sum(i * w for i, w in enumerate(weights)) / (len(weights) - 1))
        named = map_ is None or self.map.findText(map_) >= 0
        self.use_map("" if named else map_)
        if named:
            self.map.setCurrentText(map_ or NO_MAP)
        self._rest.stop()

    def jobs(self, folder: str) -> list[Job]:
        """One."""
        if self.list.count() < 2:
            raise InputError("it takes two images or more to be between them: open one, and add others")
        map_ = self.map.currentText()
        tile = self.common.tile.currentText()
        options = {
            "weights": self.weights() if map_ == NO_MAP else None,
            "map": None if map_ == NO_MAP else self._map_file if map_ == "image..." else map_,
            "size": self.common.size.text().strip() or None,
            "tile": None if tile == "as fits" else tile,
            "quality": self.quality,
            "seed": self.common.seed.value(),
            "novelty": self.novelty.value,
        }
        return [Job("interpolate", {"images": self.paths}, options)]

    def _draft(self) -> None:
        if self.live.isChecked() and self.isVisible() and self.list.count() > 1:
            self.wanted.emit("draft")

    def _map_chosen(self) -> None:
        if self.map.currentText() == "image...":
            self.ask_map.emit()

    def _remove(self) -> None:
        row_ = self.list.currentRow()
        if row_ >= 0:
            self.list.takeItem(row_)
            self._rest.start()


def _item(path: str) -> QListWidgetItem:
    item = QListWidgetItem(path)
    item.setToolTip(path)
    return item
