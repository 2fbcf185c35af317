"""Images of more than 8 bits a channel with the exact values of the file, without colour management.

16-bit colour PNG needs no other package (`texot.files.png16`). TIFF of more than 8 bits (integers or floats)
and OpenEXR need OpenImageIO, the extra texot[deep]. Other files, including 16-bit grey, are read by
`texot.files.original` and written by `texot.files.write`.

Every failure is one line: an `InputError`, an `OutputError`, or a `TexotError` if the package is missing.
"""

from __future__ import annotations

import io
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from texot.errors import InputError, OutputError, TexotError, one_line
from texot.files.decode import MAX_PIXELS_IN
from texot.files.header import tiff_tags
from texot.files.png16 import read_png16, write_png16
from texot.files.source import opened
from texot.files.whole import check_target, write_whole
from texot.memory import memory_limit
from texot.packages import imported

log = logging.getLogger("texot")

SUFFIXES = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".exr": "OpenEXR"}
"""Suffixes of such files, and their formats."""

# OpenImageIO's names of types, and the types of each format
_TYPES = {
    "uint8": "u1",
    "int8": "i1",
    "uint16": "u2",
    "int16": "i2",
    "uint": "u4",
    "int": "i4",
    "half": "f2",
    "float": "f4",
    "double": "f8",
}
_HELD = {
    "PNG": ("u2",),
    "TIFF": ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"),
    "OpenEXR": ("u4", "f2", "f4"),
}
_CALLED = {"u": "whole numbers", "i": "whole numbers with a sign", "f": "floats"}
_LOSSLESS = ("none", "rle", "zip", "zips", "piz")  # of OpenEXR
_MAX_CHANNELS = 64
_GREY_OR_RGB = (0, 1, 2)  # TIFF's photometric interpretations
_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 258, 262, 277, 339
_UNSIGNED = 1
_ROWS = 2**20  # values written at once

Values = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class DeepImage:
    """An upright image with the values of its file.

    Attributes:
        values: (H, W, C) uint16, uint32, float16, float32 or another NumPy number type of 8 to 64 bits.
        kind: "PNG", "TIFF" or "OpenEXR".
        names: names of the channels.
        halves: for each channel of an OpenEXR file of mixed types, whether it has 16 bits; otherwise empty.
        alpha: index of the alpha channel, or None.
        premultiplied: whether colours are premultiplied by alpha.
        icc_profile: colour profile, or None.
        dpi: dots per inch (x, y), or None.
        chromaticities: OpenEXR's eight chromaticities, or None.
        compression: lossless compression of OpenEXR.
    """

    values: Values
    kind: str
    names: tuple[str, ...]
    halves: tuple[bool, ...] = ()
    alpha: int | None = None
    premultiplied: bool = False
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    chromaticities: tuple[float, ...] | None = None
    compression: str = "zip"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.values.shape[1], self.values.shape[0]


def deep_kind(stream: BinaryIO) -> str | None:
    """The format of a file that `read_deep` reads: "PNG", "TIFF" or "OpenEXR"; None for any other file.

    Args:
        stream: a seekable stream; left at its start.
    """
    start = stream.read(26)
    stream.seek(0)
    if start[:4] == b"v/1\x01":
        return "OpenEXR"
    if start[:8] == b"\x89PNG\r\n\x1a\n" and len(start) == 26 and start[24] == 16 and start[25] in (2, 4, 6):
        return "PNG"
    if start[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    tags = tiff_tags(stream, (_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT))
    stream.seek(0)
    bits, form = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    grey = tags.get(_SAMPLES, (1,)) == (1,) and max(bits) <= 16 and form == (_UNSIGNED,)
    return None if grey or (max(bits) <= 8 and set(form) == {_UNSIGNED}) else "TIFF"


def read_deep(source: str | os.PathLike[str] | bytes | BinaryIO) -> DeepImage:
    """Read an image for which `deep_kind` is not None.

    Args:
        source: a path, the bytes of the file, or a file object that reads them.

    Raises:
        InputError: a file that is missing, damaged, too large, or of an unsupported kind.
        TexotError: OpenImageIO is needed and not installed.
    """
    with opened(source) as (stream, label, _):
        kind = deep_kind(stream)
        if kind is None:
            raise InputError(f"{label} is not a PNG or TIFF of more than 8 bits a channel, nor OpenEXR")
        if kind == "PNG":
            return _from_png(stream, label)
        if kind == "TIFF":
            photometric = tiff_tags(stream, (_PHOTOMETRIC,)).get(_PHOTOMETRIC, (1,))[0]
            if photometric not in _GREY_OR_RGB:
                raise InputError(
                    f"{label} is a TIFF of neither grey nor RGB (photometric interpretation {photometric}): "
                    "convert it to RGB first"
                )
            stream.seek(0)
        path = os.fsdecode(source) if isinstance(source, str | os.PathLike) else None
        return _with_oiio(stream, path, kind, label)


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
    """Refuse values that a format cannot store.

    Raises:
        OutputError: it cannot.
    """
    held, has = _HELD[kind], image.values.dtype.str[1:]
    if kind == "TIFF" and has == "f2":
        has = "f4"  # can represent all of them
    if has not in held:
        fit = [suffix for suffix, other in SUFFIXES.items() if has in _HELD[other] and suffix != ".tiff"]
        raise OutputError(
            f"cannot write {name!r}: {kind} holds no {_CALLED[has[0]]} of {8 * int(has[1])} bits; use "
            f"{' or '.join(fit)}"
        )
    channels = len(image.names)
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


def write_deep(image: DeepImage, path: str | os.PathLike[str]) -> None:
    """Write an image to a file, whole or not at all; the same arguments give the same bytes.

    Args:
        image: written with its own dtype; 16-bit floats become 32-bit in TIFF.
        path: ends in .png, .tif, .tiff or .exr.

    Raises:
        OutputError: see `check_deep_output`.
        TexotError: OpenImageIO is needed and not installed.
    """
    check_deep_output(path, image)
    name = os.fsdecode(path)
    write_whole(name, encode_deep(image, SUFFIXES[os.path.splitext(name)[1].lower()], name))


def encode_deep(image: DeepImage, kind: str = "PNG", name: str = "the image") -> bytes:
    """The bytes of a file, see `write_deep`.

    Args:
        image: the image.
        kind: "PNG", "TIFF" or "OpenEXR".
        name: name in messages.
    """
    check_held(kind, name, image)
    if kind == "PNG":
        buffer = io.BytesIO()
        step = max(1, _ROWS // image.size[0])
        blocks = (image.values[first : first + step] for first in range(0, image.size[1], step))
        about = {"icc_profile": image.icc_profile, "dpi": image.dpi}
        write_png16(blocks, buffer, image.size, len(image.names), **about)  # type: ignore[arg-type]
        return buffer.getvalue()
    oiio = _oiio(repr(name))
    suffix = next(suffix for suffix, other in SUFFIXES.items() if other == kind)
    with tempfile.TemporaryDirectory(prefix="texot-") as folder:
        path = os.path.join(folder, f"image{suffix}")
        reason = "no encoder"
        output = oiio.ImageOutput.create(path)
        if output is not None:
            values = image.values.astype(np.float32) if kind == "TIFF" and _is_half(image) else image.values
            values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
            opened_ = output.open(path, _spec(oiio, image, values, kind))
            done = opened_ and output.write_image(values)
            reason = "" if output.close() and done else _reason(output)
        if reason:
            raise OutputError(f"cannot write {name!r} as {kind}: {reason}")
        return Path(path).read_bytes()


def _is_half(image: DeepImage) -> bool:
    return image.values.dtype == np.float16


def _bits(image: DeepImage) -> str:
    return f"{8 * image.values.dtype.itemsize} bits"


def _check_size(label: str, width: int, height: int, bytes_a_pixel: int) -> None:
    if width * height > MAX_PIXELS_IN:
        raise InputError(
            f"{label} has {width}x{height} pixels, over the limit of {MAX_PIXELS_IN // 10**6} million: "
            "crop it or make it smaller first"
        )
    have, need = memory_limit(), 2 * bytes_a_pixel * width * height
    if have is not None and need > have:
        raise InputError(
            f"{label} has {width}x{height} pixels: reading it would take {need / 2**30:.1f} GiB of memory "
            f"and there are {have / 2**30:.1f}: crop it or make it smaller first"
        )


def _from_png(stream: BinaryIO, label: str) -> DeepImage:
    found = read_png16(stream, label, lambda width, height: _check_size(label, width, height, 16))
    names = {2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}[found.values.shape[2]]
    return DeepImage(
        _upright(found.values, found.orientation),
        "PNG",
        names,
        alpha=len(names) - 1 if names[-1] == "A" else None,
        icc_profile=found.icc_profile,
        dpi=_dpi(found.dpi, found.orientation),
    )


def _upright(values: Values, orientation: int) -> Values:
    """Values (H, W, C) of a picture whose EXIF orientation was another than 1."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def _dpi(value: Any, orientation: int) -> tuple[float, float] | None:
    """A resolution as recorded in a file, or None if it is not plausible."""
    try:
        x, y = (float(part) for part in value)
    except (TypeError, ValueError):
        return None
    if not all(math.isfinite(part) and 0 < part < 1e5 for part in (x, y)):
        return None
    return (y, x) if orientation >= 5 else (x, y)


# ------------------------------------------------------------------------------------------------ OpenImageIO


def _oiio(label: str) -> Any:
    try:
        return imported("OpenImageIO", "openimageio", "deep")
    except TexotError as error:
        raise TexotError(f"{label} takes OpenImageIO, but {error}") from error


@contextmanager
def _plain_name(stream: BinaryIO, path: str | None, suffix: str) -> Iterator[str]:
    """A safe name for the file: OpenImageIO parses what follows a "?" as options."""
    with tempfile.TemporaryDirectory(prefix="texot-") as folder:
        name = os.path.join(folder, f"image{suffix}")
        try:
            if path is None:
                raise OSError("it has no name")
            os.symlink(os.path.abspath(path), name)
        except OSError:
            with open(name, "wb") as copy:
                shutil.copyfileobj(stream, copy)
        yield name


@contextmanager
def _one_reader(oiio: Any) -> Iterator[None]:
    """Disable OpenImageIO's fallback to other readers."""
    before = oiio.get_int_attribute("try_all_readers", 1)
    oiio.attribute("try_all_readers", 0)
    try:
        yield
    finally:
        oiio.attribute("try_all_readers", before)


def _reason(of: Any) -> str:
    """OpenImageIO's error message; its binding fails for bytes that are not text."""
    try:
        return one_line(ValueError(of.geterror()))[:200]
    except UnicodeDecodeError:
        return "unreadable values"


def _with_oiio(stream: BinaryIO, path: str | None, kind: str, label: str) -> DeepImage:
    oiio = _oiio(label)
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)  # keep alpha unassociated
    suffix = next(suffix for suffix, other in SUFFIXES.items() if other == kind)
    with _plain_name(stream, path, suffix) as name, _one_reader(oiio):
        reader = None
        try:
            reader = oiio.ImageInput.open(name, config)
            if reader is None:
                raise InputError(f"{label} is damaged or no {kind} that can be read ({_reason(oiio)})")
            spec = reader.spec()
            dtype = _check_spec(spec, label)
            if reader.seek_subimage(1, 0):
                log.info("%s holds several images: the first is used", label)
            values = reader.read_image(0, 0, 0, spec.nchannels, dtype)
            if values is None:
                raise InputError(f"{label} is truncated or damaged ({_reason(reader)}): get a whole copy")
            return _deep_image(spec, np.asarray(values), kind)
        except MemoryError as error:
            raise InputError(f"{label} needs more memory than there is: make it smaller first") from error
        except RuntimeError as error:  # raised by its C++ code for forged headers
            raise InputError(f"{label} is damaged ({one_line(error)}): get a whole copy") from error
        except UnicodeDecodeError as error:  # raised by its binding for text in the file
            raise InputError(f"{label} is damaged (its texts are no UTF-8): get a whole copy") from error
        finally:
            if reader is not None:
                reader.close()


def _check_spec(spec: Any, label: str) -> str:
    """The type that all values are read as; unsupported files are refused."""
    if spec.deep or spec.depth > 1:
        raise InputError(f"{label} holds several values a pixel in depth: flatten it first")
    width, height = max(spec.width, spec.full_width), max(spec.height, spec.full_height)
    if width < 1 or height < 1 or not 1 <= spec.nchannels <= _MAX_CHANNELS:
        raise InputError(f"{label} has {width}x{height} pixels of {spec.nchannels} channels: nothing to read")
    types = {str(kind) for kind in spec.channelformats} or {str(spec.format)}
    if len(types) > 1 and types != {"half", "float"}:
        raise InputError(f"{label} has channels of {' and '.join(sorted(types))}: split them in two files")
    found = "float" if len(types) > 1 else types.pop()
    if found not in _TYPES:
        raise InputError(f"{label} has values of type {found}: convert it to 16 or 32 bits first")
    _check_size(label, width, height, spec.nchannels * np.dtype(_TYPES[found]).itemsize)
    return found


def _deep_image(spec: Any, values: Values, kind: str) -> DeepImage:
    names = tuple(str(name) for name in spec.channelnames)
    orientation = spec.get_int_attribute("Orientation", 1) if kind == "TIFF" else 1
    alpha = spec.alpha_channel
    associated = kind == "OpenEXR" or not spec.get_int_attribute("oiio:UnassociatedAlpha", 0)
    profile = spec.getattribute("ICCProfile")
    inches = {"in": 1.0, "inch": 1.0, "cm": 2.54}.get(str(spec.getattribute("ResolutionUnit")))
    resolution = [spec.getattribute(name) for name in ("XResolution", "YResolution")]
    dpi = [value * inches for value in resolution if inches and isinstance(value, int | float)]
    places = spec.getattribute("chromaticities")
    compression = str(spec.getattribute("compression"))
    return DeepImage(
        _upright(_windowed(spec, values), orientation if 1 <= orientation <= 8 else 1),
        kind,
        names,
        halves=tuple(str(kind) == "half" for kind in spec.channelformats),
        alpha=alpha if 0 <= alpha < len(names) else None,
        premultiplied=associated,
        icc_profile=None if profile is None else bytes(profile),
        dpi=_dpi(dpi, orientation),
        chromaticities=tuple(map(float, places)) if places is not None and len(places) == 8 else None,
        compression=compression if compression in _LOSSLESS else "zip",
    )


def _windowed(spec: Any, values: Values) -> Values:
    """The pixels of OpenEXR's display window; 0 where the file has none."""
    window = spec.full_x, spec.full_y, spec.full_width, spec.full_height
    if window == (spec.x, spec.y, spec.width, spec.height) or 0 in window[2:]:
        return values
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    found = np.zeros((spec.full_height, spec.full_width, values.shape[2]), values.dtype)
    rows = slice(max(0, top), max(0, min(spec.full_height, top + spec.height)))
    columns = slice(max(0, left), max(0, min(spec.full_width, left + spec.width)))
    part = values[max(0, -top) :, max(0, -left) :]
    target = found[rows, columns]
    target[:] = part[: target.shape[0], : target.shape[1]]
    return found


def _spec(oiio: Any, image: DeepImage, values: Values, kind: str) -> Any:
    """Metadata of the file to write; without a time, so that equal images give equal bytes."""
    types = {code: name for name, code in _TYPES.items()}
    spec = oiio.ImageSpec(*image.size, len(image.names), types[values.dtype.str[1:]])
    spec.channelnames = image.names
    spec.alpha_channel = -1 if image.alpha is None else image.alpha
    if kind == "OpenEXR" and image.halves:
        spec.channelformats = [oiio.TypeDesc("half" if half else "float") for half in image.halves]
    spec.attribute("DateTime", "")
    spec.attribute("compression", image.compression if kind == "OpenEXR" else "zip")
    if image.alpha is not None:
        spec.attribute("oiio:UnassociatedAlpha", int(not image.premultiplied))
    if image.icc_profile and kind == "TIFF":
        size = len(image.icc_profile)
        profile = np.frombuffer(image.icc_profile, np.uint8)
        spec.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{size}]"), profile)
    if image.dpi and kind == "TIFF":
        for name, value in zip(("XResolution", "YResolution"), image.dpi, strict=True):
            spec.attribute(name, float(value))
        spec.attribute("ResolutionUnit", "in")
        spec.attribute("PixelAspectRatio", image.dpi[1] / image.dpi[0])  # else both axes get one
    if image.chromaticities and kind == "OpenEXR":
        spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), image.chromaticities)
    return spec
