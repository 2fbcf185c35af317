"""Where a finer stage starts: every patch of the coarser image brings the detail of the one it matches.

Bicubic enlargement has no detail, and optimisation then has to invent it patch by patch; the transport has
already found, for every coarse patch, where in the exemplar it is from, and that place has all of it (cf. the
nearest-neighbour field carried from level to level in Kwatra et al. 2005 and Darabi et al. 2012).
"""

from __future__ import annotations

import torch
from torch import Tensor

from texot.engine.objective import PatchTerm
from texot.images.pyramid import Periodic, upsample
from texot.transport.semi_dual import assign


@torch.no_grad()
def with_detail(
    image: Tensor,
    size: tuple[int, int],
    term: PatchTerm,
    exemplar: Tensor,
    known: Tensor | None,
    *,
    periodic: Periodic,
) -> Tensor:
    """The next finer scale of an image: pixels of the exemplar's finer scale, from where its patches match.

    Patches tile the image four times, moved by half a patch; every pixel is taken from the tiling whose patch
    matches best there.

    Args:
        image: (C, h, w), a coarse scale of the result.
        size: (H, W) of the finer one, with h = ceil(H/2), w = ceil(W/2).
        term: transport of the coarse scale, with its potential.
        exemplar: (C, H', W'), the exemplar at the finer scale.
        known: (H', W') bool, or None; unknown pixels are replaced by the enlarged image.
        periodic: axes (y, x) of the result that wrap around.

    Returns:
        (C, H, W).
    """
    side, positions = term.measure.patch_size, term.measure.positions
    assert positions is not None
    best = torch.full(size, torch.inf, dtype=image.dtype, device=image.device)
    source = torch.zeros(2, *size, dtype=torch.int64, device=image.device)
    lengths = image.shape[1:]
    for offset in ((0, 0), (0, side // 2), (side // 2, 0), (side // 2, side // 2)):
        starts, tiles, inside = [], [], []
        for axis in (0, 1):
            n, wraps = lengths[axis], periodic[axis]
            first = _starts(n, side, offset[axis], wraps).to(image.device)
            fine = torch.arange(size[axis], device=image.device)
            coarse = fine // 2
            if wraps:
                tile = (coarse - offset[axis]).remainder(n) // side
                within = (fine - 2 * first[tile]).remainder(2 * n)
            else:
                tile = torch.searchsorted(first, coarse, right=True) - 1
                within = fine - 2 * first[tile]
            starts.append(first)
            tiles.append(tile)
            inside.append(within)
        index = [
            (s[:, None] + torch.arange(side, device=image.device)).remainder(n)
            for s, n in zip(starts, lengths, strict=True)
        ]
        windows = image[:, index[0]][:, :, :, index[1]]  # (C, rows, s, columns, s)
        x = windows.permute(1, 3, 0, 2, 4).reshape(len(index[0]) * len(index[1]), -1)
        a = assign(x, term.measure, term.psi, backend=term.backend)
        assert a.cells is not None
        cost = ((x - a.target) ** 2).sum(1)
        tile = tiles[0][:, None] * len(index[1]) + tiles[1]  # (H, W)
        here = cost[tile]
        # a coarse pixel k of the image lies at its fine coordinate 2 k + 1/2, of the exemplar 1 later
        at = 2 * positions[a.cells].T + 1
        places = torch.stack([at[0][tile] + inside[0][:, None], at[1][tile] + inside[1]])
        better = here < best
        best, source = torch.where(better, here, best), torch.where(better, places, source)
    for axis in (0, 1):  # the last coarse pixel of an odd side stands for one fine pixel
        source[axis].clamp_(max=exemplar.shape[axis + 1] - 1)
    found: Tensor = exemplar[:, source[0], source[1]]
    if known is None:
        return found
    enlarged = upsample(image, size, periodic=periodic)
    return torch.where(known[source[0], source[1]], found, enlarged)


def _starts(length: int, side: int, offset: int, wraps: bool) -> Tensor:
    """Where patches start that tile an axis, from `offset` on; the last one overlaps what it must."""
    if wraps:
        return offset + torch.arange(-(-length // side)) * side
    starts = (torch.arange(-(-length // side) + 1) * side + offset - side).clamp(0, length - side)
    return starts[torch.cat([starts[:1] >= 0, starts[1:] > starts[:-1]])]
