"""A `texot` that runs this checkout, and the client that plug-ins share."""

import os
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
from plugin_files import PLUGINS, ROOT, load

if not PLUGINS.exists():
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def client() -> ModuleType:
    return load(PLUGINS / "shared" / "texot_client.py", "texot_client")


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """A folder with a `texot` for the PATH, whose own name is odd."""
    if os.name == "nt":
        pytest.skip("a shell script")
    folder = tmp_path / "it's a bin %s é"
    folder.mkdir()
    script = folder / "texot"
    run = f"PYTHONPATH={shlex.quote(str(ROOT))} OMP_NUM_THREADS=1 exec {shlex.quote(sys.executable)} -m texot"
    script.write_text(f'#!/bin/sh\n{run} "$@"\n', "utf-8")
    script.chmod(0o755)
    return folder
