"""Noise over an infinite plane: a pure function of seed, scale, channel and position.

A counter-based hash (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in integers only:
the bits are the same for every window, machine and device. Keys of rows and of columns are made with 64-bit
SplitMix (Steele, Lea & Flood 2014), xored, and mixed by the finaliser of MurmurHash3. The sum of the four
bytes of a hash is nearly normal (a sum of four uniform values: kurtosis 2.7 instead of 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_MEAN = 4 * 127.5
_DEVIATION = (4 * (256**2 - 1) / 12) ** 0.5
_WAVES = 2**32  # the stream of the phases of waves: those of noise are 2 * scale and 2 * scale + 1
_U32, _U64 = np.uint32, np.uint64

Keys = npt.NDArray[np.uint32]


def plane_noise(
    seed: int,
    scale: int,
    channels: int,
    rows: Tensor,
    columns: Tensor,
    device: torch.device | None = None,
    *,
    uniform: bool = False,
) -> Tensor:
    """Noise of mean 0 and variance 1 at some rows and columns of the plane.

    Args:
        seed: 0 <= seed < 2**63.
        scale: pyramid scale; every scale has independent noise.
        channels: number of independent values per position.
        rows, columns: (h,) and (w,) int64 positions, of any sign; equal positions have equal noise.
        device: of the result; None: the CPU.
        uniform: uniform in [0, 1) instead.

    Returns:
        (channels, h, w) float32, in [-3.46, 3.46].
    """
    row_keys = _keys(seed, 2 * scale, channels, rows)
    column_keys = _keys(seed, 2 * scale + 1, channels, columns)
    if device is None or device.type == "cpu":
        return torch.from_numpy(_planes(row_keys, column_keys, uniform))
    on_rows, on_columns = (
        torch.from_numpy(bits.view(np.int32)).to(device) for bits in (row_keys, column_keys)
    )
    return _planes_on_device(on_rows, on_columns, uniform)


def plane_waves(
    seed: int,
    scale: int,
    waves: tuple[tuple[float, float], ...],
    places: tuple[Tensor, Tensor],
    periods: tuple[int | None, int | None] = (None, None),
) -> Tensor:
    """Plane waves of mean 0 and variance 1, of the same phase at all scales.

    They tell a network where in the period of a regular texture a pixel is (Bergmann et al. 2017, "Learning
    texture manifolds with the periodic spatial GAN", arXiv 1705.06566).

    Args:
        seed: gives their phases.
        scale: pyramid scale.
        waves: (cycles along y, along x) per pixel of the finest scale. On a torus, the nearest that fit it.
        places: rows (h,) and columns (w,), int64 positions at the scale.
        periods: of the torus along (y, x), in pixels of the scale; None: a plane.

    Returns:
        (2 * waves, h, w) float32: cosine and sine of each.
    """
    phases = (_keys(seed, _WAVES, len(waves), torch.zeros(1, dtype=torch.int64)) * 2.0**-32)[:, 0]
    found = []
    for wave, phase in zip(waves, phases.tolist(), strict=True):
        turns = []
        for cycles, place, period in zip(wave, places, periods, strict=True):
            own = cycles * 2**scale
            if period is not None and own:
                own = math.copysign(max(1, round(abs(own) * period)), own) / period
            turns.append((place.double() + 0.5) * own)
        angle = 2 * math.pi * (turns[0][:, None] + turns[1] + phase)
        found += [angle.cos(), angle.sin()]
    return math.sqrt(2) * torch.stack(found).float()


def _planes(rows: Keys, columns: Keys, uniform: bool) -> npt.NDArray[np.float32]:
    """The values of all pairs of keys; in place and by channels, to stay in the cache."""
    noise = np.empty((len(rows), rows.shape[1], columns.shape[1]), np.float32)
    h, other = (np.empty(noise.shape[1:], np.uint32) for _ in range(2))
    for row, column, plane in zip(rows, columns, noise, strict=True):
        np.bitwise_xor(row[:, None], column, out=h)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            np.right_shift(h, _U32(shift), out=other)
            np.bitwise_xor(h, other, out=h)
            if factor > 1:
                np.multiply(h, _U32(factor), out=h)
        if uniform:
            np.right_shift(h, _U32(8), out=h)
            plane[:] = h
            plane *= np.float32(2**-24)
            continue
        np.right_shift(h, _U32(8), out=other)
        np.bitwise_and(other, _U32(0xFF00FF), out=other)
        np.bitwise_and(h, _U32(0xFF00FF), out=h)
        np.add(h, other, out=h)
        np.multiply(h, _U32(0x10001), out=h)  # the upper half is the sum of both halves
        np.right_shift(h, _U32(16), out=h)
        plane[:] = h.view(np.int32)
        plane -= np.float32(_MEAN)
        plane *= np.float32(1 / _DEVIATION)
    return noise


def _planes_on_device(rows: Tensor, columns: Tensor, uniform: bool) -> Tensor:
    """The same in torch, whose integers are signed, from int32 keys."""
    noise = torch.empty(len(rows), rows.shape[1], columns.shape[1], dtype=torch.float32, device=rows.device)
    for row, column, plane in zip(rows, columns, noise, strict=True):
        h = row[:, None] ^ column
        h ^= (h >> 16) & 0xFFFF  # int32 shifts keep the sign: the mask gives those of uint32
        h *= 0x85EBCA6B - 2**32
        h ^= (h >> 13) & 0x7FFFF
        h *= 0xC2B2AE35 - 2**32
        h ^= (h >> 16) & 0xFFFF
        if uniform:
            plane.copy_((h >> 8) & 0xFFFFFF)
            continue
        pairs = (h & 0xFF00FF) + ((h >> 8) & 0xFF00FF)
        plane.copy_((pairs & 0xFFFF) + (pairs >> 16))
    if uniform:
        return noise.mul_(2**-24)
    return noise.sub_(_MEAN).mul_(1 / _DEVIATION)


def _keys(seed: int, stream: int, channels: int, positions: Tensor) -> Keys:
    """(channels, n): well mixed bits of every position, for every channel."""
    base = _mixed(_mixed(np.array([seed], np.uint64)) + np.array([stream], np.uint64))
    lanes = _mixed(base + np.arange(channels, dtype=_U64))
    at = positions.cpu().numpy().astype(np.int64).view(_U64)
    keys: Keys = (_mixed(_mixed(at)[None] ^ lanes[:, None]) >> _U64(32)).astype(_U32)
    return keys


def _mixed(z: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """SplitMix64's output function of every number."""
    with np.errstate(over="ignore"):
        z = z + _U64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> _U64(27))) * _U64(0x94D049BB133111EB)
        mixed: npt.NDArray[np.uint64] = z ^ (z >> _U64(31))
    return mixed
