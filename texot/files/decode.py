"""Picture files and PIL images as planes: EXIF rotation, colour profile, palette and CMYK resolved.

Every failure is one line, an `InputError`.
"""

from __future__ import annotations

import io
import logging
import os
import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from texot.errors import InputError, one_line
from texot.files import exif, header, jpeg, png
from texot.files.colour_management import METADATA_ERRORS, to_srgb
from texot.files.part import Window, find_window, sample_steps
from texot.files.source import opened
from texot.memory import memory_limit

if TYPE_CHECKING:
    from texot.files.depth import Depth

log = logging.getLogger("texot")
Float32Array = npt.NDArray[np.float32]
MAX_PIXELS_IN = 300_000_000
"""Images with more pixels are refused before they are decoded (8192 x 8192 has 67 million)."""
# Only self-contained decoders: Pillow would also pass EPS to Ghostscript and read stubs of other programs.
# The five that Pillow preloads come first, so that reading them does not import the other forty plugins.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "DDS", "QOI")
_TGA_SUFFIXES = (".tga", ".icb", ".vda", ".vst")  # TGA has no signature: any file might be one
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
_TURNS = tuple(_TRANSPOSE[k] for k in (5, 6, 7, 8))
_FROM_RIGHT = tuple(
    _TRANSPOSE[k] for k in (2, 3, 7, 8)
)  # orientations that are mirrored in x before the rotation
_FROM_BELOW = tuple(_TRANSPOSE[k] for k in (3, 4, 6, 7))
_EXIF_ORIENTATION = 0x0112
_LIBRARIES = 230_000_000  # bytes of a process with torch without any image
# Bytes per pixel of decoders in addition to Pillow's pixels: during decoding, and while the file is open.
_DECODERS = {"WEBP": (12, 9), "JPEG2000": (16, 0), "AVIF": (6, 3), "JPEG": (3, 0)}


def read_png_text(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text chunks (tEXt, zTXt, iTXt) of a PNG file, as keyword -> text.

    Raises:
        InputError: the file cannot be read or is not a PNG.
    """
    with opened(os.fsdecode(path)) as (stream, label, _):
        image = open_image(stream, label, formats=("PNG",))
        try:
            image.load()  # text chunks may follow the pixels
            return {str(key): str(value) for key, value in getattr(image, "text", {}).items()}
        except Exception as error:
            raise _undecodable(label, error) from error


def open_image(stream: BinaryIO, name: str, formats: Sequence[str] = _FORMATS) -> ImageFile.ImageFile:
    """Identify a file from its header.

    This is Image.open without its size check, whose limit and warning are process-wide and cannot be changed
    for one thread. `decode` checks the size.

    Args:
        stream: stream at the file's start.
        name: name of the file, for messages and for the suffix of TGA.
        formats: formats to try.

    Raises:
        InputError: an unreadable kind of file.
    """
    if formats is _FORMATS and os.path.splitext(name.strip("'\""))[1].lower() in _TGA_SUFFIXES:
        formats = (*formats, "TGA")
    prefix = stream.read(16)
    if other := header.other_kind(prefix):
        raise InputError(f"{name} is {other}, which texot does not read: {header.hint(other)}")
    reason, profile = "", None
    Image.preinit()
    for key in formats:
        if key not in Image.OPEN:
            Image.init()
        if key not in Image.OPEN:  # Pillow was built without this decoder
            continue
        factory, accept = Image.OPEN[key]
        accepted: bool | str = False
        try:
            accepted = accept is None or accept(prefix)
            if isinstance(accepted, str):  # recognised, but the decoder is not installed
                reason = accepted
            elif accepted:
                if key == "PNG":
                    stream, profile = png.readable(stream, name)
                stream.seek(0)
                # Without a name Pillow does not map the file into memory, where truncation would be fatal.
                image = factory(stream, "")
                if profile:
                    image.info["icc_profile"] = profile
                return image
        except (SyntaxError, LookupError, TypeError, struct.error) as error:
            reason = f"{key}: {one_line(error)}" if accepted else reason
        except Exception as error:
            raise _undecodable(name, error) from error
    expected = "PNG" if formats == ("PNG",) else _READABLE
    raise InputError(
        f"{name} is not a readable image (expected {expected}" + (f"; {reason})" if reason else ")")
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
    """A decoded picture with upright orientation.

    Attributes:
        planes: (C, H, W) float32 in [0, 1].
        alpha: (H, W) float32 in [0, 1], or None if its format has no transparency.
        mode: "L", "RGB", "I;16" or "multi".
        icc_profile: the colour profile of the planes, if not sRGB.
        deep: whether the file has more than 8 bits a channel, of which 8 are read.
        exif: EXIF data for the upright pixels, or None.
        dpi: dots per inch (x, y) as recorded in the file, unchecked.
        whole: (width, height) before cropping.
        window: the cropped part, before a reduction.
        depth: the values of an image of more than 8 bits a channel in colour, or of floats.
    """

    planes: Float32Array
    alpha: Float32Array | None
    mode: str
    icc_profile: bytes | None = None
    deep: bool = False
    exif: bytes | None = None
    dpi: Any = None
    whole: tuple[int, int] = (0, 0)
    window: Window = Window(0, 0, 0, 0)
    depth: Depth | None = None


Fit = Callable[[tuple[int, int]], tuple[int, int]]
"""A function from a picture's (width, height) to its reduced size."""


def decode_file(
    stream: BinaryIO, label: str, *, manage: bool = True, fit: Fit | None = None, part: int | None = None
) -> Decoded:
    """Read an image file; arguments as in `decode`.

    Raises:
        InputError: not an image, or as in `decode`.
    """
    stream.seek(0, io.SEEK_END)
    n_bytes = stream.tell()
    stream.seek(0)
    image = open_image(stream, label)
    if image.width * image.height <= MAX_PIXELS_IN and not header.is_plausible(image, n_bytes):
        raise InputError(
            f"{label} is damaged: its header declares {image.width}x{image.height} pixels, more than "
            f"{n_bytes} bytes can hold: get a whole copy"
        )
    try:
        return decode(image, label, manage=manage, fit=fit, part=part)
    except InputError as error:
        if image.format not in ("JPEG", "MPO") or not isinstance(error.__cause__, OSError):
            raise
        stream.seek(0)
        try:
            data = jpeg.with_end(stream.read())
        except METADATA_ERRORS:
            data = None
        if data is None:
            raise
    log.warning("%s: its last two bytes are missing, all pixels are there", label)
    return decode(open_image(io.BytesIO(data), label), label, manage=manage, fit=fit, part=part)


def decode(
    image: Image.Image, label: str, *, manage: bool = True, fit: Fit | None = None, part: int | None = None
) -> Decoded:
    """Resolve a PIL image into sRGB or grey planes and alpha.

    Args:
        image: an image as opened or made by Pillow; it is loaded here.
        label: name in messages.
        manage: convert colours with a profile to sRGB; False: keep RGB and grey as they are, and the profile.
        fit: function that gives the size to reduce it to; None: no reduction.
        part: larger images are cropped to a square of this side in pixels, see `find_window`, before any
            other processing. None: no cropping.

    Raises:
        InputError: the image is empty, too large, truncated or damaged.
    """
    width, height = image.size
    if width * height > MAX_PIXELS_IN:
        raise InputError(
            f"{label} has {width}x{height} pixels, over the limit of {MAX_PIXELS_IN // 10**6} million: "
            "crop it or make it smaller first"
        )
    if width * height == 0:
        raise InputError(f"{label} is empty ({width}x{height} pixels)")
    kept = (width, height) if part is None else (min(width, part), min(height, part))
    target = fit(kept) if fit else kept
    _check_memory(image, target, label)
    try:
        stream = getattr(image, "fp", None)
        deep = stream is not None and header.is_deep(image, stream)
        count = header.frames(image, stream) if stream is not None else getattr(image, "n_frames", 1)
        if count > 1:
            many = "more than " if count >= header.MAX_FRAMES else ""
            log.info("%s holds %s%d images: the first is used", label, many, count)
        if target != kept == image.size and image.format == "JPEG" and isinstance(image, ImageFile.ImageFile):
            image.draft(None, target)  # decodes at 1/2, 1/4 or 1/8, at least as large
        _allocate(image)
        image.load()
        dpi, tags = image.info.get("dpi"), exif_of(image, label)
        profile = image.info.get("icc_profile")
        if not profile and image.format == "PNG":
            grey = image.mode in ("1", "L", "LA", "I;16", "I")
            profile = png.colour_profile(image.info, grey=grey)
        method, window = _TRANSPOSE.get(orientation(image, label)), Window(0, 0, width, height)
        if kept != (width, height):
            window = find_window((width, height), part, _opaque_samples(image))
            image = image.crop(window.box)
        if method is not None:
            image, window = image.transpose(method), _turned(window, (width, height), method)
        if method in _TURNS:
            width, height, target = height, width, target[::-1]
        keeps = not manage and image.mode not in ("CMYK", "LAB", "YCbCr", "HSV")
        if image.mode.startswith("I") or image.mode == "F":
            planes, alpha = _deep_planes(image, label)
            mode = "I;16"  # no colour management: the profile is kept
        else:
            colour, cover = _split_alpha(image)
            if target != colour.size:
                colour, cover = _reduced(colour, cover, target)
            if not keeps:
                colour, profile = to_srgb(colour, profile, label), None
            planes, mode = _planes(colour), colour.mode
            alpha = None if cover is None else _planes(cover)[0]
    except Exception as error:
        raise _undecodable(label, error) from error
    return Decoded(planes, alpha, mode, profile or None, deep, tags, dpi, (width, height), window)


def _check_memory(image: Image.Image, target: tuple[int, int], label: str) -> None:
    """Refuse an image before decoding if decoder and planes would not fit in memory.

    Raises:
        InputError: not enough memory.
    """
    have = memory_limit()
    need = _bytes_to_read(image, target)
    if have is not None and need > have:
        raise InputError(
            f"{label} has {image.width}x{image.height} pixels: reading it would take {need / 2**30:.1f} GiB "
            f"of memory and there are {have / 2**30:.1f}: crop it or make it smaller first"
        )


def _bytes_to_read(image: Image.Image, target: tuple[int, int]) -> int:
    """Estimated peak memory of a process that reads an image as planes; measured at 64 million pixels."""
    pixels, kept = image.width * image.height, target[0] * target[1]
    grey = image.mode[0] in "1LIF" and image.mode not in ("LA", "LAB")
    stored = (2 if ";16" in image.mode else 1) if image.mode in ("1", "L", "P") or ";16" in image.mode else 4
    decoding, held = _DECODERS.get(image.format or "", (1, 0))
    planes = 5 + (0 if grey else 8)
    planes += 0 if grey or image.mode == "RGB" else 4  # one more copy for the conversion
    planes += 5 if image.has_transparency_data else 0
    return _LIBRARIES + max((stored + decoding) * pixels, (stored + held) * pixels + planes * kept)


def exif_of(image: Image.Image, label: str) -> bytes | None:
    """The EXIF data of an open image, for upright pixels; None without any, or damaged, which is logged."""
    try:
        return exif.of_image(image)
    except METADATA_ERRORS as error:
        log.warning("%s: left out its damaged EXIF data (%s)", label, one_line(error))
        return None


def _reduced(
    colour: Image.Image, cover: Image.Image | None, size: tuple[int, int]
) -> tuple[Image.Image, Image.Image | None]:
    """Resize colours and alpha; transparent pixels do not bleed into the colours."""
    if cover is None:
        return colour.resize(size, Image.Resampling.BICUBIC), None
    whole = colour.copy()
    whole.putalpha(cover)
    whole = whole.convert(f"{colour.mode}a").resize(size, Image.Resampling.BICUBIC).convert(f"{colour.mode}A")
    return whole.convert(colour.mode), whole.getchannel("A")


def _allocate(image: Image.Image) -> None:
    """Allocate a large TIFF before Pillow does, which would warn about the size checked above."""
    limit = Image.MAX_IMAGE_PIXELS
    size = getattr(image, "_tile_size", None)
    if image.format == "TIFF" and size and limit and size[0] * size[1] > limit:
        if size[0] * size[1] > 2 * MAX_PIXELS_IN:  # a tile may be larger than its image, within limits
            raise InputError(f"a TIFF tile of {size[0]}x{size[1]} pixels is too large")
        image.im = Image.new(image.mode, size).im


def orientation(image: Image.Image, label: str) -> int:
    """The EXIF or XMP orientation, 1 to 8; 1 if it is missing, or damaged, which is logged."""
    try:
        found = image.getexif().get(_EXIF_ORIENTATION, 1)
        return int(found) if found in _TRANSPOSE else 1
    except METADATA_ERRORS as error:
        log.warning("%s: ignored damaged EXIF data (%s)", label, one_line(error))
        return 1


def _turned(window: Window, size: tuple[int, int], method: Image.Transpose) -> Window:
    """The position of a window in the transposed image."""
    x, y, width, height = window
    if method in _FROM_RIGHT:
        x = size[0] - x - width
    if method in _FROM_BELOW:
        y = size[1] - y - height
    return Window(y, x, height, width) if method in _TURNS else Window(x, y, width, height)


def _opaque_samples(image: Image.Image) -> npt.NDArray[np.bool_] | None:
    """Opacity of a large image, sampled on a grid, (h, w) bool; None: opaque everywhere, or unknown."""
    wide, high = sample_steps(image.size)
    small = image.resize((image.width // wide, image.height // high), Image.Resampling.NEAREST)
    key = image.info.get("transparency")
    if small.mode.startswith("I") or small.mode == "F":
        return np.asarray(small) != key if isinstance(key, int) else None
    cover = _split_alpha(small)[1]
    return None if cover is None else np.asarray(cover) > 127


def _deep_planes(image: Image.Image, label: str) -> tuple[Float32Array, Float32Array | None]:
    """Planes of the grey modes beyond 8 bits: I;16 of any byte order, I and F."""
    values = np.asarray(image)
    low, high = values.min(), values.max()
    top = 1 if image.mode == "F" else 65535
    if not (low >= 0 and high <= top):  # also false for NaN
        raise InputError(
            f"{label}: expected values from 0 to {top} in a grey image of mode {image.mode}, "
            f"got {low:g} to {high:g}: rescale it"
        )
    key = image.info.get("transparency")
    alpha = (values != key).astype(np.float32) if isinstance(key, int) else None
    return np.divide(values, np.float32(top), dtype=np.float32)[None], alpha


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The colours and the alpha channel ("L"), from an alpha channel, palette or colour key."""
    key = image.info.get("transparency")
    if image.mode == "1" and isinstance(key, int):  # older versions of Pillow do not resolve it
        return image.convert("L"), Image.fromarray((np.asarray(image) != bool(key)).astype(np.uint8) * 255)
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("1", "L", "LA", "La") else "RGBA")
        return image.convert(image.mode[:-1]), image.getchannel("A")
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode in ("P", "PA", "RGBX"):
        return image.convert("RGB"), None
    return image, None


def _planes(image: Image.Image) -> Float32Array:
    """(C, H, W) float32 of an 8-bit image, channel by channel to avoid a second full copy."""
    bands = image.getbands()
    planes = np.empty((len(bands), image.height, image.width), np.float32)
    for plane, band in zip(planes, bands, strict=True):
        np.divide(np.asarray(image.getchannel(band)), np.float32(255), out=plane, dtype=np.float32)
    return planes
