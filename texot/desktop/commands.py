"""A job as the window sees it, and the command line that does the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Job:
    """What to make.

    Attributes:
        command: the command's name: "synthesize", "inpaint", "tile", "interpolate", "train" or "sample".
        inputs: paths of what it is made from, see `texot.desktop.worker`.
        options: keyword arguments of the library's function, which are the command's options; None: its
            default.
    """

    command: str
    inputs: dict[str, Any]
    options: dict[str, Any]

    def at(self, quality: str) -> Job:
        """The same at another quality, if it has one."""
        if "quality" not in self.options:
            return self
        return replace(self, options={**self.options, "quality": quality})

    def paths(self) -> list[str]:
        """Of everything that it is made from, in the command's order."""
        found = []
        for value in self.inputs.values():
            found += [str(path) for path in (value if isinstance(value, list) else [value]) if path]
        return found

    def line(self, output: str, names: Mapping[str, str] | None = None, threads: int | None = None) -> str:
        """The command that makes the same file.

        Args:
            output: the file's name.
            names: how it is to call inputs that are files of this session only.
            threads: on which the last digits depend.
        """
        words = ["texot", self.command, *self._named(names), "-o", output]
        for name, value in {**self.options, "threads": threads}.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
            elif isinstance(value, list):
                words += [flag, ",".join(map(_word, value))]
            elif value is not None and value is not False:
                words += [flag, _word(value)]
        return shlex.join(words)

    def replay_line(self, file: str, output: str, names: Mapping[str, str] | None = None) -> str:
        """The command that makes a result again that was stopped, from the PNG that it was saved as."""
        words = ["texot", "replay", file, *self._named(names), "-o", output]
        map_ = self.options.get("map")
        if map_ and map_ not in ("horizontal", "vertical", "radial"):
            words += ["--map", map_]
        return shlex.join(words)

    def _named(self, names: Mapping[str, str] | None) -> list[str]:
        return [(names or {}).get(path, path) for path in self.paths()]


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
