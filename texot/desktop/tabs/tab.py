"""What every tab is to the window."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from texot.desktop.mask import Mask
from texot.desktop.requests import JobRequest
from texot.errors import InputError


class Tab(QWidget):
    """A form whose settings become jobs.

    Attributes:
        title: on the tab.
        painting: the mask that is painted, or None where nothing is.
        wanted: the tab asks the window for a run by itself, at a quality.
        mask_changed: `painting` is another one.
    """

    title = ""
    tasks: tuple[str, ...] = ()  # of its jobs
    has_quality = True  # whether there is a draft, and something final
    wanted = Signal(str)
    mask_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        self.form = QFormLayout()
        outer.addLayout(self.form)
        outer.addStretch(1)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.painting: Mask | None = None
        self.image = ""

    @property
    def quality(self) -> str:
        """As chosen."""
        return "normal"

    def show_quality(self, quality: str) -> None:
        """Choose another, if there are several."""

    def opened(self, path: str, image: QImage) -> None:
        """Another image is open."""
        self.image = path

    def jobs(self, folder: str) -> list[JobRequest]:
        """What to make by the settings, in this order.

        Args:
            folder: of the session, for files that belong to a job.

        Raises:
            InputError: something is missing.
        """
        raise NotImplementedError

    def another(self) -> None:
        """The next seed."""
        raise NotImplementedError

    def restore(self, job: JobRequest) -> None:
        """Show the settings of a job of this tab."""
        raise NotImplementedError

    def need_image(self) -> str:
        """The open image.

        Raises:
            InputError: there is none.
        """
        if not self.image:
            raise InputError("open an image first")
        return self.image
