"""Sets of small grey pictures: the digits that scikit-learn ships, or an MNIST file.

Files are read as bytes of a given shape and checked; nothing is unpickled.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from texot.errors import InputError

_MAX_BYTES = 1 << 30
_SIDES = (4, 128)
_MIN_PICTURES = 40
_IDX_IMAGES, _IDX_LABELS = 0x803, 0x801


@dataclass(frozen=True)
class Digits:
    """Two disjoint halves of a set.

    Attributes:
        train: (m, d), d = side x side, values in [0, 1]: the data to fit.
        held_out: (m, d): data that no fit uses.
        side: of a picture, in pixels.
        name: of the set, with its size.
    """

    train: Tensor
    held_out: Tensor
    side: int
    name: str


def read_digits(path: Path | None = None, *, most: int = 2000, seed: int = 0) -> Digits:
    """Two halves of equal size, drawn at random.

    Args:
        path: an MNIST file, idx images (.gz or not) or .npz with x_train; None: scikit-learn's digits.
        most: at most this many pictures a half.
        seed: of the draw.

    Raises:
        InputError: the file cannot be read as such, or scikit-learn is missing.
    """
    pictures = _scikit_learn() if path is None else read_mnist(path)
    name = "the digits of scikit-learn" if path is None else path.name
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    half = min(len(order) // 2, most)
    flat = pictures.flatten(1)
    return Digits(
        flat[order[:half]],
        flat[order[half : 2 * half]],
        pictures.shape[1],
        f"{half} + {half} of {len(order)} pictures of {name}",
    )


def _scikit_learn() -> Tensor:
    """1797 digits of 8x8 px: (1797, 8, 8) in [0, 1]."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError("expected scikit-learn for its digits: pip install scikit-learn") from error
    return torch.from_numpy(load_digits().images / 16).float()


def read_mnist(path: Path) -> Tensor:
    """The pictures of an MNIST file, (count, side, side) float in [0, 1].

    Args:
        path: an idx file of images, gzipped or not, or an .npz file that holds x_train or one array of
            pictures; told apart by their first bytes.

    Raises:
        InputError: it is none, or broken, or too large; the message says what was expected.
    """
    name = os.fsdecode(path)
    try:
        with open(path, "rb") as file:
            head = file.read(4)
            file.seek(0)
            if head[:2] == b"PK":
                pixels = _read_npz(file, name)
            elif head[:2] == b"\x1f\x8b":
                with gzip.open(file) as unpacked:
                    pixels = _read_idx(unpacked, name)
            else:
                pixels = _read_idx(file, name)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{name!r}: no such file") from error
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"{name!r} cannot be read as an MNIST file: {error}; download it again") from error
    return torch.from_numpy(pixels.copy()).float() / 255


def _read_idx(file: IO[bytes] | gzip.GzipFile, name: str) -> np.ndarray:
    """Big-endian: the number of the type and of axes, their lengths, the pixels."""
    head = file.read(16)
    magic = int.from_bytes(head[:4], "big")
    if magic == _IDX_LABELS:
        raise InputError(f"{name!r} holds labels: give the file of images, train-images-idx3-ubyte.gz")
    if magic != _IDX_IMAGES or len(head) < 16:
        raise InputError(f"{name!r}: expected an idx file of images or an .npz, got a file that is neither")
    shape = struct.unpack(">3I", head[4:])
    _check_shape(shape, name)
    count = math.prod(shape)
    data = file.read(count + 1)  # one more, to see whether the file ends
    if len(data) != count:
        found = "more" if len(data) > count else str(len(data))
        raise InputError(f"{name!r}: expected {count} bytes of pixels after its header, got {found}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read_npz(file: IO[bytes], name: str) -> np.ndarray:
    """x_train, or the one array of pictures; headers are parsed and pixels read, which runs nothing."""
    with zipfile.ZipFile(file) as archive:
        found: dict[str, tuple[int, ...]] = {}
        for member in archive.namelist():
            with archive.open(member) as array:
                header = _npy_header(array)
            if header is not None:
                found[member.removesuffix(".npy")] = header
        key = "x_train" if "x_train" in found else next(iter(found), "")
        if not found or (key != "x_train" and len(found) > 1):
            wanted = "x_train, or one array of bytes (count, side, side)"
            raise InputError(f"{name!r}: expected {wanted}, got {', '.join(archive.namelist()) or 'nothing'}")
        _check_shape(found[key], name)
        with archive.open(f"{key}.npy") as array:
            _npy_header(array)
            data = array.read(math.prod(found[key]))
    if len(data) != math.prod(found[key]):
        raise InputError(f"{name!r}: {key} ends early; download it again")
    return np.frombuffer(data, np.uint8).reshape(found[key])


def _npy_header(file: IO[bytes]) -> tuple[int, ...] | None:
    """The shape of an array of pictures, its bytes in C order; None: something else."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            return None
        shape, by_columns, dtype = read(file)
    except ValueError:
        return None
    good = dtype == np.uint8 and len(shape) == 3 and not by_columns
    return tuple(int(n) for n in shape) if good else None


def _check_shape(shape: tuple[int, ...], name: str) -> None:
    count, rows, columns = shape
    low, high = _SIDES
    if rows != columns or not low <= rows <= high:
        raise InputError(
            f"{name!r}: expected square pictures of {low} to {high} px a side, got {columns}x{rows}"
        )
    if count < _MIN_PICTURES or count * rows * columns > _MAX_BYTES:
        raise InputError(f"{name!r}: expected {_MIN_PICTURES} pictures or more, at most 1 GiB, got {count}")
