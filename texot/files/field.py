"""Files of fields: for each pixel of a texture, the position in the exemplar that it comes from.

A field is (H, W, 2) float32: x and y in pixels; the centre of the exemplar's first pixel is (0, 0). Positions
are fractional where pixels of the texture are means of several.

- `.npz` (NumPy, "numpy.lib.format", version 1.0) holds the arrays `field`, `exemplar_size` (width, height)
  and `format`, the number of this layout.
- `.png` is a picture for shaders: 16-bit RGB, red (x + 0.5) / width and green (y + 0.5) / height in 65535ths,
  blue 0, and a text "texot-field" with the other two as JSON. The precision is half a 65535th of the
  exemplar's size.

Files may be hostile: nothing in them is executed, and memory is bounded by their decompressed size.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texot.errors import InputError, OutputError, one_line
from texot.files.png16 import read_png16, write_png16
from texot.files.schema import parse_json
from texot.files.sizes import MAX_PIXELS_OUT
from texot.files.source import opened
from texot.files.whole import check_target, whole_file
from texot.memory import memory_limit

FORMAT = 1
"""Version of written files; files of a higher version are refused."""
SUFFIXES = (".npz", ".png")
_TEXT = "texot-field"
_LEVELS = 65535
_SLACK = 0.01  # pixels: tolerance for rounding at the border
_MAX_SIDE = 2**31 - 1
_BYTES_A_PIXEL = 40  # upper bound for reading
_DEFLATE = 1032  # maximal expansion of deflate
_ROWS = 2**20  # values of a block written at once
_DIRECTORY = 2**16  # maximal bytes of a zip directory: texot's have a few hundred

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class FieldFile:
    """A field and the size of its exemplar.

    Attributes:
        field: (H, W, 2) float32 on the CPU: x in [0, w - 1] and y in [0, h - 1], pixels of the exemplar.
        exemplar_size: (w, h) in pixels.
    """

    field: Tensor
    exemplar_size: tuple[int, int]

    def __repr__(self) -> str:
        (height, width), (w, h) = self.field.shape[:2], self.exemplar_size
        return f"{type(self).__name__}({width}x{height}, places in {w}x{h} px)"


def check_field_output(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, a file that `write_field` could not write.

    Raises:
        OutputError: the suffix is not .npz or .png, or as in `texot.files.whole.check_target`.
    """
    name = os.fsdecode(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(
            f"expected a file of a field ending in {' or '.join(SUFFIXES)}, got {got}: {name!r}"
        )
    check_target(name)


def check_field(field: Tensor | Array, exemplar_size: tuple[int, int]) -> Tensor:
    """A field as (H, W, 2) float32 on the CPU; positions up to .01 pixels outside are moved to the edge.

    Args:
        field: (H, W, 2) numbers.
        exemplar_size: (w, h) in pixels.

    Raises:
        InputError: a wrong shape, type or size, values that are not finite, or outside the exemplar.
    """
    width, height = check_exemplar_size(exemplar_size)
    if not isinstance(field, Tensor | np.ndarray):
        raise InputError(f"expected a field as a tensor or array (H, W, 2), got {type(field).__name__}")
    shape = tuple(field.shape)
    if len(shape) != 3 or shape[2] != 2 or 0 in shape:
        raise InputError(f"expected a field of shape (H, W, 2), places x and y, got {shape}")
    if isinstance(field, Tensor):
        if field.is_meta or field.layout != torch.strided or field.is_complex() or field.dtype == torch.bool:
            raise InputError(f"expected a field of numbers, got a tensor of {field.dtype}, {field.layout}")
        found = field.detach().cpu().float()
    else:
        if field.dtype.kind not in "fiu":
            raise InputError(f"expected a field of numbers, got an array of type {field.dtype}")
        with np.errstate(over="ignore"):  # overflow gives infinity, which is refused
            found = torch.from_numpy(np.array(field, np.float32))
    for axis, (name, side) in enumerate((("x", width), ("y", height))):
        low, high = (float(value) for value in found[..., axis].aminmax())
        if not (low >= -_SLACK and high <= side - 1 + _SLACK):  # also false for NaN
            raise InputError(
                f"expected a field with {name} from 0 to {side - 1} in an exemplar of {width}x{height} px, "
                f"got {low:.6g} to {high:.6g}: give the size of the exemplar that it was made from"
            )
    most = torch.tensor([width - 1, height - 1], dtype=torch.float32, device="cpu")
    return found.clamp_min(0).minimum(most)


def check_exemplar_size(size: Any) -> tuple[int, int]:
    """A size as a pair of whole numbers.

    Raises:
        InputError: not a size.
    """
    try:
        width, height = (int(side) for side in size if not isinstance(side, bool | float | str))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"expected exemplar_size as a pair (width, height), got {size!r}") from error
    if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
        raise InputError(f"expected an exemplar_size of at least 1x1 pixels, got {width}x{height}")
    return width, height


def write_field(field: Tensor | Array, exemplar_size: tuple[int, int], path: str | os.PathLike[str]) -> None:
    """Write a field to a file, whole or not at all; the same arguments give the same bytes.

    Args:
        field: (H, W, 2), x and y in pixels of the exemplar.
        exemplar_size: (w, h) of the exemplar, pixels.
        path: ends in .npz (exact) or .png (a 16-bit picture).

    Raises:
        InputError: not a field of such an exemplar, see `check_field`.
        OutputError: the file cannot be written. Nothing is left behind.
    """
    name = os.fsdecode(path)
    check_field_output(name)
    values = check_field(field, exemplar_size).numpy()
    size = check_exemplar_size(exemplar_size)
    with whole_file(name) as stream:
        if name.lower().endswith(".png"):
            _write_png(values, size, stream)
        else:
            np.savez_compressed(
                stream,
                field=values.astype("<f4", copy=False),
                exemplar_size=np.array(size, np.int64),
                format=np.array(FORMAT, np.int64),
            )


def read_field(source: str | os.PathLike[str] | bytes | BinaryIO) -> FieldFile:
    """Read a field from a file.

    Args:
        source: a path; the bytes of such a file; a file object that reads them. The content decides the
            format.

    Raises:
        InputError: the file cannot be read, is not a field, is damaged, or has a later version.
    """
    with opened(source) as (stream, label, _):
        start = stream.read(8)
        n_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        if start == b"\x89PNG\r\n\x1a\n":
            return _read_png(stream, label)
        if start[:4] != b"PK\x03\x04":
            raise InputError(
                f"{label} is not a field: expected a .npz or .png file as texot writes it (--save-field, "
                "texot.files.field.write_field)"
            )
        try:
            return _read_npz(stream, label, n_bytes)
        except InputError:
            raise
        except MemoryError as error:
            raise InputError(f"{label} needs more memory than there is") from error
        except Exception as error:  # a damaged or hostile file can raise anything
            reason = one_line(error)[:90]
            raise InputError(
                f"{label} is damaged, or holds no field and nothing else ({reason}): write it again"
            ) from error


def _check_size(label: str, width: int, height: int) -> None:
    """Refuse a field that would not fit in memory, before it is read."""
    have = memory_limit()
    if width * height > MAX_PIXELS_OUT or (have is not None and _BYTES_A_PIXEL * width * height > have):
        raise InputError(f"{label} holds a field of {width}x{height} pixels, more than fits in memory")


def _check_format(version: object, label: str) -> None:
    if type(version) is not int or version < 1:
        raise ValueError("its format is not a number")
    if version > FORMAT:
        raise InputError(
            f"{label} has format {version} of a later texot, this one reads {FORMAT}: update texot"
        )


# ---------------------------------------------------------------------------------------------------- npz


def _read_npz(stream: BinaryIO, label: str, n_bytes: int) -> FieldFile:
    _check_directory(stream, n_bytes)
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        if sorted(names) != ["exemplar_size.npy", "field.npy", "format.npy"]:
            raise ValueError(f"its arrays are {', '.join(map(repr, names[:5]))}")
        _check_format(_member(archive, "format", n_bytes, lambda shape: shape == ()).tolist(), label)
        size = _member(archive, "exemplar_size", n_bytes, lambda shape: shape == (2,)).tolist()

        def fits(shape: tuple[int, ...]) -> bool:
            if len(shape) != 3 or shape[2] != 2 or min(shape) < 1:
                return False
            _check_size(label, shape[1], shape[0])
            return True

        values = _member(archive, "field", n_bytes, fits)
    return _field_file(values, size, label)


def _field_file(values: Array, size: Any, label: str) -> FieldFile:
    try:
        found = check_exemplar_size(size)
        return FieldFile(check_field(values, found), found)
    except InputError as error:
        raise InputError(f"{label}: {error}") from error


def _check_directory(stream: BinaryIO, n_bytes: int) -> None:
    """Refuse a zip whose directory would need much memory: `zipfile` reads all of it."""
    stream.seek(max(0, n_bytes - 22 - 2**16))
    tail = stream.read()
    at = len(tail) - 22  # as in zipfile: at the end without a comment, otherwise the last one
    if at < 0 or tail[at : at + 4] != b"PK\x05\x06" or tail[-2:] != b"\0\0":
        at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise ValueError("its end is missing")
    (length,) = struct.unpack("<L", tail[at + 12 : at + 16])
    if length > _DIRECTORY or tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise ValueError("it has too many members")
    stream.seek(0)


def _member(
    archive: zipfile.ZipFile, name: str, n_bytes: int, fits: Callable[[tuple[int, ...]], bool]
) -> Array:
    """One array of the archive; memory is allocated after its header has been validated.

    Args:
        archive: the zip archive.
        name: name of the array.
        n_bytes: length of the file in bytes.
        fits: predicate of valid shapes.
    """
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in another way than deflate")
    with archive.open(info) as data:
        if np.lib.format.read_magic(data) != (1, 0):
            raise ValueError(f"{name} has another version than 1.0")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(data)
        if dtype.kind not in ("f" if name == "field" else "iu") or dtype.itemsize > 8:
            raise ValueError(f"{name} is of type {dtype.str}"[:60])
        if not fits(shape):
            raise ValueError(f"{name} has shape {shape}")
        length = math.prod(shape) * dtype.itemsize
        if length > _DEFLATE * n_bytes:
            raise ValueError(f"{name} is larger than the file can hold")
        values = np.frombuffer(data.read(length), dtype, math.prod(shape))
        if data.read(1):  # reading to the end also checks the checksum
            raise ValueError(f"{name} is followed by something else")
    return values.reshape(shape, order="F" if fortran else "C")


# ---------------------------------------------------------------------------------------------------- png


def _write_png(values: Array, size: tuple[int, int], stream: BinaryIO) -> None:
    height, width = values.shape[:2]
    step = max(1, _ROWS // width)
    blocks = (_levels(values[first : first + step], size) for first in range(0, height, step))
    text = {_TEXT: json.dumps({"exemplar_size": size, "format": FORMAT})}
    write_png16(blocks, stream, (width, height), 3, text=text)


def _levels(values: Array, size: tuple[int, int]) -> Array:
    levels = np.zeros((*values.shape[:2], 3), np.uint16)
    for axis, side in enumerate(size):
        levels[..., axis] = np.rint((values[..., axis].astype(np.float64) + 0.5) / side * _LEVELS)
    return levels


def _read_png(stream: BinaryIO, label: str) -> FieldFile:
    image = read_png16(stream, label, lambda width, height: _check_size(label, width, height))
    if image.values.shape[2] != 3:
        raise InputError(f"{label}: expected a field in a 16-bit RGB PNG, got one with alpha")
    text = image.text.get(_TEXT)
    if text is None:
        raise InputError(
            f"{label} is a PNG without the text {_TEXT!r} with the exemplar's size: give the file as "
            "texot wrote it (other programs leave texts out), or a .npz"
        )
    try:
        about = parse_json(text)
        if not isinstance(about, dict):
            raise ValueError("it is not an object")
        _check_format(about.get("format"), label)
        width, height = check_exemplar_size(about.get("exemplar_size"))
    except InputError as error:
        raise InputError(f"{label}: {error}") from error
    except ValueError as error:
        reason = one_line(error)
        raise InputError(f"{label}: its text {_TEXT!r} is damaged ({reason}): write it again") from error
    field = np.empty((*image.values.shape[:2], 2), np.float32)
    for axis, side in enumerate((width, height)):
        places = image.values[..., axis] * (side / _LEVELS) - 0.5
        field[..., axis] = places.clip(0, side - 1)
    return FieldFile(torch.from_numpy(field), (width, height))
