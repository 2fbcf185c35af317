"""The last step: pixels of the exemplar itself, from where the patches around them come.

Patches overlap and each goes to its own place: their mean is near to all of them and like none, a weave of a
few pixels in smooth parts. Here a window twice as large takes over, as a whole, the place of one of the
patches in it: the one whose window of the exemplar it is most like. Pixels are the windows' mean, in which
those that match best count most, and every window fades towards its edge. Candidates are what the transport
has chosen: nothing that it spread evenly is lost again.

Coherent candidates: Ashikhmin 2001, "Synthesizing natural textures"; Tong et al. 2002, "Synthesis of
bidirectional texture functions on arbitrary surfaces". Voting: Wexler, Shechtman & Irani 2007, "Space-time
completion of video".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.engine.objective import PatchTerm
from texot.images.patches import extract_patches
from texot.images.pyramid import Periodic, wrap
from texot.transport.semi_dual import assign

_SHARPNESS = 3.0  # exponent of a window's distance in its weight: sharper shows their edges, softer blurs
_LEAST = 0.005  # of a relative distance
_FLAT = 0.1  # of the mean variance of windows: below, differences of contrast do not matter
_MOST = 1 << 13  # windows at a time


@torch.no_grad()
def coherent(
    image: Tensor,
    term: PatchTerm,
    exemplar: Tensor,
    known: Tensor | None = None,
    *,
    periodic: Periodic,
) -> Tensor:
    """An image made of the exemplar's pixels, from where its patches go.

    A window's distance to a candidate is |x - y|^2 / (var x + var y): without the variances, smooth places
    would be like everything, and grain would be lost.

    Args:
        image: (C, H, W).
        term: transport of the image's patches, of s x s pixels, with its potential.
        exemplar: (C, h, w), what the patches of its measure were cut from.
        known: (h, w) bool, or None; windows of 2s x 2s with other pixels are no candidates.
        periodic: axes (y, x) of the image that wrap around.

    Returns:
        (C, H, W). Pixels that no window reaches stay as they are.
    """
    side = 2 * term.measure.patch_size
    stride = max(1, term.measure.patch_size // 2)
    size, room = image.shape[1:], exemplar.shape[1:]
    if min(room) < side or any(n < side and not wraps for n, wraps in zip(size, periodic, strict=True)):
        return image
    wide = image
    for axis, wraps in enumerate(periodic):
        if wraps:
            wide = wrap(wide, axis + 1, 0, size[axis] + side - 1)
    rows, columns = (
        torch.arange(0, n if wraps else n - side + 1, stride, device=image.device)
        for n, wraps in zip(size, periodic, strict=True)
    )
    origin = _Origins(image, term, stride, periodic)
    variance = _variance(exemplar, side)
    usable = torch.ones_like(variance, dtype=torch.bool)
    if known is not None:
        usable = F.max_pool2d((~known).float()[None], side, stride=1)[0] == 0
        if not bool(usable.any()):
            return image
    flat = _FLAT * variance[usable].mean()
    taper = torch.hann_window(side + 2, periodic=False, dtype=image.dtype, device=image.device)[1:-1]
    taper = torch.outer(taper, taper).flatten()
    total = image.new_zeros(len(image) + 1, *wide.shape[1:])
    for first in range(0, len(rows), max(1, _MOST // len(columns))):
        block = rows[first : first + max(1, _MOST // len(columns))]
        strip = wide[:, int(block[0]) : int(block[-1]) + side]
        x = F.unfold(strip[None], side, stride=stride)[0].t()
        index = torch.arange(len(x), device=x.device)
        i, j = first + index // len(columns), index % len(columns)
        best, found = x.new_full((len(x),), torch.inf), x
        spread = _spread(found, len(image)) + flat
        for down in range(0, side // 2 + 1, stride):
            for right in range(0, side // 2 + 1, stride):
                top, left = origin.of(i, down // stride, j, right // stride)
                inside = (top >= 0) & (left >= 0) & (top <= room[0] - side) & (left <= room[1] - side)
                top, left = top.clamp(0, room[0] - side), left.clamp(0, room[1] - side)
                inside &= usable[top, left]
                y = _windows(exemplar, top, left, side)
                error = ((x - y) ** 2).sum(1) / (spread + variance[top, left])
                better = inside & (error < best)
                best = torch.where(better, error, best)
                found = torch.where(better[:, None], y, found)
        weight = torch.where(best < torch.inf, (best + _LEAST) ** -_SHARPNESS, 0)
        votes = weight[:, None] * torch.cat([found * taper.repeat(len(image)), taper.expand(len(x), -1)], 1)
        folded = F.fold(votes.t()[None], strip.shape[1:], side, stride=stride)[0]
        total[:, int(block[0]) : int(block[-1]) + side] += folded
    for axis, wraps in enumerate(periodic):
        if wraps:
            n = size[axis]
            total.narrow(axis + 1, 0, side - 1).add_(total.narrow(axis + 1, n, side - 1))
            total = total.narrow(axis + 1, 0, n)
    votes, weight = total[:-1], total[-1]
    return torch.where(weight > 0, votes / weight.clamp_min(1e-30), image)


class _Origins:
    """Where in the exemplar the patches on a grid of the image come from."""

    def __init__(self, image: Tensor, term: PatchTerm, stride: int, periodic: Periodic) -> None:
        side, positions = term.measure.patch_size, term.measure.positions
        assert positions is not None
        self.at = []
        for n, wraps in zip(image.shape[1:], periodic, strict=True):
            at = torch.arange(0, n if wraps else n - side + 1, stride, device=image.device)
            self.at.append(torch.cat([at, at + n]))
        x = extract_patches(image, side, stride=stride, periodic=periodic)
        cells = [
            assign(part, term.measure, term.psi, backend=term.backend).cells for part in torch.split(x, _MOST)
        ]
        found = torch.cat([part for part in cells if part is not None])
        self.size = [len(at) // 2 for at in self.at]
        self.origins = positions[found].T.reshape(2, *self.size)

    def of(self, i: Tensor, down: int, j: Tensor, right: int) -> tuple[Tensor, Tensor]:
        """Row and column of the exemplar that windows (i, j) of the grid begin at, by the patch in them."""
        rows, columns = self.at
        height, width = self.size
        top, left = self.origins[:, (i + down) % height, (j + right) % width]
        return top - (rows[i + down] - rows[i]), left - (columns[j + right] - columns[j])


def _windows(image: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Square windows of an image (C, h, w) that begin at some places (n,): (n, C*side*side)."""
    along = torch.arange(side, device=image.device)
    places = (top[:, None] + along)[:, :, None] * image.shape[2] + (left[:, None] + along)[:, None]
    return image.flatten(1)[:, places.flatten(1)].permute(1, 0, 2).flatten(1)


def _variance(image: Tensor, side: int) -> Tensor:
    """Sum of squared deviations from the channel's mean in every window, (h - side + 1, w - side + 1)."""
    mean, square = (F.avg_pool2d(plane[None], side, stride=1)[0] for plane in (image, image**2))
    return (square - mean**2).clamp_min(0).sum(0) * side * side


def _spread(windows: Tensor, channels: int) -> Tensor:
    """The same of windows (n, C*side*side)."""
    values = windows.reshape(len(windows), channels, -1)
    return ((values - values.mean(2, keepdim=True)) ** 2).sum((1, 2))
