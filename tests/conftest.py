"""With `pytest -n 2` each worker, and each process that it starts, has one thread: more would wait."""

import os
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports torch or numpy


@pytest.fixture(scope="module")
def small_torus() -> Iterator[None]:
    """Measure the finish of generators on a torus of 2 sides of the exemplar, not 8: a sixteenth of the time.

    The potentials are less exact, which only `tests/generator/test_finish.py` would notice.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("texot.generator.finish._TORUS", 2)
        yield
