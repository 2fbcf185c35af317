"""Make photographs tile, and make sets of tiles that fit in any order.

Both fill a hole of an image on the torus: for a photograph, the bands along its opposite edges; for a
variation of a tile, everything but a shared frame. All other pixels stay unchanged. The first fill is the
image itself up to cuts of least error, and pieces of it beyond; see `texot.jobs.inpainting` for the rest.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar, log_left_out, log_normals
from texot.files.mask import read_mask
from texot.files.original import Original, read_original, reduced_mask
from texot.images.autocorrelation import regularity
from texot.images.lighting import level
from texot.images.palette import choose_palette
from texot.images.pyramid import Periodic, gaussian_pyramid
from texot.images.seams import tiling_axes
from texot.jobs.filling import fill
from texot.jobs.photograph import Lay, Photograph, mask_sha256, start_image
from texot.layout.quilt import requilt
from texot.layout.start import piece_side
from texot.solver.memory_checks import check_photograph
from texot.solver.options import TILES, EngineOptions, check_choice, provenance, whole
from texot.solver.plan import NOVELTY
from texot.solver.state import State, Synthesis
from texot.solver.torch_modes import own_modes

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from texot.jobs.keywords import EngineKeywords, TileOptions, VariationOptions

__all__ = ["iter_tileable", "iter_variation", "lay_out", "make_tileable", "make_variation"]

log = logging.getLogger("texot")

BAND = 1 / 4  # fraction of the shorter side, by default
MIN_BAND, MAX_BAND = 16, 256
FRAME = 1 / 32
MIN_FRAME, MAX_FRAME = 4, 32
MIN_SIDE = 16
_MOVED = 0.06  # difference from which a pixel of a start image is not the photograph's
_EDGES_MEMORY = 8  # the test whether an image tiles needs this fraction (1 / 8) of the job's memory


def make_tileable(
    image: Any,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[TileOptions],
) -> Synthesis:
    """Make a photograph tile: only bands along its edges are synthesised.

    Args:
        image: path, PIL image, NumPy array (H, W[, C]) or torch tensor (C, H, W), as in `texot.synthesize`.
        callback: called with a `State` after every step.
        **options: see `iter_tileable`; it raises the errors listed there.

    Returns:
        The photograph in its own size, mode and colour profile. The same seed, device, versions and options
        give the same bytes.

    Example:
        >>> import torch
        >>> ramp = torch.linspace(0, 1, 48).expand(1, 48, 48)
        >>> result = make_tileable(ramp, band=12, quality="draft")
        >>> bool((result.image[:, 6:-6, 6:-6] == ramp[:, 6:-6, 6:-6]).all())
        True
    """
    return _last(iter_tileable(image, **options), callback)


@own_modes()
def iter_tileable(
    image: Any,
    *,
    band: int | None = None,
    flatten: bool = False,
    source: Any = None,
    alpha: str = "channel",
    palette: str | None = None,
    tile: str = "both",
    init: Any = None,
    image_size: int | None = None,
    **engine: Unpack[EngineKeywords],
) -> Iterator[State]:
    """Make a photograph tile step by step.

    Arguments are checked at once, not at the first step.

    Args:
        image: see `make_tileable`.
        band: width in pixels of the synthesised band where two copies meet, half of it on each side. None: a
            quarter of the shorter side, at most 256; no band along an axis where the image tiles already.
        flatten: remove slow variations of brightness and colour first, which would repeat as stripes (see
            `texot.images.lighting.level`). Changes all pixels.
        source: a mask; new texture is taken from its white pixels. Pixels of the bands that stay are the
            photograph's, also where the mask is black.
        alpha: see `texot.iter_synthesis`; with "channel", the default, the alpha channel tiles too.
        palette: see `texot.iter_synthesis`.
        tile: axes along which the result tiles: "both", "x" or "y".
        init: an image, such as a draft of any size: where it differs from the photograph, the result has its
            pixels at first, in place of pieces of the photograph. With few scales it keeps its layout.
        image_size: see `texot.iter_inpaint`; `band` is in pixels of the reduced photograph.
        **engine: quality, seed, n_scales, patch_size, n_iter, psi_steps, entropy, backend and device as in
            `texot.iter_synthesis`.

    Raises:
        InputError: an image or option that cannot be used.
        DeviceError: a device or back end that is not available.
    """
    options = EngineOptions(**engine)
    original = read_original(image, alpha=alpha)
    allowed = None if source is None else read_mask(source, original.size, name="source mask")
    original = original.reduced(image_size)
    allowed = allowed if allowed is None else reduced_mask(allowed, original.size)
    if original.opaque is not None:
        log_left_out(float(original.opaque.double().mean()), "the image")
    periodic, sides = _axes(tile, original)
    n_pixels = original.pixels[0].numel()
    check_photograph(len(original.pixels), original.size, n_pixels // _EDGES_MEMORY)
    most, asked = min(sides) - 8, band
    if band is None:
        band = round(min(max(MIN_BAND, BAND * min(sides)), MAX_BAND, most))
    band = whole("band", band, 2, most) // 2 * 2
    if flatten:
        original = dataclasses.replace(original, pixels=level(original.pixels, original.opaque))
    join = periodic if asked is not None else _seen_edges(original, periodic)
    start, start_sha256 = (None, None) if init is None else start_image(init, original, alpha)

    def lay(scale: int, texture: Tensor, known: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The photograph up to cuts through the bands, and pieces of it across the seam."""
        if start is not None:
            return _changed(original.pixels.to(texture), start.to(texture), scale, periodic)
        piece = max(4, band >> scale)
        pixels = texture  # without a source, that is the photograph at this scale
        if allowed is not None:
            pixels = gaussian_pyramid(original.pixels.to(texture), scale + 1, periodic=(False, False))[scale]
        return _relay(pixels, texture, piece, known, periodic, generator, inside=False, join=join)

    return _fill(
        original,
        options,
        ~_inside(original, band // 2, join),
        periodic,
        lay,
        {
            "job": "tile",
            "band": asked,
            "flatten": bool(flatten),
            "tile": tile,
            "alpha": alpha,
            "image_size": image_size,
            "init_sha256": start_sha256,
        },
        palette=palette,
        allowed=allowed,
    )


def make_variation(
    image: Any,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[VariationOptions],
) -> Synthesis:
    """Make another tile with the same borders: it fits next to the first one and to other variations.

    Args:
        image: a result of `synthesize` or `make_tileable`, or an image that tiles, as in `texot.synthesize`.
        callback: called with a `State` after every step.
        **options: see `iter_variation`; it raises the errors listed there.

    Returns:
        An image of the tile's size, mode and profile, made of the tile's texture.
    """
    return _last(iter_variation(image, **options), callback)


@own_modes()
def iter_variation(
    image: Any,
    *,
    frame: int | None = None,
    source: Any = None,
    tile: str = "both",
    alpha: str = "channel",
    palette: str | None = None,
    **engine: Unpack[EngineKeywords],
) -> Iterator[State]:
    """Make another tile with the same borders step by step.

    Args:
        image: see `make_variation`.
        frame: width in pixels of the unchanged border; None: a 32nd of the shorter side, from 4 to 32.
        source: a mask of the image; texture is taken from its white pixels.
        tile: axes along which the image tiles: "both", "x" or "y".
        alpha, palette: see `iter_tileable`.
        **engine: quality, seed, n_scales, patch_size, n_iter, psi_steps, entropy, backend and device as in
            `texot.iter_synthesis`. Give every variation a different seed.

    Raises:
        InputError: an image or option that cannot be used.
        DeviceError: a device or back end that is not available.
    """
    options = EngineOptions(**engine)
    original = _original(image, alpha)
    allowed = None if source is None else read_mask(source, original.size, name="source mask")
    periodic, sides = _axes(tile, original)
    most = (min(sides) - 8) // 2
    if frame is None:
        frame = round(min(max(MIN_FRAME, FRAME * min(sides)), MAX_FRAME, most))
    frame = whole("frame", frame, 1, most)

    def lay(scale: int, texture: Tensor, known: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The tile's frame, filled with a quilt of its pieces."""
        pixels = gaussian_pyramid(original.pixels.to(texture), scale + 1, periodic=periodic)[scale]
        piece = piece_side(min(texture.shape[1:]), NOVELTY)
        return _relay(pixels, texture, piece, known, periodic, generator, inside=True)

    return _fill(
        original,
        options,
        _inside(original, frame, periodic),
        periodic,
        lay,
        {"job": "variation", "frame": frame, "tile": tile, "alpha": alpha},
        palette=palette,
        allowed=allowed,
    )


def lay_out(tiles: list[Tensor], size: tuple[int, int], *, seed: int = 0) -> Tensor:
    """A random arrangement of tiles, without equal neighbours if there are enough tiles.

    Args:
        tiles: images (C, h, w) of one size.
        size: (width, height) of the picture in pixels; tiles at its right and lower edge are cut off.
        seed: random seed.

    Returns:
        (C, height, width).
    """
    height, width = tiles[0].shape[1:]
    rows, columns = -(-size[1] // height), -(-size[0] // width)
    generator = torch.Generator().manual_seed(seed)
    chosen: dict[tuple[int, int], int] = {}
    lines = []
    for row in range(rows):
        for column in range(columns):
            taken = {chosen.get((row - 1, column)), chosen.get((row, column - 1))}
            free = [i for i in range(len(tiles)) if i not in taken] or list(range(len(tiles)))
            chosen[row, column] = free[int(torch.randint(len(free), (), generator=generator))]
        lines.append(torch.cat([tiles[chosen[row, column]] for column in range(columns)], 2))
    return torch.cat(lines, 1)[:, : size[1], : size[0]]


def _last(states: Iterator[State], callback: Callable[[State], object] | None) -> Synthesis:
    state = None
    for state in states:
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


def _original(image: Any, alpha: str) -> Original:
    """A tile, given as a result or as an image."""
    if isinstance(image, Synthesis):
        deep = image.deep_image()
        if deep is not None:
            return read_original(deep, alpha=alpha)
        image = Original.of(image.image, image.mode, image.icc_profile, image.dpi, image.exif)
    return read_original(image, alpha=alpha)


def _axes(tile: str, original: Original) -> tuple[Periodic, list[int]]:
    """The axes (y, x) that wrap around, and the image's sides in pixels along them.

    Raises:
        InputError: an invalid value, or an image that is too small.
    """
    check_choice("tile", tile, ("both", "x", "y"))
    width, height = original.size
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"the image is {width}x{height} px: at least {MIN_SIDE} px a side are needed to make it tile"
        )
    return TILES[tile], [n for n, wraps in zip((height, width), TILES[tile], strict=True) if wraps]


def _relay(
    image: Tensor,
    texture: Tensor,
    piece: int,
    known: Tensor,
    periodic: Periodic,
    generator: torch.Generator,
    *,
    inside: bool,
    join: Periodic | None = None,
) -> tuple[Tensor, Tensor]:
    return requilt(
        image,
        texture,
        piece,
        inside=inside,
        known=known,
        regular=regularity(texture, known),
        periodic=periodic,
        join=join,
        generator=generator,
    )


def _changed(image: Tensor, start: Tensor, scale: int, periodic: Periodic) -> tuple[Tensor, Tensor]:
    """A start image at a scale, and (H, W) bool, where it is not the photograph.

    A draft of a reduced photograph lacks details, so that small differences do not count.
    """
    old, new = (gaussian_pyramid(one, scale + 1, periodic=periodic)[scale] for one in (image, start))
    moved = (new - old).abs().amax(0) > _MOVED
    return new, moved if bool(moved.any()) else torch.ones_like(moved)


def _seen_edges(original: Original, periodic: Periodic) -> Periodic:
    """The axes (y, x) along which the image does not tile yet."""
    planes = original.pixels if original.alpha is None else torch.cat([original.pixels, original.alpha])
    tiles = tiling_axes(planes)
    alike = [axis for axis, own, wraps in zip(("y", "x"), tiles, periodic, strict=True) if own and wraps]
    if alike:
        log.info(
            "the image tiles along %s already: nothing is synthesised there unless --band is given",
            " and ".join(alike),
        )
    return periodic[0] and not tiles[0], periodic[1] and not tiles[1]


def _inside(original: Original, margin: int, periodic: Periodic) -> Tensor:
    """(H, W) bool: the pixels at least `margin` from the edges along the axes that wrap around."""
    inside = torch.ones(original.pixels.shape[1:], dtype=torch.bool)
    if periodic[0]:
        inside[:margin], inside[-margin:] = False, False
    if periodic[1]:
        inside[:, :margin], inside[:, -margin:] = False, False
    return inside


def _fill(
    original: Original,
    options: EngineOptions,
    hole: Tensor,
    periodic: Periodic,
    lay: Lay,
    settings: dict[str, Any],
    *,
    palette: str | None,
    allowed: Tensor | None,
) -> Iterator[State]:
    """Fill a hole on the torus with the image's own texture, of `allowed` (H, W) bool or of all of it.

    Raises:
        InputError: nothing is left to take texture from.
    """
    options.check_backend(int(hole.sum()))
    near = hole.numel() if bool(hole.any()) else 0
    check_photograph(len(original.pixels), original.size, near)  # before all pixels are read
    log_normals(original.pixels)
    colours = choose_palette(original.pixels, original.opaque, palette)
    usable = original.opaque if allowed is None else allowed
    if allowed is not None and original.opaque is not None:
        usable = allowed & original.opaque
    if usable is not None and not bool(usable.any()):
        raise InputError("the source mask leaves nothing to take texture from: mark some known part")
    texture = Exemplar(original.pixels, usable)  # an image that does not wrap around: no pixel is unknown
    photograph = Photograph(original, hole, periodic, options.torch_device, other=texture, lay=lay)
    settings = {
        **provenance(options),
        "image_sha256": original.sha256,
        "palette": "none" if colours is None else "exemplar",
        "source_sha256": None if allowed is None else mask_sha256(allowed),
        **settings,
    }
    return fill(photograph, options, settings=settings, colours=colours)
