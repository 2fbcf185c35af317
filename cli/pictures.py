"""Pictures that commands read and write, by name, or through standard input and output as `-`."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from texot.cli.files import DASH, Outputs, check_stdout
from texot.errors import OutputError, one_line

if TYPE_CHECKING:
    from texot import Synthesis
    from texot.files.depth import Depth
    from texot.files.exemplar import Exemplar


def readable(path: Path) -> Path | BinaryIO:
    """The input for the library: the path, or the content of standard input."""
    if path != DASH:
        return path
    data = io.BytesIO(b"" if sys.stdin is None else sys.stdin.buffer.read())
    data.name = "standard input"  # its name in messages
    return data


def read_inputs(
    exemplars: Sequence[Path], init: str, size: str | None, options: dict[str, Any]
) -> tuple["list[Exemplar]", "Exemplar | str"]:
    """The exemplars, and the start image or "noise".

    Args:
        exemplars, init, size: as on the command line; size of the result.
        options: options of the command, with `alpha`, `exemplar_size` and the pictures of `cli.controls`.
    """
    from texot.files.exemplar import read_exemplar
    from texot.files.part import part_side
    from texot.files.sizes import at_most, exemplar_side

    alpha, fit = options["alpha"], at_most(exemplar_side(options["exemplar_size"]))
    first = init if init == "noise" else read_exemplar(readable(Path(init)), alpha=alpha)
    whole = any(options[name] is not None for name in ("source", "weights_map", "labels", "guide_exemplar"))
    part = None if whole else part_side(size, options["exemplar_size"])
    return [read_exemplar(readable(path), alpha=alpha, fit=fit, part=part) for path in exemplars], first


def check_formats(
    plan: Sequence[Outputs],
    size: tuple[int, int],
    mode: str,
    *,
    opaque: bool = False,
    depth: "Depth | None" = None,
) -> None:
    """Refuse, before any work is done, images that the formats of their files cannot store.

    Raises:
        OutputError, TexotError: see `texot.files.write.check_format`.
    """
    from texot.files.write import check_depth, check_format

    for path in dict.fromkeys(outputs.image for outputs in plan):
        if path != DASH:
            check_format(path, size, mode, opaque=opaque, depth=depth)
        elif depth is not None:
            check_depth("PNG", "standard output", depth, mode)
    if depth is not None and any(outputs.frames for outputs in plan):
        check_depth("PNG", "the images of --save-every", depth, mode)


def write_picture(result: "Synthesis", path: Path, text: dict[str, str] | None = None) -> None:
    """Write a result to a file, or as a PNG to standard output.

    Raises:
        OutputError: the file cannot be written.
    """
    from texot.files.write import encode_image, write_image

    if path != DASH:
        write_image(result.image, path, mode=result.mode, text=text, **result.metadata())
        return
    write_stdout(encode_image(result.image, mode=result.mode, text=text, **result.metadata()))


def write_stdout(data: bytes) -> None:
    """Write a file to standard output.

    Raises:
        OutputError: the file cannot be written.
    """
    check_stdout()
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {one_line(error)}") from error
