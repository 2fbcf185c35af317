"""Read named tensors from untrusted files of weights. No code in a file is run.

Supported are safetensors and state dicts written by `torch.save`: a zip archive, or pickles before torch 1.6.
Torch's own reader is not used: some versions run code of such files, even with weights_only. Here a pickle
may name dictionaries and tensors only.
"""

from __future__ import annotations

import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from texot.errors import InputError, one_line
from texot.files.source import open_file

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the format before torch 1.6
_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_weights(path: str) -> dict[str, Tensor]:
    """The tensors of a state dict, on the CPU.

    Args:
        path: safetensors by its suffix, otherwise a file written by `torch.save`.

    Raises:
        InputError: a missing file, or not a plain file of weights.
    """
    # tensors may be cached: they must not depend on the caller's inference mode or default device
    with open_file(path, "a file of weights") as stream, torch.inference_mode(False), torch.device("cpu"):
        try:
            if path.endswith(".safetensors"):
                from safetensors.torch import load

                return load(stream.read())
            zipped = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            return _read_zip(stream) if zipped else _read_pickles(stream)
        except Exception as error:  # a damaged or hostile file can raise anything
            reason = one_line(error)[:90]
            raise InputError(f"{path}: expected a file of weights and nothing else ({reason})") from error


def read_state_dict(
    path: Path, wanted: Iterable[tuple[str, tuple[int, ...]]], owner: str
) -> dict[str, Tensor]:
    """Selected tensors of a file, as float32.

    Args:
        path: see `read_weights`.
        wanted: names and shapes of the tensors.
        owner: name of the network, for messages.

    Raises:
        InputError: a missing file, not a file of weights, or a missing tensor.
    """
    stored = read_weights(str(path))
    found = {}
    for key, shape in wanted:
        tensor = stored.get(key)
        if tensor is None or tuple(tensor.shape) != shape:
            raise InputError(f"{path}: not {owner}'s weights: expected {key} of shape {shape}")
        found[key] = tensor.detach().float()
    return found


@dataclass(frozen=True)
class _Storage:
    """A storage in the file: dtype, name and number of values."""

    dtype: torch.dtype
    key: str
    count: int


@dataclass(frozen=True)
class _View:
    """A view of a storage."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def of(self, data: bytes) -> Tensor:
        """The tensor from its storage's bytes."""
        count = self.storage.count
        if math.prod(self.size) > count:  # an expanded view can claim any size
            raise ValueError("a tensor has more values than its storage")
        if not count:
            return torch.empty(self.size, dtype=self.storage.dtype)
        values = torch.frombuffer(bytearray(data), dtype=self.storage.dtype, count=count)
        return values.as_strided(self.size, self.stride, self.offset).clone()


class _Unpickler(pickle._Unpickler):
    """Unpickle dictionaries and views only. In Python: the C version allocates what a file requests."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _parameter
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _place, count = pid[:5]
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError("an object is not a tensor")
        return _Storage(dtype, key, int(count))


def _view(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _View:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor has no values")
    return _View(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def _parameter(view: Any, *_: Any) -> Any:
    return view


def _views(found: Any) -> dict[str, _View]:
    """The tensors of a state dict; other entries, such as counts, are skipped."""
    if not isinstance(found, dict):
        raise ValueError("it is not a state dict")
    return {str(name): view for name, view in found.items() if isinstance(view, _View)}


def _read_zip(stream: BinaryIO) -> dict[str, Tensor]:
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename: info for info in archive.infolist()}
        (top,) = (found[1] for name in members if (found := re.fullmatch(r"([^/]+/)data\.pkl", name)))
        if f"{top}constants.pkl" in members:
            raise ValueError("it is a TorchScript program")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise ValueError("it is compressed")
        order = f"{top}byteorder"
        if order in members and archive.read(order) != b"little":
            raise ValueError("its bytes have another order")
        with archive.open(f"{top}data.pkl") as data:
            views = _views(_Unpickler(data).load())
        return {name: view.of(archive.read(f"{top}data/{view.storage.key}")) for name, view in views.items()}


def _read_pickles(stream: BinaryIO) -> dict[str, Tensor]:
    head = [_Unpickler(stream).load() for _ in range(3)]
    if head[:2] != [_MAGIC, _PROTOCOL]:
        raise ValueError("it was not written by torch.save")
    views = _views(_Unpickler(stream).load())
    keys = _Unpickler(stream).load()
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    data = {}
    for key in keys:
        count = int.from_bytes(stream.read(8), "little")
        if key not in dtypes:
            raise ValueError("it contains values of no tensor")
        length = count * dtypes[key].itemsize
        data[key] = stream.read(length)
        if len(data[key]) != length:
            raise EOFError("it is cut off")
    return {name: view.of(data[view.storage.key]) for name, view in views.items()}
