"""The public reductions: check the tensors, choose a back end, call it.

`auto` chooses `tiled` on CPU, and KeOps on CUDA if it works and is efficient; a back end requested by name is
used or refused, never replaced.  These functions have no gradient: take the cells, then recompute the cost at
them in plain torch (envelope theorem), or use 2 (x - barycentre) for the soft reductions.
"""

import logging
import math
import threading
from types import ModuleType

import torch
from torch import Tensor

from . import reference, tiled
from .errors import BackendError
from .targets import Targets, check_finite, check_points

__all__ = ["BACKENDS", "backend_report", "laguerre_cells", "resolve_backend", "soft_cells", "softmin"]

BACKENDS = ("auto", "reference", "tiled", "keops")

_log = logging.getLogger("texot")
_once = threading.Lock()
_said: set[str] = set()

# KeOps' chunked mode, from this dimension on, is slow on GPUs; it stores indices as floats, exact to 2^24.
_KEOPS_MAX_DIM = 145
_KEOPS_MAX_TARGETS = 16_000_000


def laguerre_cells(
    x: Tensor, y: Tensor | Targets, psi: Tensor, *, backend: str = "auto", check: bool = True
) -> Tensor:
    """Return each point's Laguerre cell, argmin_j |x_i - y_j|^2 - psi_j, without gradient.

    Args:
        x: Points, (n, d), float32 or float64, any strides.
        y: Targets, (m, d), of x's dtype and device; a `Targets` made from them saves time from call to call.
        psi: Dual potential, (m,), finite; only its differences matter.
        backend: "auto", "reference", "tiled" or "keops".
        check: Look for NaN and infinity (one pass over each input); shapes and types are always checked.

    Returns:
        Tensor: (n,) int64. Where several cells tie within rounding, any of them.

    Raises:
        ValueError: Shapes, dtypes or devices do not match, or a value is not finite.
        BackendError: The back end asked for by name cannot be used.

    Source: arXiv 2007.03408, section 2 (the c-transform's minimiser).
    """
    targets = _check(x, y, psi, check)
    if len(x) == 0:
        return torch.empty(0, dtype=torch.int64, device=x.device)
    with torch.no_grad():
        name = resolve_backend(backend, x.device.type, len(x), len(targets), x.shape[1])
        try:
            cells: Tensor = _module(name).laguerre_cells(x, targets, psi)
        except BackendError as error:
            cells = _fallback(backend, error).laguerre_cells(x, targets, psi)
    return cells


def softmin(
    x: Tensor,
    y: Tensor | Targets,
    psi: Tensor,
    log_nu: Tensor,
    entropy: float,
    *,
    backend: str = "auto",
    check: bool = True,
) -> Tensor:
    """Return -lam log sum_j exp(log_nu_j + (psi_j - |x_i - y_j|^2) / lam), the entropic c-transform.

    With x and y exchanged it is the other Sinkhorn half step. No gradient.

    Args:
        x: Points, (n, d), float32 or float64.
        y: Targets, (m, d), or a `Targets`.
        psi: Dual potential, (m,), finite.
        log_nu: Log-weights of the targets, (m,); -inf drops a target.
        entropy: lam > 0, in units of the cost (squared pixel values).
        backend: "auto", "reference", "tiled" or "keops".
        check: Look for NaN and infinity; shapes and types are always checked.

    Returns:
        Tensor: (n,), of x's dtype.

    Raises:
        ValueError: Shapes, dtypes or devices do not match, a value is not finite, or every weight is zero.
        BackendError: The back end asked for by name cannot be used.

    Source: hal-03740368, section 2 (semi-discrete transport with entropy).
    """
    targets, psi, log_nu = _check_soft(x, y, psi, log_nu, entropy, check)
    if len(x) == 0:
        return x.new_empty(0)
    with torch.no_grad():
        name = resolve_backend(backend, x.device.type, len(x), len(targets), x.shape[1])
        try:
            value: Tensor = _module(name).softmin(x, targets, psi, log_nu, entropy)
        except BackendError as error:
            value = _fallback(backend, error).softmin(x, targets, psi, log_nu, entropy)
    return value


def soft_cells(
    x: Tensor,
    y: Tensor | Targets,
    psi: Tensor,
    log_nu: Tensor,
    entropy: float,
    *,
    backend: str = "auto",
    check: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the softmin and the softmax-weighted mean of the targets.

    The mean b_i gives the gradient of the softmin in x_i: 2 (x_i - b_i). Arguments and errors as for
    `softmin`.

    Returns:
        tuple[Tensor, Tensor]: The softmin, (n,), and the barycentres, (n, d).
    """
    targets, psi, log_nu = _check_soft(x, y, psi, log_nu, entropy, check)
    if len(x) == 0:
        return x.new_empty(0), x.new_empty(0, x.shape[1])
    with torch.no_grad():
        name = resolve_backend(backend, x.device.type, len(x), len(targets), x.shape[1])
        try:
            pair: tuple[Tensor, Tensor] = _module(name).soft_cells(x, targets, psi, log_nu, entropy)
        except BackendError as error:
            pair = _fallback(backend, error).soft_cells(x, targets, psi, log_nu, entropy)
    return pair


def resolve_backend(backend: str, device_type: str, n: int, m: int, d: int) -> str:
    """Return the name of the back end used for n points and m targets of dimension d.

    Args:
        backend: "auto" or a back end's name; a name is returned unchanged.
        device_type: "cpu", "cuda", ...

    Raises:
        ValueError: No such back end.
        BackendError: "keops" by name where it cannot be used.
    """
    if backend not in BACKENDS:
        raise ValueError(f"unknown back end {backend!r}: use one of {', '.join(BACKENDS)}")
    if backend == "keops":
        from . import keops

        keops.require(device_type)
        if m > _KEOPS_MAX_TARGETS:
            raise BackendError(f"keops cannot index {m} targets (at most {_KEOPS_MAX_TARGETS}): use tiled")
    if backend != "auto":
        return backend
    name, why = _choose(device_type, n, m, d)
    _say_once(f"auto {device_type}", logging.INFO, "kernels on %s: %s (%s)", device_type, name, why)
    return name


def _choose(device_type: str, n: int, m: int, d: int) -> tuple[str, str]:
    if device_type != "cuda":
        return "tiled", "needs no compiler and no compile time"
    if n * m < 1 << 20:
        return "tiled", "too little work for KeOps to pay"
    if d > _KEOPS_MAX_DIM:
        return "tiled", f"KeOps is slow from dimension {_KEOPS_MAX_DIM + 1} on"
    if m > _KEOPS_MAX_TARGETS:
        return "tiled", "more targets than KeOps can index"
    from . import keops

    try:
        keops.require(device_type)
    except BackendError as error:
        _say_once("fallback", logging.WARNING, "KeOps cannot be used, tiled torch takes over: %s", error)
        return "tiled", "KeOps cannot be used"
    return "keops", "KeOps works on this GPU"


def backend_report(*, probe: bool = True) -> dict[str, str]:
    """Return which back ends work and which ones `auto` picks, one line for each topic.

    Args:
        probe: Compile and run a small KeOps reduction (seconds the first time, then cached).

    Returns:
        dict[str, str]: Keys "tiled", "keops", "keops on cuda", "compiler", "auto on cpu", "auto on cuda".
    """
    from . import keops

    cuda = torch.cuda.is_available()
    report = {"tiled": f"works (torch {torch.__version__})"}
    report["keops"] = keops.describe("cpu", probe=probe)
    report["keops on cuda"] = keops.describe("cuda", probe=probe) if cuda else "no CUDA device"
    report["compiler"] = keops.compiler() or "none found: KeOps needs g++ (or set CXX); tiled does not"
    name, why = _choose("cpu", 65536, 2000, 48)
    report["auto on cpu"] = f"{name}: {why}"
    if not cuda:
        report["auto on cuda"] = "no CUDA device"
    elif probe:
        name, why = _choose("cuda", 65536, 2000, 48)
        report["auto on cuda"] = f"{name}: {why}; tiled for small or high-dimensional problems"
    else:
        report["auto on cuda"] = "keops if it works, else tiled"
    return report


def _module(name: str) -> ModuleType:
    if name == "keops":
        from . import keops

        return keops
    return {"reference": reference, "tiled": tiled}[name]


def _fallback(backend: str, error: BackendError) -> ModuleType:
    """Return the replacement for a back end that failed while running; raise if it was asked for by name."""
    if backend != "auto":
        raise error
    _say_once("fallback", logging.WARNING, "KeOps failed, tiled torch takes over: %s", error)
    return tiled


def _say_once(key: str, level: int, message: str, *values: object) -> None:
    with _once:
        if key in _said:
            return
        _said.add(key)
    _log.log(level, message, *values)


def _check(x: Tensor, y: Tensor | Targets, psi: Tensor, values: bool) -> Targets:
    check_points("x", x)
    if not isinstance(y, Targets):
        check_points("y", y)
        if len(y) == 0:
            raise ValueError("y: expected at least one target, got none")
        if values:
            check_finite("y", y)
        y = Targets.once(y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x and y: dimensions differ, {x.shape[1]} and {y.shape[1]}")
    _check_like("y", y.points, x)
    _check_vector("psi", psi, x, len(y))
    if values:
        check_finite("x", x)
        check_finite("psi", psi)
    return y


def _check_vector(name: str, t: Tensor, x: Tensor, m: int) -> None:
    if not isinstance(t, Tensor):
        raise ValueError(f"{name}: expected a torch tensor, got {type(t).__name__}")
    if t.shape != (m,):
        raise ValueError(f"{name}: expected shape ({m},), one value a target, got {tuple(t.shape)}")
    _check_like(name, t, x)


def _check_like(name: str, t: Tensor, x: Tensor) -> None:
    if t.dtype != x.dtype:
        raise ValueError(f"{name}: expected {_short(x.dtype)} like x, got {_short(t.dtype)}")
    if t.device != x.device:
        raise ValueError(f"{name}: expected on {x.device} like x, got it on {t.device}")


def _check_soft(
    x: Tensor, y: Tensor | Targets, psi: Tensor, log_nu: Tensor, entropy: float, values: bool
) -> tuple[Targets, Tensor, Tensor]:
    """Check, and return the targets, potential and log-weights without the targets of weight zero."""
    targets = _check(x, y, psi, values)
    _check_vector("log_nu", log_nu, x, len(targets))
    if not (math.isfinite(entropy) and entropy > 0):
        raise ValueError(f"entropy: expected a positive number, got {entropy}")
    if math.isfinite(float(log_nu.detach().sum())):
        return targets, psi, log_nu
    if not float(log_nu.detach().max()) < math.inf:  # NaN and +inf both end here
        raise ValueError("log_nu: expected finite values or -inf, got NaN or +infinity")
    kept = (log_nu > -math.inf).nonzero().squeeze(1)
    if len(kept) == 0:
        raise ValueError("log_nu: expected at least one target of positive weight, got none")
    return Targets.once(targets.points[kept]), psi[kept], log_nu[kept]


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
