"""Images of more than 8 bits a channel with the exact values of the file, without colour management.

16-bit colour PNG needs no other package (`texot.files.png16`). TIFF of more than 8 bits (integers or floats),
OpenEXR and Radiance HDR need OpenImageIO, the extra texot[deep]. Other files, including 16-bit grey, are read
by `texot.files.decode` and written by `texot.files.write`.

Every failure is one line: an `InputError`, an `OutputError`, or a `TexotError` if the package is missing.
"""

from __future__ import annotations

import io
import logging
import os
from dataclasses import replace
from typing import BinaryIO

from texot.errors import InputError, OutputError
from texot.files import exif
from texot.files.decode import exif_of, open_image
from texot.files.deep_image import SUFFIXES, DeepImage, check_size, plausible_dpi, upright
from texot.files.header import tiff_tags
from texot.files.openimageio import encode_by_openimageio, openimageio, read_by_openimageio
from texot.files.png16 import read_png16, write_png16
from texot.files.source import opened
from texot.files.whole import check_target, write_whole

log = logging.getLogger("texot")

_HELD = {
    "PNG": ("u2",),
    "TIFF": ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"),
    "OpenEXR": ("u4", "f2", "f4"),
    "Radiance": ("f4",),
}
_CALLED = {"u": "whole numbers", "i": "whole numbers with a sign", "f": "floats"}
GREY_OR_RGB = (0, 1, 2)
"""TIFF's photometric interpretations that `read_deep` reads."""
_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 339
_UNSIGNED = 1
_ROWS = 2**20  # values written at once


def deep_kind(stream: BinaryIO) -> str | None:
    """The format of a file that `read_deep` reads, see `DeepImage.kind`; None for any other file.

    Args:
        stream: a seekable stream; left at its start.
    """
    start = stream.read(26)
    stream.seek(0)
    if start[:4] == b"v/1\x01":
        return "OpenEXR"
    if start.startswith((b"#?RADIANCE", b"#?RGBE")):
        return "Radiance"
    if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) == 26 and start[24] == 16 and start[25] in (2, 4, 6):
        return "PNG"
    if start[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    tags = tiff_tags(stream, (_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT))
    stream.seek(0)
    bits, form = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    grey = tags.get(_SAMPLES, (1,)) == (1,) and max(bits) <= 16 and form == (_UNSIGNED,)
    return None if grey or (max(bits) <= 8 and set(form) == {_UNSIGNED}) else "TIFF"


def photometric_of(stream: BinaryIO) -> int:
    """The photometric interpretation of a TIFF; the stream is left at its start."""
    found = tiff_tags(stream, (_PHOTOMETRIC,)).get(_PHOTOMETRIC, (1,))[0]
    stream.seek(0)
    return found


def read_deep(source: str | os.PathLike[str] | bytes | BinaryIO, label: str | None = None) -> DeepImage:
    """Read an image for which `deep_kind` is not None.

    Args:
        source: a path, the bytes of the file, or a file object that reads them.
        label: its name in messages; None: that of the source.

    Raises:
        InputError: a file that is missing, damaged, too large, or of an unsupported kind.
        TexotError: OpenImageIO is needed and not installed.
    """
    with opened(source) as (stream, own, _):
        label, kind = label or own, deep_kind(stream)
        if kind is None:
            raise InputError(
                f"{label} is not a PNG or TIFF of more than 8 bits a channel, nor OpenEXR or Radiance HDR"
            )
        if kind == "PNG":
            return _from_png(stream, label)
        if kind == "TIFF":
            photometric = photometric_of(stream)
            if photometric not in GREY_OR_RGB:
                raise InputError(
                    f"{label} is a TIFF of neither grey nor RGB (photometric interpretation {photometric}): "
                    "convert it to RGB first"
                )
        path = os.fsdecode(source) if isinstance(source, str | os.PathLike) else None
        found = read_by_openimageio(stream, path, kind, label)
        return replace(found, exif=_exif(stream, label)) if kind == "TIFF" else found


def check_deep_output(path: str | os.PathLike[str], image: DeepImage) -> None:
    """Refuse, before any work is done, a file that `write_deep` could not write.

    Raises:
        OutputError: the format cannot store such values, or as in `texot.files.whole.check_target`.
    """
    name = os.fsdecode(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in SUFFIXES:
        got = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(
            f"an image of {_bits(image)} a channel is written to a file ending in {', '.join(SUFFIXES)}, got "
            f"{got}: {name!r}"
        )
    check_held(SUFFIXES[suffix], name, image)
    check_target(name)


def check_held(kind: str, name: str, image: DeepImage) -> None:
    """Refuse values that a format cannot store, and a format that takes a missing package.

    Raises:
        OutputError: it cannot.
        TexotError: OpenImageIO is needed and not installed.
    """
    held, has = _HELD.get(kind, ()), image.values.dtype.str[1:]
    if kind in ("TIFF", "Radiance") and has == "f2":
        has = "f4"  # can represent all of them
    if has not in held:
        fit = [suffix for suffix in (".png", ".tif", ".exr") if has in _HELD[SUFFIXES[suffix]]]
        raise OutputError(
            f"cannot write {name!r}: {kind} holds no {_CALLED[has[0]]} of {8 * int(has[1])} bits; use "
            f"{' or '.join(fit)}"
        )
    channels = len(image.names)
    if kind == "Radiance" and (channels != 3 or image.alpha is not None):
        raise OutputError(f"cannot write {name!r}: Radiance HDR holds RGB only; use .exr")
    if kind == "PNG" and (channels > 4 or image.alpha != (None if channels % 2 else channels - 1)):
        raise OutputError(
            f"cannot write {name!r}: PNG holds grey or RGB and alpha, not {channels} channels; use .tif"
        )
    if image.alpha is not None and image.premultiplied != (kind == "OpenEXR") and kind != "TIFF":
        wants = "holds only colours with alpha multiplied into them" if kind == "OpenEXR" else "holds no such"
        raise OutputError(
            f"cannot write {name!r}: its alpha is {'' if image.premultiplied else 'not '}multiplied into the "
            f"colours, {kind} {wants}; use .tif"
        )
    if kind != "PNG":
        openimageio(repr(name))


def write_deep(image: DeepImage, path: str | os.PathLike[str]) -> None:
    """Write an image to a file, whole or not at all; the same arguments give the same bytes.

    Args:
        image: written with its own dtype; 16-bit floats become 32-bit in TIFF.
        path: ends in .png, .tif, .tiff, .exr or .hdr.

    Raises:
        OutputError: see `check_deep_output`.
        TexotError: OpenImageIO is needed and not installed.
    """
    check_deep_output(path, image)
    name = os.fsdecode(path)
    write_whole(name, encode_deep(image, SUFFIXES[os.path.splitext(name)[1].lower()], name))


def encode_deep(
    image: DeepImage, kind: str = "PNG", name: str = "the image", text: dict[str, str] | None = None
) -> bytes:
    """The bytes of a file, see `write_deep`.

    Args:
        image: the image.
        kind: see `DeepImage.kind`.
        name: name in messages.
        text: keywords and texts for a PNG; dropped in other formats.
    """
    check_held(kind, name, image)
    if kind == "PNG":
        buffer = io.BytesIO()
        step = max(1, _ROWS // image.size[0])
        blocks = (image.values[first : first + step] for first in range(0, image.size[1], step))
        about = {"icc_profile": image.icc_profile, "dpi": image.dpi, "exif": image.exif, "text": text}
        write_png16(blocks, buffer, image.size, len(image.names), **about)  # type: ignore[arg-type]
        return buffer.getvalue()
    data = encode_by_openimageio(image, kind, name)
    return exif.added_to_tiff(data, image.exif, name) if kind == "TIFF" and image.exif else data


def _exif(stream: BinaryIO, label: str) -> bytes | None:
    """The EXIF data of a TIFF, if Pillow knows its kind."""
    stream.seek(0)
    try:
        image = open_image(stream, label, formats=("TIFF",))
    except InputError:
        return None
    return exif_of(image, label)


def _bits(image: DeepImage) -> str:
    return f"{8 * image.values.dtype.itemsize} bits"


def _from_png(stream: BinaryIO, label: str) -> DeepImage:
    found = read_png16(stream, label, lambda width, height: check_size(label, width, height, 16))
    names = {2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[found.values.shape[2]]
    return DeepImage(
        upright(found.values, found.orientation),
        "PNG",
        names,
        alpha=len(names) - 1 if names[-1] == "A" else None,
        icc_profile=found.icc_profile,
        dpi=plausible_dpi(found.dpi, found.orientation),
        exif=found.exif,
    )
