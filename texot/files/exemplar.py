"""The exemplar: whatever a user has becomes planes in [0, 1], and a mask of usable pixels.

`read_exemplar` turns a path, PIL image, NumPy array or tensor into an `Exemplar`: (C, H, W) float32 in sRGB
as the picture looks. Every failure is one line, an `InputError`.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import BoolArray, Float32Array, decode, open_file, open_image

log = logging.getLogger("texot")

_MAX_CHANNELS = 32  # more is a picture whose channels stand last
_FLOAT_SLACK = 1e-4  # rounding of a resize or colour conversion, clipped silently


@dataclass(frozen=True, eq=False)
class Exemplar:
    """The texture to learn from, decoded.

    Attributes:
        pixels: (C, H, W) float32 on the CPU, values in [0, 1]; C is 1 or 3, or more for a stack of maps.
        mask: (H, W) bool, True where a pixel belongs to the texture; None where all do.
        mode: how a result should be written: "L", "RGB", "I;16" (16-bit grey) or "multi" (above 4 channels).
        icc_profile: profile the pixels are still in; None where they are sRGB, as nearly always.
        name: the file's name, if there was one.
        sha256: hash of shape, pixels and mask; computed unless given.
    """

    pixels: Tensor
    mask: Tensor | None = None
    mode: str = "RGB"
    icc_profile: bytes | None = None
    name: str | None = None
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", _fingerprint(self.pixels, self.mask))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[-1], self.pixels.shape[-2]


def with_channels(pixels: Tensor, channels: int) -> Tensor | None:
    """The image (C, H, W) with so many channels: grey repeated, colour averaged; None where neither fits."""
    have = pixels.shape[0]
    if have == channels:
        return pixels
    if have == 1:
        return pixels.expand(channels, -1, -1)
    return pixels.mean(0, keepdim=True) if channels == 1 else None


def _fingerprint(pixels: Tensor, mask: Tensor | None) -> str:
    planes = np.ascontiguousarray(pixels.detach().cpu().numpy(), dtype="<f4")
    digest = hashlib.sha256("x".join(map(str, planes.shape)).encode())
    digest.update(planes.data)
    if mask is not None:
        digest.update(np.packbits(mask.detach().cpu().numpy()).data)
    return digest.hexdigest()


def read_exemplar(
    source: str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | Tensor | Exemplar,
) -> Exemplar:
    """Turn whatever holds the texture into planes in [0, 1].

    Files and PIL images read as they look: EXIF rotation is applied, colours with a profile (CMYK too) become
    sRGB, the first of several frames is used. 16-bit grey keeps its precision and gives mode "I;16"; so do
    images of 32-bit integers (their values must lie in 0..65535) and of floats (in [0, 1]).

    Pixels that are not fully opaque are not part of the texture: they are False in the mask. An image whose
    alpha channel is opaque everywhere has no mask.

    Args:
        source: A path; a PIL image; an array (H, W) or (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB,
            4 RGBA; a tensor (H, W) or (C, H, W) with the same meanings, where C beyond 4 is a stack of maps
            (mode "multi", no alpha); or an `Exemplar`, returned as it is. Arrays and tensors hold uint8,
            uint16, bool (as 0 and 1) or floats in [0, 1]; they are copied, never shared.

    Returns:
        The exemplar, on the CPU.

    Raises:
        InputError: The source is missing, empty, truncated, no image, too large, entirely transparent, holds
            NaN, or is of a kind, shape or type that is not listed above.
    """
    if isinstance(source, Exemplar):
        return source
    if isinstance(source, Tensor):
        return _from_tensor(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        filename = os.path.basename(os.fsdecode(getattr(source, "filename", "") or "")) or None
        label = f"the {source.mode} image"
        return _exemplar(*decode(source, label), label=label, name=filename)
    if isinstance(source, (str, bytes, os.PathLike)):
        path = os.fsdecode(source)
        with open_file(path) as stream:
            decoded = decode(open_image(stream, path), repr(path))
        return _exemplar(*decoded, label=repr(path), name=os.path.basename(path))
    raise InputError(
        f"expected a path, PIL image, NumPy array or torch tensor as exemplar, got {type(source).__name__}"
    )


def _exemplar(
    planes: Float32Array,
    opaque: BoolArray | None,
    mode: str,
    icc_profile: bytes | None = None,
    *,
    label: str,
    name: str | None = None,
) -> Exemplar:
    """Last step of every reader: a mask only where it says something."""
    mask = None
    if opaque is not None and not opaque.all():
        usable = int(opaque.sum())
        if usable == 0:
            raise InputError(
                f"{label} is transparent everywhere, so it holds no texture: remove its alpha channel"
            )
        log.debug("%s: %d of %d pixels are opaque, the rest is left out", label, usable, opaque.size)
        mask = torch.from_numpy(np.ascontiguousarray(opaque))
    return Exemplar(torch.from_numpy(planes), mask, mode, icc_profile, name)


def _from_array(array: npt.NDArray[Any]) -> Exemplar:
    label = f"the array of shape {array.shape} and type {array.dtype}"
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] > 4:
        hint = ""
        if array.ndim == 3 and array.shape[0] <= 4:
            hint = ": move its channels last, numpy.moveaxis(array, 0, -1)"
        raise InputError(f"expected an array (H, W) or (H, W, C), C up to 4, got shape {array.shape}{hint}")
    return _from_planes(np.moveaxis(array, -1, 0), label)


def _from_tensor(tensor: Tensor) -> Exemplar:
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
        tensor = tensor.float()  # NumPy knows no bfloat16
    return _from_planes(tensor.numpy(), label)


def _from_planes(array: npt.NDArray[Any], label: str) -> Exemplar:
    """Scale channels-first values of any accepted type; alpha, where C is 2 or 4, becomes the mask."""
    if array.size == 0 or array.shape[0] == 0:
        raise InputError(f"{label} is empty: expected at least one pixel")
    kind, width = array.dtype.kind, array.dtype.itemsize  # the byte order does not matter
    scale = 1
    if kind == "u" and width <= 2:
        scale = 256**width - 1
    elif kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"{label} holds NaN or infinite values: replace them")
        if low < -_FLOAT_SLACK or high > 1 + _FLOAT_SLACK:
            raise InputError(
                f"{label}: expected floats in [0, 1], got {low:g} to {high:g}: rescale or clip it"
            )
    elif kind != "b":
        raise InputError(f"{label}: expected uint8, uint16, bool or floats in [0, 1]: convert it")
    values = np.empty(array.shape, np.float32)
    np.divide(array, np.float32(scale), out=values, dtype=np.float32)
    if kind == "f":
        values.clip(0, 1, out=values)

    channels = array.shape[0]
    opaque = None
    if channels in (2, 4):
        opaque = values[-1] == 1
        values = values[:-1].copy()
    mode = "multi" if channels > 4 else "RGB" if channels > 2 else "I;16" if scale == 65535 else "L"
    return _exemplar(values, opaque, mode, label=label)
