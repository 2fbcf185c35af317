"""How many cores other programs keep busy: torch's threads wait for each other, and spin while they do.

Beside one busy process on two cores, two threads took eight times as long as one (`benchmarks/busy.py`).
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_MARGIN = 0.4  # of a core: what a desktop does by itself must not cost a thread
_SHORTEST = 0.05  # seconds; clock ticks are too coarse to tell anything sooner


@dataclass(frozen=True)
class Look:
    """Clocks at one moment, in seconds.

    Attributes:
        now: wall clock.
        own: processor time of this process, and of those that count with it.
        busy: processor time of everything on the cores this process may use.
        cores: their number.
    """

    now: float
    own: float
    busy: float
    cores: int


def look(stat: Path = Path("/proc/stat"), *, beside: int | None = None) -> Look | None:
    """The clocks now; None where the system does not tell (it does on Linux).

    Args:
        stat: what the system tells of its cores.
        beside: another process that is no stranger, like a worker's window.
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
        if beside is not None:
            told = Path(f"/proc/{beside}/stat").read_text(encoding="utf-8", errors="replace")
            own += sum(map(int, told.rpartition(")")[2].split()[11:13])) / tick  # after a name of any words
    except (AttributeError, OSError, ValueError):
        return None
    return Look(time.monotonic(), own, busy / tick, cores) if cores else None


def free_cores(before: Look | None, after: Look | None) -> int | None:
    """Whole cores that other programs left free between two looks, at least 1; None where nobody can say."""
    if before is None or after is None or after.now - before.now < _SHORTEST:
        return None
    others = (after.busy - before.busy - (after.own - before.own)) / (after.now - before.now)
    return max(1, min(after.cores, int(after.cores - max(0.0, others) + _MARGIN)))
