"""KeOps for real: compiled reductions by value, silence, a clean environment, and every way to be missing."""

import importlib.util
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch
from command_line import environment, one_line
from test_kernels import assert_cells, assert_soft, log_weights, problem
from torch import Tensor

from texot import kernels
from texot.kernels import BackendError, Targets, keops

# not importorskip: it would import pykeops, and ours must be first to have its flags in effect
pytestmark = pytest.mark.skipif(importlib.util.find_spec("pykeops") is None, reason="no pykeops")
needs_compiler = pytest.mark.skipif(keops.compiler() is None, reason="no C++ compiler")
GPU = pytest.param(
    "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
)
DEVICES = ["cpu", GPU]

# each dimension is compiled, 5-15 s: few of them
SHAPES = [(1, 1, 3), (1, 777, 3), (777, 1, 3), (333, 70, 3), (70, 4001, 3), (500, 2000, 48), (300, 900, 200)]


def cells(x: Tensor, y: Tensor, psi: Tensor) -> Tensor:
    return kernels.laguerre_cells(x, y, psi, backend="keops")


def soft(x: Tensor, y: Tensor, psi: Tensor, log_nu: Tensor, entropy: float) -> tuple[Tensor, Tensor]:
    return kernels.soft_cells(x, y, psi, log_nu, entropy, backend="keops")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("device", DEVICES)
class TestValues:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_cells(self, shape: tuple[int, int, int], device: str) -> None:
        x, y, psi = problem(*shape, device=device)
        assert_cells(cells(x, y, psi), x, y, psi)

    @pytest.mark.parametrize("entropy", [1.0, 0.01])
    @pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[2] == 3])
    def test_soft(self, shape: tuple[int, int, int], entropy: float, device: str) -> None:
        x, y, psi = problem(*shape, device=device)
        log_nu = log_weights(shape[1], psi)
        assert_soft(soft, x, y, psi, log_nu, entropy)
        value = kernels.softmin(x, y, psi, log_nu, entropy, backend="keops")
        assert torch.equal(value, soft(x, y, psi, log_nu, entropy)[0])

    @pytest.mark.slow
    def test_float64(self, device: str) -> None:
        x, y, psi = problem(70, 300, 3, torch.float64, device)
        assert_cells(cells(x, y, psi), x, y, psi)

    def test_huge_psi(self, device: str) -> None:
        x, y, psi = problem(200, 3000, 48, device=device, size=1e4)
        assert_cells(cells(x, y, psi), x, y, psi)
        x, y, psi = problem(200, 3000, 3, device=device, size=1e4)
        assert_soft(soft, x, y, psi, log_weights(3000, psi), 0.1)

    def test_psi_shift_invariance(self, device: str) -> None:
        x, y, psi = problem(200, 1000, 3, device=device)
        psi = (psi * 64).round() / 64
        assert torch.equal(cells(x, y, psi), cells(x, y, psi + 512))

    def test_duplicated_targets(self, device: str) -> None:
        x, y, psi = problem(100, 400, 48, device=device)
        y, psi = y[:40].repeat(10, 1), psi[:40].repeat(10)
        assert_cells(cells(x, y, psi), x, y, psi)

    def test_all_patches_equal(self, device: str) -> None:
        x, y = torch.full((200, 48), 0.3, device=device), torch.full((500, 48), 0.3, device=device)
        psi = torch.zeros(500, device=device)
        assert_cells(cells(x, y, psi), x, y, psi)

    def test_not_contiguous(self, device: str) -> None:
        x, y, psi = problem(129, 700, 3, device=device)
        args = (x.T.contiguous().T, y.repeat_interleave(2, 0)[::2], psi.repeat_interleave(3)[::3])
        assert_cells(cells(*args), x, y, psi)

    def test_zero_weights_and_kept_targets(self, device: str) -> None:
        x, y, psi = problem(50, 400, 3, device=device)
        log_nu = log_weights(400, psi)
        log_nu[::2] = -torch.inf
        value, mean = kernels.soft_cells(x, Targets(y), psi, log_nu, 0.05, backend="keops")
        true, true_mean = kernels.soft_cells(x, y[1::2], psi[1::2], log_nu[1::2], 0.05, backend="reference")
        torch.testing.assert_close(value, true, rtol=0, atol=1e-5)
        torch.testing.assert_close(mean, true_mean, rtol=0, atol=1e-4)

    def test_threads(self, device: str) -> None:
        x, y, psi = problem(200, 3000, 3, device=device)
        expected = cells(x, y, psi)
        results: list[Tensor] = []

        def work() -> None:
            results.extend(cells(x, y, psi) for _ in range(5))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 10
        assert all(torch.equal(result, expected) for result in results)


@pytest.mark.slow
@needs_compiler
def test_environment_and_state_are_left_alone() -> None:
    told = run(
        """
        import os, torch
        from texot import kernels
        before = dict(os.environ), torch.get_num_threads(), torch.get_default_dtype()
        kernels.laguerre_cells(torch.rand(9, 3), torch.rand(5, 3), torch.rand(5), backend="keops")
        assert before == (dict(os.environ), torch.get_num_threads(), torch.get_default_dtype())
        import pykeops
        assert pykeops.verbose  # the user's own use of it talks as ever
        """
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.slow
@needs_compiler
def test_pykeops_is_imported_only_when_asked_for() -> None:
    told = run(
        """
        import sys, torch
        from texot import kernels
        kernels.laguerre_cells(torch.rand(9, 3), torch.rand(5, 3), torch.rand(5))
        assert "pykeops" not in sys.modules and "keopscore" not in sys.modules
        """
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.slow
@needs_compiler
def test_first_compilation_is_silent_and_flags_stay_inside(tmp_path: Path) -> None:
    told = run(
        """
        import subprocess, sys, torch
        from texot import kernels
        kernels.laguerre_cells(torch.rand(9, 2), torch.rand(5, 2), torch.rand(5), backend="keops")
        """,
        KEOPS_CACHE_FOLDER=str(tmp_path),
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    compiled = list(tmp_path.glob("texot/keops-*/**/*.so"))
    assert len(compiled) == 1
    # the folder names the processor: code for it must not be found by another machine
    assert keops._processor() in str(compiled[0])


@pytest.mark.slow
@needs_compiler
def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    told = run(
        """
        import torch
        from texot.kernels import keops
        keops.require("cpu")
        import keopscore
        print(keopscore.config.get_keops_cache_folder())
        """,
        HOME=str(blocked),
        XDG_CACHE_HOME="",
        KEOPS_CACHE_FOLDER="",
        TMPDIR=str(tmp_path),
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(str(tmp_path / "texot-keops-"))


@pytest.mark.slow
def test_users_flags_are_kept() -> None:
    told = run(
        """
        import os
        from texot.kernels import keops
        keops.require("cpu")
        from keopscore import config
        print(config.get_cpp_env_flags(), os.environ["CXXFLAGS"])
        """,
        CXXFLAGS="-O1",
    )
    assert told.stdout.split() == ["-O1", "-O1"], told.stderr


@pytest.mark.slow
def test_users_own_pykeops_is_used_as_it_is(tmp_path: Path) -> None:
    told = run(
        """
        import pykeops
        from texot.kernels import keops
        keops.require("cpu")
        print(keops._cache)
        """,
        KEOPS_CACHE_FOLDER=str(tmp_path),
        KEOPS_VERBOSE="0",
    )
    assert told.stdout.split() == ["None"], told.stderr


@pytest.mark.slow
def test_no_compiler(tmp_path: Path) -> None:
    told = run(
        """
        import torch
        from texot import kernels
        x, y, psi = torch.rand(9, 3), torch.rand(5, 3), torch.rand(5)
        for _ in range(2):
            try:
                kernels.laguerre_cells(x, y, psi, backend="keops")
            except kernels.BackendError as error:
                print(error)
        kernels.laguerre_cells(x, y, psi)  # auto needs none
        report = kernels.backend_report()
        print(report["keops"])
        print(report["compiler"])
        """,
        PATH=str(tmp_path),
        CXX="/nonexistent/g++",
        KEOPS_CACHE_FOLDER=str(tmp_path / "cache"),
    )
    lines = told.stdout.splitlines()
    assert (told.returncode, told.stderr, len(lines)) == (0, "", 4)
    assert lines[0] == lines[1]
    assert "no C++ compiler found (install g++ or set CXX)" in lines[0]
    assert lines[2].startswith("does not work: ")
    assert lines[3].startswith("none found")


@pytest.mark.slow
def test_compiler_that_fails(tmp_path: Path) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    told = run(
        """
        import torch
        from texot import kernels
        try:
            kernels.laguerre_cells(torch.rand(9, 3), torch.rand(5, 3), torch.rand(5), backend="keops")
        except kernels.BackendError as error:
            print(error)
        """,
        CXX=str(broken),
        KEOPS_CACHE_FOLDER=str(tmp_path / "cache"),
    )
    assert told.stdout.startswith("KeOps could not compile or run"), told.stderr
    assert (told.returncode, told.stderr, told.stdout.count("\n")) == (0, "", 1)


@pytest.mark.slow
def test_not_installed() -> None:
    told = run(
        """
        import sys, torch
        sys.modules["pykeops"] = None
        from texot import kernels
        try:
            kernels.laguerre_cells(torch.rand(9, 3), torch.rand(5, 3), torch.rand(5), backend="keops")
        except kernels.BackendError as error:
            print(error)
        print(kernels.backend_report()["keops"])
        """
    )
    lines = told.stdout.splitlines()
    assert (told.returncode, told.stderr) == (0, "")
    assert lines[0].startswith("KeOps cannot be imported")
    assert "not installed" in lines[1] or "cannot be imported" in lines[1]


def test_other_devices_are_refused() -> None:
    with pytest.raises(BackendError, match="KeOps runs on cpu and cuda, not on mps"):
        kernels.resolve_backend("keops", "mps", 10, 10, 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_cuda_without_a_gpu_is_refused_not_moved_to_the_cpu() -> None:
    with pytest.raises(BackendError, match="KeOps would run on the CPU"):
        kernels.resolve_backend("keops", "cuda", 10, 10, 3)


@needs_compiler
def test_wrong_results_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keops, "_verified", set())
    monkeypatch.setattr(keops, "_broken", {})
    monkeypatch.setattr(keops, "_packed_argmin", lambda x, y, bias: torch.zeros(len(x), dtype=torch.int64))
    monkeypatch.setattr(keops, "_is_gcc", lambda: True)
    x, y, psi = problem(50, 300, 3)
    with pytest.raises(BackendError, match="its result is wrong on this machine"):
        cells(x, y, psi)


@pytest.mark.slow
@needs_compiler
def test_report() -> None:
    report = kernels.backend_report()
    assert list(report) == ["tiled", "keops", "keops on cuda", "compiler", "auto on cpu", "auto on cuda"]
    assert report["keops"].startswith("works (pykeops ")
    assert report["auto on cpu"].startswith("tiled: ")
    assert all("\n" not in line for line in report.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({"KEOPS_CACHE_FOLDER": "a b"}, "a b/texot"),
        ({"KEOPS_CACHE_FOLDER": "it's"}, "it's/texot"),
        ({"KEOPS_CACHE_FOLDER": "plain", "PATH": "/nonexistent", "CXX": ""}, "no C++ compiler found"),
    ],
)
def test_where_it_cannot_work_commands_say_why(tmp_path: Path, extra: dict[str, str], word: str) -> None:
    """In one line, as an error of the device and no bug, from the library and from the command line."""
    extra = {**extra, "KEOPS_CACHE_FOLDER": str(tmp_path / extra["KEOPS_CACHE_FOLDER"])}
    code = (
        "import sys, torch, texot\n"
        "from texot.cli import main\n"
        "exemplar = torch.rand(3, 24, 20)\n"
        "options = {'quality': 'draft', 'n_iter': 2, 'n_scales': 1, 'backend': 'keops', 'device': 'cpu'}\n"
        "try:\n"
        "    texot.synthesize(exemplar, **options)\n"
        "except texot.DeviceError:\n"
        "    texot.synthesize(exemplar, **{**options, 'backend': 'auto'}).save('e.png')\n"
        "sys.argv = 'texot tile e.png -o o.png --quality draft --backend keops --quiet'.split()\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(), **extra},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert word in one_line(done)
    assert "bug" not in done.stderr
    assert not (tmp_path / "o.png").exists()
