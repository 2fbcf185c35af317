"""Targets prepared for many reductions: centred once, and split in bfloat16 parts once if these are used.

In an optimisation the exemplar's patches are fixed while the potential and the points change. Everything that
depends on the patches alone is stored here; a reduction only writes its biases next to it.
"""

import math
import threading

import torch
from torch import Tensor

__all__ = ["PAD", "Targets"]

PAD = 64  # rows are padded to this with copies of the last target, whose index is then clamped


class Targets:
    """The target side of the reductions, for use as `y` in place of a tensor.

    Holds a centred copy of `y` (and, on CPUs with bfloat16 matrix units, its bfloat16 parts when they are
    first used: 1.5 times the memory of `y`). Later changes to the tensor are not seen. Calls that share
    one object take turns.

    Args:
        y: Targets, (m, d), float32 or float64.

    Raises:
        ValueError: Not such a tensor, no target, or a value that is not finite.
    """

    def __init__(self, y: Tensor) -> None:
        check_points("y", y)
        if len(y) == 0:
            raise ValueError("y: expected at least one target, got none")
        check_finite("y", y)
        self._set(y, kept=True)

    @classmethod
    def once(cls, y: Tensor) -> "Targets":
        """Return a Targets of checked values for a single call."""
        self = cls.__new__(cls)
        self._set(y, kept=False)
        return self

    def _set(self, y: Tensor, *, kept: bool) -> None:
        self.points = y.detach()
        self.kept = kept
        self.lock = threading.RLock()
        self._rows: Tensor | None = None
        self._parts: Tensor | None = None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def shape(self) -> torch.Size:
        """(m, d)."""
        return self.points.shape

    @property
    def rows(self) -> Tensor:
        """(m padded, d + 2): a bias for the caller to write, y - c, and 1. Made on first use."""
        if self._rows is None:
            m, d = self.shape
            rows = self.points.new_empty(-(-m // PAD) * PAD, d + 2)
            self.centre = self.points.mean(0)  # (d,)
            torch.sub(self.points, self.centre, out=rows[:m, 1:-1])
            rows[:, -1] = 1
            rows[m:] = rows[m - 1]
            self.square = torch.linalg.vecdot(rows[:, 1:-1], rows[:, 1:-1])  # |y - c|^2, (m padded,)
            self.radius = float(self.square.max()) ** 0.5
            self._rows = rows
        return self._rows

    @property
    def parts(self) -> Tensor:
        """(m padded, k) bfloat16: y_h, y_h, y_l, 1, 1, 1, three biases to write, zeros. Made on first use."""
        if self._parts is None:
            rows = self.rows
            d = self.shape[1]
            width = -(-(3 * d + 6) // 32) * 32  # matrix units take 32 values at a time
            parts = torch.zeros(len(rows), width, dtype=torch.bfloat16)
            for j in range(0, len(rows), 2048):  # pieces that stay in the cache
                y = rows[j : j + 2048, 1:-1]
                high = y.bfloat16()
                low = (y - high.float()).bfloat16()
                torch.cat([high, high, low], 1, out=parts[j : j + 2048, : 3 * d])
            parts[:, 3 * d : 3 * d + 3] = 1
            self._parts = parts
        return self._parts


def check_points(name: str, t: Tensor) -> None:
    """Raise ValueError unless t is a (count, d) tensor of float32 or float64."""
    if not isinstance(t, Tensor):
        raise ValueError(f"{name}: expected a torch tensor, got {type(t).__name__}")
    if t.ndim != 2 or t.shape[1] == 0:
        raise ValueError(f"{name}: expected shape (count, d) with d >= 1, got {tuple(t.shape)}")
    if t.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name}: expected float32 or float64, got {str(t.dtype).removeprefix('torch.')}")


def check_finite(name: str, t: Tensor) -> None:
    """Raise ValueError if t holds NaN or infinity."""
    # The sum is one cheap pass; only a suspicious one (or an overflow) pays for the exact test.
    if not math.isfinite(float(t.detach().sum())):
        bad = t.numel() - int(t.isfinite().sum())
        if bad:
            raise ValueError(f"{name}: expected finite values, got NaN or infinity in {bad} of {t.numel()}")
