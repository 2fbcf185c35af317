"""Fill holes in a photograph with its own texture.

    min over the hole's pixels of sum_l max_psi F_l(psi_l, patches of S_l u that touch the hole)

The target measure consists of the patches that touch no unknown pixel, with weights that decrease with their
distance from the hole: nearby texture is continued. Each group of holes is solved separately, on its
neighbourhood; see `texot.jobs.synthesis` for the algorithm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import (
    Exemplar,
    log_left_out,
    log_normals,
    part_fact,
    read_exemplar,
    with_channels,
)
from texot.files.mask import read_mask
from texot.files.original import Original, read_original, reduced_mask
from texot.files.part import part_side
from texot.files.sizes import at_most, exemplar_side
from texot.images.palette import choose_palette
from texot.jobs.filling import fill
from texot.jobs.photograph import Photograph, mask_sha256, start_image
from texot.solver.memory_checks import check_photograph
from texot.solver.options import TILES, EngineOptions, check_choice, provenance, real
from texot.solver.state import State, Synthesis
from texot.solver.torch_modes import own_modes

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from texot.jobs.keywords import EngineKeywords, InpaintOptions

__all__ = ["inpaint", "iter_inpaint"]


def inpaint(
    image: Any,
    mask: Any = None,
    *,
    callback: Callable[[State], object] | None = None,
    **options: Unpack[InpaintOptions],
) -> Synthesis:
    """Fill the white pixels of a mask with the texture around them; all other pixels stay unchanged.

    Args:
        image: path, PIL image, NumPy array (H, W[, C]) or torch tensor (C, H, W), as in `texot.synthesize`.
        mask: an image of the same size; white pixels are filled. None: fill the transparent pixels.
        callback: called with a `State` after every step.
        **options: see `iter_inpaint`; it raises the errors listed there.

    Returns:
        The image in its own mode and colour profile (filled pixels opaque), with losses, timings and
        settings. The same seed, device, versions and options give the same bytes.

    Example:
        >>> import torch
        >>> stripes = torch.arange(32).remainder(4).lt(2).float().expand(1, 32, 32)
        >>> hole = torch.zeros(32, 32)
        >>> hole[12:20, 12:20] = 1
        >>> inpaint(stripes, hole, quality="draft").image.shape
        torch.Size([1, 32, 32])
    """
    state = None
    for state in iter_inpaint(image, mask, **options):
        if callback is not None:
            callback(state)
    assert state is not None
    return state.result()


@own_modes()
def iter_inpaint(
    image: Any,
    mask: Any = None,
    *,
    invert_mask: bool = False,
    source: Any = None,
    exemplar: Any = None,
    alpha: str = "mask",
    palette: str | None = None,
    exemplar_size: int | None = None,
    reach: float | None = None,
    tile: str = "none",
    init: Any = None,
    image_size: int | None = None,
    **engine: Unpack[EngineKeywords],
) -> Iterator[State]:
    """Fill step by step: an iterator of states. Stop it whenever the image is good enough.

    Arguments are checked at once, not at the first step.

    Args:
        image, mask: see `inpaint`. Grey of one half or more counts as white.
        invert_mask: fill black pixels instead.
        source: a second mask; texture is taken from its white pixels, at any distance from the hole.
        exemplar: another image to take the texture from.
        alpha: see `texot.iter_synthesis`; with "mask", transparent pixels are unknown; they stay
            unchanged if there is a mask.
        palette: see `texot.iter_synthesis`; the colours of the image.
        exemplar_size: see `texot.iter_synthesis`; for `exemplar`.
        reach: distance from the hole in pixels over which weights decrease; None: by the hole's width.
        tile: axes along which opposite edges of the image match: "both", "x", "y" or "none".
        init: an image, such as a draft of any size, whose pixels the hole has at first, in place of pieces of
            the texture. With few scales the result keeps its layout.
        image_size: an image of more pixels than a square of this side is reduced to as many, with its masks;
            the result has that size. None: no reduction. `reach` is in pixels of the reduced image.
        **engine: quality, seed, n_scales, patch_size, n_iter, psi_steps, entropy, backend and device as in
            `texot.iter_synthesis`.

    Raises:
        InputError: an image, mask or option that cannot be used.
        DeviceError: a device or back end that is not available.
    """
    options = EngineOptions(**engine)
    original = read_original(image, alpha=alpha)
    hole, whole = find_hole(original, mask, invert=invert_mask), original.size
    if mask is not None and original.opaque is not None:  # otherwise the transparent pixels are the hole
        log_left_out(float(original.opaque.double().mean()), "the image")
    if source is not None and exemplar is not None:
        raise InputError("source and exemplar both say where texture comes from: give one of the two")
    side = exemplar_side(exemplar_size)
    part = part_side(original.size, exemplar_size)
    fit = at_most(side)
    other = None if exemplar is None else read_exemplar(exemplar, alpha=alpha, fit=fit, part=part)
    if other is not None:
        exemplar_size = side if other.reduced else exemplar_size
        other = _fitting(other.on_curve_of(original.depth, "the image and the exemplar"), original)
    allowed = None if source is None else read_mask(source, whole, name="source mask")
    original = original.reduced(image_size)
    hole = reduced_mask(hole, original.size)
    allowed = allowed if allowed is None else reduced_mask(allowed, original.size)
    start, start_sha256 = (None, None) if init is None else start_image(init, original, alpha)
    check_choice("tile", tile, tuple(TILES))
    if reach is not None:
        reach = real("reach", reach, "a number of pixels from 1", 1, 1e6)
    options.check_backend(int(hole.sum()))
    log_normals(original.pixels)
    known = ~hole if original.opaque is None else ~hole & original.opaque
    colours = choose_palette(original.pixels, known, palette)
    photograph = Photograph(
        original,
        hole,
        TILES[tile],
        options.torch_device,
        allowed=allowed,
        other=other,
        reach=reach,
        start=start,
    )
    settings = {
        "job": "inpaint",
        **provenance(options),
        "tile": tile,
        "reach": reach,
        "invert_mask": bool(invert_mask),
        "alpha": alpha,
        "palette": "none" if colours is None else "exemplar",
        "exemplar_size": exemplar_size,
        "image_sha256": original.sha256,
        "hole_sha256": mask_sha256(hole),
        "source_sha256": None if allowed is None else mask_sha256(allowed),
        "exemplar_sha256": None if other is None else other.sha256,
        "init_sha256": start_sha256,
        "image_size": image_size,
        **({} if other is None else part_fact(other)),
    }
    return fill(photograph, options, settings=settings, colours=colours)


def find_hole(original: Original, mask: Any = None, *, invert: bool = False) -> Tensor:
    """The pixels to fill, (H, W) bool.

    Args:
        original: the image.
        mask: see `inpaint`.
        invert: fill black pixels instead of white ones.

    Raises:
        InputError: no mask, a mask that marks nothing or everything, or an image too large for the memory.
    """
    check_photograph(
        len(original.pixels), original.size, 0
    )  # again later, with the neighbourhoods of the holes
    if mask is None:
        if original.opaque is None:
            raise InputError("nothing to fill: give a mask, or an image with transparent pixels")
        return original.opaque if invert else ~original.opaque
    hole = read_mask(mask, original.size)
    hole = ~hole if invert else hole
    if not bool(hole.any()):
        other = "without invert_mask (--invert-mask)" if invert else "with invert_mask (--invert-mask)"
        raise InputError(f"the mask marks nothing to fill: white is filled; try it {other}")
    if bool(hole.all()):
        raise InputError("the mask marks the whole image, so nothing is known: leave some of it black")
    return hole


def _fitting(exemplar: Exemplar, original: Original) -> Exemplar:
    """An exemplar converted to the photograph's channels."""
    have, want = exemplar.pixels.shape[0], original.pixels.shape[0]
    planes = with_channels(exemplar.pixels, want)
    if planes is None:
        raise InputError(f"the exemplar has {have} channels, the image {want}: give one of the same kind")
    if planes is exemplar.pixels:
        return exemplar
    return exemplar.with_planes(planes.contiguous(), original.mode, original.icc_profile)
