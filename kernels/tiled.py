"""Tiled torch: cells and soft cells from matrix products, in memory that does not grow with n * m.

With c the mean of the targets, b_j = |y_j - c|^2 - (psi_j - max psi) and any x,
    |x - y_j|^2 - psi_j = const(x) + b_j - 2 <x - c, y_j - c>:
one product of (b, y - c) with (1, -2 (x - c)) gives a tile of these, targets down and points across.
Centring keeps float32 exact enough (the patches' common brightness would cancel otherwise), and the
shift of psi takes a constant of any size out of the product.
"""

import torch
from torch import Tensor

from . import shortlist
from .targets import PAD, Targets

__all__ = ["laguerre_cells", "soft_cells", "softmin"]

# CPU tiles, in points x targets: 1 MB of float32, to stay in the second-level cache between the product
# and the reduction. Measured among 64..512 x 512..4096.
_CPU_POINTS = 128
_CPU_TARGETS = 2048
_CPU_SOFT_POINTS = 256
_CPU_SOFT_TARGETS = 1024
_CPU_FEW = 8192  # up to this many targets, costs of all of them are kept for some points, 4 MB in all
_CPU_KEPT = 1 << 20
_GPU_POINTS = 16384
_GPU_ELEMENTS = 1 << 26
_LANES = 32  # point counts are padded to this: torch reduces odd rows at a third of the speed


def laguerre_cells(x: Tensor, y: Targets, psi: Tensor) -> Tensor:
    """Return argmin_j |x_i - y_j|^2 - psi_j, (n,) int64, for x (n, d) and psi (m,).

    Memory: what `y` holds, a tile, and on CPU a value for every 8 to 64 targets and some hundred points.
    """
    with y.lock:
        if x.device.type != "cpu":
            return _cells_by_running_minimum(x, y, psi)
        m, d = y.shape
        if shortlist.available() and shortlist.pays(len(x), m, d, x.dtype, y.kept):
            cells, left = shortlist.search(x, y, psi)
            if len(left):
                cells[left] = _cells_by_blocks(x[left], y, psi)
            return cells
        return _cells_by_blocks(x, y, psi)


def _cells_by_blocks(x: Tensor, y: Targets, psi: Tensor) -> Tensor:
    """CPU: take minima without indices over blocks of targets, then look for the index in the best block.

    `torch.amin` runs at memory speed; `torch.min(dim)`, which also returns indices, takes as long as the
    product at d = 48.
    """
    n, d = x.shape
    rows = y.rows
    _write_bias(y, y.square[: len(y)] - (psi - psi.max()))
    m = len(rows)
    few = m <= _CPU_FEW
    block = 32 if few or 24 <= d < 96 else 16 if d >= 96 else PAD
    width = min(max(_CPU_KEPT // m, _CPU_POINTS), 1024) // _LANES * _LANES if few else _CPU_POINTS
    width = min(width * torch.get_num_threads(), _round_up(n, _LANES))
    points = x.new_empty(width, d + 1)
    costs = x.new_empty((m if few else _CPU_TARGETS) * width)
    minima = x.new_empty(m // block * width)
    cells = torch.empty(_round_up(n, _LANES), dtype=torch.int64)
    for i in range(0, n, width):
        stop = min(i + width, n)
        r = _round_up(stop - i, _LANES)
        p = _points(x[i:stop], y.centre, points[:r])
        low = minima[: m // block * r].view(m // block, r)
        for j in range(0, m, _CPU_TARGETS):
            w = min(_CPU_TARGETS, m - j)
            start = j * r if few else 0
            tile = costs[start : start + w * r].view(w, r)
            torch.mm(rows[j : j + w, : d + 1], p.T, out=tile)
            torch.amin(tile.view(w // block, block, r), 1, out=low[j // block : (j + w) // block])
        best = low.min(0).indices  # (r,) the block that holds each point's cell
        if few:
            kept = costs[: m * r].view(m // block, block, r)
            inside = kept.gather(0, best.expand(1, block, r)).squeeze(0).T.contiguous()
        else:
            near = rows.view(m // block, -1).index_select(0, best).view(r, block, d + 2)
            inside = torch.bmm(p.unsqueeze(1), near[:, :, : d + 1].mT).squeeze(1)  # (r, block)
        torch.add(inside.min(1).indices, best, alpha=block, out=cells[i : i + r])
    return cells[:n].clamp_(max=len(y) - 1)


def _cells_by_running_minimum(x: Tensor, y: Targets, psi: Tensor) -> Tensor:
    """GPU: large tiles, a running (value, index)."""
    n, d = x.shape
    rows = y.rows[: len(y), : d + 1]
    _write_bias(y, y.square[: len(y)] - (psi - psi.max()))
    high = min(n, _GPU_POINTS)
    wide = max(1, _GPU_ELEMENTS // high)
    points = x.new_empty(high, d + 1)
    cells = torch.empty(n, dtype=torch.int64, device=x.device)
    for i in range(0, n, high):
        p = _points(x[i : i + high], y.centre, points[: min(high, n - i)])
        best, index = torch.mm(p, rows[:wide].T).min(1)
        for j in range(wide, len(rows), wide):
            value, place = torch.mm(p, rows[j : j + wide].T).min(1)
            index = torch.where(value < best, place + j, index)
            best = torch.minimum(value, best)
        cells[i : i + high] = index
    return cells


def _points(x: Tensor, centre: Tensor, buffer: Tensor) -> Tensor:
    """Write the point side of the product, (1, -2 (x - c)), into `buffer`, (r, d + 1); spare rows get c."""
    n = len(x)
    buffer[:, 0] = 1
    torch.sub(x, centre, out=buffer[:n, 1:])
    buffer[:n, 1:] *= -2
    buffer[n:, 1:] = 0
    return buffer


def _write_bias(y: Targets, bias: Tensor) -> None:
    rows = y.rows
    rows[: len(bias), 0] = bias
    rows[len(bias) :, 0] = bias[-1]


def softmin(x: Tensor, y: Targets, psi: Tensor, log_nu: Tensor, entropy: float) -> Tensor:
    """Return -lam log sum_j exp(log_nu_j + (psi_j - |x_i - y_j|^2) / lam), (n,)."""
    return _soft(x, y, psi, log_nu, entropy, mean=False)[0]


def soft_cells(x: Tensor, y: Targets, psi: Tensor, log_nu: Tensor, entropy: float) -> tuple[Tensor, Tensor]:
    """Return the softmin, (n,), and the softmax-weighted mean of y, (n, d)."""
    return _soft(x, y, psi, log_nu, entropy, mean=True)


def _soft(
    x: Tensor, y: Targets, psi: Tensor, log_nu: Tensor, entropy: float, *, mean: bool
) -> tuple[Tensor, Tensor]:
    """Online log-sum-exp: a level a point, raised when a tile exceeds it by more than exp can take.

    The level rides in the product as one more column, so a tile costs the product, a maximum, a clamp, an
    exp and a sum. The clamp keeps exp out of the denormals, where it and the next product are 20 to 100
    times slower; what it adds is below exp(-50) of the largest term.
    """
    n, d = x.shape
    m = len(y)
    single = x.dtype == torch.float32
    floor, ceiling = (-50.0, 40.0) if single else (-500.0, 300.0)
    if x.device.type == "cpu":
        high, wide = _CPU_SOFT_POINTS * torch.get_num_threads(), _CPU_SOFT_TARGETS
    else:
        high = min(n, _GPU_POINTS)
        wide = max(1, _GPU_ELEMENTS // high)
    high, wide = min(high, n), min(wide, m)
    value = x.new_empty(n)
    barycentre = x.new_empty(n, d) if mean else value
    points = x.new_empty(high, d + 2)
    scores = x.new_empty(wide * high)
    offset = psi.max()
    with y.lock:
        # scores = <(b, y - c, 1), (1, 2 (x - c) / lam, -level)>, without their term -|x - c|^2 / lam
        rows = y.rows
        _write_bias(y, (psi - offset - y.square[:m]) / entropy + log_nu)
        for i in range(0, n, high):
            r = min(high, n - i)
            p = points[:r]
            p[:, 0] = 1
            torch.sub(x[i : i + r], y.centre, out=p[:, 1:-1])
            square = torch.linalg.vecdot(p[:, 1:-1], p[:, 1:-1])
            p[:, 1:-1] *= 2 / entropy
            level = x.new_zeros(r)
            total = x.new_zeros(r, d + 1 if mean else 1)
            for j in range(0, m, wide):
                w = min(wide, m - j)
                p[:, -1] = -level
                tile = scores[: w * r].view(w, r)
                torch.mm(rows[j : j + w], p.T, out=tile)
                rise = tile.amax(0)
                if j == 0 or bool((rise > ceiling).any()):
                    if j:
                        rise.clamp_(min=0)
                        total *= rise.neg().exp_()[:, None]
                    level += rise
                    tile -= rise
                tile.clamp_(min=floor).exp_()
                total += tile.T @ rows[j : j + w, 1:] if mean else tile.sum(0)[:, None]
            value[i : i + r] = square - offset - entropy * (total[:, -1].log() + level)
            if mean:
                torch.div(total[:, :-1], total[:, -1:], out=barycentre[i : i + r])
                barycentre[i : i + r] += y.centre
    return value, barycentre


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
