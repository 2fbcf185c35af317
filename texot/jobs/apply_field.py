"""Rebuild a texture from another image aligned with the exemplar: a mask, a normal map, a 16-bit version.

A field has, for every pixel of the texture, the position in the exemplar that it comes from. The values of
the other image at these positions are copied, or interpolated bilinearly where positions are fractional.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import looks_like_normals
from texot.files.field import FieldFile, check_exemplar_size, check_field
from texot.files.material import unit_normals
from texot.images.palette import FEW, FRACTION_OF_LEVELS, PIXELS_A_COLOUR

log = logging.getLogger("texot")

FILTERS = ("auto", "nearest", "linear")
"""Interpolation between pixels."""

_PNG_STEPS = 65535  # of a field's side in a PNG
_WHOLE = 1 / 1024  # pixels: positions nearer than that to a whole number are whole
_ROUNDING = 1e-6  # of scaled positions
_EQUAL = 0.8  # fraction of equal neighbours in maps of labels
_AT_ONCE = 2**20  # pixels
_SAMPLED = 4096

Array = npt.NDArray[Any]
Picture = TypeVar("Picture", Array, Tensor)


def apply_field(
    field: FieldFile | Tensor | Array,
    image: Picture,
    *,
    exemplar_size: tuple[int, int] | None = None,
    filter: str = "auto",
) -> Picture:
    """Rebuild a texture from another image that is aligned with its exemplar.

    >>> import numpy as np
    >>> field = np.array([[[1, 0], [0.5, 0]]], np.float32)  # one row: the right pixel, half-way between both
    >>> apply_field(field, np.array([[10, 20]], np.uint16)).tolist()
    [[20, 15]]

    Args:
        field: (H, W, 2), for each pixel of the texture its position (x, y) in the exemplar in pixels, where
            the centre of the first pixel is (0, 0); or the result of `texot.files.field.read_field`.
            Positions within half a 65535th of the exemplar's size of a whole number (the precision of a PNG),
            and within a 1024th of a pixel, are rounded.
        image: an array (h, w) or (h, w, C) or a tensor (h, w) or (C, h, w) of numbers or booleans. Its size
            is that of the exemplar or a multiple; positions are then scaled, (x + 0.5) * w / width - 0.5.
        exemplar_size: (width, height) of the exemplar in pixels; None: that of the field file, or of the
            image.
        filter: "nearest": values are copied; "linear": bilinear interpolation at fractional places, rounded
            to the nearest value of the type, for each channel; "auto": nearest for booleans, integers
            of 64 bits, and images of few values (256 at most: masks, maps of labels), else linear.

    Returns:
        (H, W), (H, W, C) or (C, H, W), of the kind and type of `image`, on its device, without gradients.

    Raises:
        InputError: an invalid field, image or filter, or an image of another aspect ratio than the exemplar.
    """
    check_filter(filter)
    values, back = _as_array(image)
    if exemplar_size is None and isinstance(field, FieldFile):
        exemplar_size = field.exemplar_size
    places = field.field if isinstance(field, FieldFile) else field
    found: Picture = back(
        rebuild(places, values, exemplar_size or (values.shape[1], values.shape[0]), filter=filter)
    )
    return found


def check_filter(filter: object) -> None:
    """Refuse a value that is not one of `FILTERS`.

    Raises:
        InputError: it is not one of them.
    """
    if filter not in FILTERS:
        raise InputError(f"filter must be one of {', '.join(FILTERS)}, not {filter!r}")


def rebuild(
    field: Tensor | Array,
    image: Array,
    exemplar_size: tuple[int, int],
    *,
    filter: str = "auto",
    normals: bool = False,
) -> Array:
    """Values of an image at the positions of a field, see `apply_field`.

    Args:
        field: (H, W, 2).
        image: (h, w, C).
        exemplar_size: (width, height) that the positions refer to.
        filter: one of `FILTERS`.
        normals: normalise interpolated vectors if the image looks like a normal map: its first three channels
            are unit vectors, encoded as colours or, in floats, from -1 to 1.

    Returns:
        (H, W, C) with the image's dtype.

    Raises:
        InputError: see `apply_field`.
    """
    size = image.shape[1], image.shape[0]
    whole = check_exemplar_size(exemplar_size)
    places = check_field(field, whole).numpy()
    if not is_same_shape(size, whole):
        raise InputError(
            f"expected an image aligned with the exemplar of {whole[0]}x{whole[1]} px, or a multiple of that "
            f"size, got {size[0]}x{size[1]}: crop or scale it, or give the exemplar's size"
        )
    if filter == "auto":
        filter = "nearest" if has_few_values(image) else "linear"
        if filter == "nearest":
            log.info("the image has few values: they are copied, none is mixed (see --filter)")
    if filter == "linear" and image.dtype.kind in "iu" and image.dtype.itemsize == 8:
        raise InputError(f"integers of 64 bits ({image.dtype}) are only copied: use filter='nearest'")
    to_unit = _unit(image) if normals and filter == "linear" else None
    if to_unit is not None:
        log.info("the image looks like a normal map: interpolated vectors get length 1 again")
    flat = image.reshape(-1, image.shape[2])
    found = np.empty((*places.shape[:2], image.shape[2]), image.dtype)
    step = max(1, _AT_ONCE // places.shape[1])
    for first in range(0, len(places), step):
        part = places[first : first + step].astype(np.float64)
        x, y = (_scaled(part[..., axis], whole[axis], size[axis]) for axis in (0, 1))
        left, top = np.floor(x + 0.5).astype(np.int64), np.floor(y + 0.5).astype(np.int64)
        block = flat[top * size[0] + left]
        if filter == "linear":
            between = (x != left) | (y != top)
            mixed = _interpolated(flat, size, x[between], y[between])
            if to_unit is not None:
                mixed = to_unit(mixed)
            with np.errstate(over="ignore"):
                block[between] = np.rint(mixed) if image.dtype.kind in "biu" else mixed
        found[first : first + step] = block
    return found


def is_same_shape(size: tuple[int, int], exemplar_size: tuple[int, int]) -> bool:
    """Whether one size (width, height) is a multiple of the other, up to rounding to whole pixels."""
    small, large = sorted((size, exemplar_size))
    if size == exemplar_size:
        return True
    if any(a >= b for a, b in zip(small, large, strict=True)):
        return False
    for below, above in ((0.5, 0.5), (0.0, 1.0)):
        low = max((a - below) / b for a, b in zip(small, large, strict=True))
        high = min((a + above) / b for a, b in zip(small, large, strict=True))
        if low < high:
            return True
    return False


def has_few_values(image: Array) -> bool:
    """Whether an image (h, w, C) is a mask or a map of labels, whose values must not be mixed.

    True for booleans and integers of 64 bits, and for images of at most 256 values (over all channels), each
    at 16 pixels or more on average. With one channel, the values must also leave out half of the 8-bit levels
    between the lowest and the highest, as in `texot.images.palette`, or form areas: four in five neighbours
    are equal.
    """
    if image.dtype.kind == "b" or (image.dtype.kind in "iu" and image.dtype.itemsize == 8):
        return True
    keys = _keys(image)
    n = keys.size
    if len(np.unique(keys.ravel()[:: max(1, n // _SAMPLED)])) > FEW:
        return False
    seen = keys[:0].ravel()
    step = max(1, _AT_ONCE // keys.shape[1])
    for first in range(0, len(keys), step):
        seen = np.union1d(seen, keys[first : first + step])
        if len(seen) > FEW or n < PIXELS_A_COLOUR * len(seen):
            return False
    if image.shape[2] > 1:
        return True
    top = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
    levels = 1 + 255 * (float(image.max()) - float(image.min())) / top
    if len(seen) <= FRACTION_OF_LEVELS * levels:
        return True
    pairs = (keys[1:] == keys[:-1]), (keys[:, 1:] == keys[:, :-1])
    return bool(sum(int(equal.sum()) for equal in pairs) >= _EQUAL * sum(equal.size for equal in pairs))


def _keys(image: Array) -> npt.NDArray[np.uint64]:
    """(h, w) hashes of the channels; different values collide with probability 2**-64."""
    bits = image.view(f"u{image.dtype.itemsize}")
    keys = np.zeros(bits.shape[:2], np.uint64)
    for channel in range(bits.shape[2]):
        keys *= np.uint64(0x9E3779B97F4A7C15)
        keys += bits[..., channel]
        keys ^= keys >> np.uint64(31)
    return keys


def _scaled(places: npt.NDArray[np.float64], side: int, pixels: int) -> npt.NDArray[np.float64]:
    """Positions along one axis, in pixels of the image."""
    places = _snapped(places, max(_WHOLE, 0.501 * side / _PNG_STEPS))
    if pixels != side:
        places = _snapped((places + 0.5) * (pixels / side) - 0.5, _ROUNDING)
    return places.clip(0, pixels - 1)


def _snapped(places: npt.NDArray[np.float64], within: float) -> npt.NDArray[np.float64]:
    near = np.floor(places + 0.5)
    return np.where(np.abs(places - near) <= within, near, places)


def _interpolated(
    flat: Array, size: tuple[int, int], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """(n, C) bilinear values; a neighbour of weight 0 is ignored, even if it is infinite."""
    width, height = size
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    along_x, along_y = (x - left)[:, None], (y - top)[:, None]

    def row(at: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return _mixed(flat[at * width + left], flat[at * width + right], along_x)

    return _mixed(row(top), row(bottom), along_y)


def _mixed(a: Array, b: Array, share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        found: npt.NDArray[np.float64] = np.where(share == 0, a, a * (1 - share) + b * share)
    return found


def _unit(image: Array) -> Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]] | None:
    """A function that normalises values (n, C) of a normal map; None if the image (h, w, C) is none."""
    if image.shape[2] < 3 or image.dtype.kind not in "uf":
        return None
    top = float(np.iinfo(image.dtype).max) if image.dtype.kind == "u" else 1.0
    vectors = image[..., :3].astype(np.float32) / np.float32(top)
    signed = image.dtype.kind == "f" and float(vectors.min()) < 0
    colours = (vectors + 1) / 2 if signed else vectors
    if not looks_like_normals(torch.from_numpy(colours).permute(2, 0, 1)):
        return None
    return partial(unit_normals, top=top, signed=signed)


def _as_array(image: Any) -> tuple[Array, Callable[[Array], Any]]:
    """An image as (h, w, C), and a function that converts such an array back.

    Raises:
        InputError: not an image.
    """
    if isinstance(image, Tensor):
        return _from_tensor(image)
    if not isinstance(image, np.ndarray):
        raise InputError(
            f"expected an image as an array (h, w) or (h, w, C) or a tensor (h, w) or (C, h, w), got "
            f"{type(image).__name__}"
        )
    _check_shape(image.shape)
    if image.dtype.kind not in "biuf" or image.dtype.itemsize > 8:
        raise InputError(f"expected an image of numbers or booleans, got an array of type {image.dtype}")
    if image.ndim == 2:
        return image[:, :, None], lambda found: found[:, :, 0]
    return image, lambda found: found


def _from_tensor(image: Tensor) -> tuple[Array, Callable[[Array], Tensor]]:
    _check_shape(tuple(image.shape))
    if image.layout != torch.strided or image.is_meta or image.is_complex() or image.is_quantized:
        raise InputError(f"expected a dense image of numbers or booleans, got {image.dtype}, {image.layout}")
    values = image.detach().cpu()
    values = values.float() if image.dtype == torch.bfloat16 else values  # NumPy has no bfloat16
    channels_last = values[:, :, None] if image.ndim == 2 else values.permute(1, 2, 0)
    try:
        array: Array = channels_last.numpy()
    except TypeError as error:
        raise InputError(f"images of {image.dtype} cannot be rebuilt: convert it to another type") from error

    def back(found: Array) -> Tensor:
        tensor = torch.from_numpy(found).to(image.device, image.dtype)
        return tensor[:, :, 0] if image.ndim == 2 else tensor.permute(2, 0, 1).contiguous()

    return array, back


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(f"expected an image of two or three axes with a pixel or more, got shape {shape}")
