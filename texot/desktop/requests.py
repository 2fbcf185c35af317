"""A job as the window describes it: its JSON, and the command line that writes the same file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

TASKS = ("synthesize", "inpaint", "tile", "interpolate", "straighten", "train", "sample")
"""The tasks, named as their commands are."""

PHOTOGRAPHS = ("inpaint", "tile")
"""Tasks whose results have the size of the photograph."""
FOLLOWED = ("target_labels", "guide", "rotation_map", "scale_map")
"""Pictures that the result follows; it has the size of the first."""
PICTURES = ("source", "weights_map", "labels", "guide_exemplar", *FOLLOWED)
"""Arguments that name pictures which say what goes where."""
_FILES = ("init", *PICTURES)  # arguments that name files of any task
_NAMED_MAPS = ("horizontal", "vertical", "radial")


@dataclass(frozen=True)
class JobRequest:
    """A job for the worker, plain JSON values only.

    Attributes:
        task: one of `TASKS`.
        files: paths of the inputs by their role, in the order of the command's arguments: "image", "mask"
            (None: the image's own transparency), "images" (a list), or "model".
        arguments: keyword arguments of the public function of the task, which are also the options of the
            command. None: the function's default.
        resumes: of "train" only: continue the last training, which was stopped.
    """

    task: str
    files: dict[str, Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    resumes: bool = False

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"no such task: {self.task!r}")

    def to_json(self) -> dict[str, Any]:
        """The request as a JSON object, which `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> JobRequest:
        """A request from the object that `to_json` returned; other keys of the object are ignored.

        Raises:
            ValueError: a field is missing, or the task is unknown.
        """
        names = [f.name for f in fields(cls)]
        missing = [name for name in names if name not in found]
        if missing:
            raise ValueError(f"a job request lacks {', '.join(missing)}")
        return cls(**{name: found[name] for name in names})

    def with_quality(self, quality: str) -> JobRequest:
        """The same job at another quality; unchanged where the task has none."""
        if "quality" not in self.arguments:
            return self
        return replace(self, arguments={**self.arguments, "quality": quality})

    def size_shown(self, image: tuple[int, int]) -> tuple[int, int] | None:
        """The size in which pictures of the job are shown: that of its photograph; None: their own.

        Args:
            image: (width, height) of the open image. A draft may be reduced.
        """
        return image if self.task in PHOTOGRAPHS else None

    def paths(self) -> list[str]:
        """Paths of all input files, in the order of the command's arguments."""
        found = []
        for value in self.files.values():
            found += [str(path) for path in (value if isinstance(value, list) else [value]) if path]
        return found

    def inputs(self) -> list[str]:
        """Paths of all files that the command reads: `paths`, and those that arguments name."""
        return [*self.paths(), *(self.arguments[name] for name in _FILES if self.arguments.get(name))]

    def command_line(
        self, output: str, names: Mapping[str, str] | None = None, threads: int | None = None
    ) -> str:
        """The command that writes the same file.

        Args:
            output: name of the file.
            names: names to use in place of input paths, for files of the session that the user saved.
            threads: number of CPU threads, on which the last digits of a result depend.
        """
        words = ["texot", self.task, *self._named(names), "-o", output]
        for name, value in {**self.arguments, "threads": threads}.items():
            if name in _FILES and value:
                value = (names or {}).get(value, value)
            flag = "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
            elif isinstance(value, list):
                words += [flag, ",".join(map(_word, value))]
            elif value is not None and value is not False:
                words += [flag, _word(value)]
        return shlex.join(words)

    def replay_line(self, file: str, output: str, names: Mapping[str, str] | None = None) -> str:
        """The command that repeats a stopped job from the PNG that holds its result.

        Args:
            file: the PNG.
            output: name of the file to write.
            names: see `command_line`.
        """
        words = ["texot", "replay", file, *self._named(names), "-o", output]
        weight_map = self.arguments.get("weight_map")
        if weight_map and weight_map not in _NAMED_MAPS:
            words += ["--weight-map", weight_map]
        for name in _FILES:
            path = self.arguments.get(name)
            if path:
                words += [f"--{name.replace('_', '-')}", (names or {}).get(path, path)]
        return shlex.join(words)

    def _named(self, names: Mapping[str, str] | None) -> list[str]:
        return [(names or {}).get(path, path) for path in self.paths()]


def _word(value: object) -> str:
    """A number with as many digits as it needs."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else repr(value)
