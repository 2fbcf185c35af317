"""A photograph whose pixels will be written again, and masks that belong to it.

Unlike an exemplar, it stays in its own colours: a profile is kept beside the pixels, not applied to them, and
alpha is kept too. Every pixel that nobody changes comes out as it went in. Every failure is an `InputError`.
"""

from __future__ import annotations

import logging
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from texot.errors import InputError
from texot.files.decode import alpha_of, decode, open_file, open_image
from texot.files.exemplar import Exemplar, read_exemplar

log = logging.getLogger("texot")


@dataclass(frozen=True, eq=False)
class Original:
    """A photograph, decoded.

    Attributes:
        pixels: (C, H, W) float32 on the CPU, in [0, 1], in the photograph's own colours.
        opaque: (H, W) bool, True where fully opaque; None where every pixel is.
        alpha: (1, H, W) float32 in [0, 1], or None without an alpha channel.
        mode: of the file to write: "L", "RGB", "I;16", "multi", or with alpha "LA" or "RGBA".
        icc_profile: that the pixels are in, or None.
        dpi: dots per inch (x, y), or None.
        sha256: hash of size, pixels and opacity.
    """

    pixels: Tensor
    opaque: Tensor | None
    alpha: Tensor | None
    mode: str
    icc_profile: bytes | None
    dpi: tuple[float, float] | None
    sha256: str

    @classmethod
    def of(
        cls, image: Tensor, mode: str, icc_profile: bytes | None, dpi: tuple[float, float] | None
    ) -> Original:
        """An image as texot made it, (C, H, W) with the alpha that `mode` tells of."""
        alpha = image[-1:] if mode in ("LA", "RGBA") else None
        pixels = image if alpha is None else image[:-1]
        opaque = None if alpha is None or bool((alpha == 1).all()) else alpha[0] == 1
        return cls(pixels, opaque, alpha, mode, icc_profile, dpi, Exemplar(pixels, opaque).sha256)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[2], self.pixels.shape[1]


def read_original(source: Any) -> Original:
    """Read a photograph to be changed in places.

    Args:
        source: as in `texot.files.exemplar.read_exemplar`.

    Raises:
        InputError: as there.
    """
    if isinstance(source, Original):
        return source
    if isinstance(source, (str, bytes, os.PathLike)):
        path = os.fsdecode(source)
        with open_file(path) as stream:
            return _from_pil(open_image(stream, path), repr(path))
    if isinstance(source, Image.Image):
        return _from_pil(source.copy(), f"the {source.mode} image")  # the caller's keeps its profile
    exemplar = read_exemplar(source)
    alpha = None
    if isinstance(source, np.ndarray) and source.ndim == 3 and source.shape[2] in (2, 4):
        alpha = read_exemplar(source[:, :, -1]).pixels
    elif isinstance(source, Tensor) and source.ndim == 3 and source.shape[0] in (2, 4):
        alpha = read_exemplar(source[-1]).pixels
    return _original(exemplar, alpha)


def _from_pil(image: Image.Image, label: str) -> Original:
    """Its own colours, unless they are of a kind that only conversion makes RGB (CMYK)."""
    profile, dpi = image.info.get("icc_profile"), image.info.get("dpi")
    keeps = image.mode not in ("CMYK", "LAB", "YCbCr", "HSV")
    if keeps:
        image.info.pop("icc_profile", None)
    planes, opaque, mode, own = decode(image, label)
    mask = None if opaque is None or opaque.all() else torch.from_numpy(np.ascontiguousarray(opaque))
    exemplar = Exemplar(torch.from_numpy(planes), mask, mode, (profile if keeps else own) or None)
    alpha = alpha_of(image, label)
    found = None if alpha is None or mode == "I;16" else torch.from_numpy(alpha)[None]
    return _original(exemplar, found, _dpi(dpi))


def _original(exemplar: Exemplar, alpha: Tensor | None, dpi: tuple[float, float] | None = None) -> Original:
    mode = exemplar.mode if alpha is None else {"L": "LA", "RGB": "RGBA"}.get(exemplar.mode, exemplar.mode)
    if mode == exemplar.mode:
        alpha = None
    return Original(exemplar.pixels, exemplar.mask, alpha, mode, exemplar.icc_profile, dpi, exemplar.sha256)


def _dpi(value: Any) -> tuple[float, float] | None:
    """What a file says, where that makes sense."""
    try:
        x, y = (float(v) for v in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if all(math.isfinite(v) and 0 < v < 1e5 for v in (x, y)) else None


def read_mask(source: Any, size: tuple[int, int], *, name: str = "mask", of: str = "image") -> Tensor:
    """A mask, true where it is white; grey counts as white from one half, transparent pixels as black.

    Args:
        source: as in `texot.files.exemplar.read_exemplar`.
        size: (width, height) that it must have.
        name, of: how messages call it and what it belongs to.

    Returns:
        (H, W) bool.

    Raises:
        InputError: it cannot be read, or has another size.
    """
    found = read_exemplar(source)
    if found.size != size:
        have, want = ("x".join(map(str, s)) for s in (found.size, size))
        raise InputError(f"the {name} is {have} px and the {of} {want} px: give a {name} of the {of}'s size")
    grey = found.pixels.mean(0)
    white = grey >= 0.5
    between = int(((grey > 1e-3) & (grey < 1 - 1e-3)).sum())
    if between:
        log.info(
            "the %s has %d grey pixels: those from half white on count as white, the others as black",
            name,
            between,
        )
    return white if found.mask is None else white & found.mask
