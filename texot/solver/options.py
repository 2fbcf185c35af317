"""Options of jobs and training, checked at the public functions, and the record of them in results."""

from __future__ import annotations

import numbers
from dataclasses import asdict, dataclass
from typing import Any

import torch

from texot._version import ALGORITHM, __version__
from texot.errors import DeviceError, InputError, quoted
from texot.images.pyramid import Periodic
from texot.kernels import BackendError, resolve_backend

SEARCH_DIM = 48
"""Maximal number of principal axes in which neighbours are searched."""

TILES: dict[str, Periodic] = {
    "both": (True, True),
    "x": (False, True),
    "y": (True, False),
    "none": (False, False),
}
"""Axes (y, x) that wrap around, by the name of the option."""

EFFORT = {"draft": 0.5, "normal": 1.0, "high": 2.0}
"""Steps of every scale as a fraction of the usual number, by quality."""

MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class EngineOptions:
    """Options that every job passes to the solver, checked; `texot.iter_synthesis` explains them.

    Attributes:
        quality: "draft", "normal" or "high".
        seed: of all random numbers, 0 <= seed < 2**63.
        n_scales: number of scales, at least 1, or None.
        patch_size: side of the patches in pixels, at least 1, or None.
        n_iter: image steps at every scale, at least 1, or None.
        psi_steps: steps of the potentials for each image step, at least 0, or None.
        entropy: regularisation, at least 0, in units of squared patch distance, or None.
        backend: of the search among all pairs of patches.
        device: "auto", "cpu", "cuda", "cuda:i" or a torch device; afterwards a torch device of this machine.

    Raises:
        InputError: a value out of its range.
        DeviceError: a device that this machine does not have.
    """

    quality: str = "normal"
    seed: int = 0
    n_scales: int | None = None
    patch_size: int | None = None
    n_iter: int | None = None
    psi_steps: int | None = None
    entropy: float | None = None
    backend: str = "auto"
    device: str | torch.device = "auto"

    def __post_init__(self) -> None:
        check_choice("quality", self.quality, tuple(EFFORT))
        checked: dict[str, Any] = {"seed": whole("seed", self.seed, 0, MAX_SEED)}
        for name, lowest in (("n_scales", 1), ("patch_size", 1), ("n_iter", 1), ("psi_steps", 0)):
            value = getattr(self, name)
            checked[name] = None if value is None else whole(name, value, lowest)
        if self.entropy is not None:
            checked["entropy"] = real("entropy", self.entropy, "0 or a positive number", 0)
        checked["device"] = resolve_device(self.device)
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def torch_device(self) -> torch.device:
        """The device, resolved."""
        return torch.device(self.device)

    def generator(self) -> torch.Generator:
        """A CPU generator with the seed, for all random numbers of a job."""
        return torch.Generator().manual_seed(self.seed)

    def check_backend(self, pixels: int) -> None:
        """Refuse a back end that is not available, see `check_backend`."""
        check_backend(self.backend, self.torch_device, pixels)


def provenance(options: EngineOptions | None = None) -> dict[str, Any]:
    """What a result's bytes depend on besides its inputs: versions, threads and the solver's options.

    Args:
        options: of the solver, or None for a result that it did not make.

    Returns:
        Plain JSON values, by the names of the options.
    """
    found = {
        "texot": __version__,
        "algorithm": ALGORITHM,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
    }
    return found if options is None else {**found, **asdict(options), "device": str(options.device)}


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
        raise DeviceError(
            f"device {device} is not available: this machine has {here}; use --device auto or cpu"
        )
    return found


def check_backend(backend: str, device: torch.device, pixels: int) -> None:
    """Refuse a back end that is not available, before any work is done.

    Args:
        backend: name of the back end.
        device: the device it will run on.
        pixels: approximate number of sources and targets.

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


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of `choices`.

    Raises:
        InputError: it is not one of them.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {quoted(value)}")


def step_size(lr: object) -> float | None:
    """The validated step of Adam; None stays None.

    Raises:
        InputError: not a positive number.
    """
    return None if lr is None else real("lr", lr, "a positive number", 1e-12)


def whole(name: str, value: object, lowest: int, highest: int = 10**6) -> int:
    """The number as a plain int; NumPy integers are accepted.

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
