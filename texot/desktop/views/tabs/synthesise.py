"""New texture: a new texture from one exemplar, as `texot synthesize`."""

from __future__ import annotations

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import SynthesisSettings
from texot.desktop.views.controls import TIPS, CommonControls, Share, number
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.views.what_goes_where import WhatGoesWhere


class SynthesiseTab(Tab):
    """The form."""

    title, icon = "New texture", "sparkles"
    hint = "More of the same: any size, a new layout, no seams."
    tasks = ("synthesize",)
    takes_batches = True

    def __init__(self) -> None:
        super().__init__()
        self.common = CommonControls(self.form, ["both", "x", "y", "none"], "both", size=True)
        self.novelty = Share(0.5, TIPS["novelty"])
        self.form.addRow("&Novelty", self.novelty)
        tip = "Number of images, of seeds SEED, SEED+1, ...; they appear in the strip below"
        self.variations = number(1, 99, 1, tip)
        self.form.addRow("Va&riations", self.variations)
        self.controls = WhatGoesWhere()
        self.form.addRow(self.controls)
        self.controls.changed.connect(self.edited.emit)

    @property
    def quality(self) -> str:
        """The quality that is chosen."""
        return self.common.quality.currentText()

    def show_quality(self, quality: str) -> None:
        """Choose a quality."""
        self.common.quality.setCurrentText(quality)

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        own = {"novelty": self.novelty.slider, "variations": self.variations}
        return {**self.common.remembered(), **own, **self.controls.remembered()}

    def show_image(self, path: str, image: QImage) -> None:
        """Another image is open."""
        if path != self.image:
            self.controls.show_image(path)
        self.controls.exemplars.show_picture(path, image)
        super().show_image(path, image)

    def next_seed(self) -> None:
        """Show the seed after those of all variations."""
        self.common.next_seed(self.variations.value())

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of one variation."""
        settings = SynthesisSettings.from_request(request)
        self.common.show_values(settings.size, settings.tile, settings.quality, settings.seed)
        self.novelty.show_value(settings.novelty)
        self.variations.setValue(settings.n_variations)
        self.controls.show_settings(settings.controls)

    def settings(self) -> SynthesisSettings:
        """The settings that are shown."""
        common = self.common
        return SynthesisSettings(
            self.image,
            size=common.size_value,
            tile=common.tile.currentText(),
            quality=self.quality,
            novelty=self.novelty.value,
            seed=common.seed.value(),
            n_variations=self.variations.value(),
            controls=self.controls.settings(),
        )
