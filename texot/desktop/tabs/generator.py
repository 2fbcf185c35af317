"""Generator: train a network, as `texot train`; sample it at any size, as `texot sample`."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QLabel

from texot.desktop.commands import Job
from texot.desktop.controls import MOST_SEED, TIPS, button, choice, line, number, row
from texot.desktop.curve import Curve
from texot.desktop.tabs.tab import Tab
from texot.errors import InputError


class GeneratorTab(Tab):
    """Its settings.

    Attributes:
        ask_train: train; true to go on where training was stopped.
        ask_load, ask_save: a file is wanted for the model.
    """

    title = "Generator"
    commands = ("sample",)
    has_quality = False
    ask_train = Signal(bool)
    ask_load = Signal()
    ask_save = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model, self.saved = "", ""  # the file that samples are made by, and the user's name of it
        self._names: dict[str, str] = {}  # model files of this session -> the user's names of them
        self._trained: tuple[str, dict[str, object]] | None = None  # the training that can go on
        self.steps = number(1, 10_000_000, 2100, "Training steps in all")
        self.form.addRow("S&teps", self.steps)
        self.train_seed = number(0, MOST_SEED, 0, "Same seed, same model; others differ")
        self.form.addRow("See&d", self.train_seed)
        self.train = button("Train", "Train a network on the open image", lambda: self.ask_train.emit(False))
        self.resume = button("Go on", "Train on where it was stopped", lambda: self.ask_train.emit(True))
        self.resume.setEnabled(False)
        self.form.addRow(row(self.train, self.resume))
        self.curve = Curve()
        self.form.addRow(self.curve)
        self.load = button("Load model...", "Use a model that was trained before", self.ask_load.emit)
        self.save = button("Save model...", "Write the model", self.ask_save.emit)
        self.save.setEnabled(False)
        self.form.addRow(row(self.load, self.save))
        self.name = QLabel("no model yet")
        self.name.setWordWrap(True)
        self.form.addRow(self.name)
        self.width_height = line("as the exemplar", TIPS["size"])
        self.form.addRow("&Size", self.width_height)
        tip = TIPS["tile"] + "; none: a window of an endless plane"
        self.tile = choice(["both", "x", "y", "none"], "both", tip)
        self.form.addRow("T&ile", self.tile)
        self.seed = number(0, MOST_SEED, 0, TIPS["seed"])
        self.form.addRow("Sample s&eed", self.seed)
        self.explore = QCheckBox("D&rag over the plane")
        self.explore.setToolTip("Drag the result to look at other places of the endless plane")
        self.explore.setEnabled(False)
        self.form.addRow(self.explore)
        self.at = (0, 0)
        self.explore.toggled.connect(lambda on: self.tile.setCurrentText("none") if on else None)
        self.tile.currentTextChanged.connect(self._tiles)

    def opened(self, path: str, image: QImage) -> None:
        """A training of another image cannot go on."""
        super().opened(path, image)
        self.resume.setEnabled(self._trained is not None and self._trained[0] == path)

    def training(self, *, resume: bool) -> Job:
        """A training."""
        image = self.need_image()
        if resume and self._trained is not None:
            return Job("train", {"image": image}, {**self._trained[1], "resume": True})
        return Job("train", {"image": image}, {"steps": self.steps.value(), "seed": self.train_seed.value()})

    def trained(self, job: Job, file: str, *, resumable: bool) -> None:
        """A training ended, or was stopped."""
        options = {name: value for name, value in job.options.items() if name != "resume"}
        self._trained = (str(job.inputs["image"]), options) if resumable else None
        self.resume.setEnabled(resumable)
        self.use(file, "")

    def use(self, file: str, saved: str) -> None:
        """Sample this model."""
        self.model, self.saved = file, saved
        self._names[file] = saved
        self.at = (0, 0)
        self.name.setText(f"model: {Path(saved).name}" if saved else "model: as trained, not saved")
        self.name.setToolTip(saved)
        self.save.setEnabled(not saved)
        self.explore.setEnabled(True)

    def restore(self, job: Job) -> None:
        """Show the settings of a sample, and take the model that made it."""
        model = str(job.inputs["model"])
        if model != self.model:
            self.use(model, self._names.get(model, ""))
        self.width_height.setText(str(job.options["size"] or ""))
        self.tile.setCurrentText(str(job.options["tile"]))
        self.seed.setValue(job.options["seed"])
        at = job.options.get("at")
        self.explore.setChecked(at is not None)
        self.at = (at[0], at[1]) if at else (0, 0)

    def jobs(self, folder: str) -> list[Job]:
        """A sample."""
        if not self.model:
            raise InputError("there is no model yet: train one on the open image, or load one")
        options: dict[str, object] = {
            "size": self.width_height.text().strip() or None,
            "tile": self.tile.currentText(),
            "seed": self.seed.value(),
        }
        if self.at != (0, 0) and self.explore.isChecked():
            options["at"] = list(self.at)
        name = self.saved or f"{Path(self.image).stem or 'model'}.safetensors"
        return [Job("sample", {"model": self.model}, options, {self.model: name})]

    def _tiles(self, tile: str) -> None:
        if tile != "none":
            self.explore.setChecked(False)
