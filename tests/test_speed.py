"""The benchmark of speed tells none of what is wrong, and counts a process's own memory."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

ROOT = Path(__file__).parents[1]
if not (ROOT / "benchmarks" / "speed.py").exists() or not (ROOT / "samples").exists():
    pytest.skip("needs a checkout", allow_module_level=True)
sys.path.insert(0, str(ROOT))

import click  # noqa: E402
from PIL import Image  # noqa: E402

from benchmarks import kernels, speed_jobs  # noqa: E402
from benchmarks.common import Measured, run_module  # noqa: E402
from texot.kernels import tiled  # noqa: E402


@pytest.mark.slow
def test_kernels_are_timed_and_counted() -> None:
    found = list(kernels.measure(("tiled",), "cpu", least=0, shrink=64))
    assert [timing.kernel for timing in found].count("soft cells") == len(kernels.SOFT_SHAPES)
    for timing in found:
        n, m, d = timing.shape
        assert timing.seconds is not None
        assert timing.gflops is not None
        each = 4 if timing.kernel == "soft cells" else 2
        assert timing.gflops * timing.seconds * 1e9 == pytest.approx(each * n * m * d)
    assert kernels.matmul_peak("cpu", least=0) > 0.1


def test_a_wrong_kernel_has_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(x: Tensor, y: object, psi: Tensor) -> Tensor:
        return torch.zeros(len(x), dtype=torch.int64)

    monkeypatch.setattr(tiled, "laguerre_cells", wrong)
    found = list(kernels.measure(("tiled",), "cpu", least=0, shrink=64))
    assert all(
        (timing.seconds is None) == (timing.kernel == "cells")
        for timing in found
        if timing.backend == "tiled"
    )
    assert all(timing.seconds for timing in found if timing.backend == "plain")


@pytest.mark.parametrize("job", speed_jobs.JOBS)
def test_a_job_that_does_not_do_it_has_no_speed(
    job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its place a program that fills the result with noise, always the same."""

    def lazy(*arguments: object, threads: int | None = None) -> Measured:
        out = str(arguments[list(arguments).index("-o") + 1])
        side = speed_jobs.CHECKED
        levels = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0)).mul(255).byte()
        Image.fromarray(levels.movedim(0, -1).numpy()).save(out)
        return Measured(0.1, 0.1, 1.0)

    monkeypatch.setattr(speed_jobs, "run_texot", lazy)
    with pytest.raises(click.ClickException, match="no speed is told"):
        speed_jobs.check_job(job, tmp_path, (), 1)


@pytest.mark.slow
def test_memory_is_that_of_the_process_itself() -> None:
    """Not that of a large one which starts it: ours holds torch, and 400 MB more."""
    ballast = bytearray(400_000_000)
    small = run_module("json.tool", "--help")
    assert ballast
    assert small.peak_mb < 60
    assert "usage" in small.said
    with pytest.raises(click.ClickException, match="no_such_module"):
        run_module("no_such_module")


@pytest.mark.slow
def test_the_script_as_it_is_run(tmp_path: Path) -> None:
    """Kernels only: a table in Markdown, the command above it."""
    command = [sys.executable, "-m", "benchmarks.speed", "--part", "kernels", "--device", "cpu"]
    command += ["--backend", "tiled", "--shrink", "64", "--seconds", "0", "--results", str(tmp_path)]
    if not (ROOT / ".git").exists():
        pytest.skip("benchmarks run in a git checkout")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "python -m benchmarks.speed --part kernels" in page
    assert "| matrix product |  | cpu |" in page
    assert page.count("| cells |") == 2 * len(kernels.SHAPES)
