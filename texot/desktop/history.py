"""This session's results as a strip of thumbnails; a double click brings one back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QIcon, QImage, QPaintEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from texot.desktop.controls import thumbnail, write_hint
from texot.desktop.requests import JobRequest

_SIDE = 64


@dataclass
class Result:
    """A picture that was made.

    Attributes:
        job: what made it.
        picture: as shown.
        before: what it was made from, as shown.
        image: the path of that.
        file: the session's file of it, with its settings.
        settings: as in that file.
        saved: the user's file, or empty.
    """

    job: JobRequest
    picture: QImage
    before: QImage
    image: str
    file: str
    settings: dict[str, Any] = field(default_factory=dict)
    saved: str = ""


@dataclass
class Run:
    """A job that waits or runs.

    Attributes:
        job: what to make.
        before: what it is made from, as shown.
        image: the path of that.
        number: of the request, once it runs.
        shown: whether its pictures are, as nothing else was brought in front meanwhile.
        kept: whether what there is of it stays when it is stopped.
    """

    job: JobRequest
    before: QImage
    image: str
    number: int = 0
    shown: bool = True
    kept: bool = True


class History(QListWidget):
    """The strip.

    Attributes:
        chosen: a result to bring back.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.results: list[Result] = []
        self.setFlow(QListView.Flow.LeftToRight)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setSpacing(2)
        self.setFixedHeight(_SIDE + 44)
        self.setAccessibleName("Results of this session")
        self.setToolTip("Results of this session: double-click brings one back")
        self.itemActivated.connect(self._bring)
        self.itemDoubleClicked.connect(self._bring)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tell what comes here while it is empty."""
        super().paintEvent(event)
        if not self.results:
            write_hint(self.viewport(), "Results appear here; a double click brings one back")

    def add(self, result: Result, *, marked: bool = True) -> None:
        """One more, at the right."""
        self.results.append(result)
        options = result.job.arguments
        icon, small = QIcon(), thumbnail(result.picture, _SIDE, self.devicePixelRatioF())
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            icon.addPixmap(small, mode)  # Qt would tint the selected one
        item = QListWidgetItem(icon, f"seed {options.get('seed', 0)}\n{options.get('quality', '')}")
        item.setToolTip(self.tip(result))
        self.addItem(item)
        if marked:
            self.setCurrentItem(item)
        self.scrollToItem(item)

    @staticmethod
    def tip(result: Result) -> str:
        """A result's settings in a line."""
        given = [f"{k} {v}" for k, v in result.job.arguments.items() if v is not None and v is not False]
        return f"{result.job.task}: {result.picture.width()}x{result.picture.height()}, {', '.join(given)}"

    def _bring(self, item: QListWidgetItem) -> None:
        self.chosen.emit(self.results[self.row(item)])
