"""Tiled torch: cells and soft cells from matrix products, in memory that does not grow with n * m.

With c the mean of the targets, b_j = |y_j - c|^2 - (psi_j - max psi) and any x,
    |x - y_j|^2 - psi_j = const(x) + b_j - 2 <x - c, y_j - c>:
one product of (y - c, b) with (-2 (x - c), 1) gives a tile of these, targets down and points across.
Centring keeps float32 exact enough (the patches' common brightness would cancel otherwise), and the
shift of psi takes a constant of any size out of the product.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["laguerre_cells", "soft_cells", "softmin"]

# A CPU tile of 1024 targets x 128 points is 512 KB of float32: it stays in the second-level cache
# between the product and the reduction.  Measured best of 64..512 points x 512..4096 targets.
_CPU_POINTS = 128
_CPU_TARGETS = 1024
_CPU_KEPT = 1 << 19  # elements of cost kept for a whole row of tiles, where the targets are few
_GPU_ELEMENTS = 1 << 26
_LANES = 32  # point counts are padded to this: torch reduces shorter or odd rows at a third of the speed


@dataclass(frozen=True)
class _Targets:
    """The target side of the product: `rows` is (m padded, d + 1), its last column the biases."""

    rows: Tensor
    centre: Tensor  # (d,)
    offset: float  # max psi, taken out of the biases


def _targets(y: Tensor, psi: Tensor, multiple: int = 1) -> _Targets:
    m, d = y.shape
    rows = y.new_empty(-(-m // multiple) * multiple, d + 1)
    centre = y.mean(0)
    torch.sub(y, centre, out=rows[:m, :d])
    offset = psi.max()
    rows[:m, d] = torch.linalg.vecdot(rows[:m, :d], rows[:m, :d]) - (psi - offset)
    if m < len(rows):
        rows[m:, :d] = 0
        rows[m:, d] = torch.inf
    return _Targets(rows, centre, float(offset))


def _points(x: Tensor, centre: Tensor, buffer: Tensor) -> Tensor:
    """Write the point side of the product, (-2 (x - c), 1), into `buffer` (r, d + 1); spare rows are zero."""
    n, d = x.shape
    torch.sub(x, centre, out=buffer[:n, :d])
    buffer[:n, :d] *= -2
    buffer[n:, :d] = 0
    buffer[:, d] = 1
    return buffer


def laguerre_cells(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """Return argmin_j |x_i - y_j|^2 - psi_j, (n,) int64, for x (n, d), y (m, d), psi (m,).

    Memory: a copy of y, a tile, and on CPU one value for every 16 or 32 targets and 128 points.
    """
    if x.device.type != "cpu":
        return _cells_by_running_minimum(x, y, psi)
    return _cells_by_blocks(x, y, psi)


def _cells_by_blocks(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """CPU: take minima without indices over blocks of targets, then look for the index in the best block.

    `torch.amin` runs at memory speed, `torch.min(dim)`, which also returns indices, six times slower:
    slower than the product itself at d = 48.
    """
    n, m, d = len(x), len(y), y.shape[1]
    few = m * _LANES <= _CPU_KEPT
    block = 32 if d < 96 and not few else 16
    targets = _targets(y, psi, multiple=block)
    rows = targets.rows
    m = len(rows)
    width = min(_round_up(n, _LANES), _CPU_POINTS * torch.get_num_threads())
    if few:
        width = min(width, _CPU_KEPT // m // _LANES * _LANES)
    tile_rows = m if few else _CPU_TARGETS
    points = x.new_empty(width, d + 1)
    costs = x.new_empty(tile_rows * width)
    minima = x.new_empty(m // block * width)
    cells = torch.empty(_round_up(n, _LANES), dtype=torch.int64)
    for i in range(0, n, width):
        stop = min(i + width, n)
        r = _round_up(stop - i, _LANES)
        p = _points(x[i:stop], targets.centre, points[:r])
        low = minima[: m // block * r].view(m // block, r)
        for j in range(0, m, _CPU_TARGETS):
            w = min(_CPU_TARGETS, m - j)
            start = j * r if few else 0
            tile = costs[start : start + w * r].view(w, r)
            torch.mm(rows[j : j + w], p.T, out=tile)
            torch.amin(tile.view(w // block, block, r), 1, out=low[j // block : (j + w) // block])
        best = low.min(0).indices  # (r,) the block that holds each point's cell
        if few:
            kept = costs[: m * r].view(m // block, block, r)
            inside = kept.gather(0, best.expand(1, block, r)).squeeze(0).T.contiguous()
        else:
            near = rows.view(m // block, -1).index_select(0, best).view(r, block, d + 1)
            inside = torch.bmm(near, p.unsqueeze(2)).squeeze(2)  # (r, block)
        torch.add(inside.min(1).indices, best, alpha=block, out=cells[i : i + r])
    return cells[:n]


def _cells_by_running_minimum(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    """GPU: large tiles, a running (value, index)."""
    n, m = len(x), len(y)
    targets = _targets(y, psi)
    high = min(n, 16384)
    wide = min(m, max(1, _GPU_ELEMENTS // high))
    points = x.new_empty(high, x.shape[1] + 1)
    cells = torch.empty(n, dtype=torch.int64, device=x.device)
    for i in range(0, n, high):
        p = _points(x[i : i + high], targets.centre, points[: min(high, n - i)])
        best, index = torch.mm(p, targets.rows[:wide].T).min(1)
        for j in range(wide, m, wide):
            value, place = torch.mm(p, targets.rows[j : j + wide].T).min(1)
            index = torch.where(value < best, place + j, index)
            best = torch.minimum(value, best)
        cells[i : i + high] = index
    return cells


def softmin(x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float) -> Tensor:
    """Return -lam log sum_j exp(log_nu_j + (psi_j - |x_i - y_j|^2) / lam), (n,)."""
    return _soft(x, y, psi, log_nu, entropy, mean=False)[0]


def soft_cells(x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float) -> tuple[Tensor, Tensor]:
    """Return the softmin, (n,), and the softmax-weighted mean of y, (n, d)."""
    return _soft(x, y, psi, log_nu, entropy, mean=True)


def _soft(
    x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float, *, mean: bool
) -> tuple[Tensor, Tensor]:
    """Online log-sum-exp: each point's first tile sets its reference level, a later overflow resets it.

    The level rides in the product as one more column, so a tile costs the product, a clamp, an exp and a
    sum.  The clamp keeps exp out of the denormals, where it and the next product are 20-100x slower;
    what it adds is below exp(-80) of the largest term.
    """
    n, m, d = len(x), len(y), y.shape[1]
    targets = _targets(y, psi)
    rows = y.new_empty(m, d + 2)  # scores = <rows, (2 (x - c) / lam, 1, -level)>, without -|x - c|^2 / lam
    rows[:, : d + 1] = targets.rows
    rows[:, d].mul_(-1 / entropy).add_(log_nu)
    rows[:, d + 1] = 1
    weighted = rows[:, [*range(d), d + 1]].contiguous() if mean else None  # (m, d + 1): y - c, 1
    floor = -80.0 if x.dtype == torch.float32 else -600.0
    limit = 1e30 if x.dtype == torch.float32 else 1e250
    if x.device.type == "cpu":
        high, wide = _CPU_POINTS * torch.get_num_threads(), _CPU_TARGETS
    else:
        high = min(n, 16384)
        wide = max(1, _GPU_ELEMENTS // max(high, 1))
    high, wide = min(high, n), min(wide, m)
    value = x.new_empty(n)
    barycentre = x.new_empty(n, d) if mean else value
    points = x.new_empty(high, d + 2)
    scores = x.new_empty(wide * high)
    for i in range(0, n, high):
        r = min(high, n - i)
        p = points[:r]
        torch.sub(x[i : i + r], targets.centre, out=p[:, :d])
        square = torch.linalg.vecdot(p[:, :d], p[:, :d])
        p[:, :d] *= 2 / entropy
        p[:, d] = 1
        p[:, d + 1] = 0
        total = x.new_zeros(r, d + 1) if mean else x.new_zeros(r)
        for j in range(0, m, wide):
            w = min(wide, m - j)
            tile = scores[: w * r].view(w, r)
            if j:
                torch.mm(rows[j : j + w], p.T, out=tile)
                part = _sum_exp(tile, floor, weighted[j : j + w] if weighted is not None else None)
                if bool(((part[:, -1] if mean else part) < limit).all()):
                    total += part
                    continue
            level = -p[:, d + 1]
            p[:, d + 1] = 0
            torch.mm(rows[j : j + w], p.T, out=tile)
            top = tile.amax(0)
            if j:
                top = torch.maximum(top, level)
                decay = (level - top).exp_()
                total *= decay[:, None] if mean else decay
            tile -= top
            p[:, d + 1] = -top
            total += _sum_exp(tile, floor, weighted[j : j + w] if weighted is not None else None)
        mass = total[:, -1] if mean else total
        value[i : i + r] = square - targets.offset - entropy * (mass.log() - p[:, d + 1])
        if mean:
            torch.div(total[:, :-1], mass[:, None], out=barycentre[i : i + r])
            barycentre[i : i + r] += targets.centre
    return value, barycentre


def _sum_exp(tile: Tensor, floor: float, weighted: Tensor | None) -> Tensor:
    tile.clamp_(min=floor).exp_()
    return tile.sum(0) if weighted is None else tile.T @ weighted


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
