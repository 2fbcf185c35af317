"""The forms of all tasks, with a button for each task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QLabel,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QStyle,
    QToolButton,
    QVBoxLayout,
)

from texot.desktop.views.controls import repeat_tips, row
from texot.desktop.views.icons import icon
from texot.desktop.views.tabs.tab import Tab

_FRAME, _ICON = 4, 24  # pixels around a form, and of an icon
ADVANCED, ADVANCED_ICON = "Advanced", "sliders-horizontal"


class FormTabs(QFrame):
    """A form for each task, in which what is too high scrolls.

    The button of a task brings its form to the front. Advanced tasks are in the menu of the last button.

    Attributes:
        forms: in the order of the buttons.
        currentChanged: the form of this number has come to the front.
    """

    currentChanged = Signal(int)

    def __init__(self, forms: Sequence[Tab]) -> None:
        super().__init__()
        self.forms = list(forms)
        self.stack = QStackedWidget()
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self._off: dict[Tab, str] = {}
        self._group = QButtonGroup(self)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._actions: dict[Tab, QAction] = {}
        self.buttons: dict[str, QToolButton] = {}
        for form in self.forms:
            self._add(form)
        advanced = self._button(ADVANCED, "Tasks that take longer, and have more settings")
        advanced.setMenu(self._menu)
        advanced.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._bar = row(*self.buttons.values())
        self._bar.layout().setSpacing(2)  # type: ignore[union-attr]
        layout.addWidget(self._bar)
        layout.addWidget(self.hint)
        layout.addWidget(self.stack, 1)
        self._draw_icons()
        self._show_front()

    def _add(self, form: Tab) -> None:
        repeat_tips(form.form)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(form)
        self.stack.addWidget(scroll)
        if form.advanced:
            self._actions[form] = self._menu.addAction(form.title)
            self._actions[form].setToolTip(form.hint)
            self._actions[form].triggered.connect(lambda _=False: self.show_form(form))
        else:
            self._button(form.title, form.hint).clicked.connect(partial(self.show_form, form))

    def _button(self, title: str, tip: str) -> QToolButton:
        made = self.buttons[title] = QToolButton()
        first, _, rest = title.partition(" ")
        made.setText(f"{first}\n{rest}")  # all have two lines, so that their icons are in a row
        made.setAccessibleName(title)
        made.setToolTip(tip)
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setIconSize(QSize(_ICON, _ICON))
        made.setCheckable(True)
        made.setAutoRaise(True)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self._group.addButton(made)
        return made

    def _draw_icons(self) -> None:
        names = {form.title: form.icon for form in self.forms} | {ADVANCED: ADVANCED_ICON}
        for title, made in self.buttons.items():
            made.setIcon(icon(names[title], _ICON, self.palette()))
        for form, action in self._actions.items():
            action.setIcon(icon(form.icon, _ICON, self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Draw the icons again when the palette becomes light or dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icons()

    def _show_front(self) -> None:
        front = self.front
        self.buttons[ADVANCED if front.advanced else front.title].setChecked(True)
        self.hint.setText(f"{front.title}: {front.hint}" if front.advanced else front.hint)

    def least_width(self) -> int:
        """Width in which no form and no button is cut, scroll bar included."""
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        forms = max(form.minimumSizeHint().width() for form in self.forms) + bar
        return max(forms, self._bar.sizeHint().width()) + _FRAME

    @property
    def front(self) -> Tab:
        """The form that is shown."""
        return self.forms[self.currentIndex()]

    def currentIndex(self) -> int:
        """The number of the form that is shown."""
        return self.stack.currentIndex()

    def setCurrentIndex(self, place: int) -> None:
        """Bring the form of a number to the front."""
        before = self.currentIndex()
        self.stack.setCurrentIndex(place)
        self._show_front()
        if place != before:
            self.currentChanged.emit(place)

    def show_form(self, form: Tab) -> None:
        """Bring a form to the front, unless it is off."""
        if form not in self._off:
            self.setCurrentIndex(self.forms.index(form))

    def entry(self, form: Tab) -> QAction:
        """The entry of an advanced task in its menu."""
        return self._actions[form]

    def turn_off(self, form: Tab, why: str) -> None:
        """Turn an advanced task off, with the reason as its tooltip; without a reason, turn it on."""
        self._off.pop(form, None)
        if why:
            self._off[form] = why
        self._actions[form].setEnabled(not why)
        self._actions[form].setToolTip(why or form.hint)
        if why and self.front is form:
            self.setCurrentIndex(0)
