"""The recipe of `texot batch`: which command makes what of which files. It imports no torch."""

import hashlib
import importlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from texot._version import ALGORITHM
from texot.cli.options import FILE, role_file
from texot.errors import InputError, quoted
from texot.files.material_names import role_of

COMMANDS = ("synthesize", "tile", "inpaint", "interpolate", "train", "sample", "apply", "preview")
"""Commands that a batch runs."""
IMAGES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".tga", ".exr", ".hdr"),
    *(".ppm", ".pgm"),
)
"""Suffixes of the files of a folder that are images."""
_OWN = ("output", "overwrite", "progress", "quiet", "threads", "cancel_file", "preview_file")
"""Options that the batch sets itself."""
_WRITTEN = ("save_field", "loss_plot", "frames", "show_mask", "layout", "sheet", "log_dir")
"""Options that name output files, in the folder of the job; interpolate's --frames is a number."""
_KEYS = {"command", "name", "inputs", "arguments", "options", "output"}
_MODELS = {"sample": (".safetensors",), "apply": (".npz", ".png")}


@dataclass(frozen=True)
class Item:
    """One command of a batch.

    Attributes:
        name: unique in the batch: JOB/STEM, without characters that shells or texot's names of outputs use.
        command: name of the texot command.
        inputs: files or folders, absolute.
        output: output file or folder, absolute; may contain {i} or {seed}.
        options: options as words of a command line, without those that the batch sets.
        files: further files that the options read.
    """

    name: str
    command: str
    inputs: tuple[Path, ...]
    output: Path
    options: tuple[str, ...]
    files: tuple[Path, ...] = ()

    def words(self) -> list[str]:
        """The command line after `texot`."""
        # options after a value of their own, so that a file name is never taken for an option
        return [self.command, *map(str, self.inputs), "-o", str(self.output), *self.options]

    def key(self) -> str:
        """Hash of what the result depends on: the contents of inputs, settings, the algorithm.

        Raises:
            InputError: an input cannot be read.
        """
        names = {str(path): content_hash(path) for path in (*self.inputs, *self.files)}
        options = [_without_paths(word, names) for word in self.options]
        about = [
            ALGORITHM,
            self.command,
            [names[str(path)] for path in self.inputs],
            options,
            self.output.name,
        ]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()


@dataclass(frozen=True)
class Recipe:
    """A list of jobs.

    Attributes:
        folder: folder of its relative paths.
        jobs: as the file gives them.
        options: options of all jobs.
    """

    folder: Path
    jobs: list[dict[str, Any]]
    options: dict[str, Any] = field(default_factory=dict)


def read_recipe(path: Path) -> Recipe:
    """A recipe of a TOML or JSON file.

    Raises:
        InputError: the file cannot be read, or is no recipe.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the recipe {str(path)!r}: {reason}") from error
    try:
        data = json.loads(text) if path.suffix.lower() == ".json" else _toml(text)
    except ValueError as error:
        raise InputError(f"{str(path)!r} is no recipe: {error}") from error
    jobs, options = data.get("job"), data.get("options", {})
    if not isinstance(jobs, list) or not jobs or not all(isinstance(job, dict) for job in jobs):
        raise InputError(f"{str(path)!r} has no job: give one [[job]] or more, see docs/batch.md")
    if not isinstance(options, dict) or set(data) - {"job", "options"}:
        raise InputError(
            f"{str(path)!r}: expected only [options] and [[job]], got {', '.join(map(repr, data))}"
        )
    return Recipe(path.absolute().parent, jobs, options)


def _toml(text: str) -> dict[str, Any]:
    try:
        tomllib = importlib.import_module("tomllib")
    except ImportError as error:  # Python 3.10
        raise InputError("recipes in TOML need Python 3.11: write the same as .json") from error
    found: dict[str, Any] = tomllib.loads(text)
    return found


def items_of(recipe: Recipe, out: Path, commands: Mapping[str, click.Command]) -> list[Item]:
    """The items of a recipe, in its order.

    Args:
        recipe: the recipe.
        out: output folder.
        commands: the commands of texot by name.

    Raises:
        InputError: a job that cannot be understood, or that has no input.
    """
    items: list[Item] = []
    names: set[str] = set()
    for job in recipe.jobs:
        unknown = set(job) - _KEYS
        command = job.get("command")
        if unknown or command not in COMMANDS:
            what = f"the key {quoted(min(unknown))}" if unknown else f"the command {quoted(command)}"
            known = ", ".join(sorted(_KEYS) if unknown else COMMANDS)
            raise InputError(f"a job has {what}: expected one of {known}")
        name = job.get("name", command)
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w .-]{0,99}", name) or name in names:
            raise InputError(
                f"{quoted(name)} is no name of a job: use letters and digits, another for each job"
            )
        names.add(name)
        items += _items_of_job(recipe, job, name, out.absolute() / name, commands[command])
    return items


def _items_of_job(
    recipe: Recipe, job: dict[str, Any], name: str, out: Path, command: click.Command
) -> Iterator[Item]:
    inputs = list(_inputs(recipe.folder, job, name))
    stems = _names(inputs)
    texts = {key: job.get(key, default) for key, default in (("arguments", []), ("options", {}))}
    if not isinstance(texts["arguments"], list) or not isinstance(texts["options"], dict):
        raise InputError(f"job {name!r}: arguments are a list, and options a table")
    options = {**recipe.options, **texts["options"]}
    for path, stem in zip(inputs, stems, strict=True):
        further = tuple(_resolved(recipe.folder, _filled(str(a), path)) for a in texts["arguments"])
        default = (
            "{stem}.safetensors" if command.name == "train" else "{stem}" if path.is_dir() else "{stem}.png"
        )
        given = str(job.get("output", default)).replace("{stem}", stem)
        words, files = _words(options, command, recipe.folder, out, path, stem)
        output = _inside(out, given, "output")
        yield Item(f"{name}/{stem}", command.name or "", (path, *further), output, words, files)


def _inputs(folder: Path, job: dict[str, Any], name: str) -> Iterator[Path]:
    """The inputs of a job: files of patterns, or what a folder holds."""
    patterns = job.get("inputs")
    patterns = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
        raise InputError(f"job {name!r} has no inputs: give a folder, or patterns such as 'photos/*.jpg'")
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = _resolved(folder, pattern)
        if path.is_dir() and not is_material(path):
            found |= dict.fromkeys(contents(path, job["command"]))
        elif path.exists():
            found[path] = None
        else:
            found |= dict.fromkeys(sorted(_matching(folder, pattern)))
    if not found:
        raise InputError(f"job {name!r} has no input: nothing matches {', '.join(map(repr, patterns))}")
    return iter(found)


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    path = Path(pattern)
    root = Path(path.anchor) if path.is_absolute() else folder
    try:
        yield from root.glob(str(path.relative_to(path.anchor)) if path.is_absolute() else pattern)
    except (ValueError, NotImplementedError) as error:
        raise InputError(f"{pattern!r} is no pattern of files: {error}") from error


def contents(folder: Path, command: str) -> list[Path]:
    """Files of a folder that a command takes, and materials in it, sorted by name."""
    suffixes = _MODELS.get(command, IMAGES)
    takes_materials = command not in (*_MODELS, "train")
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".")
        and (path.suffix.lower() in suffixes if path.is_file() else takes_materials and is_material(path))
    )


def is_material(folder: Path) -> bool:
    """Whether two files or more of a folder have names of different maps."""
    if not folder.is_dir():
        return False
    found = {
        role_of(p.name) for p in folder.iterdir() if p.suffix.lower() in IMAGES and not p.name.startswith(".")
    }
    return len({role[0] for role in found if role is not None}) > 1


def _names(inputs: list[Path]) -> list[str]:
    """Names of outputs: the stems, whole names where stems are the same, and numbers where those are."""
    stems = [_safe(path.name if path.is_dir() else path.stem) for path in inputs]
    folded = [stem.casefold() for stem in stems]
    names = [
        stem if folded.count(stem.casefold()) == 1 else _safe(path.name)
        for stem, path in zip(stems, inputs, strict=True)
    ]
    taken: set[str] = set()
    for place, name in enumerate(names):
        number, unique = 2, name
        while unique.casefold() in taken:
            unique, number = f"{name}-{number}", number + 1
        taken.add(unique.casefold())
        names[place] = unique
    return names


def _safe(name: str) -> str:
    """A name without what texot's outputs, shells' lines or other systems' file names have a use for."""
    return re.sub(r"[\x00-\x1f\x7f{}<>:\"|?*\\/\ud800-\udfff]", "_", name).lstrip(".-") or "_"


def _filled(text: str, path: Path) -> str:
    """A text with {name} and {stem} of an input; nothing else in it is special."""
    values = {"{stem}": path.stem, "{name}": path.name}
    return re.sub(r"\{(?:stem|name)\}", lambda found: values[found[0]], text)


def _resolved(folder: Path, text: str) -> Path:
    return Path(os.path.abspath(folder / text))


def _inside(folder: Path, text: str, what: str) -> Path:
    path = Path(os.path.abspath(folder / text))
    if folder not in path.parents:
        raise InputError(f"{what} {text!r} would be written outside of {str(folder)!r}: give a name in it")
    return path


def _words(
    options: dict[str, Any], command: click.Command, folder: Path, out: Path, path: Path, stem: str
) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Options as words of a command line, and the files that they read."""
    known = {
        p.opts[-1].lstrip("-").replace("-", "_"): p for p in command.params if isinstance(p, click.Option)
    }
    words: list[str] = []
    files: list[Path] = []
    for key, value in options.items():
        name = key.replace("-", "_")
        option = known.get(name)
        if option is None or name in _OWN:
            why = "the batch sets it" if name in _OWN else f"'texot {command.name}' has no such option"
            raise InputError(f"--{key.replace('_', '-')} in a recipe: {why}")
        flag = option.opts[-1]
        if isinstance(value, bool):
            words += [flag] if value else option.secondary_opts[:1]
            continue
        for one in _values(value, option):
            text = _filled(one, path)
            if option.type is FILE and name in _WRITTEN:
                text = str(_inside(out, one.replace("{stem}", stem), flag))
            elif option.type is FILE or (
                name in ("init", "features", "weight_map") and _is_file(folder, text)
            ):
                files.append(_resolved(folder, text))
                text = str(files[-1])
            elif getattr(option.type, "func", None) is role_file:
                role, _, file = text.partition("=")
                files.append(_resolved(folder, file))
                text = f"{role}={files[-1]}"
            words.append(f"{flag}={text}")  # one word: a value that begins with a hyphen is no option
    return tuple(words), tuple(files)


def _is_file(folder: Path, text: str) -> bool:
    return _resolved(folder, text).is_file()


def _values(value: Any, option: click.Option) -> list[str]:
    """The texts of a value: a list is several options or, of one that is given once, has commas."""
    if isinstance(value, dict):
        return [f"{key}={own}" for key, own in value.items()]
    if isinstance(value, list):
        texts = [str(own) for own in value]
        return texts if option.multiple else [",".join(texts)]
    return [str(value)]


def _without_paths(word: str, hashes: dict[str, str]) -> str:
    """A word of the options with the content of a file in the place of its name."""
    for path, content in hashes.items():
        if word.endswith(f"={path}"):
            return word[: -len(path)] + content
    return word


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files.

    Raises:
        InputError: it cannot be read.
    """
    found = hashlib.sha256()
    try:
        if path.is_dir():
            for own in sorted(path.iterdir()):
                if own.is_file() and not own.name.startswith("."):
                    found.update(json.dumps([own.name, content_hash(own)]).encode())
            return found.hexdigest()
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                found.update(block)
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    return found.hexdigest()
