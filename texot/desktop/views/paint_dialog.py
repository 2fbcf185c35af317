"""The dialog in which label pictures and masks are painted over the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QImage, QKeySequence, QMouseEvent, QPixmap, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from texot.desktop.label_palette import LabelPalette
from texot.desktop.views.canvas import Canvas
from texot.desktop.views.controls import button, number, row
from texot.desktop.views.label_picture import LabelPicture
from texot.desktop.views.picture_choice import PictureChoice

_SWATCH, _A_ROW = 26, 6  # pixels of a colour, and colours in a row


@dataclass(eq=False)
class Page:
    """A picture to paint.

    Attributes:
        name: argument that names the picture, such as "labels".
        choice: shows which picture is used.
        title: of the page.
        below: the picture that shows through.
        labels: what is painted.
    """

    name: str
    choice: PictureChoice
    title: str
    below: QImage
    labels: LabelPicture


class PaintDialog(QDialog):
    """Pages to paint, with one palette.

    Args:
        parent: the window.
        title: of the dialog.
        hint: what the colours mean.
        pages: one or more.
        palette: the colours.
        can_add: whether there may be more colours.

    Attributes:
        ask_load, ask_save: the page in front is to be read from a file, or written to one.
        page: the one in front.
    """

    ask_load = Signal()
    ask_save = Signal()

    def __init__(
        self,
        parent: QWidget,
        title: str,
        hint: str,
        pages: Sequence[Page],
        palette: LabelPalette,
        *,
        can_add: bool,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.pages, self.page, self.colours = list(pages), pages[0], palette
        self.canvas = Canvas()
        self.canvas.installEventFilter(self)
        self._can_add = can_add
        self.swatches: list[QToolButton] = []
        self._group = QButtonGroup(self)
        text = QLabel(hint)
        text.setWordWrap(True)
        panel = QWidget()
        panel.setFixedWidth(_A_ROW * (_SWATCH + 16) + 20)
        self._panel = QVBoxLayout(panel)
        self._panel.setContentsMargins(0, 0, 0, 0)
        self._panel.addWidget(text)
        self._add_pages()
        self._add_tools()
        self._panel.addStretch(1)
        self._add_buttons()
        layout = QHBoxLayout(self)
        layout.addWidget(panel)
        layout.addWidget(self.canvas, 1)
        for page in self.pages:
            page.labels.changed.connect(self._refresh)
        self._add_keys()
        self.show_palette()
        self.show_page(self.pages[0])
        self.resize(self.sizeHint())  # a dialog would have at most two thirds of the screen

    def _add_pages(self) -> None:
        self.tabs = [
            button(page.title, f"Paint: {page.title}", partial(self.show_page, page), checkable=True)
            for page in self.pages
        ]
        group = QButtonGroup(self)
        for tab in self.tabs:
            tab.setAutoDefault(False)
            group.addButton(tab)
        if len(self.tabs) > 1:
            self._panel.addWidget(row(*self.tabs))

    def _add_tools(self) -> None:
        self._colours = QWidget()
        self._grid = QGridLayout(self._colours)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._grid.setColumnStretch(_A_ROW, 1)
        self._panel.addWidget(self._colours)
        self.add = self._button("Add colour", "One more label", self._add)
        self.pick = self._button("Pick", "Click on the picture to paint with its colour there (P)")
        self.pick.setCheckable(True)
        self.fill = self._button("Fill all", "Paint the whole picture with this colour", self._fill)
        self._panel.addWidget(row(self.add, self.pick, self.fill))
        self.add.setHidden(not self._can_add)
        form = QFormLayout()
        self.brush = number(1, 2000, 24, "Width of the brush; [ and ] make it smaller and larger", " px")
        self.brush.valueChanged.connect(self._set_brush)
        form.addRow("&Brush", self.brush)
        label = form.labelForField(self.brush)
        label.setToolTip(self.brush.toolTip())
        self._panel.addLayout(form)
        self.undo = self._button("Undo", "Undo the last stroke (Ctrl+Z)", lambda: self.page.labels.undo())
        self.redo = self._button("Redo", "Redo the stroke (Ctrl+Shift+Z)", lambda: self.page.labels.redo())
        self._panel.addWidget(row(self.undo, self.redo))
        self.load = self._button("Open...", "Open a picture that was painted before", self.ask_load.emit)
        self.save = self._button("Save...", "Write what is painted to a file, as PNG", self.ask_save.emit)
        self._panel.addWidget(row(self.load, self.save))
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._panel.addWidget(self.message)

    def _button(self, text: str, tip: str, action: Callable[[], object] = lambda: None) -> QPushButton:
        made = button(text, tip, action)
        made.setAutoDefault(False)  # Return accepts the dialog
        return made

    def _add_buttons(self) -> None:
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel)
        self.buttons.button(kinds.Ok).setText("Use")
        self.buttons.button(kinds.Ok).setToolTip("Use what is painted")
        self.buttons.button(kinds.Cancel).setToolTip("Leave it as it was")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self._panel.addWidget(self.buttons)

    def _add_keys(self) -> None:
        keys = {
            "Ctrl+Z": self.undo.click,
            "Ctrl+Shift+Z": self.redo.click,
            "Ctrl+Y": self.redo.click,
            "[": lambda: self._resize(0.8),
            "]": lambda: self._resize(1.25),
            "P": self.pick.click,
        }
        for key, action in keys.items():
            QShortcut(QKeySequence(key), self).activated.connect(action)

    def sizeHint(self) -> QSize:
        """It fits into a window of the least size."""
        return QSize(960, 600)

    def show_page(self, page: Page) -> None:
        """Bring a page to the front."""
        self.page = page
        self.tabs[self.pages.index(page)].setChecked(True)
        self.canvas.show_exemplar(page.below)
        self.canvas.set_mask(page.labels)
        self.brush.setValue(max(3, min(page.below.width(), page.below.height()) // 10))
        self._set_brush()
        self._refresh()

    def show_palette(self) -> None:
        """Show the colours, and which of them paints."""
        for swatch in self.swatches:
            self._group.removeButton(swatch)
            swatch.hide()
            swatch.deleteLater()
        self.swatches = [self._swatch(place) for place in range(len(self.colours.colours))]
        for place, swatch in enumerate(self.swatches):
            self._grid.addWidget(swatch, place // _A_ROW, place % _A_ROW)
            swatch.show()  # a layout would show it later
        self._choose(self.colours.current)
        self.add.setEnabled(not self.colours.is_full)

    def _swatch(self, place: int) -> QToolButton:
        made, colour = QToolButton(), self.colours.colours[place]
        square = QPixmap(_SWATCH, _SWATCH)
        square.fill(QColor(colour))
        made.setIcon(QIcon(square))
        made.setIconSize(QSize(_SWATCH, _SWATCH))
        made.setCheckable(True)
        made.setToolTip(f"Paint with {colour}")
        made.setAccessibleName(colour)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.clicked.connect(lambda: self._choose(place))
        self._group.addButton(made)
        return made

    def _choose(self, place: int) -> None:
        self.colours.choose(place)
        self.swatches[self.colours.current].setChecked(True)
        for page in self.pages:
            page.labels.colour = QColor(self.colours.colour)

    def _add(self) -> None:
        self.colours.add()
        self.show_palette()

    def _fill(self) -> None:
        self.page.labels.fill(self.page.labels.colour)

    def _set_brush(self) -> None:
        self.canvas.brush = self.brush.value()
        self.canvas.update()

    def _resize(self, factor: float) -> None:
        width = self.brush.value()
        self.brush.setValue(max(width + 1, int(width * factor)) if factor > 1 else int(width * factor))

    def _refresh(self) -> None:
        self.undo.setEnabled(self.page.labels.can_undo)
        self.redo.setEnabled(self.page.labels.can_redo)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """While a colour is picked, a press on the canvas chooses it and does not paint."""
        picks = event.type() == QEvent.Type.MouseButtonPress and self.pick.isChecked()
        if not isinstance(event, QMouseEvent) or not picks:
            return super().eventFilter(watched, event)
        found = self.page.labels.colour_at(self.canvas.to_picture(event.position()))
        if found is not None:
            self.colours.pick(found.name())
            self.show_palette()
            self.pick.setChecked(False)
        return True
