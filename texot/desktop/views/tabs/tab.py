"""The base class of the forms: settings of a task as controls."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from texot.desktop.requests import JobRequest
from texot.desktop.settings import Settings
from texot.desktop.views.painting import Painting


class Tab(QWidget):
    """A form.

    Attributes:
        title: of the task.
        icon: of the task, see `texot.desktop.views.icons`.
        hint: what the task does, in one line.
        advanced: whether the task is listed apart from the others.
        tasks: whose settings it has.
        takes_batches: whether its settings hold for any image.
        has_quality: whether its tasks have drafts.
        painting: the picture on which the mouse paints, or None.
        image: path of the open image.
        wanted: jobs of this quality are wanted now, in place of those that run.
        mask_changed: `painting` is another one.
        mask_rested: its pixels are others, and have not changed since.
        edited: other settings than those in fields and boxes have changed.
    """

    title, icon, hint = "", "", ""
    advanced = False
    tasks: tuple[str, ...] = ()
    takes_batches = False
    has_quality = True
    wanted = Signal(str)
    mask_changed = Signal()
    mask_rested = Signal()
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        self.form = QFormLayout()
        outer.addLayout(self.form)
        outer.addStretch(1)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.painting: Painting | None = None
        self.image = ""

    @property
    def quality(self) -> str:
        """The quality that is chosen."""
        return "normal"

    @property
    def painted_pixels(self) -> int | None:
        """Number of pixels that are painted; None without a mask."""
        return None

    def show_quality(self, quality: str) -> None:
        """Choose a quality, where the form has several."""

    def show_image(self, path: str, image: QImage) -> None:
        """Another image is open."""
        self.image = path

    def settings(self) -> Settings:
        """The settings that are shown.

        Raises:
            InputError: something is missing.
        """
        raise NotImplementedError

    def remembered(self) -> dict[str, QWidget]:
        """Controls whose values the next window shows again, by name."""
        return {}

    def next_seed(self) -> None:
        """Show a seed that was not used before."""
        raise NotImplementedError

    def show_request(self, request: JobRequest) -> None:
        """Show the settings of a request of one of the form's tasks."""
        raise NotImplementedError
