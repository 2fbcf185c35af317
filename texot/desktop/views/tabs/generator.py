"""Generator: train a network, as `texot train`; sample it at any size, as `texot sample`."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QLabel, QWidget

from texot.desktop.models import Model, Models
from texot.desktop.requests import JobRequest
from texot.desktop.settings import SamplingSettings, TrainingSettings
from texot.desktop.sizes import size_word
from texot.desktop.views.controls import (
    AS_FITS,
    MAX_SEED,
    TIPS,
    Share,
    button,
    choice,
    line,
    number,
    row,
    with_presets,
)
from texot.desktop.views.curve import Curve
from texot.desktop.views.exemplars import Exemplars
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.views.weight_map import WeightMapChoice


class GeneratorTab(Tab):
    """The form.

    Attributes:
        ask_train, ask_resume: a training is to start, or to continue.
        ask_load, ask_save: a model is to be read from a file, written to one.
        ask_command: the command of the training is to be copied.
        ask_preview: a sample is to be shown that is not kept.
        at: (x, y) of the sample in the unbounded plane, in pixels.
    """

    title, icon, advanced = "Generator", "network", True
    hint = "Train a network that makes an endless plane."
    tasks = ("sample",)
    has_quality = False
    ask_train = Signal()
    ask_resume = Signal()
    ask_load = Signal()
    ask_save = Signal()
    ask_command = Signal()
    ask_preview = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._model: Model | None = None
        self._stopped: JobRequest | None = None
        self._previews = True  # whether another t asks for a preview
        self.at = (0, 0)
        self._build_training()
        self._build_sampling()

    def _build_training(self) -> None:
        self.list = Exemplars(self.form, 72)
        self.list.setToolTip("Several make one network of them all, and of the textures between")
        self.list.changed.connect(self._enable_resume)
        tip = "Training steps; default: 2100 per exemplar, up to 4200 from 256 px on"
        self.steps = number(0, 10_000_000, 0, tip)
        self.steps.setSpecialValueText("2100 to 4200 an exemplar")
        self.steps.setSingleStep(100)
        self.form.addRow("S&teps", self.steps)
        self.train_seed = number(0, MAX_SEED, 0, "Random seed; the same seed gives the same generator")
        self.form.addRow("Trai&n seed", self.train_seed)
        self.train = button("Train", "Train a generator of the texture", self.ask_train.emit)
        tip = "Continue the training that was stopped, with its settings"
        self.resume = button("Resume", tip, self.ask_resume.emit)
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
        self.weight_map = WeightMapChoice()
        self.form.addRow("M&ap", self.weight_map)
        tip = "Size in pixels, or a factor of the exemplar's size; default: the exemplar's size"
        self.size_line = line("as the original", tip)
        self.form.addRow("&Size", with_presets(self.size_line))
        tip = TIPS["tile"] + "; none: a window of an unbounded plane; automatic: both, not along a map"
        self.tile = choice([AS_FITS, "both", "x", "y", "none"], AS_FITS, tip)
        self.form.addRow("T&ile", self.tile)
        self.seed = number(0, MAX_SEED, 0, TIPS["seed"])
        self.form.addRow("Sample s&eed", self.seed)
        self.explore = QCheckBox("D&rag over the plane")
        self.explore.setToolTip("Drag the result to look at other places of the unbounded plane")
        self.explore.setEnabled(False)
        self.form.addRow(self.explore)
        self.explore.toggled.connect(lambda on: self.tile.setCurrentText("none") if on else None)
        self.tile.currentTextChanged.connect(self._tile_changed)
        self.t.slider.valueChanged.connect(lambda _: self._want_preview())
        self.weight_map.changed.connect(lambda: self.t.setEnabled(self.weight_map.value is None))
        self._show_weights()

    def _show_weights(self) -> None:
        """Show the controls of weights for a model of several exemplars only."""
        several = self._model is not None and self._model.n_exemplars > 1
        for widget in (self.t, self.weight_map):
            self.form.setRowVisible(widget, several)

    def show_image(self, path: str, image: QImage) -> None:
        """Make the open image the first exemplar, in place of the one that was open before."""
        self.list.replace_first(self.image, path)
        super().show_image(path, image)

    def show_models(self, models: Models) -> None:
        """Show the current model, and whether a training can be resumed."""
        self._stopped = models.stopped_training
        self._enable_resume()
        model = models.current
        if model is None:
            return
        if self._model is None or model.file != self._model.file:
            self.at = (0, 0)
        self._model = model
        self.name.setText(
            f"model: {Path(model.saved).name}" if model.saved else "model: as trained, not saved"
        )
        self.name.setToolTip(model.saved)
        self.save.setEnabled(not model.saved)
        self.command.setEnabled(model.training is not None)
        self.explore.setEnabled(True)
        self._show_weights()

    def _enable_resume(self) -> None:
        """Enable the button where a stopped training has the exemplars of the list."""
        stopped = self._stopped
        self.resume.setEnabled(stopped is not None and stopped.files["images"] == self.list.paths)

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again."""
        return {"steps": self.steps, "size": self.size_line, "tile": self.tile}

    def next_seed(self) -> None:
        """Show the next seed of a sample."""
        self.seed.setValue((self.seed.value() + 1) % MAX_SEED)

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of a sample."""
        settings = SamplingSettings.from_request(request)
        self._previews = False  # what is shown is the result of this request
        self.at = settings.at or (0, 0)
        self.explore.setChecked(settings.at is not None)
        self.size_line.setText(settings.size or "")
        self.tile.setCurrentText(settings.tile or AS_FITS)
        self.seed.setValue(settings.seed)
        self.weight_map.show_value(settings.weight_map)
        if settings.t is not None:
            self.t.show_value(settings.t)
        self._previews = True

    def training_settings(self) -> TrainingSettings:
        """The settings of a training."""
        return TrainingSettings(tuple(self.list.paths), self.steps.value() or None, self.train_seed.value())

    def settings(self) -> SamplingSettings:
        """The settings of a sample."""
        tile, weight_map, model = self.tile.currentText(), self.weight_map.value, self._model
        return SamplingSettings(
            model.file if model else "",
            n_exemplars=model.n_exemplars if model else 1,
            t=None if weight_map else self.t.value,
            weight_map=weight_map,
            size=size_word(self.size_line.text()),
            tile=None if tile == AS_FITS else tile,
            seed=self.seed.value(),
            at=self.at if self.explore.isChecked() else None,
        )

    def _want_preview(self) -> None:
        if self._model is not None and self._previews:
            self.ask_preview.emit()

    def _tile_changed(self, tile: str) -> None:
        if tile != "none":
            self.explore.setChecked(False)
