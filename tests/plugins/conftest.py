"""A `texot` that runs this checkout, and the client that plug-ins share."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from odd_names import ODD
from plugin_files import PLUGINS, ROOT, load

if not PLUGINS.exists():
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def client() -> ModuleType:
    return load(PLUGINS / "shared" / "texot_client.py", "texot_client")


@pytest.fixture
def make_bin(tmp_path: Path) -> Callable[[str], Path]:
    """A function that makes a folder of a name, with a `texot` for the PATH."""
    if os.name == "nt":
        pytest.skip("a shell script")
    return lambda name: _make_bin(tmp_path / f"bin {name}")


@pytest.fixture
def bin_folder(make_bin: Callable[[str], Path]) -> Path:
    """A folder with a `texot` for the PATH, whose own name is odd."""
    return make_bin(ODD[0])


def _make_bin(folder: Path) -> Path:
    folder.mkdir()
    script = folder / "texot"
    run = f"PYTHONPATH={shlex.quote(str(ROOT))} OMP_NUM_THREADS=1 exec {shlex.quote(sys.executable)} -m texot"
    script.write_text(f'#!/bin/sh\n{run} "$@"\n', "utf-8")
    script.chmod(0o755)
    return folder
