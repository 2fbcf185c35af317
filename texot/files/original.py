"""A photograph whose pixels will be written again.

Unlike an exemplar, it stays in its own colours: a profile is kept beside the pixels, not applied to them, and
alpha is kept too. Every pixel that nobody changes comes out as it went in. Every failure is an `InputError`.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import Decoded, Float32Array, decode, decode_file
from texot.files.exemplar import KNOWN_ALPHA, Exemplar, check_alpha, read_exemplar, with_alpha
from texot.files.source import is_encoded, opened

log = logging.getLogger("texot")


@dataclass(frozen=True, eq=False)
class Original:
    """A photograph, decoded.

    Attributes:
        pixels: (C, H, W) float32 on the CPU, in [0, 1], in the photograph's own colours; with alpha as the
            last channel where that is a channel like the others.
        opaque: (H, W) bool, True where alpha is above one half; None where it is so everywhere.
        alpha: (1, H, W) float32 in [0, 1], or None without an alpha channel beside the pixels.
        mode: of the file to write: "L", "RGB", "I;16", "multi", or with alpha "LA" or "RGBA".
        icc_profile: that the pixels are in, or None.
        dpi: dots per inch (x, y), or None.
        sha256: hash of size, pixels and opacity.
        exif: EXIF data of the file, for upright pixels, or None.
    """

    pixels: Tensor
    opaque: Tensor | None
    alpha: Tensor | None
    mode: str
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    sha256: str
    exif: bytes | None = None

    @classmethod
    def of(
        cls,
        image: Tensor,
        mode: str,
        icc_profile: bytes | None,
        dpi: tuple[float, float] | None,
        exif: bytes | None = None,
    ) -> Original:
        """An image as texot made it, (C, H, W) with the alpha that `mode` tells of."""
        alpha = image[-1:] if mode in ("LA", "RGBA") else None
        pixels = image if alpha is None else image[:-1]
        known = None if alpha is None else alpha[0] > KNOWN_ALPHA
        opaque = None if known is None or bool(known.all()) else known
        return cls(pixels, opaque, alpha, mode, icc_profile, dpi, Exemplar(pixels, opaque).sha256, exif)

    def __repr__(self) -> str:
        known = "" if self.opaque is None else ", transparent in places"
        return f"{type(self).__name__}({self.size[0]}x{self.size[1]} {self.mode}{known})"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[1]

    def is_opaque(self, hole: Tensor | None = None) -> bool:
        """Whether alpha is 1 everywhere, once the hole (H, W) bool is filled; True where there is none."""
        if self.alpha is None:
            return not self.mode.endswith("A")
        clear = self.alpha[0] < 1
        return not bool((clear if hole is None else clear & ~hole).any())

    def taking(self, alpha: str) -> Original:
        """The same with its alpha channel as a mask, ignored, or as a channel; see `read_original`."""
        if self.alpha is None or alpha == "mask" or (alpha == "channel" and bool((self.alpha == 1).all())):
            return self
        pixels, mode = self.pixels, {"RGBA": "RGB", "LA": "L"}.get(self.mode, self.mode)
        if alpha == "channel":
            pixels, mode = with_alpha(pixels, self.alpha, mode)
        sha256 = Exemplar(pixels).sha256
        return replace(self, pixels=pixels, opaque=None, alpha=None, mode=mode, sha256=sha256)


def read_original(source: Any, *, alpha: str = "mask") -> Original:
    """Read a photograph to be changed in places.

    Args:
        source: as in `texot.files.exemplar.read_exemplar`, or an `Original`.
        alpha: "mask": what is not above one half is unknown, and alpha is kept; "ignore": it is dropped,
            and all is known; "channel": it is a channel like the colours, unless it is opaque everywhere.

    Raises:
        InputError: as there; or a file of colours with more than 8 bits a channel, which would lose them.
    """
    check_alpha(alpha)
    if isinstance(source, Original):
        return source.taking(alpha)
    if not isinstance(source, Image.Image) and is_encoded(source):
        with opened(source) as (stream, label, _):
            decoded = decode_file(stream, label, manage=False)
    elif isinstance(source, Image.Image):
        label = f"the {source.mode} image"
        decoded = decode(source.copy(), label, manage=False)  # the caller's stays as it is
    else:
        planes = read_exemplar(source, alpha="channel")
        mode = {"RGBA": "RGB", "LA": "L"}.get(planes.mode, planes.mode)
        last = planes.pixels[-1].numpy() if mode != planes.mode else _opaque_alpha(source, planes.size)
        colours = planes.pixels[:-1] if mode != planes.mode else planes.pixels
        decoded = Decoded(colours.contiguous().numpy(), last, mode, planes.icc_profile)
        label = "the image"
    if decoded.deep:
        raise InputError(
            f"{label} has 16 bits a channel in colour, of which 8 would be lost: convert it to 8 bits first"
        )
    return _original(decoded, label, alpha)


def _opaque_alpha(source: Any, size: tuple[int, int]) -> Float32Array | None:
    """The alpha of an array or tensor that is opaque everywhere, which reading drops."""
    shape = tuple(getattr(source, "shape", ()))
    channels = shape[0] if isinstance(source, Tensor) else shape[-1]
    return np.ones(size[::-1], np.float32) if len(shape) == 3 and channels in (2, 4) else None


def _original(decoded: Decoded, label: str, alpha: str) -> Original:
    pixels, plane, mode, opaque = torch.from_numpy(decoded.planes), None, decoded.mode, None
    if decoded.alpha is not None:
        plane = torch.from_numpy(decoded.alpha)[None]
        known = plane[0] > KNOWN_ALPHA
        if alpha == "mask" and not bool(known.any()):
            raise InputError(
                f"{label} is transparent everywhere, so it holds no texture: remove its alpha channel, or "
                "take alpha as no mask (--alpha ignore or channel)"
            )
        opaque = None if bool(known.all()) else known
        mode = {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
    sha256 = Exemplar(pixels, opaque).sha256
    beside = plane if mode in ("LA", "RGBA") else None  # 16-bit grey with a transparent colour has none
    found = Original(
        pixels, opaque, beside, mode, decoded.icc_profile, _dpi(decoded.dpi), sha256, decoded.exif
    )
    if alpha == "ignore" and beside is None:
        return replace(found, opaque=None, sha256=Exemplar(pixels).sha256)
    return found.taking(alpha)


def _dpi(value: Any) -> tuple[float, float] | None:
    """What a file says, where that makes sense."""
    try:
        x, y = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(v) and 0 < v < 1e5 for v in (x, y)) else None
