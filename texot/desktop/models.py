"""The models of a session, and the training that can be resumed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from texot.desktop.requests import JobRequest


@dataclass(eq=False)
class Model:
    """A trained model.

    Attributes:
        file: that samples are made from.
        saved: the user's file of it, or empty.
        n_exemplars: that it was trained on.
        training: the complete training that made it in this session, or None.
        threads: CPU threads of that training.
    """

    file: str
    saved: str = ""
    n_exemplars: int = 1
    training: JobRequest | None = None
    threads: int | None = None


class Models:
    """The models that a session has used.

    Attributes:
        current: that samples are made from, or None.
        stopped_training: that can be resumed, or None.
    """

    def __init__(self) -> None:
        self.current: Model | None = None
        self.stopped_training: JobRequest | None = None
        self._known: dict[str, Model] = {}

    def use(self, model: Model) -> None:
        """Make samples from this model."""
        self.current = self._known[model.file] = model

    def use_file(self, file: str) -> bool:
        """Make samples from the model of this file, known or not; returns whether it is another one."""
        if self.current is not None and self.current.file == file:
            return False
        self.use(self._known.get(file, Model(file)))
        return True

    def trained(self, request: JobRequest, file: str, threads: int, *, resumable: bool) -> None:
        """Use the model of a training that has ended.

        Args:
            request: of the training.
            file: that it wrote.
            threads: CPU threads that it used.
            resumable: whether it was stopped before its last step.
        """
        whole = replace(request, resumes=False)
        self.stopped_training = whole if resumable else None
        n_exemplars = len(request.files["images"])
        self.use(Model(file, "", n_exemplars, None if resumable else whole, threads))
