"""The forms of all tasks, one tab each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QStyle, QTabWidget

from texot.desktop.views.tabs.tab import Tab

_FRAME = 4  # pixels around a form


class FormTabs(QTabWidget):
    """The tabs, in which a form that is too high scrolls.

    Attributes:
        forms: in the order of the tabs.
    """

    def __init__(self, forms: Sequence[Tab]) -> None:
        super().__init__()
        self.forms = list(forms)
        for form in self.forms:
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setFrameShape(QScrollArea.Shape.NoFrame)
            scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            scroll.setWidget(form)
            self.addTab(scroll, form.title)

    def least_width(self) -> int:
        """Width in which no form and no title of a tab is cut, scroll bar included."""
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        forms = max(form.minimumSizeHint().width() for form in self.forms) + bar
        return max(forms, self.tabBar().sizeHint().width()) + _FRAME

    @property
    def front(self) -> Tab:
        """The form that is shown."""
        return self.forms[self.currentIndex()]

    def show_form(self, form: Tab) -> None:
        """Bring a form to the front, unless it is off."""
        place = self.forms.index(form)
        if self.isTabEnabled(place):
            self.setCurrentIndex(place)

    def turn_off(self, form: Tab, why: str) -> None:
        """Disable the tab of a form, with the reason as its tooltip; without a reason, enable it."""
        place = self.forms.index(form)
        self.setTabEnabled(place, not why)
        self.setTabToolTip(place, why)
