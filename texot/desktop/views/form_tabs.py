"""The forms of all tasks, one tab each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QScrollArea, QTabWidget

from texot.desktop.views.tabs.tab import Tab


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
