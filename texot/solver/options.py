"""Options of jobs and training, checked where they come in: what was expected, what arrived, what to do."""

from __future__ import annotations

import numbers
from typing import Any

import torch

from texot.errors import DeviceError, InputError, quoted
from texot.images.pyramid import Periodic
from texot.kernels import BackendError, resolve_backend
from texot.memory import memory_limit

SEARCH_DIM = 48
"""Principal axes in which neighbours are searched, at most."""

# peak memory as measured for 256 to 2048 px (benchmarks/results/synthesis_speed.md), within a tenth
_LIBRARIES = 300_000_000  # bytes: Python, torch and what does not grow with the images
_FIELD, _FIELD_IN = 120, 150  # bytes a pixel of the result and of the exemplar: search in principal axes
_FIELD_PLANES, _FIELD_PLANES_IN = 4, 5  # float32 planes of their sizes beside, a channel
ADAM_PLANES, _PLANES_IN = 36, 24  # the same where Adam moves the pixels
_PHOTOGRAPH = 80  # bytes a pixel of a photograph to be filled
_NEAR, _NEAR_PLANES = 270, 11  # bytes, and float32 planes a channel, a pixel of what is near a hole
_MOST_TARGETS = 16384

TILES: dict[str, Periodic] = {
    "both": (True, True),
    "x": (False, True),
    "y": (True, False),
    "none": (False, False),
}
"""Axes (y, x) that wrap around, by the name of the option."""


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device for "auto", "cpu", "cuda" or "cuda:i".

    Raises:
        DeviceError: not a device of this machine.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(f"device must be auto, cpu, cuda or cuda:i, not {quoted(device)}") from error
    if found.type not in ("cpu", "cuda"):
        raise DeviceError(f"device must be auto, cpu, cuda or cuda:i, not {quoted(device)}")
    if found.type == "cuda" and (found.index or 0) >= available:
        here = f"cuda:0 to cuda:{available - 1}" if available else "no CUDA device"
        raise DeviceError(f"device {device} is not there: this machine has {here}; use --device auto or cpu")
    return found


def check_backend(backend: str, device: torch.device, pixels: int) -> None:
    """Refuse a back end that is not there, before any work is done.

    Args:
        backend: its name.
        device: where it will run.
        pixels: about how many sources and targets it will see.

    Raises:
        DeviceError: a back end that was asked for is not available.
        InputError: not a back end.
    """
    try:
        resolve_backend(backend, device.type, pixels, pixels, SEARCH_DIM)
    except BackendError as error:
        raise DeviceError(str(error)) from error
    except ValueError as error:
        raise InputError(str(error)) from error


def check_memory(
    channels: int,
    exemplar: tuple[int, int],
    size: tuple[int, int],
    *,
    planes: int | None = None,
    more: int = 0,
    backend: str = "auto",
) -> None:
    """Refuse what cannot fit this machine or its control group's limit.

    Args:
        channels: of the images.
        exemplar, size: of the exemplar and of the result, in pixels.
        planes: of the result's size that each channel takes; None: as in the solver on a field.
        more: bytes that a pixel of the result takes beside.
        backend: of the transport; "reference" holds the distances of all pairs of patches.

    Raises:
        InputError: it would take more than there is.
    """
    pixels, pixels_in = size[0] * size[1], exemplar[0] * exemplar[1]
    need = _LIBRARIES + more * pixels
    if planes is None:
        need += (_FIELD + 4 * channels * _FIELD_PLANES) * pixels
        need += (_FIELD_IN + 4 * channels * _FIELD_PLANES_IN) * pixels_in
    else:
        need += 4 * channels * (planes * pixels + _PLANES_IN * pixels_in)
    if backend == "reference":
        need += 8 * (pixels // 16) * min(pixels_in, _MOST_TARGETS)
    have = memory_limit()
    if have is not None and need > have:
        raise InputError(
            f"{size[0]}x{size[1]} px would take about {need / 2**30:.0f} GiB of memory and this machine has "
            f"{have / 2**30:.0f} GiB: ask for a smaller size"
        )


def check_photograph(channels: int, size: tuple[int, int], near: int) -> None:
    """Refuse a photograph that cannot be filled here: it keeps its size, so it is never reduced.

    Args:
        channels: of the photograph.
        size: (width, height) in pixels.
        near: pixels of the largest neighbourhood of a hole.

    Raises:
        InputError: it would take more than there is.
    """
    need = _LIBRARIES + _PHOTOGRAPH * size[0] * size[1] + (_NEAR + 4 * channels * _NEAR_PLANES) * near
    have = memory_limit()
    if have is not None and need > have:
        raise InputError(
            f"to change a photograph of {size[0]}x{size[1]} px would take about {need / 2**30:.1f} GiB of "
            f"memory and there are {have / 2**30:.1f} GiB: make it smaller, or cut out the part to change"
        )


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of `choices`.

    Raises:
        InputError: it is not.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {quoted(value)}")


def expert_numbers(
    *,
    n_scales: object = None,
    patch_size: object = None,
    n_iter: object = None,
    psi_steps: object = None,
    entropy: object = None,
) -> dict[str, Any]:
    """The numbers of the algorithm, checked; None stays None.

    Raises:
        InputError: one that is out of its range.
    """
    return {
        "n_scales": None if n_scales is None else whole("n_scales", n_scales, 1),
        "patch_size": None if patch_size is None else whole("patch_size", patch_size, 1),
        "n_iter": None if n_iter is None else whole("n_iter", n_iter, 1),
        "psi_steps": None if psi_steps is None else whole("psi_steps", psi_steps, 0),
        "entropy": None if entropy is None else real("entropy", entropy, "0 or a positive number", 0),
    }


def step_size(lr: object) -> float | None:
    """The step of Adam, checked; None stays None.

    Raises:
        InputError: not a positive number.
    """
    return None if lr is None else real("lr", lr, "a positive number", 1e-12)


def whole(name: str, value: object, lowest: int, highest: int = 10**6) -> int:
    """The number as a plain int, which numpy's are not.

    Raises:
        InputError: not a whole number from `lowest` to `highest`.
    """
    known = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not known or not lowest <= int(value) <= highest:  # type: ignore[call-overload]
        raise InputError(f"{name} must be a whole number from {lowest} to {highest}, not {quoted(value)}")
    return int(value)  # type: ignore[call-overload,no-any-return]


def real(name: str, value: object, expected: str, lowest: float, highest: float = 1e12) -> float:
    """The number as a plain float.

    Raises:
        InputError: not a number from `lowest` to `highest`; the message says `expected`.
    """
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not known or not lowest <= value <= highest:  # type: ignore[operator]
        raise InputError(f"{name} must be {expected} of at most {highest:g}, not {quoted(value)}")
    return float(value)  # type: ignore[arg-type]
