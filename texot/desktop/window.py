"""The main window: what is open, what runs, what was made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QPointF, QSettings, QSize, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QLineEdit, QMainWindow, QMessageBox, QSpinBox

from texot.desktop.controls import span
from texot.desktop.history import Result, Run
from texot.desktop.layout import Layout
from texot.desktop.masks import Masks
from texot.desktop.menus import add_menus
from texot.desktop.mixing import Mixing
from texot.desktop.models import Models
from texot.desktop.opening import Opening
from texot.desktop.requests import JobRequest
from texot.desktop.saving import Saving
from texot.desktop.session_folder import SessionFolder
from texot.desktop.tabs.fill import FillTab
from texot.desktop.tabs.generator import GeneratorTab
from texot.desktop.tabs.interpolate import InterpolateTab
from texot.desktop.tabs.synthesise import SynthesiseTab
from texot.desktop.tabs.tab import Tab
from texot.desktop.worker_client import WorkerClient
from texot.errors import TexotError


class Window(QMainWindow):
    """The window.

    Args:
        settings: what it remembers from one session to the next.

    Attributes:
        idle: everything that was asked for is done, or failed.
    """

    idle = Signal()

    def __init__(self, settings: QSettings) -> None:
        super().__init__()
        self.settings = settings
        self._folder = SessionFolder()
        self.session = self._folder.path
        self._ending = False
        self.image = ""  # path of the open image
        self.result: Result | None = None  # as shown; None while something else is
        self.waiting: deque[Run] = deque()
        self.running: Run | None = None
        self._asked: dict[int, Any] = {}  # requests that are no runs -> what to do after them
        self._notes: list[str] = []  # of the library, on what is worked on
        self._files = 0
        fill, interpolate, generator = FillTab(), InterpolateTab(), GeneratorTab()
        self.tabs: list[Tab] = [SynthesiseTab(), fill, interpolate, generator]
        self.opening, self.saving = Opening(self), Saving(self)
        self.view = Layout(self, self.tabs)
        self.setCentralWidget(self.view)
        self.opening.watch(*self.findChildren(QLineEdit), *self.findChildren(QSpinBox))
        self.masks, self.mixing = Masks(self, fill), Mixing(self, [interpolate, generator])
        self.models = Models(self, generator)
        self.menus = add_menus(self)
        self.setAcceptDrops(True)
        self.setMinimumSize(760, 520)
        self.resize(1200, 800)
        self.restoreGeometry(_bytes(settings.value("geometry")))
        self.client = WorkerClient(self)
        self.client.told.connect(self._event)
        self.client.broken.connect(self._broken)
        for tab in self.tabs:
            tab.wanted.connect(lambda quality: self.make(quality, restart=True))
            tab.mask_changed.connect(self.tab_changed)
        self.view.tabs.currentChanged.connect(self._another_tab)
        self.view.history.chosen.connect(self.bring_back)
        self.tab_changed()
        QTimer.singleShot(0, self.client.start)  # once the window shows

    @property
    def tab(self) -> Tab:
        """The one in front."""
        return self.tabs[self.view.tabs.currentIndex()]

    # what is open

    def open(self, path: str) -> None:
        """Open an image, once the worker has read it."""
        self.opening.open(path)

    def opened(self, path: str, image: QImage) -> None:
        """An image was read: it is the one to work on."""
        self._look_away()
        self.image, self.result = path, None
        self.view.canvas.show_before(image)
        for tab in self.tabs:
            tab.opened(path, image)
        self.mixing.show(path, image)
        self.setWindowTitle(f"{Path(path).name} - texot")
        self.say(f"{path}: {image.width()}x{image.height()} px")
        self.tab_changed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files and pictures may come."""
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open them."""
        if self.opening.take(event.mimeData()):
            event.acceptProposedAction()

    def new_file(self, name: str, suffix: str = ".png") -> str:
        """A path in the session's folder that is nobody's yet."""
        self._files += 1
        return str(Path(self.session) / f"{name}-{self._files}{suffix}")

    def _file_of(self, job: JobRequest) -> str:
        return self.new_file("model", ".safetensors") if job.task == "train" else self.new_file("result")

    # what runs

    def make(self, quality: str = "", *, restart: bool = False) -> None:
        """Make what the tab in front says, at its quality or another.

        Args:
            quality: another.
            restart: instead of what runs, of which nothing is kept then.
        """
        try:
            jobs = self.tab.jobs(self.session)
        except TexotError as error:
            self.fail(str(error))
            return
        if restart:
            self.stop(keep=False)
        for job in jobs:
            self.queue(job.with_quality(quality) if quality else job)

    def again(self) -> None:
        """The next seed, at the quality of what was made last: a draft, if nothing was."""
        tab, last = self.tab, self.view.history.results[-1:]
        same = [r.job.arguments["quality"] for r in last if r.job.task in tab.tasks and tab.has_quality]
        tab.another()
        self.make(*(same or ["draft"]))

    def queue(self, job: JobRequest) -> None:
        """Run a job after those that wait."""
        self.waiting.append(Run(job, self.view.canvas.before, self.image))
        self._next()

    @property
    def busy(self) -> bool:
        """Whether the worker has something to do."""
        return self.running is not None or bool(self._asked)

    def make_final(self) -> None:
        """The result as shown once more, with the same seed, at the quality of its tab."""
        if self.result is None:
            return
        wanted = self.tab.quality
        job = self.result.job.with_quality("normal" if wanted == "draft" else wanted)
        self.waiting.append(Run(job, self.result.before, self.result.image))
        self._next()

    def stop(self, *, keep: bool = True) -> None:
        """End what runs after its step, keep what there is, and forget what waits."""
        self.waiting.clear()
        if self.running is not None:
            self.running.kept = keep
            self.client.stop(self.running.number)
            self.say("stopping ...")

    def _look_away(self) -> None:
        """Something else is in front now than what runs and waits."""
        for run in (*self.waiting, *([self.running] if self.running else [])):
            run.shown = False

    def _next(self) -> None:
        if self.running is None and self.waiting:
            self.running = self.waiting.popleft()
            job = self.running.job
            self.running.number = self.client.ask("run", job=job.to_json(), file=self._file_of(job))
            self.say("preparing ...")
        self._refresh()
        if not self.busy:
            self.idle.emit()

    def ask(self, do: str, then: Callable[[dict[str, Any], QImage], object], **facts: Any) -> None:
        """Ask the worker for something that is no run; `then` gets its answer."""
        self._asked[self.client.ask(do, **facts)] = then

    def _event(self, header: dict[str, Any], image: QImage) -> None:
        number, event = header["id"], header["event"]
        if event == "note":
            self._notes.append(header["text"])
            return
        if number in self._asked:
            then = self._asked.pop(number)
            if event == "error":
                self.fail(header["text"])
            else:
                then(header, image)
            self._say_notes()
            self._next()
        elif self.running is not None and number == self.running.number:
            if event == "state":
                self._state(header, image)
                return
            run, self.running = self.running, None
            if event == "error":
                self.fail(header["text"])
            elif event == "trained":
                self.models.trained(run, header, image)
            else:
                self._done(run, header, image)
            self._say_notes()
            self._next()

    def _say_notes(self) -> None:
        """What the library said meanwhile, after how it ended."""
        notes, self._notes = self._notes, []
        if notes:
            wrong = bool(self.view.failure)
            self.view.say("; ".join([self.view.message.text(), *dict.fromkeys(notes)]), wrong=wrong)

    def _state(self, header: dict[str, Any], image: QImage) -> None:
        run = self.running
        if run is None:
            return
        if not image.isNull() and run.shown:
            self.preview(image)
        if run.job.task == "train":
            self.models.state(header)
        step, steps, left = header["step"], header["steps"], header["seconds_left"]
        self.view.progress.setRange(0, steps)
        self.view.progress.setValue(step)
        how_far = f"step {step} of {steps}"
        if run.job.task == "sample":
            how_far = f"{100 * step // steps} % of the sample"
        ending = ": finishing ..." if step == steps and run.job.task == "train" else ""
        time = f", about {span(left)} left" if left is not None and not ending else ""
        more = f", {len(self.waiting)} more to make" if self.waiting else ""
        self.say(how_far + (ending or time) + more)

    def preview(self, image: QImage, moved: QPointF | None = None) -> None:
        """Show what is no result: on its way, or a look at where it was dragged."""
        self.view.canvas.caught_up(image, moved or QPointF())
        if self.result is not None:
            self.result = None
            self._refresh()

    def _done(self, run: Run, header: dict[str, Any], image: QImage) -> None:
        if header["stopped"] and not run.kept:
            return
        result = Result(run.job, image, run.before, run.image, header["file"], header["settings"])
        self.view.history.add(result, marked=run.shown)
        ended = f"stopped at step {header['step']} of {header['steps']}" if header["stopped"] else "done"
        size = f"{image.width()}x{image.height()} px"
        self.say(f"{ended}: {size} in {span(header['seconds'])}" + ("" if run.shown else ", in the strip"))
        if run.shown:
            self.result = result
            self.view.canvas.show_after(image)

    def _broken(self, text: str) -> None:
        self.running = None
        self.waiting.clear()
        self._asked.clear()
        self.fail(text)
        self._next()

    # what was made

    def bring_back(self, result: Result) -> None:
        """Show a result of this session again, with what it was made from and its settings."""
        self._look_away()
        self.result = result
        canvas = self.view.canvas
        if result.image != self.image:
            self.image = result.image
            self.setWindowTitle(f"{Path(result.image).name} - texot")
            for tab in self.tabs:
                tab.opened(result.image, result.before)
        for index, tab in enumerate(self.tabs):
            if result.job.task in tab.tasks:
                tab.restore(result.job)
                self.view.tabs.setCurrentIndex(index)
        if canvas.before.cacheKey() != result.before.cacheKey():
            canvas.show_before(result.before)
        canvas.show_after(result.picture)
        self.say(self.view.history.tip(result))
        self._refresh()

    # what is shown

    def _another_tab(self) -> None:
        if self.view.failure:  # of the tab that was in front
            self.say("")
        self.tab_changed()

    def tab_changed(self) -> None:
        """The mask of the tab in front is the one to paint."""
        canvas, tab = self.view.canvas, self.tab
        canvas.set_mask(tab.painting)
        canvas.explores = isinstance(tab, GeneratorTab) and tab.explore.isChecked()
        self.view.draft.setVisible(tab.has_quality)
        self._refresh()

    def say(self, text: str) -> None:
        """A line about how it goes."""
        self.view.say(text)

    def fail(self, text: str) -> None:
        """A line about what went wrong."""
        self.view.say(text, wrong=True)

    def _refresh(self) -> None:
        busy, made = self.running is not None, self.result is not None
        view = self.view
        view.stop.setEnabled(busy)
        view.progress.setVisible(busy)
        if not busy:
            view.progress.setRange(0, 0)
        for control in (view.save, view.command, self.menus.save, self.menus.command):
            control.setEnabled(made)
        final = self.result is not None and "quality" in self.result.job.arguments
        for what in (view.final, self.menus.final):
            what.setEnabled(final and not busy)

    def sizeHint(self) -> QSize:
        """As large as is useful."""
        return QSize(1200, 800)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about unsaved work, end the worker, remember the window."""
        if not self._may_close():
            event.ignore()
            return
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.sync()
        self.running = None
        self.client.close()
        self._folder.remove()
        event.accept()

    def end(self) -> None:
        """Close without a question: the system ends the session, nobody answers."""
        self._ending = True
        self.close()

    def _may_close(self) -> bool:
        unsaved = [r for r in self.view.history.results if not r.saved]
        lost = []
        if unsaved:
            lost.append("a result" if len(unsaved) == 1 else f"{len(unsaved)} results")
        if self.models.unsaved:
            lost.append("the model")
        if self.running is not None:
            lost.append("the training that runs" if self.running.job.task == "train" else "what is made now")
        if not lost or self._ending:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "texot",
            f"Close without saving {' and '.join(lost)}?",
            buttons.Discard | buttons.Cancel,
            buttons.Cancel,
        )
        return answer == buttons.Discard


def _bytes(value: object) -> QByteArray:
    return value if isinstance(value, QByteArray) else QByteArray()
