"""The add-on in a real Blender without a window: `blender -b --python blender_script.py`."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from plugin_files import PLUGINS, ROOT, picture

import texot

BLENDER = os.environ.get("BLENDER") or shutil.which("blender")
ADDON = PLUGINS / "blender" / "texot_blender"


def test_versions_agree() -> None:
    manifest = (ADDON / "blender_manifest.toml").read_text("utf-8")
    assert f'\nversion = "{texot.__version__}"\n' in manifest
    source = (ADDON / "__init__.py").read_text("utf-8")
    assert f'"version": ({texot.__version__.replace(".", ", ")})' in source
    for path in ADDON.glob("*.py"):
        ast.parse(path.read_text("utf-8"), feature_version=(3, 10))  # Blender 3.4 has 3.10 or later


@pytest.mark.slow
@pytest.mark.skipif(
    BLENDER is None, reason="Blender is not installed: the add-on is NOT TESTED (apt-get install blender)"
)
def test_in_blender(bin_folder: Path, tmp_path: Path) -> None:
    """All operators, on images of odd names, with materials and undo; the script says what it checked."""
    assert BLENDER is not None
    picture(tmp_path / '-it\'s 100% "é" {i}.png', size=(32, 24))
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "TEXOT_ADDONS": str(PLUGINS / "blender"),
        "TEXOT_TEST_FOLDER": str(tmp_path),
        "HOME": str(tmp_path),
    }
    environment.pop("PYTHONPATH", None)
    script = ROOT / "tests" / "plugins" / "blender_script.py"
    line = [BLENDER, "-b", "--factory-startup", "--python-exit-code", "3", "--python", str(script)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    if "No module named 'numpy'" in said:
        pytest.skip("Blender's Python has no NumPy: the add-on is NOT TESTED (apt-get install python3-numpy)")
    assert done.returncode == 0, said[-3000:]
    assert re.findall(r"checked: (\w+)", done.stdout) == [
        *("register", "tile", "larger", "fill", "material", "errors", "floats", "modal", "unregister")
    ], said[-3000:]
