"""A photograph whose unchanged pixels are written back exactly.

Unlike an exemplar, it keeps its colour space: a profile is stored, not applied, and alpha is kept. Every
pixel that a job does not change is preserved exactly. Every failure is an `InputError`.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from texot.errors import InputError
from texot.files.arrays import decode_array, decode_tensor
from texot.files.decode import Decoded, decode
from texot.files.deep_image import DeepImage
from texot.files.depth import WITH_ALPHA, Depth, decode_any, decode_deep
from texot.files.exemplar import KNOWN_ALPHA, Exemplar, check_alpha, read_exemplar, with_alpha
from texot.files.sizes import at_most, exemplar_side
from texot.files.source import is_encoded, opened

log = logging.getLogger("texot")


@dataclass(frozen=True, eq=False)
class Original:
    """A decoded photograph.

    Attributes:
        pixels: (C, H, W) float32 on the CPU, in [0, 1], in the photograph's colour space; the last channel is
            alpha if it is treated as a channel.
        opaque: (H, W) bool, True where alpha is above one half; None if it is so everywhere.
        alpha: (1, H, W) float32 in [0, 1], or None without a separate alpha channel.
        mode: mode of the written file: "L", "RGB", "I;16", "multi", or with alpha "LA" or "RGBA".
        icc_profile: colour profile of the pixels, or None.
        dpi: dots per inch (x, y), or None.
        sha256: hash of size, pixels and opacity.
        exif: EXIF data of the file, for upright pixels, or None.
        depth: see `texot.files.exemplar.Exemplar`.
    """

    pixels: Tensor
    opaque: Tensor | None
    alpha: Tensor | None
    mode: str
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    sha256: str
    exif: bytes | None = None
    depth: Depth | None = None

    @classmethod
    def of(
        cls,
        image: Tensor,
        mode: str,
        icc_profile: bytes | None,
        dpi: tuple[float, float] | None,
        exif: bytes | None = None,
    ) -> Original:
        """A result of texot, (C, H, W), with alpha if `mode` has it."""
        alpha = image[-1:] if mode in WITH_ALPHA else None
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
        """Whether alpha is 1 everywhere after the hole (H, W) bool is filled; True without alpha."""
        if self.alpha is None:
            return not self.mode.endswith("A")
        clear = self.alpha[0] < 1
        return not bool((clear if hole is None else clear & ~hole).any())

    def reduced(self, side: int | None) -> Original:
        """The photograph in at most `side` * `side` pixels of the same aspect; None: as it is.

        Raises:
            InputError: not a whole number from 16 to 10**6.
        """
        size = self.size if side is None else at_most(exemplar_side(side))(self.size)
        if size == self.size:
            return self
        known, whole = self.opaque, self.pixels if self.opaque is None else self.pixels * self.opaque
        pixels, alpha = _mean(whole, size), None if self.alpha is None else _mean(self.alpha, size)
        if known is not None:
            share = _mean(known[None].float(), size)
            pixels, known = pixels / share.clamp_min(1e-6), share[0] > KNOWN_ALPHA
        pixels = pixels.clamp(0, 1)
        depth = self.depth
        if depth is not None:
            depth = depth.resized(pixels if alpha is None else torch.cat([pixels, alpha]), self.mode)
        sha256 = Exemplar(pixels, known).sha256
        return replace(self, pixels=pixels, opaque=known, alpha=alpha, sha256=sha256, depth=depth)

    def taking(self, alpha: str) -> Original:
        """The photograph with alpha as a mask, ignored, or as a channel; see `read_original`."""
        if self.alpha is None or alpha == "mask" or (alpha == "channel" and bool((self.alpha == 1).all())):
            return self
        pixels, mode = self.pixels, {"RGBA": "RGB", "LA": "L"}.get(self.mode, self.mode)
        if alpha == "channel":
            pixels, mode = with_alpha(pixels, self.alpha, mode)
        sha256 = Exemplar(pixels).sha256
        return replace(self, pixels=pixels, opaque=None, alpha=None, mode=mode, sha256=sha256)


def read_original(source: Any, *, alpha: str = "mask") -> Original:
    """Read a photograph that a job will change in parts.

    Args:
        source: as in `texot.files.exemplar.read_exemplar`, or an `Original`.
        alpha: "mask": pixels with alpha up to one half are unknown, and alpha is kept; "ignore": alpha is
            dropped; "channel": alpha is a channel like the colours, unless it is opaque everywhere.

    Raises:
        InputError: as in `read_exemplar`, or a file of more than 8 bits a channel that is read with 8.
        TexotError: the file takes OpenImageIO, which is not installed.
    """
    check_alpha(alpha)
    if isinstance(source, Original):
        return source.taking(alpha)
    if not isinstance(source, Image.Image) and is_encoded(source):
        with opened(source) as (stream, label, _):
            decoded = decode_any(source, stream, label, manage=False)
    elif isinstance(source, Image.Image):
        label = f"the {source.mode} image"
        decoded = decode(source.copy(), label, manage=False)  # do not change the caller's image
    elif isinstance(source, np.ndarray):
        decoded, label = decode_array(source)
    elif isinstance(source, Tensor):
        decoded, label = decode_tensor(source)
    elif isinstance(source, DeepImage):
        label = "the image"
        decoded = decode_deep(source, label)
    else:
        found, label = read_exemplar(source, alpha="channel"), "the image"
        has_alpha = found.mode in WITH_ALPHA
        colours = found.pixels[:-1] if has_alpha else found.pixels
        decoded = Decoded(
            colours.contiguous().numpy(),
            found.pixels[-1].numpy() if has_alpha else None,
            found.mode.removesuffix("A") if has_alpha else found.mode,
            found.icc_profile,
            depth=found.depth,
        )
    if decoded.deep:
        raise InputError(
            f"{label} has more than 8 bits a channel, of which 8 are read: convert it to PNG or TIFF, which "
            "keep all"
        )
    return _original(decoded, label, alpha)


def reduced_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask (H, W) bool in (width, height) pixels: true where some of a pixel is."""
    if mask.shape == (size[1], size[0]):
        return mask
    return _mean(mask[None].float(), size)[0] > 0


def _mean(image: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(image[None], size=(size[1], size[0]), mode="area")[0]


def _original(decoded: Decoded, label: str, alpha: str) -> Original:
    pixels, plane, mode, opaque = torch.from_numpy(decoded.planes), None, decoded.mode, None
    if decoded.alpha is not None:
        plane = torch.from_numpy(decoded.alpha)[None]
        known = plane[0] > KNOWN_ALPHA
        if alpha == "mask" and not bool(known.any()):
            raise InputError(
                f"{label} is transparent everywhere, so it holds no texture: remove its alpha channel, or "
                "use --alpha ignore or channel"
            )
        opaque = None if bool(known.all()) else known
        mode = {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
    sha256 = Exemplar(pixels, opaque).sha256
    separate = (
        plane if mode in ("LA", "RGBA") else None
    )  # 16-bit grey with a transparent colour has no alpha plane
    found = Original(
        pixels,
        opaque,
        separate,
        mode,
        decoded.icc_profile,
        _dpi(decoded.dpi),
        sha256,
        decoded.exif,
        decoded.depth,
    )
    if alpha == "ignore" and separate is None:
        return replace(found, opaque=None, sha256=Exemplar(pixels).sha256)
    return found.taking(alpha)


def _dpi(value: Any) -> tuple[float, float] | None:
    """A resolution as recorded in a file, or None if it is not plausible."""
    try:
        x, y = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(v) and 0 < v < 1e5 for v in (x, y)) else None
