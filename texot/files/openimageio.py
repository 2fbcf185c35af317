"""TIFF, OpenEXR and Radiance HDR by OpenImageIO, the extra texot[deep]; see `texot.files.deep`."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from texot.errors import InputError, OutputError, TexotError, one_line
from texot.files.deep_image import SUFFIXES, DeepImage, Values, check_size, plausible_dpi, upright
from texot.packages import imported

log = logging.getLogger("texot")

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
_LOSSLESS = ("none", "rle", "zip", "zips", "piz")  # of OpenEXR
_MAX_CHANNELS = 64


def openimageio(label: str) -> Any:
    """The package.

    Raises:
        TexotError: it is not installed; `label` is the file that takes it.
    """
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


def read_by_openimageio(stream: BinaryIO, path: str | None, kind: str, label: str) -> DeepImage:
    """Read a TIFF, OpenEXR or Radiance HDR file.

    Args:
        stream: a seekable stream of the file, at its start.
        path: path of the file, or None.
        kind: "TIFF", "OpenEXR" or "Radiance".
        label: name in messages.

    Raises:
        InputError: the file is damaged, too large or of an unsupported kind.
        TexotError: OpenImageIO is not installed.
    """
    oiio = openimageio(label)
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
    check_size(label, width, height, spec.nchannels * np.dtype(_TYPES[found]).itemsize)
    return found


def _deep_image(spec: Any, values: Values, kind: str) -> DeepImage:
    names = tuple(str(name) for name in spec.channelnames)
    orientation = 1 if kind == "OpenEXR" else spec.get_int_attribute("Orientation", 1)
    alpha = spec.alpha_channel
    associated = kind == "OpenEXR" or not spec.get_int_attribute("oiio:UnassociatedAlpha", 0)
    profile = spec.getattribute("ICCProfile")
    inches = {"in": 1.0, "inch": 1.0, "cm": 2.54}.get(str(spec.getattribute("ResolutionUnit")))
    resolution = [spec.getattribute(name) for name in ("XResolution", "YResolution")]
    dpi = [value * inches for value in resolution if inches and isinstance(value, int | float)]
    places = spec.getattribute("chromaticities")
    compression = str(spec.getattribute("compression"))
    return DeepImage(
        upright(_windowed(spec, values), orientation if 1 <= orientation <= 8 else 1),
        kind,
        names,
        halves=tuple(str(kind) == "half" for kind in spec.channelformats),
        alpha=alpha if 0 <= alpha < len(names) else None,
        premultiplied=associated,
        icc_profile=None if profile is None else bytes(profile),
        dpi=plausible_dpi(dpi, orientation),
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
    if kind != "Radiance":
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


def encode_by_openimageio(image: DeepImage, kind: str, name: str) -> bytes:
    """The bytes of a TIFF, OpenEXR or Radiance HDR file; equal images give equal bytes.

    Args:
        image: the image.
        kind: "TIFF", "OpenEXR" or "Radiance".
        name: name in messages.

    Raises:
        OutputError: it cannot be encoded.
        TexotError: OpenImageIO is not installed.
    """
    oiio = openimageio(repr(name))
    suffix = next(suffix for suffix, other in SUFFIXES.items() if other == kind)
    with tempfile.TemporaryDirectory(prefix="texot-") as folder:
        path = os.path.join(folder, f"image{suffix}")
        reason = "no encoder"
        output = oiio.ImageOutput.create(path)
        if output is not None:
            widens = kind != "OpenEXR" and _is_half(image)
            values = image.values.astype(np.float32) if widens else image.values
            values = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
            opened = output.open(path, _spec(oiio, image, values, kind))
            done = opened and output.write_image(values)
            reason = "" if output.close() and done else _reason(output)
        if reason:
            raise OutputError(f"cannot write {name!r} as {kind}: {reason}")
        return Path(path).read_bytes()


def _is_half(image: DeepImage) -> bool:
    return image.values.dtype == np.float16
