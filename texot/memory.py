"""How much memory this process may use: the machine's, or less where a control group limits it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes of memory of the machine, or of the control group's limit if that is lower; None if unknown.

    Args:
        root: folder in which /proc and /sys are found.
    """
    limits = []
    with suppress(AttributeError, OSError, ValueError):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    limits += _group_limits(root)
    return min(limits, default=None)


def _group_limits(root: Path) -> list[int]:
    """Limits of this process's control group and of those above it, versions 2 and 1."""
    found = []
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "-", "")
        if controllers and "memory" not in controllers.split(","):
            continue
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for count in range(len(parts) + 1):
            try:
                text = base.joinpath(*parts[:count], name).read_text(encoding="ascii").strip()
            except (OSError, ValueError):
                continue
            if text.isdigit():
                found.append(int(text))
    return found
