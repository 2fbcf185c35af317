"""Make seamless: a photograph whose edges join, as `texot tile`."""

from __future__ import annotations

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import TileSettings
from texot.desktop.views.controls import CommonControls, number
from texot.desktop.views.picture_choice import PictureChoice
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.views.what_goes_where import SOURCE_TIP


class SeamlessTab(Tab):
    """The form."""

    title, icon = "Make seamless", "grid-2x2"
    hint = "The edges change, so that copies of the photo join."
    tasks = ("tile",)
    takes_batches = True

    def __init__(self) -> None:
        super().__init__()
        self.common = CommonControls(self.form, ["both", "x", "y"], "both", size=False)
        tip = "Width in pixels of the band that is synthesised at the edges; default: a quarter of the side"
        self.band = number(0, 100_000, 0, tip, " px")
        self.band.setSpecialValueText("a quarter of the shorter side")
        self.form.addRow("&Band", self.band)
        self.flatten = QCheckBox("F&latten")
        self.flatten.setToolTip("First remove gradients of brightness and colour")
        self.form.addRow(self.flatten)
        self.source = PictureChoice(SOURCE_TIP, paints=True)
        self.form.addRow("S&ource", self.source)

    @property
    def quality(self) -> str:
        """The quality that is chosen."""
        return self.common.quality.currentText()

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {**self.common.remembered(), "band": self.band, "flatten": self.flatten}

    def show_image(self, path: str, image: QImage) -> None:
        """Another image is open: the source belonged to the former one."""
        if path != self.image:
            self.source.show_path(None)
        super().show_image(path, image)

    def next_seed(self) -> None:
        """Show the next seed."""
        self.common.next_seed()

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of a request."""
        settings = TileSettings.from_request(request)
        self.common.show_values(None, settings.tile, settings.quality, settings.seed)
        self.band.setValue(settings.band or 0)
        self.flatten.setChecked(settings.flatten)
        self.source.show_path(settings.source)

    def settings(self) -> TileSettings:
        """The settings that are shown."""
        return TileSettings(
            self.image,
            tile=self.common.tile.currentText(),
            quality=self.quality,
            seed=self.common.seed.value(),
            band=self.band.value() or None,
            flatten=self.flatten.isChecked(),
            source=self.source.path,
        )
