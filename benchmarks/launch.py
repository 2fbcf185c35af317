"""Runs a command as a child of a process that is small, and tells its time and memory.

    python -I -S benchmarks/launch.py FIGURES COMMAND...

Linux counts to a process's peak memory what the one that started it held at that moment: started from a
process with torch loaded, everything seems to take 350 MB at least. FIGURES is written: wall-clock seconds,
processor seconds and peak resident memory in bytes, as JSON. Exits as the command does.
"""

import json
import os
import subprocess
import sys
import time

figures, command = sys.argv[1], sys.argv[2:]
begun = time.perf_counter()
child = subprocess.Popen(command)
_, status, usage = os.wait4(child.pid, 0)
seconds = time.perf_counter() - begun
unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
with open(figures, "w", encoding="utf-8") as file:
    json.dump([seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit], file)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
