"""Animations and contact sheets of a sequence of images."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence

import torch
from torch import Tensor

from texot.errors import OutputError
from texot.files.whole import check_target, write_whole
from texot.files.write import to_pil

_KINDS = {".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
_MARGIN = 4  # pixels between the images of a sheet


def check_animation(path: str | os.PathLike[str]) -> None:
    """Refuse a file that `write_animation` could not write.

    Raises:
        OutputError: an unknown suffix, or the file cannot be written.
    """
    name = os.fsdecode(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in _KINDS:
        raise OutputError(f"an animation ends in {', '.join(_KINDS)}, not {suffix!r}: {name!r}")
    check_target(name)


def write_animation(images: Sequence[Tensor], path: str | os.PathLike[str], *, seconds: float = 0.1) -> None:
    """Write images as an endless animation that plays forwards and backwards.

    Args:
        images: (C, H, W) floats of one size, C 1 or 3.
        path: its suffix chooses the format: .gif, .png (APNG) or .webp.
        seconds: duration of each image.

    Raises:
        OutputError: the file cannot be written.
    """
    check_animation(path)
    kind = _KINDS[os.path.splitext(os.fsdecode(path))[1].lower()]
    there = [to_pil(image) for image in images]
    first, *rest = [*there, *there[-2:0:-1]]
    if kind == "WEBP":
        first, *rest = (picture.convert("RGB") for picture in (first, *rest))
    buffer = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(
        buffer, kind, save_all=True, append_images=rest, duration=round(1000 * seconds), loop=0, **options
    )
    write_whole(path, buffer.getvalue())


def contact_sheet(images: Sequence[Tensor], columns: int | None = None) -> Tensor:
    """Images side by side, in rows, on white.

    Args:
        images: (C, H, W) of one size.
        columns: images in a row; None: about as many as rows, at least 5.
    """
    columns = _columns(len(images), columns)
    channels, height, width = images[0].shape
    whole = sheet_size(len(images), (width, height), columns)
    sheet = torch.ones(channels, whole[1], whole[0], dtype=torch.float32)
    for number, image in enumerate(images):
        top, left = number // columns * (height + _MARGIN), number % columns * (width + _MARGIN)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def sheet_size(count: int, size: tuple[int, int], columns: int | None = None) -> tuple[int, int]:
    """(width, height) of a contact sheet of `count` images of one size, see `contact_sheet`."""
    columns = _columns(count, columns)
    rows = -(-count // columns)
    return columns * (size[0] + _MARGIN) - _MARGIN, rows * (size[1] + _MARGIN) - _MARGIN


def _columns(count: int, columns: int | None) -> int:
    return min(count, max(5, math.ceil(math.sqrt(count))) if columns is None else columns)
