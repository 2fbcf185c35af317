"""A job as the window sees it, and the command line that does the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Job:
    """What to make.

    Attributes:
        command: the command's name: "synthesize", "inpaint", "tile", "interpolate", "train" or "sample".
        inputs: paths of what it is made from, see `texot.desktop.jobs`.
        options: keyword arguments of the library's function, which are the command's options; None: its
            default.
        names: how the command is to call inputs that are files of this session only.
    """

    command: str
    inputs: dict[str, Any]
    options: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)

    def at(self, quality: str) -> Job:
        """The same at another quality, if it has one."""
        if "quality" not in self.options:
            return self
        return replace(self, options={**self.options, "quality": quality})

    def line(self, output: str) -> str:
        """The command that makes the same file."""
        words: list[str] = ["texot", self.command]
        for value in self.inputs.values():
            for path in value if isinstance(value, list) else [value] if value else []:
                words.append(self.names.get(str(path), str(path)))
        words += ["-o", output]
        for name, value in self.options.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
            elif isinstance(value, list):
                words += [flag, ",".join(map(_word, value))]
            elif value is not None and value is not False:
                words += [flag, _word(value)]
        return shlex.join(words)


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
