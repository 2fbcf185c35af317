"""Masks of a photograph: white pixels are marked. A photograph is refused as a mask."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import KNOWN_ALPHA, read_exemplar

log = logging.getLogger("texot")

_NEAR = 24 / 255  # tolerance of black and white: JPEG and resizing change levels by less
_COLOURED = 0.25  # minimal difference of channels of a coloured pixel
_MAX_PAINTED = 0.8  # fraction of a mask beyond which its unpainted part may be meant
_MAX_NEITHER = 0.5  # fraction of the visible pixels
_FEW_GREYS = 8  # maximal levels of a mask of dark and light grey
_ONE_COLOUR = 0.1  # maximal standard deviation of paint
_ONE = 1.01 / 255  # a mask of values 0 and 1 in a file of 8 bits, or 0 and 255 in one of 16


def read_mask(source: Any, size: tuple[int, int], *, name: str = "mask", of: str = "image") -> Tensor:
    """A mask, true where it is white; grey of one half or more counts as white, transparent pixels as black.

    Values of 0 and 1 are read as black and white. Dark or coloured paint on a transparent ground marks the
    painted pixels. Both are logged.

    Args:
        source: as in `texot.files.exemplar.read_exemplar`.
        size: required (width, height).
        name, of: names of the mask and of its image in messages.

    Returns:
        (H, W) bool.

    Raises:
        InputError: it cannot be read, has another size, is transparent everywhere, or is mostly neither black
            nor white, like a photograph.
    """
    found = read_exemplar(source, alpha="channel")
    if found.size != size:
        have, want = ("x".join(map(str, s)) for s in (found.size, size))
        raise InputError(f"the {name} is {have} px and the {of} {want} px: give a {name} of the {of}'s size")
    colours, seen = found.linear(), torch.ones(found.pixels.shape[1:], dtype=torch.bool)
    if found.mode in ("LA", "RGBA"):
        colours, seen = colours[:-1], colours[-1] > KNOWN_ALPHA
    if not bool(seen.any()):
        raise InputError(f"the {name} is transparent everywhere: paint white on it what it is to mark")
    visible = colours[:, seen]  # (C, n)
    if _is_paint(visible, seen):
        log.info("the %s is paint on a transparent ground: what is painted counts as white", name)
        share = float(seen.double().mean())
        if share > _MAX_PAINTED:
            log.info("%.0f%% of the %s is painted: --invert-mask marks what is not", 100 * share, name)
        return seen
    top = float(visible.max())
    if 0 < top <= _ONE and bool(((visible == 0) | (visible == top)).all()):
        log.info("the %s has values 0 and 1: read as a mask of 0 and 255", name)
        visible, colours = visible / top, colours / top
    grey = visible.mean(0)
    between = (grey > _NEAR) & (grey < 1 - _NEAR)
    coloured = visible.amax(0) - visible.amin(0) > _COLOURED
    share = float((between | coloured).double().mean())
    few = not bool(coloured.any()) and len(torch.unique(grey)) <= _FEW_GREYS
    if share > _MAX_NEITHER and not few:
        raise InputError(_no_mask(name, of, share, seen))
    n_grey = int(((grey > 1e-3) & (grey < 1 - 1e-3)).sum())
    if n_grey:
        log.info(
            "the %s has %d grey pixels: those from half white on count as white, the others as black",
            name,
            n_grey,
        )
    return (colours.mean(0) >= 0.5) & seen


def _is_paint(visible: Tensor, seen: Tensor) -> bool:
    """Whether the visible pixels (C, n) of an image have one colour that is not white."""
    if bool(seen.all()):
        return False
    spread = visible.double().std(1, correction=0).max()
    return float(spread) < _ONE_COLOUR and float(visible.mean(1).min()) < 0.5


def _no_mask(name: str, of: str, share: float, seen: Tensor) -> str:
    text = (
        f"the {name} is neither black nor white in {100 * share:.0f}% of its pixels, like a photograph: give "
        f"an image that is white where it marks and black elsewhere; the {of} comes before its {name}"
    )
    if not bool(seen.all()):
        clear = 100 * (1 - float(seen.double().mean()))
        text += f"; {clear:.1f}% of it is transparent: to fill that, give it as the {of}, without a {name}"
    return text
