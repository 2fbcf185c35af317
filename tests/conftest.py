"""With `pytest -n 2` each worker, and each process that it starts, has one thread: more would wait."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch or numpy
