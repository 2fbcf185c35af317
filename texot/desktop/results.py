"""Results of a session."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from texot.desktop.job_queue import OpenImage, QueuedJob
from texot.desktop.requests import PICTURES, JobRequest
from texot.errors import InputError


@dataclass(eq=False)
class Result:
    """The result of a job.

    Attributes:
        request: of the job, in full size; see `run`.
        picture: its pixels as the views show them.
        size: (width, height) in pixels.
        source: the image that was open when the job was queued.
        file: the session's file of it: a PNG, which holds the settings, or if a PNG cannot hold its values,
            OpenEXR or TIFF; of a material, the session's folder.
        settings: as in that file.
        saved: the user's file or folder of it, or empty.
        maps: roles of a material's maps; empty for an image.
        names: names of the files in a material's folder.
        is_thumbnail: whether the picture is small: of a batch, see `texot.desktop.batch`.
        run: what the worker did, where that is not `request`: a draft of a large image is reduced.
    """

    request: JobRequest
    picture: Any
    size: tuple[int, int]
    source: OpenImage
    file: str
    settings: dict[str, Any] = field(default_factory=dict)
    saved: str = ""
    maps: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    run: JobRequest | None = None
    is_thumbnail: bool = False

    @classmethod
    def from_event(cls, job: QueuedJob, header: dict[str, Any], picture: Any) -> Result:
        """The result in a "done" event of a job."""
        width, height = header.get("whole") or header["size"]
        maps, names = tuple(header.get("maps", ())), tuple(header.get("names", ()))
        file, settings = header["file"], header["settings"]
        size, run = (width, height), job.run if job.run != job.request else None
        return cls(
            job.request,
            picture,
            size,
            job.source,
            file,
            settings,
            maps=maps,
            names=names,
            run=run,
            is_thumbnail="whole" in header,
        )

    @property
    def stopped(self) -> bool:
        """Whether the job was stopped before its last step."""
        return "stopped_at" in self.settings

    def is_of(self, request: JobRequest, source: OpenImage) -> bool:
        """Whether a job would only make this result again."""
        return self.request == request and self.source is source and not self.stopped

    @property
    def folder(self) -> str:
        """The folder of the material."""
        return self.file

    @property
    def summary(self) -> str:
        """The task, the size and the arguments in one line."""
        given = []
        for name, value in self.request.arguments.items():
            if value is not None and value is not False:
                given.append(f"{name} {Path(value).name if name in PICTURES else value}")
        return f"{self.request.task}: {self.size[0]}x{self.size[1]}, {', '.join(given)}"

    @property
    def label(self) -> str:
        """The seed and the quality, or the task."""
        arguments = self.request.arguments
        if "seed" not in arguments:
            return self.request.task
        return f"seed {arguments['seed']}, {arguments.get('quality') or self.request.task}"

    @property
    def file_name(self) -> str:
        """A name for the user's file or folder: of the source and the seed."""
        path, suffix = Path(self.source.path), "" if self.maps else Path(self.file).suffix
        stem = (path.name if self.source.maps else path.stem) or "texture"
        arguments = self.request.arguments
        return f"{stem}-{arguments.get('seed', self.request.task)}{suffix}"

    def check_repeatable(self) -> None:
        """Refuse a result that no command can repeat yet.

        Raises:
            InputError: the job was stopped and its result is not saved, an image as a PNG: it is needed. Or
                a PNG cannot hold it.
        """
        if self.stopped and self.maps:
            if not self.saved:
                raise InputError("it was stopped: save it first, so that texot makes it again from there")
        elif self.stopped and Path(self.file).suffix != ".png":
            kind = Path(self.file).suffix
            raise InputError(f"it was stopped, and {kind} files hold no settings: let it finish first")
        elif self.stopped and not self.saved.lower().endswith(".png"):
            raise InputError("it was stopped: save it as a PNG first, from which texot makes it again")

    def command_line(self, names: dict[str, str]) -> str:
        """The command that writes the same file.

        Args:
            names: files of the session -> the user's files with the same content.

        Raises:
            InputError: see `check_repeatable`.
        """
        self.check_repeatable()
        output = self.saved or self.file_name
        if not self.stopped:
            return (self.run or self.request).command_line(output, names, self.settings.get("threads"))
        path = Path(output)
        again = f"{path.name}-replay" if self.maps else f"{path.stem}-replay.png"
        return self.request.replay_line(output, str(path.with_name(again)), names)
