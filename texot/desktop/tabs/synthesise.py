"""Synthesise: a new texture from one exemplar, as `texot synthesize`."""

from __future__ import annotations

from texot.desktop.controls import TIPS, Common, Share, number
from texot.desktop.requests import JobRequest
from texot.desktop.tabs.tab import Tab


class SynthesiseTab(Tab):
    """Its settings."""

    title = "Synthesise"
    tasks = ("synthesize",)

    def __init__(self) -> None:
        super().__init__()
        self.common = Common(self.form, ["both", "x", "y", "none"], "both", size=True)
        self.novelty = Share(0.5, TIPS["novelty"])
        self.form.addRow("&Novelty", self.novelty)
        tip = "Number of images, of seeds SEED, SEED+1, ...; they appear in the strip below"
        self.variations = number(1, 99, 1, tip)
        self.form.addRow("Va&riations", self.variations)

    @property
    def quality(self) -> str:
        """As chosen."""
        return self.common.quality.currentText()

    def show_quality(self, quality: str) -> None:
        """Choose another."""
        self.common.quality.setCurrentText(quality)

    def another(self) -> None:
        """Seeds that no variation had."""
        self.common.another(self.variations.value())

    def restore(self, job: JobRequest) -> None:
        """Show the settings of one variation."""
        self.common.restore(job.arguments)
        self.novelty.show_value(job.arguments["novelty"])
        self.variations.setValue(1)

    def jobs(self, folder: str) -> list[JobRequest]:
        """One a variation."""
        image, common = self.need_image(), self.common
        options = {
            "size": common.size.text().strip() or None,
            "tile": common.tile.currentText(),
            "quality": self.quality,
            "novelty": self.novelty.value,
        }
        seeds = range(common.seed.value(), common.seed.value() + self.variations.value())
        return [JobRequest("synthesize", {"image": image}, {**options, "seed": seed}) for seed in seeds]
