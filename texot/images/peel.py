"""A first fill of a hole: pieces of what is known, laid from its edge inwards.

Places that see about three quarters of known pixels come first (from the confidence of Criminisi, Perez &
Toyama 2004, "Region filling and object removal by exemplar-based image inpainting"); a place's piece is the
one whose pixels are nearest to what is there, plus what it costs to use a piece again.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.images.pyramid import Periodic, wrap

_USE = 0.15  # of the variance, for a piece all of whose pixels were used once
_NOISE = 0.02
_MOST_VALUES = 2**25  # of all pieces together: beyond, some are left out


def peel(
    image: Tensor,
    hole: Tensor,
    source: Tensor,
    known: Tensor,
    piece: int,
    *,
    share: Tensor | None = None,
    periodic: Periodic = (False, False),
    generator: torch.Generator,
) -> Tensor:
    """The image with its hole filled by pieces of the source.

    Args:
        image: (C, H, W).
        hole: (H, W) bool.
        source: (C, h, w) that pieces are cut from.
        known: (h, w) bool; pieces hold no other pixels. Some square of `piece` must be known.
        piece: side of the pieces in pixels, at most H and W.
        share: (h, w) in [0, 1], or None: pieces where it is small cost more.
        periodic: axes (y, x) of the image that wrap around.
        generator: CPU generator of the draws.

    Returns:
        (C, H, W), on the image's device.
    """
    result, filled = image.detach().cpu().clone(), ~hole.cpu()
    texture, usable = source.detach().cpu(), known.cpu()
    channels, width = texture.shape[0], texture.shape[2] - piece + 1
    whole = F.max_pool2d((~usable).float()[None], piece, stride=1)[0].flatten() == 0
    index = whole.nonzero()[:, 0]
    most = max(1, _MOST_VALUES // (channels * piece * piece))
    if len(index) > most:
        index = index[torch.randperm(len(index), generator=generator)[:most].sort().values]
    rows, columns = index // width, index % width
    windows = texture.unfold(1, piece, 1).unfold(2, piece, 1)[:, rows, columns].transpose(0, 1)
    windows = windows.reshape(len(index), channels, piece * piece)
    squares = (windows**2).sum(1)  # (n, p*p)
    flat = windows.reshape(len(index), -1)
    variance = float(texture[:, usable].var(1, correction=0).sum().clamp_min(1e-8))
    near = torch.zeros(len(index), dtype=torch.float32)
    if share is not None:
        pooled = F.avg_pool2d(share.detach().cpu()[None], piece, stride=1)[0].flatten()[index]
        near = -0.05 * (pooled / pooled.max().clamp_min(1e-12)).clamp_min(1e-6).log()
    use = torch.zeros(texture.shape[1:], dtype=torch.float32)
    ends = [piece - 1 if wraps else 0 for wraps in periodic]
    height, around = image.shape[1], image.shape[2]
    while not bool(filled.all()):
        seen = wrap(wrap(filled.float()[None], 1, 0, height + ends[0]), 2, 0, around + ends[1])
        seen = F.avg_pool2d(seen, piece, stride=1)[0]
        place = torch.where(seen < 1, seen, -1.0)
        place = torch.where(place > 0.75, 1.5 - place, place)
        place = place + 0.01 * torch.rand(place.shape, generator=generator, dtype=torch.float32)
        best = int(place.argmax())
        top, left = best // place.shape[1], best % place.shape[1]
        y, x = (torch.arange(piece) + top) % height, (torch.arange(piece) + left) % around
        goal, mask = result[:, y[:, None], x], filled[y[:, None], x]
        weight = mask.float().flatten()
        error = squares @ weight - 2 * (flat @ (goal * mask).flatten()) + (goal**2 * mask).sum()
        cost = error / weight.sum().clamp_min(1) / variance + near
        cost = cost + _USE * F.avg_pool2d(use[None], piece, stride=1)[0][rows, columns]
        cost = cost + _NOISE * torch.rand(len(cost), generator=generator, dtype=torch.float32)
        found = int(cost.argmin())
        new = windows[found].view_as(goal)
        result[:, y[:, None], x] = torch.where(mask, goal, new)
        filled[y[:, None], x] = True
        row, column = int(rows[found]), int(columns[found])
        use[row : row + piece, column : column + piece] += 1
    return result.to(image)
