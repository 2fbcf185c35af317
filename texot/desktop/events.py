"""The changes of a session that views observe."""

from __future__ import annotations

from typing import Any

from texot.desktop.observers import Observers
from texot.desktop.requests import JobRequest
from texot.desktop.results import Result


class SessionEvents:
    """The observers of a session. They are notified after the change.

    Attributes:
        image_changed: another image is open.
        result_added: (result, whether it is shown).
        result_removed: (result).
        result_saved: (result): it is in a file of the user.
        request_restored: (request): forms show the settings of a result that was selected.
        selection_changed: another result is shown, or none.
        reference_changed: results are compared with another picture.
        preview_shown: (picture): it is shown and is not a result.
        progress_changed: another job runs, or it has made progress.
        training_progressed: (loss, steps in all, scale).
        model_changed: another model is used, or it was saved.
        message_changed: there is another message.
        became_idle: the worker has nothing to do.
    """

    def __init__(self) -> None:
        self.image_changed: Observers[[]] = Observers()
        self.result_added: Observers[[Result, bool]] = Observers()
        self.result_removed: Observers[[Result]] = Observers()
        self.result_saved: Observers[[Result]] = Observers()
        self.request_restored: Observers[[JobRequest]] = Observers()
        self.selection_changed: Observers[[]] = Observers()
        self.reference_changed: Observers[[]] = Observers()
        self.preview_shown: Observers[[Any]] = Observers()
        self.progress_changed: Observers[[]] = Observers()
        self.training_progressed: Observers[[float, int, int]] = Observers()
        self.model_changed: Observers[[]] = Observers()
        self.message_changed: Observers[[]] = Observers()
        self.became_idle: Observers[[]] = Observers()
