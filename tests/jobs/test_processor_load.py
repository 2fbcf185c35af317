"""Fewer threads on a busy machine: the arithmetic on made-up clocks, the reading on the real ones."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from texot.jobs.processor_load import ClockReading, free_cores, read_clocks


def spent(others: float, own: float = 1.0, seconds: float = 1.0, cores: int = 4) -> int | None:
    before = ClockReading(100.0, 5.0, 1000.0, cores)
    return free_cores(
        before, ClockReading(100.0 + seconds, 5.0 + own, 1000.0 + own + others * seconds, cores)
    )


@pytest.mark.parametrize(
    ("others", "free"), [(0, 4), (0.3, 4), (0.7, 3), (1, 3), (2.2, 2), (3.3, 1), (4, 1), (9, 1), (-0.2, 4)]
)
def test_what_others_use_is_not_ours(others: float, free: int) -> None:
    assert spent(others) == free
    assert spent(others, own=3.5, seconds=2) == free


def test_two_busy_processes_on_two_cores_leave_one() -> None:
    assert spent(4 / 3, own=2 / 3, cores=2) == 1
    assert spent(1, cores=2) == 1
    assert spent(0.1, cores=2) == 2


def test_nobody_can_say() -> None:
    here = ClockReading(100.0, 5.0, 1000.0, 2)
    assert free_cores(None, here) is None
    assert free_cores(here, None) is None
    assert free_cores(here, here) is None


def test_clocks_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3\nnonsense\n")
    assert read_clocks(tmp_path / "stat") is None
    assert read_clocks(tmp_path / "missing") is None


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat here")
def test_real_clocks_see_a_busy_process() -> None:
    before = read_clocks()
    assert before is not None
    work = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        after = read_clocks()
    finally:
        work.kill()
        work.wait()
    assert after is not None
    assert after.busy - before.busy > 0.2
    free = free_cores(before, after)
    assert free is not None
    assert free <= max(1, after.cores - 1) or after.cores > 8


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="no /proc/stat here")
def test_a_process_that_belongs_to_us_is_no_stranger() -> None:
    work = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before = after = read_clocks(companion=work.pid)
        assert before is not None
        late = time.monotonic() + 20  # beside other work on the machine
        while after.own - before.own < 0.3 and time.monotonic() < late:
            time.sleep(0.1)
            found, alone = read_clocks(companion=work.pid), read_clocks()
            assert found is not None
            assert alone is not None
            assert found.own > alone.own
            after = found
    finally:
        work.kill()
        work.wait()
    assert 0.3 <= after.own - before.own <= after.busy - before.busy + 0.1
    assert read_clocks(companion=2**30) is None  # it is gone
