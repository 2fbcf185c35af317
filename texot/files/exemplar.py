"""The exemplar: any supported image becomes planes in [0, 1] and a mask of usable pixels.

`read_exemplar` turns a path, PIL image, NumPy array or tensor into an `Exemplar`: (C, H, W) float32 in
sRGB. Every failure is one line, an `InputError`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import reprlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from texot.errors import InputError, quoted
from texot.files.arrays import decode_array, decode_tensor
from texot.files.decode import Decoded, Fit, decode
from texot.files.deep_image import DeepImage
from texot.files.depth import WITH_ALPHA, Depth, decode_any, decode_deep, family
from texot.files.part import Window
from texot.files.source import is_encoded, opened

if TYPE_CHECKING:
    from texot.files.material_code import MaterialCode

log = logging.getLogger("texot")

ALPHA = ("mask", "ignore", "channel")
"""Meaning of an alpha channel: a mask of the texture's pixels, nothing, or one more channel."""
KNOWN_ALPHA = 0.5  # pixels with more belong to the texture
_LUMINANCE = 0.2126, 0.7152, 0.0722
_MUCH = 0.1  # fraction of left-out pixels that is reported
_TILT, _UP, _UNIT = (
    0.1,
    0.75,
    0.1,
)  # normal maps: tolerance of the mean x and y, minimal z, tolerance of lengths


@dataclass(frozen=True, eq=False)
class Exemplar:
    """The texture to learn from, decoded.

    Attributes:
        pixels: (C, H, W) float32 on the CPU, in [0, 1]; C is 1 or 3, or more for a stack of maps.
        mask: (H, W) bool, True where a pixel belongs to the texture; None where all do.
        mode: mode of the result's file: "L", "RGB", "I;16" (16-bit grey), "multi" (above 4 channels), or
            "LA" or "RGBA" where alpha is the last of the pixels' channels.
        icc_profile: colour profile of the pixels; None for sRGB, as nearly always.
        name: the file's name, if there was one.
        sha256: hash of shape, pixels and mask; computed unless given.
        reduced: whether it was reduced from a larger image.
        window: the part of a larger image that this is; None: the whole image.
        whole: (width, height) of that image.
        main: number of leading channels that are matched, of which the first decides the layout; the others
            follow by the last vote. Such a stack of maps gets no correction of its statistics, which would
            move maps against each other. None: one image.
        depth: the values of an image of more than 8 bits a channel in colour, or of floats; otherwise None.
        shade: (H, W), the brightness that guides are compared with; None: `brightness` of the pixels.
        code: of the maps of a material, whose stack the pixels are; otherwise None.
    """

    pixels: Tensor
    mask: Tensor | None = None
    mode: str = "RGB"
    icc_profile: bytes | None = None
    name: str | None = None
    sha256: str = ""
    reduced: bool = False
    window: Window | None = None
    whole: tuple[int, int] = (0, 0)
    main: int | None = None
    depth: Depth | None = None
    shade: Tensor | None = None
    code: MaterialCode | None = None

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", _fingerprint(self.pixels, self.mask))
        if self.window is None:
            object.__setattr__(self, "whole", self.size)

    def __repr__(self) -> str:
        (width, height), name = self.size, reprlib.repr(self.name)
        masked = "" if self.mask is None else ", masked"
        return f"{type(self).__name__}({width}x{height} {self.mode}, name {name}{masked})"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[-1], self.pixels.shape[-2]

    @property
    def origin(self) -> tuple[int, int]:
        """(x, y) of the first pixel in the whole image."""
        return (0, 0) if self.window is None else (self.window.x, self.window.y)

    def index_at(self, places: Tensor) -> Tensor:
        """(H, W) int64, the index of the pixel that is nearest to each position (x, y) in (H, W, 2).

        Pixels that do not belong to the texture are replaced by the next one that does, in reading order.
        """
        width, height = self.size
        x, y = (places + 0.5).floor().long().unbind(-1)
        index = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
        if self.mask is None:
            return index
        known = self.mask.flatten().nonzero()[:, 0]
        following = torch.searchsorted(known, index).clamp(max=len(known) - 1)
        return torch.where(self.mask.flatten()[index], index, known[following])

    def with_planes(self, pixels: Tensor, mode: str, icc_profile: bytes | None) -> Exemplar:
        """The same texture with other channels (C, H, W), and a new hash."""
        return replace(self, pixels=pixels, mode=mode, icc_profile=icc_profile, sha256="")

    def linear(self) -> Tensor:
        """The pixels without the curve of floats: values, clipped to [0, 1]. For masks and weight maps."""
        if self.depth is None or not self.depth.floats:
            return self.pixels
        colours = self.pixels[:-1] if self.mode in WITH_ALPHA else self.pixels
        values = torch.from_numpy(self.depth.curve.values(colours.numpy())).to(self.pixels).clamp(0, 1)
        return values if colours is self.pixels else torch.cat([values, self.pixels[-1:]])

    def on_curve_of(self, depth: Depth | None, what: str) -> Exemplar:
        """The same texture with pixels on the curve of another image; its hash stays.

        Args:
            depth: of the other image.
            what: names of both images, for the message.

        Raises:
            InputError: they hold values of different kinds.
        """
        own, other = family(self.depth), family(depth)
        if own != other:
            raise InputError(
                f"{what} must hold values of one kind, not {own} and {other}: convert one of them"
            )
        if depth is None or self.depth is None or depth.curve == self.depth.curve:
            return self
        pixels = self.pixels.clone()
        colours = pixels[:-1] if self.mode in WITH_ALPHA else pixels
        values = self.depth.curve.values(colours.numpy())
        colours.copy_(torch.from_numpy(depth.curve.pixels(values)))
        return replace(self, pixels=pixels, depth=replace(self.depth, curve=depth.curve))


def brightness(pixels: Tensor) -> Tensor:
    """The luminance (H, W) of RGB or RGBA (C, H, W), by ITU-R BT.709; of others, the first channel."""
    if len(pixels) not in (3, 4):
        return pixels[0]
    return (pixels[:3] * pixels.new_tensor(_LUMINANCE)[:, None, None]).sum(0)


def with_channels(pixels: Tensor, channels: int) -> Tensor | None:
    """The image (C, H, W) with `count` channels: grey is repeated, colour averaged; otherwise None."""
    have = pixels.shape[0]
    if have == channels:
        return pixels
    if have == 1:
        return pixels.expand(channels, -1, -1)
    return pixels.mean(0, keepdim=True) if channels == 1 else None


def _fingerprint(pixels: Tensor, mask: Tensor | None) -> str:
    planes = np.ascontiguousarray(pixels.detach().cpu().numpy(), dtype="<f4")
    digest = hashlib.sha256("x".join(map(str, planes.shape)).encode())
    digest.update(planes.data)
    if mask is not None:
        digest.update(np.packbits(mask.detach().cpu().numpy()).data)
    return digest.hexdigest()


def read_exemplar(
    source: str
    | os.PathLike[str]
    | bytes
    | BinaryIO
    | Image.Image
    | npt.NDArray[Any]
    | Tensor
    | DeepImage
    | Exemplar,
    *,
    alpha: str = "mask",
    fit: Fit | None = None,
    part: int | None = None,
) -> Exemplar:
    """Read any supported image as planes in [0, 1].

    Files and PIL images are read as displayed: EXIF rotation is applied, colours with a profile (CMYK too)
    become sRGB, the first of several frames is used. 16-bit grey keeps its precision and gives mode "I;16".
    PNG of 16-bit colours, TIFF of more than 8 bits, OpenEXR and Radiance HDR keep their values and their
    profile, without colour management; see `texot.files.depth`. Other kinds of more than 8 bits a channel are
    read with 8, which is logged.

    Args:
        source: A path; the bytes of an image file, or a file object that reads them; a PIL image; an array
            (H, W) or (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; a tensor (H, W) or (C, H, W)
            with the same meanings, where C beyond 4 is a stack of maps (mode "multi", no alpha); or an
            `Exemplar`, whose alpha was resolved before. Arrays and tensors hold uint8, uint16, bool (as 0 and
            1) or floats; they are copied, never shared. Floats in [0, 1] are an ordinary image, others are
            kept as they are, like those of a file.
        alpha: "mask": pixels of which alpha is above one half belong to the texture, the others are False in
            the mask (none where all belong); "ignore": all belong; "channel": all belong, and alpha is a
            channel after the colours, unless it is opaque everywhere.
        fit: function from (width, height) to the reduced size; None: no reduction.
        part: larger images are cropped to a square of this side in pixels: the middle, or the most opaque
            part. None: no cropping. An `Exemplar` is never cropped.

    Returns:
        The exemplar, on the CPU.

    Raises:
        InputError: The source is missing, empty, truncated, not an image, too large, entirely transparent,
            holds NaN, or has an unsupported kind, shape or type.
        TexotError: the file takes OpenImageIO, which is not installed.
    """
    check_alpha(alpha)
    if isinstance(source, Exemplar):
        return _fitted(source, fit)
    name = None
    if isinstance(source, Tensor):
        decoded, label = decode_tensor(source, part)
    elif isinstance(source, np.ndarray):
        decoded, label = decode_array(source, part)
    elif isinstance(source, DeepImage):
        label = "the image"
        decoded = decode_deep(source, label, part)
    elif isinstance(source, Image.Image):
        name = os.path.basename(os.fsdecode(getattr(source, "filename", "") or "")) or None
        label = f"the {source.mode} image"
        decoded = decode(source, label, fit=fit, part=part)
    elif is_encoded(source):
        with opened(source) as (stream, label, name):
            decoded = decode_any(source, stream, label, fit=fit, part=part)
    else:
        raise InputError(
            "expected a path, the bytes of an image file, a file object, PIL image, NumPy array or torch "
            f"tensor as exemplar, got {type(source).__name__}"
        )
    if decoded.deep:
        log.info("%s has 16 bits a channel: it is read with 8", label)
    return _fitted(_from_decoded(decoded, alpha, label, name), fit)


def part_fact(*exemplars: Exemplar) -> dict[str, int]:
    """The record of cropped exemplars: the value of `part`, if any was cropped."""
    sides = [max(e.window.width, e.window.height) for e in exemplars if e.window is not None]
    return {"exemplar_part": max(sides)} if sides else {}


def check_alpha(alpha: object) -> None:
    """Refuse a value that is not one of `ALPHA`.

    Raises:
        InputError: it is not one of them.
    """
    if alpha not in ALPHA:
        raise InputError(f"alpha must be one of {', '.join(ALPHA)}, not {quoted(alpha)}")


def looks_like_normals(pixels: Tensor) -> bool:
    """Whether an image (C, H, W) in [0, 1] looks like a normal map: upward unit vectors as colours."""
    if pixels.shape[0] != 3:
        return False
    some = pixels.flatten(1)[:, :: max(1, pixels[0].numel() // 65536)]
    x, y, z = some.double().mean(1).tolist()
    unit = ((2 * some - 1).norm(dim=0) - 1).abs() < _UNIT
    return max(abs(x - 0.5), abs(y - 0.5)) < _TILT and z > _UP and float(unit.double().mean()) > 0.9


def log_normals(pixels: Tensor, name: str | None = None) -> None:
    """Log if an image (C, H, W) looks like a normal map."""
    if looks_like_normals(pixels):
        log.warning(
            "%s looks like a normal map: its vectors do not keep length 1; normalise the result",
            repr(name) if name else "the image",
        )


def _from_decoded(decoded: Decoded, alpha: str, label: str, name: str | None) -> Exemplar:
    width, height = decoded.planes.shape[2], decoded.planes.shape[1]
    found = _exemplar(decoded, alpha, label, name)
    cut = decoded.window[2:]
    if cut != decoded.whole:
        found = _told_part(found, decoded.window, decoded.whole, label)
    return found if cut == (width, height) else _told_reduced(found, cut, label)


def _fitted(exemplar: Exemplar, fit: Fit | None) -> Exemplar:
    """The exemplar, reduced to the size given by `fit`."""
    size = fit(exemplar.size) if fit else exemplar.size
    if size == exemplar.size:
        return exemplar
    shape = (size[1], size[0])
    pixels, mask = exemplar.pixels, exemplar.mask
    seen = pixels if mask is None else torch.where(mask, pixels, 0)
    small = F.interpolate(seen[None], size=shape, mode="area")[0]
    if mask is not None:
        weight = F.interpolate(mask.float()[None, None], size=shape, mode="area")[0]
        small, mask = small / weight.clamp_min(1e-6), weight[0] > KNOWN_ALPHA
    small = small.clamp(0, 1)
    depth = exemplar.depth and exemplar.depth.resized(small, exemplar.mode)
    shade = exemplar.shade
    if shade is not None:
        shade = F.interpolate(shade[None, None], size=shape, mode="area")[0, 0]
    found = replace(exemplar, pixels=small, mask=mask, sha256="", depth=depth, shade=shade)
    label = repr(exemplar.name) if exemplar.name else "the exemplar"
    return _told_reduced(found, exemplar.size, label)


def _told_reduced(exemplar: Exemplar, whole: tuple[int, int], label: str) -> Exemplar:
    before, after = ("x".join(map(str, size)) for size in (whole, exemplar.size))
    log.info("%s has %s px: reduced to %s (see --exemplar-size)", label, before, after)
    return replace(exemplar, reduced=True)


def _told_part(exemplar: Exemplar, window: Window, whole: tuple[int, int], label: str) -> Exemplar:
    before, after = ("x".join(map(str, size)) for size in (whole, window[2:]))
    log.info(
        "%s has %s px: a part of %s is enough for this result (see --exemplar-size)", label, before, after
    )
    return replace(exemplar, window=window, whole=whole)


def _exemplar(decoded: Decoded, alpha: str, label: str, name: str | None) -> Exemplar:
    """Resolve alpha; one that is opaque everywhere is dropped."""
    pixels, alpha_plane, mode = torch.from_numpy(decoded.planes), decoded.alpha, decoded.mode
    rest: dict[str, Any] = {"icc_profile": decoded.icc_profile, "name": name, "depth": decoded.depth}
    if alpha_plane is None or alpha == "ignore" or bool((alpha_plane == 1).all()):
        return Exemplar(pixels, None, mode, **rest)
    if alpha == "channel":
        pixels, mode = with_alpha(pixels, torch.from_numpy(alpha_plane)[None], mode)
        return Exemplar(pixels, None, mode, **rest)
    known = alpha_plane > KNOWN_ALPHA
    usable = int(known.sum())
    if usable == 0:
        raise InputError(
            f"{label} is transparent everywhere, so it holds no texture: remove its alpha channel, or "
            "use --alpha ignore or channel"
        )
    log_left_out(usable / known.size, label)
    mask = None if usable == known.size else torch.from_numpy(np.ascontiguousarray(known))
    return Exemplar(pixels, mask, mode, **rest)


def log_left_out(known: float, label: str) -> None:
    """Log if less than nine tenths of an image is opaque; `known` is that fraction."""
    if known < 1 - _MUCH:
        log.info("%s: %.0f%% of it is transparent and left out (see --alpha)", label, 100 * (1 - known))


def with_same_alpha(exemplars: list[Exemplar]) -> list[Exemplar]:
    """The exemplars, all with an alpha channel if one of them has one; added channels are opaque."""
    if not any(e.mode in ("LA", "RGBA") for e in exemplars):
        return exemplars
    found = []
    for e in exemplars:
        if e.mode not in ("LA", "RGBA", "L", "RGB", "I;16"):
            raise InputError(
                f"an exemplar has {e.pixels.shape[0]} channels, another has alpha: give one kind"
            )
        colours = e.pixels[:-1] if e.mode.endswith("A") else e.pixels
        alpha = e.pixels[-1:] if e.mode.endswith("A") else torch.ones_like(e.pixels[:1])
        pixels = torch.cat([colours.expand(3, -1, -1), alpha])
        found.append(e.with_planes(pixels, "RGBA", e.icc_profile))
    return found


def with_alpha(pixels: Tensor, alpha: Tensor, mode: str) -> tuple[Tensor, str]:
    """Colours (C, H, W) and alpha (1, H, W) as channels of one image, and its mode."""
    return torch.cat([pixels, alpha]), {"RGB": "RGBA", "L": "LA", "I;16": "LA"}.get(mode, mode)
