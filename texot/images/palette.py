"""Images of few colours (pixel art, maps of labels), whose results use no other colours.

Means of patches have colours between those of the exemplar; they are replaced by the nearest of its colours.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from texot.errors import InputError

log = logging.getLogger("texot")

PALETTES = ("exemplar", "none")
FEW = 256  # maximal colours of an automatic palette
_MAX_COLOURS = 4096
PIXELS_A_COLOUR = 16  # minimal pixels per colour of an automatic palette
FRACTION_OF_LEVELS = 0.5  # used grey levels between the lowest and highest: a photograph has nearly all
_LEVELS = 65535
_AT_ONCE = 2**22  # distances computed at once
_PIXELS_AT_ONCE = 2**22  # pixels whose colours are counted at once


def check_palette(palette: object) -> None:
    """Refuse a value that is neither None nor one of `PALETTES`.

    Raises:
        InputError: an invalid value.
    """
    if palette is not None and palette not in PALETTES:
        raise InputError(f"palette must be one of {', '.join(PALETTES)}, not {palette!r}")


def choose_palette(pixels: Tensor, known: Tensor | None, palette: str | None) -> Tensor | None:
    """The colours that a result may have, or None.

    Args:
        pixels: (C, H, W), the exemplar in [0, 1].
        known: (H, W) bool, its known pixels; None: all.
        palette: "exemplar": its colours; "none": any; None: its colours if they are few, which is logged.

    Returns:
        (K, C) colours in a fixed order, or None for any.

    Raises:
        InputError: an invalid palette, or more than 4096 colours.
    """
    check_palette(palette)
    if palette == "none":
        return None
    values = pixels.flatten(1) if known is None else pixels[:, known]  # (C, n)
    some = values[:, :: max(1, values.shape[1] // 4096)]
    if palette is None and len(_colours(some)) > FEW:
        return None
    colours = _colours(values)
    if palette == "exemplar":
        if len(colours) > _MAX_COLOURS:
            raise InputError(
                f"palette exemplar takes {_MAX_COLOURS} colours, the exemplar has {len(colours)}: omit it"
            )
        return colours
    count = len(colours)
    if count > FEW or values.shape[1] < PIXELS_A_COLOUR * count:
        return None
    if len(values) == 1 and count > FRACTION_OF_LEVELS * (1 + 255 * float(colours.max() - colours.min())):
        return None
    log.info("the exemplar has %d colours: the result has no others (see --palette)", count)
    return colours


def in_palette(image: Tensor, colours: Tensor) -> Tensor:
    """The image (C, H, W) with the nearest of the colours (K, C) at every pixel."""
    pixels = image.flatten(1).t()  # (n, C)
    step = max(1, _AT_ONCE // len(colours))
    norms = (colours**2).sum(1)
    nearest = [(norms - 2 * part @ colours.t()).argmin(1) for part in torch.split(pixels, step)]
    return colours[torch.cat(nearest)].t().reshape(image.shape)


def _colours(values: Tensor) -> Tensor:
    """Distinct colours (K, C) of pixels (C, n), in order; colours equal at 16 bits are merged."""
    n = values.shape[1]
    found = torch.zeros(0, dtype=torch.long)
    for start in range(0, n, _PIXELS_AT_ONCE):  # merge them piece by piece to save memory
        places = torch.cat([found, torch.arange(start, min(n, start + _PIXELS_AT_ONCE))])
        levels = (values[:, places] * _LEVELS).round().long()
        if len(levels) <= 3:  # pack into one number: sorting rows takes ten times as long
            key = levels[0]
            for level in levels[1:]:
                key = key * (_LEVELS + 1) + level
            _, inverse = torch.unique(key, return_inverse=True)
        else:
            _, inverse = torch.unique(levels.t().contiguous(), dim=0, return_inverse=True)
        first = torch.full((int(inverse.max()) + 1,), n, dtype=torch.long)
        found = first.scatter_reduce_(0, inverse, places, "amin")
    return values[:, found].t().contiguous()
