"""The number of cores that other programs keep busy. Torch's threads spin while they wait for each other.

Next to one busy process on two cores, two threads took eight times as long as one (`benchmarks/busy.py`).
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_MARGIN = 0.4  # of a core: the idle load of a desktop must not cost a thread
_SHORTEST = 0.05  # seconds; clock ticks are too coarse for shorter intervals


@dataclass(frozen=True)
class ClockReading:
    """Clocks at one moment, in seconds.

    Attributes:
        now: wall clock.
        own: processor time of this process and of companion processes.
        busy: processor time of everything on the cores this process may use.
        cores: number of these cores.
    """

    now: float
    own: float
    busy: float
    cores: int


def read_clocks(stat: Path = Path("/proc/stat"), *, companion: int | None = None) -> ClockReading | None:
    """Read the clocks; None on systems other than Linux.

    Args:
        stat: the system's file of processor times.
        companion: a companion process, such as a worker's window.
    """
    try:
        usable = os.sched_getaffinity(0)
        tick = os.sysconf("SC_CLK_TCK")
        busy, cores = 0, 0
        for line in stat.read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name.startswith("cpu") and name != "cpu" and int(name[3:]) in usable:
                user, nice, system, _idle, _iowait, *rest = map(int, fields[:8])
                busy += user + nice + system + sum(rest)
                cores += 1
        times = os.times()
        own = times.user + times.system
        if companion is not None:
            text = Path(f"/proc/{companion}/stat").read_text(encoding="utf-8", errors="replace")
            own += (
                sum(map(int, text.rpartition(")")[2].split()[11:13])) / tick
            )  # the process name may contain spaces
    except (AttributeError, OSError, ValueError):
        return None
    return ClockReading(time.monotonic(), own, busy / tick, cores) if cores else None


def free_cores(before: ClockReading | None, after: ClockReading | None) -> int | None:
    """Cores that other programs left free between two readings, at least 1; None if unknown."""
    if before is None or after is None or after.now - before.now < _SHORTEST:
        return None
    others = (after.busy - before.busy - (after.own - before.own)) / (after.now - before.now)
    return max(1, min(after.cores, int(after.cores - max(0.0, others) + _MARGIN)))
