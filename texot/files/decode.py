"""Picture files and PIL images as planes: EXIF rotation, colour profile, palette and CMYK resolved.

Every failure is one line, an `InputError`.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import struct
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageFile

from texot.errors import InputError, one_line

log = logging.getLogger("texot")
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
MAX_PIXELS_IN = 300_000_000
"""Images with more pixels are refused before they are decoded (8192 x 8192 has 67 million)."""
# Only plain decoders: Pillow would also hand EPS to Ghostscript and read stubs that need other programs.
# The five that Pillow loads first stand first, so that reading them never imports the other forty plugins.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "DDS", "QOI")
_TGA_SUFFIXES = (".tga", ".icb", ".vda", ".vst")  # TGA has no signature: anything may pass for one
_READABLE = "PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, AVIF, JPEG 2000, TGA, DDS or QOI"
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


def read_png_text(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text chunks (tEXt, zTXt, iTXt) of a PNG file, as keyword -> text.

    Raises:
        InputError: The file cannot be read or is no PNG.
    """
    name = os.fsdecode(path)
    with open_file(name) as stream:
        image = open_image(stream, name, formats=("PNG",))
        try:
            image.load()  # text may follow the pixels
            return {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
        except Exception as error:
            raise _undecodable(repr(name), error) from error


def open_file(path: str) -> BinaryIO:
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
        raise InputError(f"{path!r} is not a file name ({one_line(error)})") from error


def open_image(stream: BinaryIO, path: str, formats: Sequence[str] = _FORMATS) -> ImageFile.ImageFile:
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
            reason = f"{key}: {one_line(error)}" if accepted else reason
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
        return InputError(f"{name} is too large ({one_line(error)}): crop it or make it smaller first")
    return InputError(f"{name} is truncated or damaged ({one_line(error)}): get a whole copy")


class Decoded(NamedTuple):
    """Planes (C, H, W) in [0, 1], (H, W) opaque or None, mode, and the colour profile if it still holds."""

    planes: Float32Array
    opaque: BoolArray | None
    mode: str
    icc_profile: bytes | None


def decode(image: Image.Image, label: str) -> Decoded:
    """Resolve a PIL image into sRGB or grey planes and a mask; `label` names it in messages.

    Raises:
        InputError: it is empty, too large, truncated or damaged.
    """
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
    return Decoded(planes, opaque, mode, profile or None)


def alpha_of(image: Image.Image, label: str) -> Float32Array | None:
    """The (H, W) alpha channel in [0, 1] of an image that `decode` has read, upright; None without one."""
    if not image.has_transparency_data:
        return None
    try:
        alpha = _upright(image, label).convert("RGBA").getchannel("A")
    except Exception as error:
        raise _undecodable(label, error) from error
    found: Float32Array = np.divide(np.asarray(alpha), np.float32(255), dtype=np.float32)
    return found


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
        log.warning("%s: ignored damaged EXIF data (%s)", label, one_line(error))
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
            log.warning("%s: ignored its unusable colour profile (%s)", label, one_line(error))
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
