"""Generator: train a network, as `texot train`; sample it at any size, as `texot sample`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QLabel

from texot.desktop.controls import MOST_SEED, TIPS, Share, button, choice, line, number, row
from texot.desktop.curve import Curve
from texot.desktop.exemplars import Exemplars, place_of, weights_at
from texot.desktop.maps import MapChoice
from texot.desktop.requests import JobRequest
from texot.desktop.tabs.tab import Tab
from texot.errors import InputError


class GeneratorTab(Tab):
    """Its settings.

    Attributes:
        ask_train: train; true to go on where training was stopped.
        ask_load, ask_save: a file is wanted for the model.
        ask_command: the command that trains is wanted.
        ask_look: a sample is wanted that nobody keeps.
    """

    title = "Generator"
    tasks = ("sample",)
    has_quality = False
    ask_train = Signal(bool)
    ask_load = Signal()
    ask_save = Signal()
    ask_command = Signal()
    ask_look = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model, self.saved = "", ""  # the file that samples are made by, and the user's name of it
        self.n_exemplars = 1  # of that model
        self._known: dict[str, tuple[str, int]] = {}  # model files -> the user's names, exemplars
        self._trained: JobRequest | None = None  # the training that can go on
        self.training_job: JobRequest | None = None  # what made the model, if this session did
        self._build_training()
        self._build_sampling()

    def _build_training(self) -> None:
        self.list = Exemplars(self.form, 72)
        self.list.setToolTip("Several make one network of them all, and of the textures between")
        self.list.changed.connect(self._may_resume)
        tip = "Training steps; default: 2100 per exemplar, up to 4200 from 256 px on"
        self.steps = number(0, 10_000_000, 0, tip)
        self.steps.setSpecialValueText("2100 to 4200 an exemplar")
        self.steps.setSingleStep(100)
        self.form.addRow("S&teps", self.steps)
        self.train_seed = number(0, MOST_SEED, 0, "Random seed; the same seed gives the same generator")
        self.form.addRow("Trai&n seed", self.train_seed)
        tip = "Train a generator of the texture"
        self.train = button("Train", tip, lambda: self.ask_train.emit(False))
        tip = "Train on from where it was stopped, with the same settings"
        self.resume = button("Go on", tip, lambda: self.ask_train.emit(True))
        self.resume.setEnabled(False)
        tip = "Copy the texot command that trains the same model"
        self.command = button("Copy as command", tip, self.ask_command.emit)
        self.command.setEnabled(False)
        self.form.addRow(row(self.train, self.resume, self.command))
        self.curve = Curve()
        self.form.addRow(self.curve)

    def _build_sampling(self) -> None:
        self.load = button("Load model...", "Use a model that was trained before", self.ask_load.emit)
        self.save = button("Save model...", "Write the model", self.ask_save.emit)
        self.save.setEnabled(False)
        self.form.addRow(row(self.load, self.save))
        self.name = QLabel("no model yet")
        self.name.setWordWrap(True)
        self.form.addRow(self.name)
        self.t = Share(0.5, "How much of each exemplar: 0 is the first, 1 the last; shown at once")
        self.form.addRow("&Weight t", self.t)
        self.map = MapChoice()
        self.form.addRow("M&ap", self.map)
        tip = "Size in pixels, or a factor of the exemplar's size; default: the exemplar's size"
        self.width_height = line("as the exemplar", tip)
        self.form.addRow("&Size", self.width_height)
        tip = TIPS["tile"] + "; none: a window of an unbounded plane; as fits: both, not along a map"
        self.tile = choice(["as fits", "both", "x", "y", "none"], "as fits", tip)
        self.form.addRow("T&ile", self.tile)
        self.seed = number(0, MOST_SEED, 0, TIPS["seed"])
        self.form.addRow("Sample s&eed", self.seed)
        self.explore = QCheckBox("D&rag over the plane")
        self.explore.setToolTip("Drag the result to look at other places of the unbounded plane")
        self.explore.setEnabled(False)
        self.form.addRow(self.explore)
        self.at = (0, 0)
        self.explore.toggled.connect(lambda on: self.tile.setCurrentText("none") if on else None)
        self.tile.currentTextChanged.connect(self._tiles)
        self.t.slider.valueChanged.connect(lambda _: self.ask_look.emit() if self.model else None)
        self.map.changed.connect(lambda: self.t.setEnabled(self.map.value is None))
        self._show_mix()

    def _show_mix(self) -> None:
        """Weights are for models of several exemplars."""
        for widget in (self.t, self.map):
            self.form.setRowVisible(widget, self.n_exemplars > 1)

    def opened(self, path: str, image: QImage) -> None:
        """The open image is the first exemplar, or replaces the one that was."""
        self.list.opened(path, self.image)
        super().opened(path, image)

    def another(self) -> None:
        """The next seed of a sample."""
        self.seed.setValue((self.seed.value() + 1) % MOST_SEED)

    def _may_resume(self) -> None:
        """A training of other images cannot go on."""
        before = self._trained
        self.resume.setEnabled(before is not None and before.files["images"] == self.list.paths)

    def training(self, *, resume: bool) -> JobRequest:
        """A training."""
        if resume and self._trained is not None:
            return replace(self._trained, resumes=True)
        if not self.list.paths:
            raise InputError("open an image first")
        options = {"steps": self.steps.value() or None, "seed": self.train_seed.value()}
        return JobRequest("train", {"images": self.list.paths}, options)

    def trained(self, job: JobRequest, file: str, *, resumable: bool) -> None:
        """A training ended, or was stopped."""
        whole = replace(job, resumes=False)
        self._trained = whole if resumable else None
        self._may_resume()
        self.use(file, "", len(job.files["images"]))
        self.training_job = None if resumable else whole
        self.command.setEnabled(not resumable)

    def use(self, file: str, saved: str, n_exemplars: int) -> None:
        """Sample this model."""
        if file != self.model:
            self.at, self.training_job = (0, 0), None
            self.command.setEnabled(False)
        self.model, self.saved, self.n_exemplars = file, saved, n_exemplars
        self._known[file] = saved, n_exemplars
        self.name.setText(f"model: {Path(saved).name}" if saved else "model: as trained, not saved")
        self.name.setToolTip(saved)
        self.save.setEnabled(not saved)
        self.explore.setEnabled(True)
        self._show_mix()

    def was_saved(self, file: str, path: str) -> None:
        """A model is in this file of the user's now."""
        self._known[file] = path, self._known[file][1]
        if file == self.model:
            self.use(file, path, self.n_exemplars)

    def restore(self, job: JobRequest) -> None:
        """Show the settings of a sample, and take the model that made it."""
        model, options = str(job.files["model"]), job.arguments
        if model != self.model:
            self.use(model, *self._known.get(model, ("", 1)))
        at = options.get("at")
        self.at = (at[0], at[1]) if at else (0, 0)
        self.explore.setChecked(at is not None)
        self.width_height.setText(str(options["size"] or ""))
        self.tile.setCurrentText(options["tile"] or "as fits")
        self.seed.setValue(options["seed"])
        self.map.show_value(options.get("weight_map"))
        if options.get("weights"):
            self.t.show_value(place_of(options["weights"]))

    def jobs(self, folder: str) -> list[JobRequest]:
        """A sample."""
        if not self.model:
            raise InputError("there is no model yet: train one on the open image, or load one")
        tile = self.tile.currentText()
        options: dict[str, object] = {
            "size": self.width_height.text().strip() or None,
            "tile": None if tile == "as fits" else tile,
            "seed": self.seed.value(),
        }
        if self.at != (0, 0) and self.explore.isChecked():
            options["at"] = list(self.at)
        if self.n_exemplars > 1:
            options["weight_map"] = self.map.value
            options["weights"] = weights_at(self.t.value, self.n_exemplars) if not self.map.value else None
        return [JobRequest("sample", {"model": self.model}, options)]

    def _tiles(self, tile: str) -> None:
        if tile != "none":
            self.explore.setChecked(False)
