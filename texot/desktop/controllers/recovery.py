"""Offers the unsaved work of sessions that ended without an answer: killed, or closed by the system."""

from __future__ import annotations

from texot.desktop.session import Session
from texot.desktop.session_folder import SessionFolder, discard
from texot.desktop.unsaved_work import UnsavedWork
from texot.desktop.views.offer import Offer


class Recovery:
    """Connects the bar with the folders that were left.

    Args:
        session: gets the results.
        folder: of this session.
        offer: the bar.
    """

    def __init__(self, session: Session, folder: SessionFolder, offer: Offer) -> None:
        self._session, self._folder, self._offer = session, folder, offer
        self._work = UnsavedWork(session, folder.record)
        self._left = folder.left()
        offer.restore.connect(self.restore)
        offer.discard.connect(self.discard)
        if self._left:
            offer.show_text("The last session ended with results that are not saved.")

    def restore(self) -> None:
        """Add the results of the folders to this session."""
        left, self._left = self._left, []
        for folder in left:
            try:
                self._work.restore(self._folder.take_left(folder))
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._session.fail(f"the results in {folder} cannot be restored: {error}")
        self._offer.hide()

    def discard(self) -> None:
        """Delete the folders."""
        for folder in self._left:
            discard(folder)
        self._left = []
        self._offer.hide()
