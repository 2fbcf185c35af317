"""Write planes to picture files, whole or not at all. Every failure is one line, an `OutputError`."""

from __future__ import annotations

import io
import logging
import os
import re
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from texot.errors import InputError, OutputError, one_line
from texot.files import exif as exif_data
from texot.files.deep import check_held, encode_deep
from texot.files.deep_image import SUFFIXES
from texot.files.depth import Depth
from texot.files.whole import check_target, write_whole

log = logging.getLogger("texot")

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
_ALPHA_FORMATS = ("PNG", "WEBP", "TIFF", "GIF")
_EXIF_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
_MAX_SIDE = {"JPEG": 65500, "WEBP": 16383, "GIF": 65535}  # pixels; other formats have no relevant limit
_DEEP_FORMATS = ("PNG", "TIFF")  # formats with 16-bit grey
_CHANNELS = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_MODE_OF = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def to_pil(image: Tensor, mode: str | None = None) -> Image.Image:
    """A PIL image of planes: clamped to [0, 1] and rounded to the nearest level, halves to even.

    Args:
        image: (C, H, W) or (H, W), floats; C from 1 to 4.
        mode: "L", "I;16" (16-bit grey), "LA", "RGB" or "RGBA", with the image's number of channels; None:
            L, LA, RGB or RGBA by the number of channels.

    Raises:
        InputError: Channels and mode do not agree, C is above 4, or the image holds NaN or no pixel.
    """
    planes = image.detach()[None] if image.ndim == 2 else image.detach()
    if planes.ndim != 3 or planes.numel() == 0 or not planes.is_floating_point():
        raise InputError(f"expected float planes (C, H, W), got {tuple(image.shape)} of {image.dtype}")
    channels = planes.shape[0]
    mode = _MODE_OF.get(channels) if mode in (None, "multi") else mode
    if mode is None:
        raise InputError(f"an image of {channels} channels fits no file format: write its maps separately")
    if _CHANNELS.get(mode) != channels:
        raise InputError(f"an image of {channels} channels cannot be mode {mode}")
    dtype = "<u2" if mode == "I;16" else "u1"
    bands = []
    for plane in planes:
        if bool(plane.isnan().any()):
            raise InputError("the image holds NaN, which no file can store")
        levels = _levels(plane, mode).cpu().numpy()
        bands.append(Image.fromarray(levels.astype(dtype)))
    return bands[0] if channels == 1 else Image.merge(mode, bands)


def as_written(image: Tensor, mode: str) -> Tensor:
    """An image of at most 8 bits a channel, or 16-bit grey, as read back from a lossless file of a mode."""
    return _levels(image.detach(), mode).cpu() / _top(mode)


def _levels(planes: Tensor, mode: str) -> Tensor:
    return planes.float().clamp(0, 1).mul_(_top(mode)).round_()


def _top(mode: str) -> int:
    """The integer level that stands for 1."""
    return 65535 if mode == "I;16" else 255


def check_output(path: str | os.PathLike[str], depth: Depth | None = None) -> None:
    """Refuse, before any work is done, an output file that `write_image` could not write.

    Args:
        path: path of the file.
        depth: see `write_image`.

    Raises:
        OutputError: The suffix is unknown, the folder is missing or not writable, or the path is a directory,
            a device or a read-only file.
    """
    name = os.fsdecode(path)
    _output_format(name, depth)
    check_target(name)


def _output_format(name: str, depth: Depth | None = None) -> str:
    suffix = os.path.splitext(name)[1].lower()
    formats = _WRITERS if depth is None else {**_WRITERS, **SUFFIXES}
    if suffix not in formats:
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(f"expected an output file ending in {', '.join(formats)}, got {got}: {name!r}")
    return formats[suffix]


def write_image(
    image: Tensor,
    path: str | os.PathLike[str],
    *,
    mode: str | None = None,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    depth: Depth | None = None,
) -> None:
    """Write planes to a file, whole or not at all; the same arguments give the same bytes.

    PNG, TIFF, WebP and BMP are lossless, JPEG has quality 95 without colour subsampling. Integers of more
    than 8 bits become 8-bit in formats that cannot hold them, and WebP, which has no grey, stores it as RGB.

    Args:
        image: (C, H, W) floats, clamped to [0, 1].
        path: Its suffix chooses the format: .png .jpg .jpeg .webp .tif .tiff .bmp, with `depth` .exr .hdr.
        mode: As in `to_pil`.
        text: Keyword -> text for the PNG's text chunks (a keyword is 1 to 79 Latin-1 characters); dropped
            in other formats. Characters UTF-8 or PNG cannot hold are escaped.
        icc_profile: Embedded if the format supports it (all but BMP).
        dpi: Dots per inch (x, y), stored if the format supports it (all but WebP).
        exif: EXIF data, stored if the format supports it (all but BMP).
        depth: bit depth of the file; None: 8 bits, or 16-bit grey.

    Raises:
        InputError: The image does not fit the mode (see `to_pil`) or an invalid PNG keyword.
        OutputError: The file cannot be written; see `check_output`, `check_format`. Nothing is left behind.
    """
    name = os.fsdecode(path)
    kind = _output_format(name, depth)
    check_target(name)
    data = encode_image(
        image,
        kind,
        name=name,
        mode=mode,
        text=text,
        icc_profile=icc_profile,
        dpi=dpi,
        exif=exif,
        depth=depth,
    )
    write_whole(name, data)


def encode_image(
    image: Tensor,
    kind: str = "PNG",
    *,
    name: str = "the image",
    mode: str | None = None,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
    depth: Depth | None = None,
) -> bytes:
    """The bytes of an image file. Alpha that is opaque everywhere is dropped if the format has no alpha.

    Args:
        kind: "PNG", "JPEG", "WEBP", "TIFF" or "BMP", with `depth` "OpenEXR" or "Radiance".
        name: name in messages.
        image, mode, text, icc_profile, dpi, exif, depth: see `write_image`.

    Raises:
        InputError, OutputError: see `write_image`.
    """
    if depth is not None and not _rounds(depth, kind):
        made = depth.deep(image, mode or "", icc_profile=icc_profile, dpi=dpi, exif=exif)
        return encode_deep(made, kind, name, text)
    if mode == "I;16" and kind not in _DEEP_FORMATS:
        log.debug("%s holds 8 bits a channel: 16-bit grey is written as L", kind)
        mode = "L"
    picture = to_pil(image, mode)
    opaque = picture.mode.endswith("A") and picture.getchannel("A").getextrema() == (255, 255)
    _check_kind(kind, name, picture.size, picture.mode, opaque=opaque)
    if opaque and kind not in _ALPHA_FORMATS:
        picture = picture.convert(picture.mode[:-1])
    return _encode(picture, kind, name, text or {}, icc_profile, dpi, exif)


def check_format(
    path: str | os.PathLike[str],
    size: tuple[int, int],
    mode: str,
    *,
    opaque: bool = False,
    depth: Depth | None = None,
) -> None:
    """Refuse an image that the file's format cannot store, before any work is done.

    Args:
        path: path of the file; its suffix chooses the format, including GIF.
        size: (width, height) of the image.
        mode: mode of the image, as in `to_pil`.
        opaque: whether its alpha, if any, will be opaque everywhere.
        depth: see `write_image`.

    Raises:
        OutputError: the image is too large for the format, or has transparency or values that the format
            lacks.
        TexotError: the file takes OpenImageIO, which is not installed.
    """
    name = os.fsdecode(path)
    kind = "GIF" if name.lower().endswith(".gif") else _output_format(name, depth)
    if depth is not None and not _rounds(depth, kind):
        check_depth(kind, name, depth, mode)
        return
    _check_kind(kind, name, size, mode, opaque=opaque)
    if mode == "I;16" and kind not in _DEEP_FORMATS:
        log.info("%s holds 8 bits a channel: 16-bit grey is written with 8 (.png and .tif keep 16)", kind)
    elif depth is not None:
        bits = 8 * depth.image.values.dtype.itemsize
        log.info("%s holds 8 bits a channel: %d bits are rounded to 8 (.png and .tif keep 16)", kind, bits)


def check_depth(kind: str, name: str, depth: Depth, mode: str) -> None:
    """Refuse results of a bit depth that a format cannot store.

    Raises:
        OutputError, TexotError: see `check_format`.
    """
    check_held(kind, name, depth.template(mode))
    if kind == "Radiance" and depth.curve.low < 0:
        raise OutputError(f"cannot write {name!r}: Radiance HDR holds no negative values; use .exr")
    if kind == "Radiance" and depth.image.kind != kind:
        log.info("Radiance HDR holds 8 bits and an exponent: floats are rounded (.exr and .tif keep them)")


def _rounds(depth: Depth, kind: str) -> bool:
    """Whether the format stores 8 bits of a result of this bit depth."""
    return depth.levels and kind not in SUFFIXES.values()


def _check_kind(kind: str, name: str, size: tuple[int, int], mode: str, *, opaque: bool) -> None:
    most = _MAX_SIDE.get(kind)
    if most and max(size) > most:
        raise OutputError(
            f"cannot write {name!r}: the image is {size[0]}x{size[1]} px and {kind} holds at most {most} a "
            "side; use .png or .tif"
        )
    if mode.endswith("A") and not opaque and kind not in _ALPHA_FORMATS:
        raise OutputError(f"cannot write {name!r}: {kind} has no transparency; use .png, .tif or .webp")


def _encode(
    picture: Image.Image,
    kind: str,
    name: str,
    text: dict[str, str],
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None,
    exif: bytes | None,
) -> bytes:
    """The file's bytes, encoded in memory so that a failing encoder never touches the disk."""
    options = dict(_SAVE_OPTIONS[kind])
    if icc_profile and kind != "BMP":
        options["icc_profile"] = icc_profile
    if dpi and kind != "WEBP":
        options["dpi"] = dpi
    if exif and kind in _EXIF_FORMATS and kind != "TIFF":
        options["exif"] = exif
    if kind == "PNG":
        options["pnginfo"] = _png_text(text)
    elif kind == "WEBP" and picture.mode in ("L", "LA"):
        picture = picture.convert(picture.mode.replace("L", "RGB"))
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind, **options)
    except Exception as error:
        raise OutputError(f"cannot write {name!r} as {kind}: {one_line(error)}; try .png") from error
    data = buffer.getvalue()
    return exif_data.added_to_tiff(data, exif, name) if exif and kind == "TIFF" else data


def _png_text(text: dict[str, str]) -> PngInfo:
    info = PngInfo()
    for key, value in text.items():
        if not re.fullmatch(r"[!-~\xa1-\xff]([ -~\xa1-\xff]{0,77}[!-~\xa1-\xff])?", key):
            raise InputError(f"expected a PNG keyword of 1 to 79 Latin-1 characters, got {key!r}")
        # File names in settings may not be UTF-8: escape them instead of failing at the end.
        value = value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        info.add_text(key, value)
    return info
