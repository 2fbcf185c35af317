"""Images of more than 8 bits a channel as pixels in [0, 1] for the solver, and back to values of their type.

Unsigned integers of up to 16 bits are divided by their largest value, which float32 represents exactly. Other
integers are scaled from their range in the image. Floats have no largest value: they may exceed 1 or be
negative, and one bright pixel must not have all the weight. They are compared on a curve that is linear for
small values and logarithmic for large ones, strictly monotone, the same for all colours:

    p = (g(v) - g(low)) / (g(high) - g(low)),   g(v) = asinh(v / s)

where low and high are the smallest and the largest value of the image, and s is the median of the absolute
values other than 0. Pixels of a result that are those of the image have its values exactly; others are the
inverse of their p, rounded to the type.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import Decoded, Fit, Float32Array, decode_file
from texot.files.deep import GREY_OR_RGB, deep_kind, photometric_of, read_deep
from texot.files.deep_image import DeepImage, Values
from texot.files.part import Window, find_window, sample_steps

WITH_ALPHA = ("LA", "RGBA")
"""Modes of images whose last channel is alpha."""

_SAMPLED = 2**20  # values of which the median is taken
_LEAST_SCALE = 1e-30  # of the largest absolute value, so that nothing overflows
_NAMES = {1: ("Y",), 3: ("R", "G", "B")}


@dataclass(frozen=True)
class Curve:
    """A monotone curve from values to [0, 1], see the module.

    Attributes:
        low, high: values that become 0 and 1.
        scale: s; None: the curve is linear.
    """

    low: float
    high: float
    scale: float | None = None

    def pixels(self, values: Values) -> Float32Array:
        """Values as pixels in [0, 1]; values outside the range are clipped."""
        bend, low, reach = self._range()
        found: Float32Array = ((bend(values.astype(np.float64)) - low) / reach).astype(np.float32)
        return found.clip(0, 1, out=found)

    def values(self, pixels: npt.NDArray[Any]) -> Values:
        """Values of pixels in [0, 1], float64."""
        _, low, reach = self._range()
        bent = pixels.astype(np.float64) * reach + low
        found: Values = bent if self.scale is None else self.scale * np.sinh(bent)
        return found.clip(self.low, self.high)

    def _range(self) -> tuple[Any, float, float]:
        def bend(values: Any) -> Any:
            return values if self.scale is None else np.arcsinh(values / self.scale)

        low, high = float(bend(self.low)), float(bend(self.high))
        return bend, low, high - low or 1.0


@dataclass(frozen=True, eq=False)
class Depth:
    """The bit depth of an image: how its values become pixels, and how pixels become values of its type.

    Attributes:
        image: the image as its file stores it.
        curve: curve of its colours.
        places: (H, W) int64, for each pixel of a result the index of the pixel that it copies; None: results
            copy the pixels that are equal to those of the image at the same place.
    """

    image: DeepImage
    curve: Curve
    places: Tensor | None = None

    @classmethod
    def of(cls, image: DeepImage, label: str) -> Depth:
        """The bit depth of an image.

        Raises:
            InputError: it has no pixels, or NaN or infinite values; `label` is its name in the message.
        """
        values = image.values
        if not values.size:
            raise InputError(f"{label} is empty: expected at least one pixel")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{label} holds NaN or infinite values: replace them")
        return cls(image, _curve(values[..., _colours(image)]))

    @property
    def floats(self) -> bool:
        """Whether the values are floats."""
        return self.image.values.dtype.kind == "f"

    @property
    def levels(self) -> bool:
        """Whether pixels are values divided by the largest of their type, as in files of 8 bits."""
        return self.image.values.dtype.str[1:] in ("u1", "u2")

    @property
    def mode(self) -> str:
        """Mode of the colours: "L", "RGB", or "multi" for another number of channels."""
        return {1: "L", 3: "RGB"}.get(len(self._colours), "multi")

    @property
    def alpha(self) -> int | None:
        """Index of the alpha channel of grey or RGB, or None."""
        return self.image.alpha if len(self._colours) < self.image.values.shape[2] else None

    @property
    def _colours(self) -> list[int]:
        return _colours(self.image)

    def planes(self) -> tuple[Float32Array, Float32Array | None]:
        """Colours (C, H, W) and alpha (H, W) of the image, in [0, 1]."""
        values, (width, height) = self.image.values, self.image.size
        planes = np.empty((len(self._colours), height, width), np.float32)
        for plane, channel in zip(planes, self._colours, strict=True):
            plane[:] = self.curve.pixels(values[..., channel])
        return planes, None if self.alpha is None else _opacity(values.dtype).pixels(values[..., self.alpha])

    def resized(self, pixels: Tensor, mode: str) -> Depth:
        """The bit depth of the image after a change of its size; see `deep`."""
        return replace(self, image=self.deep(pixels, mode))

    def deep(
        self,
        pixels: Tensor,
        mode: str,
        *,
        icc_profile: bytes | None = None,
        dpi: tuple[float, float] | None = None,
        exif: bytes | None = None,
    ) -> DeepImage:
        """A result as an image of this bit depth.

        Args:
            pixels: (C, H, W) in [0, 1], with alpha last if `mode` has it.
            mode: mode of the result.
            icc_profile, dpi, exif: metadata of the result.
        """
        like = self.image.values.dtype
        has_alpha = mode in WITH_ALPHA
        n = pixels.shape[0] - has_alpha
        names = _NAMES.get(n, tuple(f"channel{k}" for k in range(n)))
        order = list(range(n))
        if n == len(self._colours):  # the names of the file
            names = tuple(self.image.names[k] for k in self._colours)
        curves, at = [self.curve] * n, None
        if has_alpha:
            curves.append(_opacity(like))
            at = n if self.alpha is None or n != len(self._colours) else self.alpha
            order.insert(at, n)
            names = (*names[:at], "A", *names[at:])
        planes = pixels.detach().cpu().numpy()
        values = np.empty((*planes.shape[1:], len(order)), like)
        for target, source in enumerate(order):
            found = curves[source].values(planes[source])
            values[..., target] = np.rint(found) if like.kind in "iu" else found
        self._copy_exact(values, planes[order], has_alpha=has_alpha)
        halves = self.image.halves if names == self.image.names else ()
        return replace(
            self.image,
            values=values,
            names=names,
            halves=halves,
            alpha=at,
            icc_profile=icc_profile,
            dpi=dpi,
            exif=exif,
        )

    def template(self, mode: str) -> DeepImage:
        """One pixel with the type and channels of results of a mode."""
        channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}.get(mode, len(self._colours))
        return replace(self, places=None).deep(torch.zeros(channels, 1, 1), mode)

    def _copy_exact(self, values: Values, planes: Float32Array, *, has_alpha: bool) -> None:
        """Write the image's own values over those of pixels that are copies."""
        own = self.image.values
        channels = list(range(own.shape[2]))
        if not has_alpha and self.alpha is not None:
            channels.remove(self.alpha)
        if values.shape[2] != len(channels) or (has_alpha and self.alpha is None):
            return
        if self.places is not None:
            values[:] = own.reshape(-1, own.shape[2])[:, channels][self.places.numpy()]
        elif values.shape[:2] == own.shape[:2]:
            same = np.ones(own.shape[:2], bool)
            for plane, channel in zip(planes, channels, strict=True):
                curve = _opacity(own.dtype) if channel == self.alpha else self.curve
                same &= plane == curve.pixels(own[..., channel])
            values[same] = own[..., channels][same]


def decode_deep(source: Any, label: str, part: int | None = None) -> Decoded:
    """Read an image for which `texot.files.deep.deep_kind` is not None, or take a `DeepImage`.

    Args:
        source: as in `texot.files.deep.read_deep`, or a `DeepImage`.
        label: name in messages.
        part: see `texot.files.decode.decode`.

    Raises:
        InputError: NaN or infinite values, or as in `read_deep`.
        TexotError: OpenImageIO is needed and not installed.
    """
    image = source if isinstance(source, DeepImage) else read_deep(source, label)
    whole = image.size
    window = Window(0, 0, *whole)
    if part is not None and max(whole) > part:
        opaque, (across, down) = None, sample_steps(whole)
        if image.alpha is not None:
            samples = image.values[::down, ::across, image.alpha]
            opaque = _opacity(samples.dtype).pixels(samples) > 0.5
        window = find_window(whole, part, opaque)
        left, upper, right, lower = window.box
        image = replace(image, values=image.values[upper:lower, left:right].copy())
    return decoded_of(Depth.of(image, label), whole, window)


def decoded_of(depth: Depth, whole: tuple[int, int], window: Window) -> Decoded:
    """An image as decoded, a part (`window`) of an image of size `whole`."""
    planes, alpha = depth.planes()
    image = depth.image
    return Decoded(
        planes,
        alpha,
        depth.mode,
        image.icc_profile,
        exif=image.exif,
        dpi=image.dpi,
        whole=whole,
        window=window,
        depth=depth,
    )


def decode_any(
    source: Any,
    stream: BinaryIO,
    label: str,
    *,
    manage: bool = True,
    fit: Fit | None = None,
    part: int | None = None,
) -> Decoded:
    """Read an image file of any bit depth; TIFF that is neither grey nor RGB, such as CMYK, with 8 bits.

    Args:
        source: the path, or what `stream` was opened from.
        stream: a seekable stream of the file, at its start.
        label, manage, fit, part: see `texot.files.decode.decode`; images of more than 8 bits are not reduced.

    Raises:
        InputError, TexotError: see `decode_deep` and `texot.files.decode.decode_file`.
    """
    kind = deep_kind(stream)
    if kind is None or (kind == "TIFF" and photometric_of(stream) not in GREY_OR_RGB):
        return decode_file(stream, label, manage=manage, fit=fit, part=part)
    if not isinstance(source, (str, os.PathLike)):
        source = stream
    return decode_deep(source, label, part)


def common_depth(depths: list[Depth | None], what: str) -> Depth | None:
    """The bit depth of a result made of several images: the widest type; floats with one curve for all.

    Args:
        depths: of each image.
        what: name of the images in the message.

    Raises:
        InputError: they hold values of different kinds.
    """
    families = {family(depth) for depth in depths}
    if len(families) > 1:
        raise InputError(f"some {what} hold {' and some '.join(sorted(families))}: convert them to one kind")
    found = [depth for depth in depths if depth is not None]
    if not found:
        return None
    widest = max(found, key=lambda depth: depth.image.values.dtype.itemsize)
    if widest.levels:
        return widest
    curves = [depth.curve for depth in found]
    scale = max(curve.scale or 1.0 for curve in curves) if widest.floats else None
    joint = Curve(min(curve.low for curve in curves), max(curve.high for curve in curves), scale)
    return replace(widest, curve=joint)


def family(depth: Depth | None) -> str:
    """What values an image holds, in words; images of one job hold the same."""
    if depth is None or depth.levels:
        return "values of 8 or 16 bits"
    return "floats" if depth.floats else "other integers"


def _colours(image: DeepImage) -> list[int]:
    """The channels other than alpha; all, if these are not grey or RGB."""
    channels = range(image.values.shape[2])
    colours = [k for k in channels if k != image.alpha]
    return colours if len(colours) in (1, 3) else list(channels)


def _curve(colours: Values) -> Curve:
    kind = colours.dtype.kind
    if kind == "u" and colours.dtype.itemsize <= 2:
        return Curve(0, np.iinfo(colours.dtype).max)
    low, high = float(colours.min()), float(colours.max())
    if kind != "f":
        return Curve(low, high)
    some = np.abs(colours.ravel()[:: max(1, colours.size // _SAMPLED)].astype(np.float64))
    some = some[some > 0]
    median = float(np.median(some)) if some.size else 1.0
    return Curve(low, high, max(median, _LEAST_SCALE * max(-low, high)))


def _opacity(dtype: np.dtype[Any]) -> Curve:
    """The curve of alpha."""
    return Curve(0, 1 if dtype.kind == "f" else np.iinfo(dtype).max)
