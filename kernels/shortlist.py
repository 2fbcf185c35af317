"""CPUs with bfloat16 matrix units: find the few blocks of targets that can contain a cell, then search them.

Each centred coordinate is split in two bfloat16 parts, z = z_h + z_l + O(2^-16 z), and one bfloat16 product
of [x_h, x_l, x_h] with [y_h, y_h, y_l], summed in float32, gives <x, y> to about 2^-14 |x| |y|, two to four
times as fast as in float32. It comes out rounded to 8 bits, so what is computed is the *gain* over an upper
bound of each point's minimum, found among a sample of the targets: the best targets have the largest gains,
and 8 bits of a small number separate nearly all others. Every block whose gain can be the best within the
rounding bounds is searched in float32; points with too many such blocks (many similar patches) fall back
to the float32 search. So the result is as exact as that search, on any input.
"""

import torch
from torch import Tensor

from .targets import Targets

__all__ = ["available", "pays", "search"]

_BLOCK = 8  # targets to a block, the unit searched in float32
_GROUP = 8  # blocks to a group, the unit compared first
_POINTS = 512
_TARGETS = 1024
_MAX_GROUPS = 32  # per point; beyond, the float32 search is used
_PAIRS = 4096  # (point, block) pairs searched at once
_LANES = 32


def available() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware (AMX) and torch uses it."""
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(amx and amx() and torch._C._has_mkldnn and torch.backends.mkldnn.enabled)


def pays(n: int, m: int, d: int, dtype: torch.dtype, ready: bool) -> bool:
    """Whether this is faster than float32 (1.1 to 2 times; measured with AMX on one core).

    Args:
        n, m, d: Points, targets, dimension.
        dtype: Of the points.
        ready: The targets' parts serve other calls too.
    """
    if dtype != torch.float32 or d < 32 or m * d < 400_000:
        return False
    return n >= (1024 if m * d < 1_500_000 or d < 96 else 256) * (1 if ready else 2)


def search(x: Tensor, targets: Targets, psi: Tensor) -> tuple[Tensor, Tensor]:
    """Return argmin_j |x_i - y_j|^2 - psi_j, (n,), and the points left to do: a list of their indices.

    Takes float32 on CPU. The biases in `targets` are overwritten: hold its lock.
    """
    n, d = x.shape
    m = len(psi)
    rows, parts = targets.rows, targets.parts
    bias = targets.square[:m] - (psi - psi.max())
    rows[:m, 0] = bias
    rows[m:, 0] = bias[-1]
    for k, part in enumerate(_split(-rows[:, 0], 3)):
        parts[:, 3 * d + 3 + k] = part
    sample = rows[: m : max(1, m // min(max(m // 32, 256), 2048)), : d + 1].contiguous()
    blocks = rows.view(-1, _BLOCK * (d + 2))
    height = len(rows)
    most = min(_POINTS, _round_up(n))
    wide = _TARGETS * torch.get_num_threads()
    products = torch.empty(wide * most, dtype=torch.bfloat16)
    gains = torch.empty(height // _BLOCK * most, dtype=torch.int16)
    points = x.new_zeros(most, d + 1)
    halves = torch.zeros(most, parts.shape[1], dtype=torch.bfloat16)
    halves[:, 3 * d + 3 : 3 * d + 6] = 1
    cells = torch.empty(n, dtype=torch.int64)
    left = []
    for i in range(0, n, most):
        count = min(most, n - i)
        r = _round_up(count)
        p, h = points[:r], halves[:r]
        p[:, 0] = 1
        torch.sub(x[i : i + count], targets.centre, out=p[:count, 1:])
        p[:count, 1:] *= -2
        p[count:, 1:] = 0
        bound = torch.mm(sample, p.T).amin(0)  # (r,) the smallest cost of the sample
        # Rounding: 6 * 2^-16 |x| |y| from the parts left out, the rest for float32 sums.
        slack = torch.linalg.vector_norm(p[:, 1:], dim=1) * (targets.radius * 2**-13)
        slack += bound.abs() * 2**-19 + 1e-30
        high, low = _split(p[:, 1:].neg(), 2)
        torch.cat([high, low, high], 1, out=h[:, : 3 * d])
        for k, part in enumerate(_split(bound + 4 * slack, 3)):  # so that the best gains are positive
            h[:, 3 * d + k] = part
        best = gains[: height // _BLOCK * r].view(-1, r)
        for j in range(0, height, wide):
            w = min(wide, height - j)
            tile = products[: w * r].view(w, r)
            torch.mm(parts[j : j + w], h.T, out=tile)
            # As integers of the same bits, positive numbers keep their order and lie above all negative ones.
            bits = tile.view(torch.int16).view(w // _BLOCK, _BLOCK, r)
            torch.amax(bits, 1, out=best[j // _BLOCK : (j + w) // _BLOCK])
        groups = best.view(-1, _GROUP, r)
        grouped = groups.amax(1)  # (height / 64, r)
        top = grouped.amax(0).view(torch.bfloat16).float()
        least = (top * (1 - 1.5 * 2**-7) - 2 * slack).bfloat16().view(torch.int16)  # (r,)
        chosen = (grouped >= least)[:, :count]
        # The sample's best target is there: without its gain of 4 slacks something is off (an overflow).
        many = (chosen.sum(0) > _MAX_GROUPS) | ~(top[:count] >= 2 * slack[:count])
        if bool(many.any()):
            left.append(many.nonzero().squeeze(1) + i)
            chosen &= ~many
        group, point = chosen.nonzero(as_tuple=True)
        pick, inner = (groups[group, :, point] >= least[point, None]).nonzero(as_tuple=True)
        cells[i : i + count] = _nearest(p[:count], blocks, point[pick], group[pick] * _GROUP + inner)
    cells.clamp_(max=m - 1)
    return cells, torch.cat(left) if left else cells[:0]


def _nearest(points: Tensor, blocks: Tensor, point: Tensor, block: Tensor) -> Tensor:
    """Search the blocks paired with each point in float32; return each point's best target."""
    d = points.shape[1] - 1
    costs, places = [], []
    for point_part, block_part in zip(torch.split(point, _PAIRS), torch.split(block, _PAIRS), strict=True):
        near = blocks.index_select(0, block_part).view(-1, _BLOCK, d + 2)[:, :, : d + 1]
        cost = torch.bmm(points.index_select(0, point_part)[:, None], near.mT).squeeze(1)  # (pairs, 8)
        low = cost.min(1)
        costs.append(low.values)
        places.append(low.indices.add_(block_part, alpha=_BLOCK))
    if not costs:
        return torch.zeros(len(points), dtype=torch.int64)
    costs_, places_ = torch.cat(costs), torch.cat(places)
    least = points.new_full((len(points),), torch.inf).scatter_reduce_(0, point, costs_, "amin")
    last = torch.iinfo(torch.int64).max
    places_.masked_fill_(costs_ > least[point], last)
    return torch.full((len(points),), last).scatter_reduce_(0, point, places_, "amin")


def _split(z: Tensor, count: int) -> list[Tensor]:
    """Return `count` bfloat16 tensors whose sum is z, to 8 bits each."""
    parts = []
    for _ in range(count):
        parts.append(z.bfloat16())
        z = z - parts[-1].float()
    return parts


def _round_up(count: int) -> int:
    return -(-count // _LANES) * _LANES
