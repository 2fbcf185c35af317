"""The exemplars of one texture, each with its share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QSpinBox, QToolButton, QVBoxLayout, QWidget

from texot.desktop.shares import WHOLE, equal, with_one_more, with_share, without
from texot.desktop.views.controls import button, number, thumbnail

_ICON = 24  # pixels
_SHARE = "Share of the result; all shares add up to 100 %, the others follow"


class ShareList(QWidget):
    """The open image and further exemplars. Their shares add up to 100 %.

    Attributes:
        add_button: asks for exemplars.
        ask_add: exemplars are to be added from files.
        changed: exemplars or shares are others.
        others: paths of the exemplars besides the open image.
        shares: percent of the open image and of the others.
    """

    ask_add = Signal()
    changed = Signal()

    def __init__(self, tip: str) -> None:
        super().__init__()
        self._image = ""
        self.others: list[str] = []
        self.shares = equal(1)
        self._pictures: dict[str, QPixmap] = {}
        self.boxes: list[QSpinBox] = []
        self.remove_buttons: list[QToolButton] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._rows = QWidget()
        self._grid = QGridLayout(self._rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        outer.addWidget(self._rows)
        self.add_button = button("Add exemplars...", tip, self.ask_add.emit)
        outer.addWidget(self.add_button)
        self._build()

    def show_image(self, path: str) -> None:
        """Another image is open: it is the first exemplar, alone."""
        self._image = path
        self.show_exemplars([], [])

    def show_exemplars(self, others: Sequence[str], shares: Sequence[int]) -> None:
        """Show further exemplars, and the shares of all; none: equal ones."""
        self.others = list(others)
        self.shares = list(shares) if len(shares) == 1 + len(others) else equal(1 + len(others))
        self._build()
        self.changed.emit()

    def add(self, path: str) -> None:
        """Append an exemplar."""
        self.show_exemplars([*self.others, path], with_one_more(self.shares))

    def show_picture(self, path: str, picture: QImage) -> None:
        """Show a small picture next to an exemplar, now or when it is added."""
        if not picture.isNull():
            self._pictures[path] = thumbnail(picture, _ICON, self.devicePixelRatioF())
            self._build()

    def _remove(self, place: int) -> None:
        self.show_exemplars(
            [path for k, path in enumerate(self.others, 1) if k != place], without(self.shares, place)
        )

    def _build(self) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.boxes, self.remove_buttons = [], []
        self._rows.setVisible(bool(self.others))
        for place, path in enumerate([self._image, *self.others] if self.others else []):
            self._add_row(place, path)

    def _add_row(self, place: int, path: str) -> None:
        icon = QLabel()
        icon.setFixedSize(_ICON, _ICON)
        icon.setPixmap(self._pictures.get(path, QIcon().pixmap(_ICON)))
        name = QLabel(os.path.basename(path))
        name.setToolTip(path)
        name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        box = number(0, WHOLE, self.shares[place], _SHARE, " %")
        box.setAccessibleName(f"Share of {os.path.basename(path)}")
        box.valueChanged.connect(partial(self._set_share, place))
        self.boxes.append(box)
        widgets: list[QWidget] = [icon, name, box]
        if place:
            remove = QToolButton()
            remove.setText("\u00d7")
            remove.setToolTip("Remove this exemplar")
            remove.clicked.connect(lambda: self._remove(place))
            self.remove_buttons.append(remove)
            widgets.append(remove)
        for column, widget in enumerate(widgets):
            self._grid.addWidget(widget, place, column)
            widget.show()  # a layout would show it later

    def _set_share(self, place: int, value: int) -> None:
        self.shares = with_share(self.shares, place, value)
        for box, share in zip(self.boxes, self.shares, strict=True):
            with QSignalBlocker(box):
                box.setValue(share)
        self.changed.emit()
