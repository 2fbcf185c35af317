"""NumPy arrays and torch tensors as decoded images. Every failure is one line, an `InputError`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import Decoded
from texot.files.deep_image import DeepImage
from texot.files.depth import Depth, decoded_of
from texot.files.part import Window, find_window, sample_steps

_MAX_CHANNELS = 32  # more channels suggest that channels come last
_FLOAT_SLACK = 1e-4  # rounding of a resize or colour conversion, clipped silently
_LARGEST = float(np.finfo(np.float32).max)
_NAMES = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def decode_array(array: npt.NDArray[Any], part: int | None = None) -> tuple[Decoded, str]:
    """An array (H, W) or (H, W, C), see `texot.files.exemplar.read_exemplar`, and its name in messages."""
    label = f"the array of shape {array.shape} and type {array.dtype}"
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] > 4:
        hint = ""
        if array.ndim == 3 and array.shape[0] <= 4:
            hint = ": move its channels last, numpy.moveaxis(array, 0, -1)"
        raise InputError(f"expected an array (H, W) or (H, W, C), C up to 4, got shape {array.shape}{hint}")
    return _decoded(np.moveaxis(array, -1, 0), label, part), label


def decode_tensor(tensor: Tensor, part: int | None = None) -> tuple[Decoded, str]:
    """A tensor (H, W) or (C, H, W), see `texot.files.exemplar.read_exemplar`, and its name in messages."""
    shape = tuple(tensor.shape)
    label = f"the tensor of shape {shape} and type {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.ndim == 2:
        tensor = tensor[None]
    if tensor.ndim != 3 or tensor.shape[0] > _MAX_CHANNELS:
        hint = ""
        if tensor.ndim == 3 and shape[2] <= 4:
            hint = ": move its channels first, tensor.permute(2, 0, 1)"
        elif tensor.ndim == 4:
            hint = ": pass one image of the batch"
        raise InputError(
            f"expected a tensor (H, W) or (C, H, W) with C up to {_MAX_CHANNELS}, got shape {shape}{hint}"
        )
    if tensor.layout != torch.strided or tensor.is_meta:
        raise InputError(f"{label} is sparse or holds no data: expected a dense tensor")
    tensor = tensor.detach().cpu()
    if tensor.dtype in (torch.bfloat16, torch.float16):
        tensor = tensor.float()  # NumPy has no bfloat16
    return _decoded(tensor.numpy(), label, part), label


def _decoded(array: npt.NDArray[Any], label: str, part: int | None) -> Decoded:
    """Channels-first values of any accepted type; if C is 2 or 4, the last channel is alpha."""
    if array.size == 0 or array.shape[0] == 0:
        raise InputError(f"{label} is empty: expected at least one pixel")
    channels, *_ = array.shape
    whole = array.shape[2], array.shape[1]
    window = Window(0, 0, *whole)
    if part is not None and max(whole) > part:  # before any copy
        opaque = None
        if channels in (2, 4):
            across, down = sample_steps(whole)
            samples = array[-1, ::down, ::across]
            opaque = samples > 0.5 * (np.iinfo(samples.dtype).max if samples.dtype.kind == "u" else 1)
        window = find_window(whole, part, opaque)
        left, upper, right, lower = window.box
        array = array[:, upper:lower, left:right]
    kind, width = array.dtype.kind, array.dtype.itemsize  # the byte order does not matter
    wide = kind == "u" and width == 2 and channels > 1
    if kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"{label} holds NaN or infinite values: replace them")
        if max(-low, high) > _LARGEST:
            raise InputError(
                f"{label}: expected floats of up to {_LARGEST:.1e}, got {low:g} to {high:g}: rescale it"
            )
        wide = low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK
    elif not (kind == "b" or (kind == "u" and width <= 2)):
        raise InputError(f"{label}: expected uint8, uint16, bool or floats: convert it")
    if wide:
        return decoded_of(_depth(array, label), whole, window)
    scale = 256**width - 1 if kind == "u" else 1
    values = np.empty(array.shape, np.float32)
    np.divide(array, np.float32(scale), out=values, dtype=np.float32)
    if kind == "f":
        values.clip(0, 1, out=values)
    last = None
    if channels in (2, 4):
        last = values[-1].copy()
        values = values[:-1].copy()
    mode = "multi" if channels > 4 else "RGB" if channels > 2 else "I;16" if scale == 65535 else "L"
    return Decoded(values, last, mode, whole=whole, window=window)


def _depth(array: npt.NDArray[Any], label: str) -> Depth:
    """The bit depth of an array (C, H, W) of 16 bits or of floats beyond [0, 1]."""
    dtype = np.dtype("u2") if array.dtype.kind == "u" else np.dtype("f2" if array.itemsize == 2 else "f4")
    values = np.moveaxis(array, 0, -1).astype(dtype)
    channels = values.shape[2]
    names = _NAMES.get(channels, tuple(f"channel{k}" for k in range(channels)))
    alpha = channels - 1 if channels in (2, 4) else None
    kind = "PNG" if dtype.kind == "u" else "OpenEXR"
    return Depth.of(DeepImage(values, kind, names, alpha=alpha, premultiplied=kind == "OpenEXR"), label)
