"""KeOps: the same reductions as symbolic matrices, compiled for CPU or GPU on first use.

GPU: argmin_j b_j - 2 <x_i, y_j>, one thread a point.  CPU, with gcc: KeOps loops over one point at a time
and would stream all targets from the second-level cache for each, so 64 or 128 points travel as one
variable, transposed (d, Q), and the formula b_j + <-2 X_i, y_j> has Q components; gcc's loop interchange
makes of it a register-blocked product, three times as fast as the squared difference per point.
Patches are centred first.  pykeops (Feydy et al., NeurIPS 2020) is imported when it is asked for.
"""

import hashlib
import importlib.util
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import reference
from .errors import BackendError
from .targets import Targets

__all__ = ["compiler", "describe", "laguerre_cells", "require", "soft_cells", "softmin"]

_log = logging.getLogger("texot")

# One lock for importing, compiling and calling: KeOps documents no thread safety, and its calls hold the
# GIL anyway.
_lock = threading.RLock()
_cache: Path | None = None  # the cache folder this module chose; None if pykeops was imported before us
_verified: set[tuple[object, ...]] = set()  # formulas whose first result has been checked
_broken: dict[str, str] = {}  # device type -> why KeOps cannot be used there

# What lets gcc vectorise KeOps' loops: a sum in any order, no errno, no traps, whole vector registers.
# Infinity and NaN keep their meaning (no -ffinite-math-only): argmin starts from infinity.
_FLAGS = (
    "-march=native -fno-math-errno -fassociative-math -fno-signed-zeros -fno-trapping-math"
    " -mprefer-vector-width=512"
)
_SAFE = re.compile(r"[\w.,:@%+=/\\~-]*")  # what a shell takes as it is
_VARIABLES = ("CXXFLAGS", "KEOPS_CACHE_FOLDER", "PYKEOPS_VERBOSE", "KEOPS_VERBOSE")


def compiler() -> str | None:
    """Return the C++ compiler KeOps will take (CXX if it exists, else g++ or clang++), or None."""
    chosen = os.environ.get("CXX")
    names = [chosen] if chosen else []
    names += ["clang++", "g++"] if sys.platform == "darwin" else ["g++"]
    return next((path for name in names if (path := shutil.which(name))), None)


def require(device_type: str) -> None:
    """Import KeOps and make sure that it can run on `device_type`.

    Raises:
        BackendError: It cannot; the message says why.
    """
    with _lock:
        if device_type in _broken:
            raise BackendError(_broken[device_type])
        try:
            _import()
            if device_type == "cuda":
                _require_cuda()
            elif device_type != "cpu":
                raise BackendError(f"KeOps runs on cpu and cuda, not on {device_type}")
        except BackendError as error:
            _broken[device_type] = str(error)
            raise


def describe(device_type: str, *, probe: bool) -> str:
    """Return one line: whether KeOps works on `device_type`, and where it keeps what it compiles.

    Args:
        probe: Also compile and run a small reduction and check its value.
    """
    if "pykeops" not in sys.modules and importlib.util.find_spec("pykeops") is None:
        return "not installed (pip install pykeops)"
    try:
        require(device_type)
        if probe:
            _probe(device_type)
    except BackendError as error:
        return f"does not work: {error}"
    version = getattr(_import(), "__version__", "unknown version")
    state = "works" if probe else "importable, not tried"
    where = f", cache {_cache}" if _cache else ""
    return f"{state} (pykeops {version}{where})"


def _probe(device_type: str) -> None:
    x = torch.tensor([[0.0], [1.0], [2.5]], device=device_type)
    y = torch.tensor([[3.0], [0.5]], device=device_type)
    laguerre_cells(x, Targets.once(y), y.new_zeros(2))  # checks its own first result


def laguerre_cells(x: Tensor, targets: Targets, psi: Tensor) -> Tensor:
    """Return argmin_j |x_i - y_j|^2 - psi_j, (n,) int64."""
    centre = targets.points.mean(0)
    y = targets.points - centre
    x = x - centre
    bias = (psi.max() - psi)[:, None].contiguous()  # (m, 1)
    on_gpu = x.is_cuda
    packed = not on_gpu and _is_gcc()
    if on_gpu or packed:
        bias = bias + torch.linalg.vecdot(y, y)[:, None]

    def run() -> Tensor:
        from pykeops.torch import Vi, Vj

        if packed:
            return _packed_argmin(x, y, bias)
        cost = -(2 * Vi(x) | Vj(y)) if on_gpu else ((Vi(x) - Vj(y)) ** 2).sum(-1)
        cells: Tensor = (cost + Vj(bias)).argmin(dim=1, backend=_scheme(x)).view(-1)
        return cells

    def excess(cells: Tensor, rows: Tensor) -> Tensor:
        cost = reference.squared_distances(x[rows].double(), y.double()) - psi.double()
        return cost.gather(1, cells[rows, None]).squeeze(1) - cost.min(1).values

    return _call(("cells", packed), x, y, psi, run, excess)


def _packed_argmin(x: Tensor, y: Tensor, bias: Tensor) -> Tensor:
    from pykeops.torch import Vi, Vj

    n, d = x.shape
    # 8 vector registers of accumulators; with AVX-512 and d around 48, 8 wide ones still leave x in L1.
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    size = 128 if wide and 24 <= d <= 80 and x.dtype == torch.float32 else 64
    packs = -(-n // size)
    points = x.new_zeros(packs * size, d)
    torch.mul(x, -2, out=points[:n])
    points = points.view(packs, size, d).transpose(1, 2).reshape(packs, d * size)
    products = Vj(y).keops_tensordot(Vi(points), (d,), (d, size), (0,), (0,))
    cells: Tensor = (products + Vj(bias)).argmin(dim=1, backend="CPU")  # (packs, size)
    return cells.reshape(-1)[:n]


def softmin(x: Tensor, targets: Targets, psi: Tensor, log_nu: Tensor, entropy: float) -> Tensor:
    """Return -lam log sum_j exp(log_nu_j + (psi_j - |x_i - y_j|^2) / lam), (n,)."""
    return _soft(x, targets.points, psi, log_nu, entropy)[0]


def soft_cells(
    x: Tensor, targets: Targets, psi: Tensor, log_nu: Tensor, entropy: float
) -> tuple[Tensor, Tensor]:
    """Return the softmin, (n,), and the softmax-weighted mean of y, (n, d)."""
    value, logsum, x, y, bias, centre = _soft(x, targets.points, psi, log_nu, entropy)

    def run() -> Tensor:
        from pykeops.torch import Vi, Vj

        weights = (_scores(x, y, bias) - Vi(logsum)).exp()
        mean: Tensor = (weights * Vj(y)).sum(dim=1, backend=_scheme(x))
        return mean

    def excess(mean: Tensor, rows: Tensor) -> Tensor:
        scores = bias.double().T - reference.squared_distances(x[rows].double(), y.double())
        return (mean[rows] - torch.softmax(scores, 1) @ y.double()).abs().amax(1)

    mean = _call(("mean",), x, y, bias, run, excess)
    return value, mean * entropy**0.5 + centre


def _soft(
    x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the softmin and what it was made from, in coordinates where lam is 1."""
    centre = y.mean(0)
    x = (x - centre) / entropy**0.5
    y = (y - centre) / entropy**0.5
    top = psi.max()
    bias = (log_nu + (psi - top) / entropy)[:, None].contiguous()

    def run() -> Tensor:
        logsum: Tensor = _scores(x, y, bias).logsumexp(dim=1, backend=_scheme(x))
        return logsum

    def excess(logsum: Tensor, rows: Tensor) -> Tensor:
        scores = bias.double().T - reference.squared_distances(x[rows].double(), y.double())
        return (logsum[rows, 0] - torch.logsumexp(scores, 1)).abs()

    logsum = _call(("softmin",), x, y, bias, run, excess)  # (n, 1)
    return -entropy * logsum.squeeze(1) - top, logsum, x, y, bias, centre


def _scores(x: Tensor, y: Tensor, bias: Tensor) -> Any:
    from pykeops.torch import Vi, Vj

    if x.is_cuda:
        halves = bias - torch.linalg.vecdot(y, y)[:, None]
        return Vj(halves) + (2 * Vi(x) | Vj(y)) - Vi(torch.linalg.vecdot(x, x)[:, None])
    return Vj(bias) - ((Vi(x) - Vj(y)) ** 2).sum(-1)


def _scheme(x: Tensor) -> str:
    # Named, never "auto": KeOps would take host memory to the GPU, or quietly stay on the CPU.
    return "GPU_1D" if x.is_cuda else "CPU"


def _call(
    kind: tuple[object, ...],
    x: Tensor,
    y: Tensor,
    bias: Tensor,
    run: Callable[[], Tensor],
    excess: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Run a reduction under the lock, quietly; the first time, compile it and check a few rows by value."""
    key = (*kind, x.device.type, x.dtype, x.shape[1])
    require(x.device.type)
    with _lock, _quiet():
        if key in _verified:
            return run()
        _log.info("compiling a KeOps reduction for dimension %d (seconds, once)", x.shape[1])
        try:
            with _exclusive():
                result = run()
        except Exception as error:  # whatever a failing compiler makes KeOps raise
            reason = " ".join(str(error).split())[:200]
            with_, where = compiler(), f", cache {str(_cache)!r}" if _cache else ""
            how = f"with {with_!r}" if with_ else "no C++ compiler found (install g++ or set CXX)"
            _broken[x.device.type] = (
                f"KeOps could not compile or run ({how}{where}): {reason}; use --backend tiled"
            )
            raise BackendError(_broken[x.device.type]) from error
        rows = torch.linspace(0, len(x) - 1, min(len(x), 8), device=x.device).long()
        scale = float(x.abs().max() ** 2 + y.abs().max() ** 2) * x.shape[1] + float(bias.abs().max())
        if not float(excess(result, rows).abs().max()) <= 1e-5 * scale + 1e-6:
            _broken[x.device.type] = "KeOps compiled, but its result is wrong on this machine: use tiled"
            raise BackendError(_broken[x.device.type])
        _verified.add(key)
        return result


def _require_cuda() -> None:
    import pykeops.config

    if not pykeops.config.pykeops_cuda.get_use_cuda():
        reason = pykeops.config.pykeops_cuda.cuda_message or "it found no usable GPU"
        raise BackendError(
            f"KeOps would run on the CPU: {' '.join(reason.split())} "
            "(it looks for libcuda and libnvrtc through the system's linker and CUDA_PATH)"
        )
    if not torch.cuda.is_available():
        raise BackendError("torch sees no CUDA device")


def _import() -> Any:
    """Import pykeops with our flags, cache folder and silence, leaving the environment as it was."""
    global _cache
    with _lock:
        module = sys.modules.get("pykeops")
        if module is not None:  # imported here before, or by the user with other settings
            return module
        saved = {name: os.environ.get(name) for name in _VARIABLES}
        try:
            os.environ["PYKEOPS_VERBOSE"] = os.environ["KEOPS_VERBOSE"] = "0"
            native = "CXXFLAGS" not in os.environ and _is_gcc()
            if native:
                os.environ["CXXFLAGS"] = _flags()
            _cache = _cache_folder()
            if not _SAFE.fullmatch(str(_cache)):
                raise BackendError(
                    f"KeOps cannot compile in {str(_cache)!r}: its commands break at spaces and quotes; set "
                    "KEOPS_CACHE_FOLDER to a folder without"
                )
            os.environ["KEOPS_CACHE_FOLDER"] = str(_cache)
            import pykeops
            import pykeops.torch

            pykeops.set_verbose(
                all(saved[name] != "0" for name in _VARIABLES[2:])
            )  # as the user would find it
        except BackendError:
            raise
        except Exception as error:  # whatever a broken installation raises
            # Half an import would pass for a whole one the next time.
            for name in [name for name in sys.modules if name.split(".")[0] in ("pykeops", "keopscore")]:
                if sys.modules[name] is not None:
                    del sys.modules[name]
            raise BackendError(f"KeOps cannot be imported: {' '.join(str(error).split())[:200]}") from error
        finally:
            for name, value in saved.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        return pykeops


def _flags() -> str:
    x86 = platform.machine() in ("x86_64", "AMD64")
    return _FLAGS if x86 else _FLAGS.removesuffix(" -mprefer-vector-width=512")


def _cache_folder() -> Path:
    """Return a writable folder of our own that names the processor.

    Code compiled with -march=native must not be found by another machine that shares the home folder.
    """
    user = os.environ.get("KEOPS_CACHE_FOLDER") or os.environ.get("XDG_CACHE_HOME")
    candidates = []
    if user:
        candidates.append(Path(user))
    else:
        home = os.path.expanduser("~")
        if os.path.isabs(home):
            candidates.append(Path(home) / ".cache")
    for base in candidates:
        folder = base / "texot" / f"keops-{_processor()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    # Never a name that others could guess and fill: what lies there is loaded and run.
    return Path(tempfile.mkdtemp(prefix="texot-keops-"))


def _processor() -> str:
    """Return a short name of this processor: model and instruction sets, hashed."""
    text = platform.machine() + platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for key in ("model name", "flags", "Features", "CPU implementer", "CPU part"):
        text += next((line for line in lines if line.startswith(key)), "")
    return f"{platform.machine()}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


_gcc: dict[str | None, bool] = {}


def _is_gcc() -> bool:
    """Whether the compiler is gcc, whose loop interchange the packed formula needs (clang has none)."""
    path = compiler()
    if path not in _gcc:
        try:
            version = subprocess.run([path or "g++", "--version"], capture_output=True, text=True, timeout=20)
            _gcc[path] = version.returncode == 0 and "clang" not in version.stdout.lower()
        except (OSError, subprocess.SubprocessError):
            _gcc[path] = False
    return _gcc[path]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence KeOps for one call; its switch is a module attribute that the user may have set."""
    modules = [sys.modules[name] for name in ("pykeops", "keopscore")]
    saved = [module.verbose for module in modules]
    for module in modules:
        module.verbose = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, verbose in zip(modules, saved, strict=True):
            module.verbose = verbose  # type: ignore[attr-defined]


@contextmanager
def _exclusive() -> Iterator[None]:
    """Keep other processes from compiling into the same folder at the same time."""
    if _cache is None:
        yield
        return
    import fcntl  # not on Windows, where pykeops is not either

    with open(_cache / "texot.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
