"""The main window: it creates the session, the views and the controllers, and connects them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QByteArray, QPoint, QRect, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QImage, QKeyEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QMainWindow, QSpinBox, QStyle, QWidget

from texot.desktop.controllers import remembered
from texot.desktop.controllers.batching import BatchActions
from texot.desktop.controllers.closing import Closing
from texot.desktop.controllers.control_actions import ControlActions
from texot.desktop.controllers.exemplar_actions import ExemplarActions
from texot.desktop.controllers.file_dialogs import FileDialogs
from texot.desktop.controllers.generator_actions import GeneratorActions
from texot.desktop.controllers.look_actions import LookActions
from texot.desktop.controllers.mask_actions import MaskActions
from texot.desktop.controllers.opening import Opening
from texot.desktop.controllers.painting import PaintActions
from texot.desktop.controllers.recovery import Recovery
from texot.desktop.controllers.saving import Saving
from texot.desktop.controllers.straightening import StraightenActions
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result
from texot.desktop.session import Session
from texot.desktop.session_folder import SessionFolder
from texot.desktop.views.actions import Actions
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.clipboard import holds_elsewhere, holds_picture
from texot.desktop.views.form_tabs import FormTabs
from texot.desktop.views.history import History
from texot.desktop.views.layout import Layout
from texot.desktop.views.menus import Menus
from texot.desktop.views.reduced import in_size
from texot.desktop.views.tabs.generator import GeneratorTab
from texot.desktop.views.tabs.interpolate import InterpolateTab
from texot.desktop.views.tabs.remove import RemoveTab
from texot.desktop.views.tabs.seamless import SeamlessTab
from texot.desktop.views.tabs.synthesise import SynthesiseTab
from texot.desktop.views.tabs.tab import Tab
from texot.desktop.wording import duration
from texot.desktop.worker_client import WorkerClient
from texot.errors import InputError

_LONG = 10  # seconds from which the expected time of a job is shown
NO_GENERATOR = "Generators learn from images, not from materials: open an image to train or sample one"


class Window(QMainWindow):
    """The window.

    Args:
        settings: remembered between sessions.

    Attributes:
        settings: as given.
        session: the state of the window.
        idle: the worker has nothing to do.
    """

    idle = Signal()

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self.settings = settings
        self._folder = SessionFolder()
        self.client = WorkerClient(self)
        self.session = Session(self._folder.path, self.client)
        self._add_views()
        self._observe_session()
        self.recovery = Recovery(self.session, self._folder, self.view.offer)
        remembered.restore(settings, self._remembered())
        self.looks = LookActions(self.session, self.view.canvas, self.view.looks)
        self.setAcceptDrops(True)
        self.setMinimumSize(self.minimumSizeHint().width(), 520)  # in which no text is cut
        self.resize(1200, 800)
        geometry = settings.value("geometry")
        self.restoreGeometry(geometry if isinstance(geometry, QByteArray) else QByteArray())
        self._show_selection()
        self._show_progress()
        self._show_form()
        QTimer.singleShot(0, self.client.start)  # when the window is shown

    def _add_views(self) -> None:
        """Create the controllers between the views that they connect."""
        session = self.session
        canvas, history = Canvas(), History()
        fill, interpolate, generator = RemoveTab(session.files.new), InterpolateTab(), GeneratorTab()
        self.synthesise, seamless = SynthesiseTab(), SeamlessTab()
        self._generator_form = generator
        self.forms: list[Tab] = [self.synthesise, seamless, fill, interpolate, generator]
        tabs = FormTabs(self.forms)
        self.dialogs = dialogs = FileDialogs(self, self.settings)
        self.saving = Saving(session, dialogs, canvas)
        self.masks = MaskActions(session, dialogs, tabs, fill, canvas, self)
        self.exemplars = ExemplarActions(session, dialogs, tabs, interpolate, generator)
        self.generator = GeneratorActions(session, dialogs, self.saving, tabs, generator, canvas)
        self.painting = PaintActions(session, dialogs, self)
        self.controls = ControlActions(
            session, dialogs, self.synthesise, [seamless.source, fill.source], self.painting
        )
        self.closing = Closing(session, self.saving, self.generator, self)
        self.opening = Opening(
            session, dialogs, self.exemplars, self.generator, lambda paths: self.menus.show_recent(paths)
        )
        self.straightening = StraightenActions(session, self.opening.open, self)
        actions = Actions(
            batch=lambda: self.batching.ask(),
            open=self.opening.ask_open,
            open_material=self.opening.ask_open_material,
            paste=self.opening.paste,
            straighten=self.straightening.ask,
            generate=self.generate,
            draft=lambda: self.generate("draft"),
            new_seed=self.new_seed,
            render_final=lambda: session.render_final(tabs.front.quality),
            stop=session.stop,
            save=self.saving.ask_save,
            save_all=self.saving.ask_save_all,
            copy_image=self.saving.copy_image,
            copy_command=self.saving.copy_command,
            quit=self.close,
        )
        self.view = Layout(tabs, canvas, history, actions)
        self.batching = BatchActions(
            session, dialogs, tabs, self.synthesise, self.view.batch, self.opening.open
        )
        self.opening.open_folder = self.batching.open_folder
        self.setCentralWidget(self.view)
        self.view.welcome.ask_sample.connect(session.open)
        mask_buttons = (fill.undo, fill.redo, fill.invert)
        self.menus = Menus(
            self.menuBar(), self.view, actions, mask_buttons, self.masks.paints, self.opening.open
        )
        self.straightening.enable(self.view.straighten, self.menus.straighten)
        self.menus.show_recent(dialogs.recent())
        self.opening.watch(*self.findChildren(QLineEdit), *self.findChildren(QSpinBox))
        for form in self.forms:
            form.wanted.connect(lambda quality: self.generate(quality, replace_running=True))
            form.mask_changed.connect(self._show_form)
            form.mask_rested.connect(self._show_estimate)
            form.edited.connect(self._show_estimate)
        generator.explore.toggled.connect(lambda _: self._show_form())
        tabs.currentChanged.connect(self._form_changed)
        for form in self.forms:
            for field in form.findChildren(QLineEdit):
                field.textChanged.connect(lambda _: self._show_estimate())
            for box in form.findChildren(QComboBox):
                box.currentTextChanged.connect(lambda _: self._form_edited())
        history.chosen.connect(session.select)
        history.ask_remove.connect(self._remove)
        history.entries = [
            ("&Save...", self.saving.ask_save),
            ("Save &all...", self.saving.ask_save_all),
            ("&Copy picture", self.saving.copy_image),
            ("Copy as co&mmand", self.saving.copy_command),
            ("Compare &with this", lambda: session.compare_with(session.selected)),
            ("Compare with the &original", lambda: session.compare_with(None)),
            ("&Use as original", self.opening.open_selected),
            ("&Delete", lambda: self._remove(session.selected)),
        ]

    def _remembered(self) -> dict[str, QWidget]:
        """The controls whose values are remembered, by name."""
        found: dict[str, QWidget] = {"split": self.view.split, "repeated": self.view.repeated}
        for form in self.forms:
            found |= {f"{form.tasks[0]}/{name}": control for name, control in form.remembered().items()}
        return found

    def _observe_session(self) -> None:
        session, view = self.session, self.view
        self.client.received.connect(self._receive)
        self.client.ended.connect(session.worker_ended)
        session.events.image_changed.subscribe(self._show_image)
        session.events.result_added.subscribe(lambda result, shown: view.history.add(result))
        session.events.result_saved.subscribe(view.history.update_marks)
        session.events.result_removed.subscribe(view.history.remove)
        session.events.request_restored.subscribe(self._show_request)
        session.events.selection_changed.subscribe(self._show_selection)
        session.events.reference_changed.subscribe(self._show_reference)
        session.events.preview_shown.subscribe(self._show_preview)
        session.events.progress_changed.subscribe(self._show_progress)
        session.events.message_changed.subscribe(
            lambda: view.show_message(session.message, failed=session.failed)
        )
        session.events.became_idle.subscribe(self.idle.emit)

    def _receive(self, header: dict[str, Any], image: QImage) -> None:
        self.session.receive(header, None if image.isNull() else image)

    # jobs

    def generate(self, quality: str = "", *, replace_running: bool = False) -> None:
        """Run the jobs of the form in front, see `Session.generate`."""
        try:
            settings = self.view.tabs.front.settings()
        except InputError as error:
            self.session.fail(str(error))
            return
        self.session.generate(settings, quality=quality, replace_running=replace_running)

    def new_seed(self) -> None:
        """Run the form in front with a new seed, at the quality of its last result."""
        form = self.view.tabs.front
        form.next_seed()
        self.generate(self.session.last_quality(form.tasks))

    # what is shown

    def _show_image(self) -> None:
        path, picture = self.session.image.path, self.session.image.picture or QImage()
        for form in self.forms:
            form.show_image(path, picture)
        self.view.tabs.turn_off(self._generator_form, NO_GENERATOR if self.session.image.maps else "")
        self.exemplars.show_icon(path, picture)  # the forms have it in their lists now
        self.view.canvas.show_exemplar(picture)
        self.setWindowTitle(f"{self.session.image.name} - texot")
        self._show_form()

    def _remove(self, result: Result | None) -> None:
        if result is None:
            return
        if result.saved or self.closing.may_lose("Remove the result without saving it?"):
            was_shown = result is self.session.selected
            self.session.remove(result)
            if was_shown and self.session.selected is None:
                self.view.canvas.show_result(QImage())

    def _show_request(self, request: JobRequest) -> None:
        for form in self.forms:
            if request.task in form.tasks:
                form.show_request(request)
                self.view.tabs.show_form(form)

    def _show_selection(self) -> None:
        result = self.session.selected
        if result is not None:
            self.view.canvas.labels = "original", result.label
            self.view.canvas.show_result(
                in_size(result.picture, result.request.size_shown(result.source.size))
            )
        self.view.history.mark(result)
        view, menus = self.view, self.menus
        for control in (view.save, view.command, menus.save, menus.command):
            control.setEnabled(result is not None)
        menus.save_all.setEnabled(bool(self.session.results))
        self._enable_final()

    def _show_preview(self, picture: QImage) -> None:
        self.view.canvas.labels = "original", "on its way"
        job = self.session.running
        self.view.canvas.show_result(
            picture if job is None else in_size(picture, job.request.size_shown(job.source.size))
        )

    def _show_reference(self) -> None:
        found = self.session.reference
        self.view.canvas.show_reference(found.picture if found else QImage(), found.label if found else "")

    def _enable_final(self) -> None:
        can = self.session.can_render_final(self.view.tabs.front.quality)
        for control in (self.view.render_final, self.menus.final):
            control.setEnabled(can)

    def _show_progress(self) -> None:
        progress = self.session.progress
        done = (progress.step, progress.steps) if progress else None
        self.view.show_progress(done, busy=self.session.running is not None)
        self._enable_final()
        self._show_estimate()

    def _form_edited(self) -> None:
        self._enable_final()
        self._show_estimate()

    def _show_estimate(self) -> None:
        """Show how long the form in front will take, if it is long."""
        session, form = self.session, self.view.tabs.front
        text = ""
        if session.running is None and session.image.path:
            try:
                pixels = form.painted_pixels  # settings of a mask would write it
                seconds = (
                    session.expected_seconds(form.settings())
                    if pixels is None
                    else session.estimates.fill_seconds(pixels, form.quality)
                )
            except InputError:
                seconds = 0.0
            text = f"takes about {duration(seconds)}" if seconds >= _LONG else ""
        self.view.show_estimate(text)

    def _form_changed(self) -> None:
        if self.session.failed:  # about the form that was in front
            self.session.say("")
        self._show_form()

    def _show_form(self) -> None:
        """Let the canvas do what the form in front needs: paint a mask, or explore the plane."""
        canvas, form = self.view.canvas, self.view.tabs.front
        canvas.set_mask(form.painting)
        canvas.explores = form is self._generator_form and self._generator_form.explore.isChecked()
        self.view.draft.setVisible(form.has_quality)
        self._form_edited()

    # the window itself

    def fit_into(self, room: QRect) -> None:
        """Before it is shown: make it no larger than this part of the screen, and move it inside.

        The title bar is included. It does not become smaller than its minimal size.
        """
        room = QRect(room)
        room.setTop(room.top() + self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight))
        self.resize(self.size().boundedTo(room.size()))
        place = self.geometry()
        place.moveRight(min(place.right(), room.right()))
        place.moveBottom(min(place.bottom(), room.bottom()))
        place.moveTopLeft(QPoint(max(place.left(), room.left()), max(place.top(), room.top())))
        self.setGeometry(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Show the exemplar in place of the result while B is down; Return generates."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.generate()
        elif event.key() == Qt.Key.Key_B and not event.modifiers():
            self.view.canvas.show_before(True)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Show the result again."""
        if event.key() == Qt.Key.Key_B and not event.isAutoRepeat():
            self.view.canvas.show_before(False)
        else:
            super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files and images, and addresses, which are answered with a message."""
        if holds_picture(event.mimeData()) or holds_elsewhere(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open files and images."""
        if self.opening.take(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)  # else a file manager may remove the file
            event.accept()

    def sizeHint(self) -> QSize:
        """The preferred size."""
        return QSize(1200, 800)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work, end the worker, remember the geometry."""
        if not self.closing.may_close():
            event.ignore()
            return
        remembered.remember(self.settings, self._remembered())
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.sync()
        self.client.close()
        self._folder.remove() if self.closing.asks else self._folder.keep()
        event.accept()

    def end(self) -> None:
        """Close without a question, and leave what is unsaved to the next window.

        The system ends the session, and there may be nobody to answer.
        """
        self.keep_at_close()
        self.close()

    def keep_at_close(self) -> None:
        """From now on, closing asks nothing and leaves what is unsaved to the next window."""
        self.closing.asks = False
