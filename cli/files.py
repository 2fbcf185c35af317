"""The output files of a command, checked before the work starts."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from texot.errors import OutputError

if TYPE_CHECKING:
    from texot.files.depth import Depth

_FRAME = r"\d{6,}\.png"
DASH = Path("-")
"""Standard input or output; write ./- for a file with this name."""
_COUNTER = r"\{i(?::0?(\d{1,2}))?\}"


@dataclass(frozen=True)
class Outputs:
    """The files of one image.

    Attributes:
        image: the image itself.
        loss_plot: plot of the losses.
        frames: folder for the image as it was after every `save_every` steps.
        save_every: steps between two frames.
        field: where the image's pixels come from.
    """

    image: Path
    loss_plot: Path | None = None
    frames: Path | None = None
    save_every: int | None = None
    field: Path | None = None


def plan_outputs(
    image: Path,
    loss_plot: Path | None,
    frames: Path | None,
    save_every: int | None,
    variations: int,
    field: Path | None = None,
) -> list[Outputs]:
    """The files of each variation.

    Raises:
        click.UsageError: several variations with one name, or --frames without --save-every.
    """
    if frames and not save_every:
        raise _usage("--frames is the folder for --save-every: give --save-every N too.")
    if save_every and not frames:
        frames = image.with_name(image.stem + "-frames")
    return [
        Outputs(
            _numbered("--output", image, variations, number),
            _numbered("--loss-plot", loss_plot, variations, number) if loss_plot else None,
            _numbered("--frames", frames, variations, number) if frames else None,
            save_every,
            _numbered("--save-field", field, variations, number) if field else None,
        )
        for number in range(1, variations + 1)
    ]


def is_numbered(name: Path) -> bool:
    """Whether a name contains {i}, which is nothing special in the names of folders around it."""
    return re.search(_COUNTER, name.name) is not None


def make_folder(image: Path, count: int) -> None:
    """Create the folder of numbered images if its parent exists."""
    if count > 1 and not image.parent.exists() and image.parent.parent.is_dir():
        image.parent.mkdir(exist_ok=True)


def check_outputs(
    plan: Sequence[Outputs],
    inputs: Iterable[Path],
    *,
    overwrite: bool,
    check: Callable[[Path], None] | None = None,
    depth: "Depth | None" = None,
) -> None:
    """Refuse outputs that cannot be written, that --no-overwrite protects or that are also an input.

    `check` validates the path of a picture; None: `texot.files.write.check_output`, with `depth` for the
    image, the only picture that has one.

    Raises:
        OutputError: a file cannot be written, or exists and must not be replaced.
        click.UsageError: the same file twice.
    """
    from texot.files.field import check_field_output
    from texot.files.write import check_output

    images = {outputs.image for outputs in plan}
    pictures = [file for outputs in plan for file in (outputs.image, outputs.loss_plot) if file]
    fields = [outputs.field for outputs in plan if outputs.field]
    files = [*pictures, *fields]
    inputs = [path for path in inputs if path != DASH]
    if DASH in files:
        check_stdout()
        files = [path for path in files if path != DASH]
    check_apart(inputs, files, [(outputs.frames, _FRAME) for outputs in plan if outputs.frames])
    for path in files:
        if path in fields:
            check_field_output(path)
        elif check is not None:
            check(path)
        else:
            check_output(path, depth if path in images else None)
        if path.exists() and not overwrite:
            raise OutputError(f"{path} exists and --no-overwrite protects it: choose another name")
    for folder in [outputs.frames for outputs in plan if outputs.frames]:
        check_output((folder if folder.exists() else folder.parent) / "000001.png")
        if not overwrite and folder.exists() and any(folder.iterdir()):
            raise OutputError(
                f"{folder} holds files and --no-overwrite protects them: choose another --frames"
            )


def check_stdout() -> None:
    """Refuse a standard output that is closed or a terminal.

    Raises:
        OutputError: it is.
    """
    if sys.stdout is None or sys.stdout.closed:
        raise OutputError("cannot write to standard output: it is closed")
    if sys.stdout.isatty():
        raise OutputError("standard output is a terminal: redirect it, as in -o - > out.png, or name a file")


def check_apart(
    inputs: Iterable[Path], files: Sequence[Path], folders: Iterable[tuple[Path, str]] = ()
) -> None:
    """Refuse outputs that would be written over an input or over each other.

    Args:
        inputs: input files.
        files: output files.
        folders: output folders, with the pattern of the names of their files.

    Raises:
        click.UsageError: a file would be overwritten.
    """
    seen: list[Path] = list(inputs)
    for path in files:
        if any(_same(path, other) for other in seen):
            raise _usage(f"{path} would be used twice: inputs and outputs need different names.")
        seen.append(path)
    for folder, pattern in folders:
        there = os.listdir(folder) if folder.is_dir() else []
        written = [folder / name for name in there if re.fullmatch(pattern, name)]
        for path in seen:
            named = re.fullmatch(pattern, path.name) and _same(path.parent, folder)
            if named or any(_same(path, other) for other in written):
                raise _usage(
                    f"{path} would be used twice: such files are written in {folder}; choose another name."
                )


def _same(one: Path, other: Path) -> bool:
    """Whether two names refer to one file, through links and on case-insensitive disks."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _numbered(option: str, name: Path, variations: int, number: int) -> Path:
    """The name of one variation: {i} becomes 1, 2, 3 and {i:03} becomes 001, 002, 003."""
    found = re.search(_COUNTER, name.name)
    if not found and variations > 1:
        raise _usage(f"{option} {name} is one name for {variations} images: use {{i}} for the number.")
    return name.with_name(re.sub(_COUNTER, f"{number:0{found[1] or 1}}", name.name)) if found else name


def _usage(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context())
