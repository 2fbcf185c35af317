"""The questions before something that is not saved is lost."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMessageBox, QWidget

from texot.desktop.controllers.generator_actions import GeneratorActions
from texot.desktop.controllers.saving import Saving
from texot.desktop.session import Session


class Closing:
    """Asks when the window closes, and when a result is removed.

    Args:
        session: knows what is not saved.
        saving: saves results.
        generator: saves the model.
        window: closes.

    Attributes:
        asks: whether closing asks; otherwise what is not saved is left to the next window.
    """

    def __init__(
        self, session: Session, saving: Saving, generator: GeneratorActions, window: QWidget
    ) -> None:
        self._session, self._saving, self._generator, self._window = session, saving, generator, window
        self.asks = True

    def may_close(self) -> bool:
        """Whether the window may close now; if the user wants to save first, it closes later by itself."""
        lost = self._session.saves.unsaved()
        if not lost or not self.asks:
            return True
        buttons, saves = QMessageBox.StandardButton, self._session.saves
        can_save = bool(saves.unsaved_results) or saves.unsaved_model
        answer = self._ask(f"Close without saving {' and '.join(lost)}?", can_save=can_save)
        if answer == buttons.Save:
            self._save_and_close()
        return answer == buttons.Discard

    def may_lose(self, question: str) -> bool:
        """Ask whether to lose something that is not saved."""
        return self._ask(question, can_save=False) == QMessageBox.StandardButton.Discard

    def _ask(self, question: str, *, can_save: bool) -> QMessageBox.StandardButton:
        buttons = QMessageBox.StandardButton
        offered = buttons.Discard | buttons.Cancel
        if can_save:
            offered |= buttons.Save
        return QMessageBox.question(self._window, "texot", question, offered, buttons.Cancel)

    def _save_and_close(self) -> None:
        """Ask where to save the results, then the model; close when all is written."""
        saves = self._session.saves
        if saves.unsaved_results:
            self._saving.ask_save_several(saves.unsaved_results, self._save_and_close)
        elif saves.unsaved_model:
            self._generator.ask_save(self._save_and_close)
        else:
            self.asks = False  # what runs was asked about
            QTimer.singleShot(0, self._window.close)
