"""Training, model files, and dragging over the plane of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage

from texot.desktop.controllers.file_dialogs import MODELS, FileDialogs
from texot.desktop.controllers.saving import Saving
from texot.desktop.session import Session
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.tabs.generator import GeneratorTab

_FOLDER = "model folder"


class GeneratorActions:
    """Connects the form of the generator with the session and the canvas.

    Args:
        session: trains and samples.
        dialogs: ask for files.
        saving: saves the inputs of a command.
        tabs: one of them is in front.
        form: has the settings.
        canvas: whose result can be dragged.
    """

    def __init__(
        self,
        session: Session,
        dialogs: FileDialogs,
        saving: Saving,
        tabs: FormTabs,
        form: GeneratorTab,
        canvas: Canvas,
    ) -> None:
        self._session, self._dialogs, self._saving = session, dialogs, saving
        self._tabs, self._form, self._canvas = tabs, form, canvas
        self._drag = QPointF()  # pixels that the result was dragged by and no sample shows yet
        self._preview_wanted = False  # the settings have changed while the worker was busy
        form.ask_train.connect(self.train)
        form.ask_resume.connect(session.resume_training)
        form.ask_load.connect(self.ask_load)
        form.ask_save.connect(self.ask_save)
        form.ask_command.connect(self.copy_command)
        form.ask_preview.connect(self.preview)
        canvas.dragged.connect(self._dragged)
        session.events.model_changed.subscribe(lambda: form.show_models(session.models))
        session.events.training_progressed.subscribe(form.curve.add)
        session.events.became_idle.subscribe(self._continue)

    def train(self) -> None:
        """Train a model with the settings of the form."""
        settings = self._form.training_settings()
        if settings.exemplars:
            self._form.curve.clear()
        self._session.generate(settings)

    def copy_command(self) -> None:
        """Copy the command that trains the model."""
        model = self._session.models.current
        if model is None or model.training is None:
            return
        request, threads = model.training, model.threads
        output = model.saved or self._session.model_file_name
        files = self._session.files
        self._saving.save_inputs(
            request, lambda: self._saving.copy_line(request.command_line(output, files.names, threads))
        )

    def ask_load(self) -> None:
        """Ask for a model and load it."""
        path = self._dialogs.ask_open("Load a model", self._dialogs.folder(_FOLDER), "Models (*.safetensors)")
        if path:
            self.load(path)

    def show_and_load(self, path: str) -> None:
        """Bring the form to the front and load a model."""
        self._tabs.show_form(self._form)
        self.load(path)

    def load(self, path: str) -> None:
        """Load a model."""
        self._session.load_model(path, lambda: self._dialogs.remember_folder(path, _FOLDER))

    def ask_save(self, then: Callable[[], object] = lambda: None) -> None:
        """Ask for a file and write the model; `then` is called when it is written."""
        suggested = Path(self._dialogs.folder(_FOLDER)) / self._session.model_file_name
        path = self._dialogs.ask_save("Save the model", suggested, MODELS)
        if path:
            self.save(path, then)

    def save(self, path: str, then: Callable[[], object] = lambda: None) -> None:
        """Write the model; `then` is called when it is written."""

        def saved() -> None:
            self._dialogs.remember_folder(path, _FOLDER)
            then()

        self._session.saves.model(path, saved)

    def preview(self) -> None:
        """Show a sample of the present settings, at once or when the worker is idle."""
        self._preview_wanted = self._session.busy
        if not self._preview_wanted:
            self._sample(QPointF())

    def _dragged(self, pixels: QPointF) -> None:
        """Move in the plane as the result is dragged; one sample at a time."""
        self._drag += pixels
        x, y = round(self._drag.x()), round(self._drag.y())
        if (x or y) and not self._session.busy:
            self._drag -= QPointF(x, y)
            self._form.at = self._form.at[0] - x, self._form.at[1] - y
            self._sample(QPointF(x, y))

    def _continue(self) -> None:
        if self._preview_wanted:
            self.preview()
        else:
            self._dragged(QPointF())

    def _sample(self, moved: QPointF) -> None:
        """Make a sample that is not kept, for a result that was dragged by `moved` pixels."""

        def show(picture: QImage) -> None:
            self._canvas.show_dragged(picture, moved)
            self._session.deselect()
            at = self._form.at
            place = f"at {at[0]}, {at[1]}" if self._form.explore.isChecked() else "a preview"
            self._session.say(f"{place}: Generate keeps it")
            self._dragged(QPointF())

        self._session.preview_sample(self._form.settings(), show)
