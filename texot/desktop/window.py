"""The main window: what is open, what runs, what was made."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings, QSize, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QMainWindow, QMessageBox

from texot.desktop.commands import Job
from texot.desktop.history import Result, Run
from texot.desktop.layout import Layout
from texot.desktop.link import Link
from texot.desktop.masks import Masks
from texot.desktop.menus import add_menus
from texot.desktop.mixing import Mixing
from texot.desktop.models import Models
from texot.desktop.tabs.fill import FillTab
from texot.desktop.tabs.generator import GeneratorTab
from texot.desktop.tabs.interpolate import InterpolateTab
from texot.desktop.tabs.synthesise import SynthesiseTab
from texot.desktop.tabs.tab import Tab
from texot.errors import TexotError

SAVE_FILTER = "Images (*.png *.tif *.tiff *.jpg *.jpeg *.webp *.bmp)"
_MOST_RECENT = 8


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
        self.session = tempfile.mkdtemp(prefix="texot-")
        self.image = ""  # path of the open image
        self.result: Result | None = None  # as shown
        self.waiting: deque[Run] = deque()
        self.running: Run | None = None
        self._asked: dict[int, Any] = {}  # requests that are no runs -> what to do after them
        self._notes: list[str] = []  # of the library, on what is worked on
        self._files = 0
        fill, interpolate, generator = FillTab(), InterpolateTab(), GeneratorTab()
        self.tabs: list[Tab] = [SynthesiseTab(), fill, interpolate, generator]
        self.view = Layout(self, self.tabs)
        self.setCentralWidget(self.view)
        self.menus = add_menus(self)
        self.masks, self.mixing = Masks(self, fill), Mixing(self, interpolate)
        self.models = Models(self, generator)
        self.setAcceptDrops(True)
        self.setMinimumSize(760, 520)
        self.resize(1200, 800)
        self.restoreGeometry(_bytes(settings.value("geometry")))
        self.link = Link(self)
        self.link.told.connect(self._event)
        self.link.broken.connect(self._broken)
        for tab in self.tabs:
            tab.wanted.connect(lambda quality: self.make(quality, restart=True))
            tab.mask_changed.connect(self.tab_changed)
        self.view.tabs.currentChanged.connect(self._another_tab)
        self.view.history.chosen.connect(self.bring_back)
        self.tab_changed()
        QTimer.singleShot(0, self.link.start)  # once the window shows

    @property
    def tab(self) -> Tab:
        """The one in front."""
        return self.tabs[self.view.tabs.currentIndex()]

    # what is open

    def ask_open(self) -> None:
        """Choose an image."""
        folder = str(self.settings.value("folder", ""))
        path, _ = QFileDialog.getOpenFileName(self, "Open an image", folder, "Images (*);;All files (*)")
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open an image, once the worker has read it."""
        self.say(f"reading {path} ...")
        self.ask("open", self._opened, path=path)

    def _opened(self, header: dict[str, Any], image: QImage) -> None:
        path = header["path"]
        self.image, self.result = path, None
        self.view.canvas.show_before(image)
        for tab in self.tabs:
            tab.opened(path, image)
        self.mixing.show(path, image)
        self.setWindowTitle(f"{Path(path).name} - texot")
        self.say(f"{path}: {image.width()}x{image.height()} px")
        if not path.startswith(self.session):
            self.settings.setValue("folder", str(Path(path).parent))
            recent = [path, *(p for p in self.recent() if p != path)][:_MOST_RECENT]
            self.settings.setValue("recent", recent)
            self.menus.show_recent(recent)
        self.tab_changed()

    def recent(self) -> list[str]:
        """Files that were open, the latest first."""
        value = self.settings.value("recent", [])
        paths = value if isinstance(value, list) else [value]  # one that is alone comes back as a string
        return [path for path in paths if isinstance(path, str) and path]

    def paste(self) -> None:
        """Open what is in the clipboard: an image, or a file of one."""
        data = QGuiApplication.clipboard().mimeData()
        if data.hasUrls() and data.urls()[0].isLocalFile():
            self.open(data.urls()[0].toLocalFile())
        elif data.hasImage():
            path = self.new_file("pasted")
            QGuiApplication.clipboard().image().save(path)
            self.open(path)
        else:
            self.fail("the clipboard holds no image")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files may come."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first file; the others are more exemplars to be between."""
        files = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        if files:
            event.acceptProposedAction()
            self.open(files[0])
            for more in files[1:] if isinstance(self.tab, InterpolateTab) else []:
                self.mixing.add(more)

    def new_file(self, name: str, suffix: str = ".png") -> str:
        """A path in the session's folder that is nobody's yet."""
        self._files += 1
        return str(Path(self.session) / f"{name}-{self._files}{suffix}")

    def _file_of(self, job: Job) -> str:
        return self.new_file("model", ".safetensors") if job.command == "train" else self.new_file("result")

    # what runs

    def make(self, quality: str = "", *, restart: bool = False) -> None:
        """Make what the tab in front says, at its quality or another."""
        try:
            jobs = self.tab.jobs(self.session)
        except TexotError as error:
            self.fail(str(error))
            return
        if restart:
            self.stop()
        for job in jobs:
            self.queue(job.at(quality) if quality else job)

    def queue(self, job: Job) -> None:
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
        job = self.result.job.at("normal" if wanted == "draft" else wanted)
        self.waiting.append(Run(job, self.result.before, self.result.image))
        self._next()

    def stop(self) -> None:
        """End what runs after its step, keep what there is, and forget what waits."""
        self.waiting.clear()
        if self.running is not None:
            self.link.stop(self.running.number)
            self.say("stopping ...")

    def _next(self) -> None:
        if self.running is None and self.waiting:
            self.running = self.waiting.popleft()
            job = self.running.job
            self.running.number = self.link.ask(
                "run", job=job.command, inputs=job.inputs, options=job.options, file=self._file_of(job)
            )
            self.say("preparing ...")
        self._refresh()
        if not self.busy:
            self.idle.emit()

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
                self.models.trained(run.job, header, image)
            else:
                made = Result(run.job, image, run.before, run.image, header["file"], header["settings"])
                self._done(header, made)
            self._say_notes()
            self._next()

    def _say_notes(self) -> None:
        """What the library said meanwhile, after how it ended."""
        notes, self._notes = self._notes, []
        if notes:
            wrong = bool(self.view.failure)
            self.view.say("; ".join([self.view.message.text(), *dict.fromkeys(notes)]), wrong=wrong)

    def _state(self, header: dict[str, Any], image: QImage) -> None:
        if not image.isNull():
            self.view.canvas.show_after(image)
        if self.running is not None and self.running.job.command == "train":
            self.models.state(header)
        step, steps, left = header["step"], header["steps"], header["seconds_left"]
        self.view.progress.setRange(0, steps)
        self.view.progress.setValue(step)
        more = f", {len(self.waiting)} more to make" if self.waiting else ""
        self.say(
            f"step {step} of {steps}" + (f", about {left:.0f} s left" if left is not None else "") + more
        )

    def _done(self, header: dict[str, Any], result: Result) -> None:
        self.result = result
        self.view.canvas.show_after(result.picture)
        self.view.history.add(result)
        ended = f"stopped at step {header['step']} of {header['steps']}" if header["stopped"] else "done"
        size = f"{result.picture.width()}x{result.picture.height()} px"
        self.say(f"{ended}: {size} in {header['seconds']:.1f} s")

    def _broken(self, text: str) -> None:
        self.running = None
        self.waiting.clear()
        self._asked.clear()
        self.fail(text)
        self._next()

    # what was made

    def bring_back(self, result: Result) -> None:
        """Show a result of this session again, with what it was made from and its settings."""
        self.result = result
        canvas = self.view.canvas
        if result.image != self.image:
            self.image = result.image
            self.setWindowTitle(f"{Path(result.image).name} - texot")
            for tab in self.tabs:
                tab.opened(result.image, result.before)
        for index, tab in enumerate(self.tabs):
            if result.job.command in tab.commands:
                tab.restore(result.job)
                self.view.tabs.setCurrentIndex(index)
        if canvas.before.cacheKey() != result.before.cacheKey():
            canvas.show_before(result.before)
        canvas.show_after(result.picture)
        self.say(self.view.history.tip(result))
        self._refresh()

    def ask_save(self) -> None:
        """Choose a file for the result as shown."""
        if self.result is None:
            return
        folder = str(self.settings.value("save folder", self.settings.value("folder", "")))
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the result", str(Path(folder) / self.suggested_name()), SAVE_FILTER
        )
        if path:
            self.save(path if Path(path).suffix else path + ".png")

    def suggested_name(self) -> str:
        """A name for the result as shown."""
        job = self.result.job if self.result else None
        stem = Path(self.image).stem or "texture"
        return f"{stem}-{job.options['seed']}.png" if job and "seed" in job.options else f"{stem}.png"

    def save(self, path: str) -> None:
        """Write the result as shown."""
        if self.result is not None:
            result = self.result

            def saved(header: dict[str, Any], image: QImage) -> None:
                result.saved = path
                self.settings.setValue("save folder", str(Path(path).parent))
                self.say(f"wrote {path}")

            self.copy_file(result.file, path, saved)

    def copy_file(self, file: str, path: str, then: Any) -> None:
        """Write a file of the session under a name of the user's, through the library."""
        self.ask("save", then, file=file, path=path)

    def ask(self, do: str, then: Any, **facts: Any) -> None:
        """Ask the worker for something that is no run; `then` gets its answer."""
        self._asked[self.link.ask(do, **facts)] = then

    def copy_command(self) -> None:
        """The command that makes the result as shown, to the clipboard."""
        if self.result is not None:
            line = self.result.job.line(self.result.saved or self.suggested_name())
            QGuiApplication.clipboard().setText(line)
            self.say(f"copied: {line}")

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
        final = self.result is not None and "quality" in self.result.job.options
        view.final.setEnabled(final and not busy)

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
        self.link.close()
        shutil.rmtree(self.session, ignore_errors=True)
        event.accept()

    def _may_close(self) -> bool:
        unsaved = [r for r in self.view.history.results if not r.saved]
        model = self.models.unsaved
        if not unsaved and not model:
            return True
        buttons = QMessageBox.StandardButton
        results = "a result" if len(unsaved) == 1 else f"{len(unsaved)} results"
        many = " and ".join([results] * bool(unsaved) + ["the model"] * model)
        answer = QMessageBox.question(
            self, "texot", f"Close without saving {many}?", buttons.Discard | buttons.Cancel, buttons.Cancel
        )
        return answer == buttons.Discard


def _bytes(value: object) -> QByteArray:
    return value if isinstance(value, QByteArray) else QByteArray()
