"""Planes become files, whole or not at all. Every failure is one line, an `OutputError`."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import secrets
import stat
from contextlib import suppress
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from texot.errors import InputError, OutputError, one_line

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
_ALPHA_FORMATS = ("PNG", "WEBP", "TIFF")
_DEEP_FORMATS = ("PNG", "TIFF")  # hold 16-bit grey
_CHANNELS = {"L": 1, "I;16": 1, "LA": 2, "RGB": 3, "RGBA": 4}
_MODE_OF = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


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
    dtype = "<u2" if mode == "I;16" else "u1"
    bands = []
    for plane in planes:
        if bool(plane.isnan().any()):
            raise InputError("the image holds NaN, which no file can show")
        levels = _levels(plane, mode).cpu().numpy()
        bands.append(Image.fromarray(levels.astype(dtype)))
    return bands[0] if channels == 1 else Image.merge(mode, bands)


def as_written(image: Tensor, mode: str) -> Tensor:
    """An image as a lossless file of a mode gives it back: what is made from either is the same."""
    return _levels(image.detach(), mode).cpu() / _top(mode)


def _levels(planes: Tensor, mode: str) -> Tensor:
    return planes.float().clamp(0, 1).mul_(_top(mode)).round_()


def _top(mode: str) -> int:
    """The level that is 1."""
    return 65535 if mode == "I;16" else 255


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse, before any work is done, an output file that `write_image` could not write.

    Raises:
        OutputError: The suffix is unknown, the folder is missing or not writable, or the path is a directory,
            a device or a read-only file.
    """
    name = os.fsdecode(path)
    _output_format(name)
    check_target(name)


def _output_format(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in _WRITERS:
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(f"expected an output file ending in {', '.join(_WRITERS)}, got {got}: {name!r}")
    return _WRITERS[suffix]


def check_target(name: str) -> str:
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
        raise OutputError(f"{name!r} is not a file name ({one_line(error)})") from error
    return target


def write_image(
    image: Tensor,
    path: str | os.PathLike[str],
    *,
    mode: str | None = None,
    text: dict[str, str] | None = None,
    icc_profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
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
        dpi: Dots per inch (x, y), told where the format can (all but WebP).

    Raises:
        InputError: The image does not fit the mode (see `to_pil`) or a keyword is no PNG keyword.
        OutputError: The file cannot be written; see `check_output`. Nothing is left behind.
    """
    name = os.fsdecode(path)
    kind = _output_format(name)
    target = check_target(name)
    if mode == "I;16" and kind not in _DEEP_FORMATS:
        log.debug("%s holds 8 bits a channel: 16-bit grey is written as L", kind)
        mode = "L"
    picture = to_pil(image, mode)
    if picture.mode.endswith("A") and kind not in _ALPHA_FORMATS:
        raise OutputError(f"cannot write {name!r}: {kind} holds no transparency; use .png, .tif or .webp")
    _replace(target, _encode(picture, kind, name, text or {}, icc_profile, dpi), name)


def _encode(
    picture: Image.Image,
    kind: str,
    name: str,
    text: dict[str, str],
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """The file's bytes, made in memory so that a failing encoder never touches the disk."""
    options = dict(_SAVE_OPTIONS[kind])
    if icc_profile and kind != "BMP":
        options["icc_profile"] = icc_profile
    if dpi and kind != "WEBP":
        options["dpi"] = dpi
    if kind == "PNG":
        options["pnginfo"] = _png_text(text)
    elif kind == "WEBP" and picture.mode in ("L", "LA"):
        picture = picture.convert(picture.mode.replace("L", "RGB"))
    buffer = io.BytesIO()
    try:
        picture.save(buffer, kind, **options)
    except Exception as error:
        raise OutputError(f"cannot write {name!r} as {kind}: {one_line(error)}; try .png") from error
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
    _replace(check_target(name), data, name)


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
        reason = "the disk is full; free some space" if full else error.strerror or one_line(error)
        raise OutputError(f"cannot write {name!r}: {reason}") from error
