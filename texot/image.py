"""Images in and out: whatever a user has becomes planes in [0, 1], and planes become files.

`read_exemplar` turns a path, PIL image, NumPy array or tensor into an `Exemplar`: (C, H, W) float32 in sRGB
as the picture looks (EXIF rotation, colour profile, palette, CMYK resolved) and a mask of usable pixels.
`write_image` is its inverse and writes a file whole or not at all. Every failure is one line: an `InputError`
for what came in, an `OutputError` for what could not go out.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
import math
import operator
import os
import re
import reprlib
import secrets
import stat
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageCms, ImageFile
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from texot.errors import InputError, OutputError

__all__ = [
    "MAX_PIXELS_IN",
    "MAX_PIXELS_OUT",
    "Exemplar",
    "check_output",
    "parse_size",
    "read_exemplar",
    "read_png_text",
    "to_pil",
    "write_image",
    "write_whole",
]

log = logging.getLogger("texot")

Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

MAX_PIXELS_IN = 300_000_000
"""Images with more pixels are refused before they are decoded (8192 x 8192 has 67 million)."""

MAX_PIXELS_OUT = 2**28
"""`parse_size` refuses more pixels than this (16384 x 16384)."""

# Only plain decoders: Pillow would also hand EPS to Ghostscript and read stubs that need other programs.
# The five that Pillow loads first stand first, so that reading them never imports the other forty plugins.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "DDS", "QOI")
_TGA_SUFFIXES = (".tga", ".icb", ".vda", ".vst")  # TGA has no signature: anything may pass for one
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, AVIF, JPEG 2000, TGA, DDS or QOI"

_WRITERS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
}
_ALPHA_FORMATS = ("PNG", "WEBP", "TIFF")
_DEEP_FORMATS = ("PNG", "TIFF")  # hold 16-bit grey

_CHANNELS = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_MODE_OF = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_MAX_CHANNELS = 32  # more is a picture whose channels stand last
_FLOAT_SLACK = 1e-4  # rounding of a resize or colour conversion, clipped silently

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC colour space -> PIL mode it reads

# What Pillow raises on a damaged EXIF block or profile. Warnings are listed for callers who made them errors.
_METADATA_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    struct.error,
    UserWarning,
    ImageCms.PyCMSError,
)


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


def _fingerprint(pixels: Tensor, mask: Tensor | None) -> str:
    planes = np.ascontiguousarray(pixels.detach().cpu().numpy(), dtype="<f4")
    digest = hashlib.sha256("x".join(map(str, planes.shape)).encode())
    digest.update(planes.data)
    if mask is not None:
        digest.update(np.packbits(mask.detach().cpu().numpy()).data)
    return digest.hexdigest()


# --------------------------------------------------------------------------------------------------- reading


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
        return _decode(source, f"the {source.mode} image", filename)
    if isinstance(source, (str, bytes, os.PathLike)):
        path = os.fsdecode(source)
        with _open_file(path) as stream:
            image = _open_image(stream, path)
            return _decode(image, repr(path), os.path.basename(path))
    raise InputError(
        f"expected a path, PIL image, NumPy array or torch tensor as exemplar, got {type(source).__name__}"
    )


def read_png_text(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text chunks (tEXt, zTXt, iTXt) of a PNG file, as keyword -> text.

    Raises:
        InputError: The file cannot be read or is no PNG.
    """
    name = os.fsdecode(path)
    with _open_file(name) as stream:
        image = _open_image(stream, name, formats=("PNG",))
        try:
            image.load()  # text may follow the pixels
            return {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
        except Exception as error:
            raise _undecodable(repr(name), error) from error


def _open_file(path: str) -> BinaryIO:
    """Open a regular file with something in it."""
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise InputError(f"expected an image file, but {path!r} is a directory: name one file in it")
        if not stat.S_ISREG(info.st_mode):
            # A pipe may never end and cannot be rewound.
            raise InputError(f"expected a regular file, but {path!r} is a pipe or device: save it to one")
        if info.st_size == 0:
            raise InputError(f"expected an image file, but {path!r} is empty (0 bytes)")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"no such file: {path!r}; check the name and folder") from error
    except PermissionError as error:
        raise InputError(f"no permission to read {path!r}: check its access rights") from error
    except OSError as error:
        raise InputError(f"cannot read {path!r}: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path!r} is not a file name ({_line(error)})") from error


def _open_image(stream: BinaryIO, path: str, formats: Sequence[str] = _FORMATS) -> ImageFile.ImageFile:
    """Identify a file from its header.

    This is Image.open without its size check, whose limit and warning are process-wide: a library cannot
    move them for one thread only. `_decode` checks the size itself.
    """
    name = repr(path)
    if formats is _FORMATS and os.path.splitext(path)[1].lower() in _TGA_SUFFIXES:
        formats = (*formats, "TGA")
    prefix = stream.read(16)
    reason = ""
    Image.preinit()
    for key in formats:
        if key not in Image.OPEN:
            Image.init()
        if key not in Image.OPEN:  # a decoder this Pillow was built without
            continue
        factory, accept = Image.OPEN[key]
        accepted: bool | str = False
        try:
            accepted = accept is None or accept(prefix)
            if isinstance(accepted, str):  # recognised, but its decoder is not installed
                reason = accepted
            elif accepted:
                stream.seek(0)
                # Without a name Pillow does not map the file into memory, where truncation would be fatal.
                return factory(stream, "")
        except (SyntaxError, LookupError, TypeError, struct.error) as error:
            reason = f"{key}: {_line(error)}" if accepted else reason
        except Exception as error:
            raise _undecodable(name, error) from error
    expected = "PNG" if formats == ("PNG",) else _READABLE
    raise InputError(
        f"{name} is no image that can be read (expected {expected}" + (f"; {reason})" if reason else ")")
    )


def _undecodable(name: str, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    if isinstance(error, MemoryError):
        return InputError(f"{name} needs more memory than there is: make it smaller first")
    if isinstance(error, Image.DecompressionBombError):
        return InputError(f"{name} is too large ({_line(error)}): crop it or make it smaller first")
    return InputError(f"{name} is truncated or damaged ({_line(error)}): get a whole copy")


def _line(error: BaseException) -> str:
    """An exception's text on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _decode(image: Image.Image, label: str, name: str | None) -> Exemplar:
    """Resolve a PIL image into sRGB or grey planes and a mask; `label` names it in messages."""
    width, height = image.size
    if width * height > MAX_PIXELS_IN:
        raise InputError(
            f"{label} has {width}x{height} pixels, over the limit of {MAX_PIXELS_IN // 10**6} million: "
            "crop it or make it smaller first"
        )
    if width * height == 0:
        raise InputError(f"{label} is empty ({width}x{height} pixels)")
    try:
        if getattr(image, "is_animated", False):
            log.info("%s holds %s images: the first is used", label, getattr(image, "n_frames", "several"))
        _allocate(image)
        image.load()
        profile = image.info.get("icc_profile")
        image = _upright(image, label)
        if image.mode.startswith("I") or image.mode == "F":
            planes, opaque = _deep_planes(image, label)
            mode = "I;16"  # and no colour management: its profile goes along
        else:
            colour, opaque = _split_alpha(image)
            colour = _to_srgb(colour, profile, label)
            profile = None
            planes, mode = _planes(colour), colour.mode
    except Exception as error:
        raise _undecodable(label, error) from error
    return _exemplar(planes, opaque, mode, label, name, profile or None)


def _exemplar(
    planes: Float32Array,
    opaque: BoolArray | None,
    mode: str,
    label: str,
    name: str | None = None,
    profile: bytes | None = None,
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
    return Exemplar(torch.from_numpy(planes), mask, mode, profile, name)


def _allocate(image: Image.Image) -> None:
    """Give a large TIFF its memory before Pillow does, which would warn about the size checked above."""
    limit = Image.MAX_IMAGE_PIXELS
    size = getattr(image, "_tile_size", None)
    if image.format == "TIFF" and size and limit and size[0] * size[1] > limit:
        if size[0] * size[1] > 2 * MAX_PIXELS_IN:  # a tile may be larger than its image, but not absurdly so
            raise InputError(f"a TIFF tile of {size[0]}x{size[1]} pixels is too large")
        image.im = Image.new(image.mode, size).im


def _upright(image: Image.Image, label: str) -> Image.Image:
    """Apply the EXIF (or XMP) orientation."""
    try:
        method = _TRANSPOSE.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except _METADATA_ERRORS as error:
        log.warning("%s: ignored damaged EXIF data (%s)", label, _line(error))
        return image
    return image if method is None else image.transpose(method)


def _deep_planes(image: Image.Image, label: str) -> tuple[Float32Array, BoolArray | None]:
    """Planes of the grey modes beyond 8 bits: I;16 of any byte order, I and F."""
    values = np.asarray(image)
    low, high = values.min(), values.max()
    top = 1 if image.mode == "F" else 65535
    if not (low >= 0 and high <= top):  # false for NaN too
        raise InputError(
            f"{label}: expected values from 0 to {top} in a grey image of mode {image.mode}, "
            f"got {low:g} to {high:g}: rescale it"
        )
    key = image.info.get("transparency")
    opaque = values != key if isinstance(key, int) else None
    return np.divide(values, np.float32(top), dtype=np.float32)[None], opaque


def _split_alpha(image: Image.Image) -> tuple[Image.Image, BoolArray | None]:
    """The colours and where they are opaque, from an alpha channel, palette or colour key."""
    key = image.info.get("transparency")
    if image.mode == "1" and isinstance(key, int):  # which older Pillows do not resolve
        return image.convert("L"), np.asarray(image) != bool(key)
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        opaque = np.asarray(image.getchannel("A")) == 255
        return image.convert(image.mode[:-1]), opaque
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode in ("P", "PA", "RGBX"):
        return image.convert("RGB"), None
    return image, None


def _to_srgb(image: Image.Image, profile: bytes | None, label: str) -> Image.Image:
    """L or RGB as the colours look: through the profile where one fits, else by Pillow's formula."""
    if profile and image.mode in ("L", "RGB", "CMYK"):
        try:
            image = _through_profile(image, profile)
        except _METADATA_ERRORS as error:
            log.warning("%s: ignored its unusable colour profile (%s)", label, _line(error))
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _through_profile(image: Image.Image, data: bytes) -> Image.Image:
    profile = ImageCms.getOpenProfile(io.BytesIO(data))
    space = profile.profile.xcolor_space.strip()
    read_as = _PROFILE_MODES.get(space)
    if read_as != image.mode and not (read_as == "RGB" and image.mode == "L"):
        raise ValueError(f"it is for {space or 'unknown'} data and the image is {image.mode}")
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        read_as,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    # Most profiles are sRGB under some name: leave those pixels as they are, to the bit.
    if read_as != "CMYK" and _changes_little(transform, read_as):
        return image
    managed = ImageCms.applyTransform(image if image.mode == read_as else image.convert(read_as), transform)
    if managed is None:
        raise ValueError("its transform failed")
    # Grey stays grey in every sane profile; green weighs most where it does not.
    return managed.getchannel("G") if image.mode == "L" else managed


def _changes_little(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a transform to sRGB moves no value by more than one step of 255, on a lattice of colours."""
    axes = [np.linspace(0, 255, 256 if mode == "L" else 18).astype(np.uint8)] * len(mode)
    lattice = np.stack(np.meshgrid(*axes), -1).reshape(-1, len(mode))
    probe = Image.fromarray(lattice if mode == "L" else lattice[None])
    after = ImageCms.applyTransform(probe, transform)
    if after is None:
        raise ValueError("its transform failed")
    return int(np.abs(np.asarray(after, np.int16) - np.asarray(probe.convert("RGB"), np.int16)).max()) <= 1


def _planes(image: Image.Image) -> Float32Array:
    """(C, H, W) float32 of an 8-bit image, a channel at a time so that no second full copy is made."""
    bands = image.getbands()
    planes = np.empty((len(bands), image.height, image.width), np.float32)
    for plane, band in zip(planes, bands, strict=True):
        np.divide(np.asarray(image.getchannel(band)), np.float32(255), out=plane, dtype=np.float32)
    return planes


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
    return _exemplar(values, opaque, mode, label)


# --------------------------------------------------------------------------------------------------- writing


def to_pil(image: Tensor, mode: str | None = None) -> Image.Image:
    """A PIL image of planes: clamped to [0, 1] and rounded to the nearest level, halves to even.

    Args:
        image: (C, H, W) or (H, W), floats; C from 1 to 4.
        mode: "L", "I;16" (16-bit grey), "LA", "RGB" or "RGBA", with as many channels as the image has; None
            chooses L, LA, RGB or RGBA by the channels.

    Raises:
        InputError: Channels and mode do not agree, C is above 4, or the image holds NaN or no pixel.
    """
    planes = image.detach()[None] if image.ndim == 2 else image.detach()
    if planes.ndim != 3 or planes.numel() == 0 or not planes.is_floating_point():
        raise InputError(f"expected float planes (C, H, W), got {tuple(image.shape)} of {image.dtype}")
    channels = planes.shape[0]
    mode = _MODE_OF.get(channels) if mode in (None, "multi") else mode
    if mode is None:
        raise InputError(f"an image of {channels} channels fits no file: write its maps one by one")
    if _CHANNELS.get(mode) != channels:
        raise InputError(f"an image of {channels} channels cannot be mode {mode}")
    top, dtype = (65535, "<u2") if mode == "I;16" else (255, "u1")
    bands = []
    for plane in planes:
        if bool(plane.isnan().any()):
            raise InputError("the image holds NaN, which no file can show")
        levels = plane.float().clamp(0, 1).mul(top).round().cpu().numpy()
        bands.append(Image.fromarray(levels.astype(dtype)))
    return bands[0] if channels == 1 else Image.merge(mode, bands)


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, an output file that `write_image` could not write.

    Raises:
        OutputError: The suffix is unknown, the folder is missing or not writable, or the path is a directory,
            a device or a read-only file.
    """
    name = os.fsdecode(path)
    _output_format(name)
    _check_target(name)


def _output_format(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in _WRITERS:
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(f"expected an output file ending in {', '.join(_WRITERS)}, got {got}: {name!r}")
    return _WRITERS[suffix]


def _check_target(name: str) -> str:
    """The file that will really be replaced: links are followed, as opening would."""
    effective = os.access in os.supports_effective_ids
    try:
        target = os.path.realpath(name)
        folder = os.path.dirname(target)
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise OutputError(f"cannot write {name!r}: {folder!r} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
            raise OutputError(f"cannot write {name!r}: no permission to write in {folder!r}")
        with suppress(FileNotFoundError):
            kind = os.stat(target).st_mode
            if stat.S_ISDIR(kind):
                raise OutputError(f"cannot write {name!r}: it is a directory; name a file")
            if not stat.S_ISREG(kind):
                raise OutputError(f"cannot write {name!r}: it is a pipe or device; name a file")
            if not os.access(target, os.W_OK, effective_ids=effective):
                raise OutputError(f"cannot write {name!r}: it exists and is read-only")
    except OutputError:
        raise
    except FileNotFoundError as error:
        raise OutputError(f"cannot write {name!r}: no such folder; make it first") from error
    except OSError as error:
        raise OutputError(f"cannot write {name!r}: {error.strerror or error}") from error
    except ValueError as error:
        raise OutputError(f"{name!r} is not a file name ({_line(error)})") from error
    return target


def write_image(
    image: Tensor,
    path: str | os.PathLike[str],
    *,
    mode: str | None = None,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
) -> None:
    """Write planes to a file, whole or not at all; the same arguments give the same bytes.

    PNG, TIFF, WebP and BMP are lossless, JPEG has quality 95 without colour subsampling. 16-bit grey ("I;16")
    becomes 8-bit in formats that cannot hold it, and WebP, which has no grey, stores it as RGB.

    Args:
        image: (C, H, W) floats, clamped to [0, 1].
        path: Its suffix chooses the format: .png .jpg .jpeg .webp .tif .tiff .bmp.
        mode: As in `to_pil`.
        text: Keyword -> text for the PNG's text chunks (a keyword is 1 to 79 Latin-1 characters); other
            formats have no such place and drop it. Characters UTF-8 or PNG cannot hold are escaped.
        icc_profile: Embedded where the format can (all but BMP).

    Raises:
        InputError: The image does not fit the mode (see `to_pil`) or a keyword is no PNG keyword.
        OutputError: The file cannot be written; see `check_output`. Nothing is left behind.
    """
    name = os.fsdecode(path)
    kind = _output_format(name)
    target = _check_target(name)
    if mode == "I;16" and kind not in _DEEP_FORMATS:
        log.debug("%s holds 8 bits a channel: 16-bit grey is written as L", kind)
        mode = "L"
    picture = to_pil(image, mode)
    if picture.mode.endswith("A") and kind not in _ALPHA_FORMATS:
        raise OutputError(f"cannot write {name!r}: {kind} holds no transparency; use .png, .tif or .webp")
    _replace(target, _encode(picture, kind, name, text or {}, icc_profile), name)


def _encode(
    picture: Image.Image, kind: str, name: str, text: dict[str, str], icc_profile: bytes | None
) -> bytes:
    """The file's bytes, made in memory so that a failing encoder never touches the disk."""
    options = dict(_SAVE_OPTIONS[kind])
    if icc_profile and kind != "BMP":
        options["icc_profile"] = icc_profile
    if kind == "PNG":
        options["pnginfo"] = _png_text(text)
    elif kind == "WEBP" and picture.mode in ("L", "LA"):
        picture = picture.convert(picture.mode.replace("L", "RGB"))
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind, **options)
    except Exception as error:
        raise OutputError(f"cannot write {name!r} as {kind}: {_line(error)}; try .png") from error
    return buffer.getvalue()


def _png_text(text: dict[str, str]) -> PngInfo:
    info = PngInfo()
    for key, value in text.items():
        if not re.fullmatch(r"[!-~\xa1-\xff]([ -~\xa1-\xff]{0,77}[!-~\xa1-\xff])?", key):
            raise InputError(f"expected a PNG keyword of 1 to 79 Latin-1 characters, got {key!r}")
        # Settings carry file names, whose bytes may be no UTF-8: better escaped than all lost at the end.
        value = value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        info.add_text(key, value)
    return info


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes to a file, whole or not at all, with the access rights an ordinary open() would give.

    The bytes go to a temporary file in the same folder, which then takes the name; on any failure it is
    removed and an existing file stays as it was.

    Raises:
        OutputError: It cannot be written.
    """
    name = os.fsdecode(path)
    _replace(_check_target(name), data, name)


def _replace(target: str, data: bytes, name: str) -> None:
    temporary = os.path.join(os.path.dirname(target), f".texot-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
        with suppress(FileNotFoundError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if not isinstance(error, OSError):
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "the disk is full; free some space" if full else error.strerror or _line(error)
        raise OutputError(f"cannot write {name!r}: {reason}") from error


# ------------------------------------------------------------------------------------------------------ sizes

_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_SIZE = re.compile(rf"\s*({_NUMBER})\s*[x×]\s*({_NUMBER})?\s*", re.IGNORECASE)
_SIZE_FORMS = "expected WxH in pixels (512x384) or a factor (2x, 1.5x)"


def parse_size(size: str | int | Sequence[int] | None, exemplar_size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a result.

    >>> parse_size("512x384", (128, 128)), parse_size("1.5x", (101, 64)), parse_size(256, (128, 64))
    ((512, 384), (152, 96), (256, 256))

    Args:
        size: "WxH" in pixels; "2x", "0.5x": a factor on the exemplar's size, rounded to the nearest pixel,
            halves up; an int for a square; a pair (width, height); None for the exemplar's own size.
        exemplar_size: (width, height) in pixels.

    Raises:
        InputError: None of these, under one pixel, or more than 2**28 pixels (said with the memory it needs).
    """
    if size is None:
        return exemplar_size
    try:
        shown = reprlib.repr(size)
    except ValueError:  # thousands of digits
        shown = "given"
    width, height = _size_in_pixels(size, exemplar_size, shown)
    if width < 1 or height < 1:
        raise InputError(f"size {shown} is {width:.15g}x{height:.15g} pixels: {_SIZE_FORMS}, at least 1x1")
    if width * height > MAX_PIXELS_OUT:
        raise InputError(
            f"size {shown} is too large: the image alone would take {_bytes(12.0 * width * height)} "
            f"of memory (at most {MAX_PIXELS_OUT // 10**6} million pixels, such as 16384x16384): ask for less"
        )
    return int(width), int(height)


def _size_in_pixels(
    size: str | int | Sequence[int], exemplar_size: tuple[int, int], shown: str
) -> tuple[float, float]:
    """Whole numbers, as floats: a size too absurd for memory must still be representable."""
    if isinstance(size, str):
        match = _SIZE.fullmatch(size)
        if match is None:
            raise InputError(f"size {shown} not understood: {_SIZE_FORMS}")
        first, second = float(match[1]), match[2]
        if second is None:
            width, height = (side * first for side in exemplar_size)
            if math.isinf(first):
                return first, first
            return float(math.floor(width + 0.5)), float(math.floor(height + 0.5))
        width, height = first, float(second)
        if any(math.isfinite(side) and side != math.floor(side) for side in (width, height)):
            raise InputError(f"size {shown} is not in whole pixels: {_SIZE_FORMS}")
        return width, height
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    try:
        if any(isinstance(side, (bool, np.bool_)) for side in pair):
            raise TypeError("bool is no size")
        width, height = (operator.index(side) for side in pair)
    except (TypeError, ValueError) as error:
        raise InputError(f"size {shown} not understood: expected whole numbers (width, height)") from error
    huge = 10**300  # a float holds no more; such a size is refused all the same
    return float(max(-1, min(width, huge))), float(max(-1, min(height, huge)))


def _bytes(count: float) -> str:
    """A number of bytes in words: 11 TB."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} EB" if count < 1000 else "over 1000 EB"
