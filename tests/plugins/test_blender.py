"""The add-on in a real Blender without a window: `blender -b --python blender_script.py`."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import on_a_screen
from odd_names import ODD
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


def test_the_manifest_is_what_blender_accepts() -> None:
    """The rules of Blender's `extension validate`, see "How to Create Extensions" in its manual."""
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    found = tomllib.loads((ADDON / "blender_manifest.toml").read_text("utf-8"))
    required = {"schema_version", "id", "version", "name", "tagline", "maintainer", "type", "license"}
    required |= {"blender_version_min"}
    optional = {"blender_version_max", "website", "copyright", "permissions", "tags", "platforms", "wheels"}
    assert required <= set(found) <= required | optional | {"build"}
    permissions = found.pop("permissions")
    assert set(permissions) <= {"files", "network", "clipboard", "camera", "microphone"}
    for text in (found["tagline"], *permissions.values()):  # what people read at the installation
        assert len(text) <= 64, text
        assert text[-1].isalnum() or text[-1] in ")]}", text
    for text in (*permissions.values(), *(v for v in found.values() if isinstance(v, str))):
        assert text == text.strip() != ""
        assert text.isprintable()
    assert found["schema_version"] == "1.0.0"
    assert found["type"] == "add-on"
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", found["version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["blender_version_min"])
    assert tuple(map(int, found["blender_version_min"].split("."))) >= (4, 2, 0)
    assert found["id"].isidentifier()
    assert "__" not in found["id"].strip("_") == found["id"]
    assert all(one.startswith("SPDX:") for one in found["license"])
    assert set(found["tags"]) <= {"Material", "Paint", "Import-Export", "Render", "UV"}


def run(
    script: str, before: list[str], options: list[str], bin_folder: Path, folder: Path
) -> tuple[str, int]:
    """What a script in Blender prints, and Blender's exit code; skips where Blender has no NumPy."""
    assert BLENDER is not None
    for seed, name in enumerate(ODD):
        picture(folder / f"{name}.png", seed, (32, 24))
    (folder / f"tmp {ODD[0]}").mkdir()
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "TEXOT_ADDONS": str(PLUGINS / "blender"),
        "TEXOT_TEST_FOLDER": str(folder),
        "HOME": str(folder),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    environment.pop("PYTHONPATH", None)
    line = [*before, "env", f"TMPDIR={folder / f'tmp {ODD[0]}'}", BLENDER]  # xvfb-run takes no such name
    line += ["--factory-startup", *options, "--python", str(ROOT / "tests/plugins" / script)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    if "No module named 'numpy'" in said:
        pytest.skip("Blender's Python has no NumPy: the add-on is NOT TESTED (apt-get install python3-numpy)")
    return said, done.returncode


@pytest.mark.slow
@pytest.mark.skipif(
    BLENDER is None, reason="Blender is not installed: the add-on is NOT TESTED (apt-get install blender)"
)
def test_in_blender(bin_folder: Path, tmp_path: Path) -> None:
    """All operators, on images of odd names, with materials; the script says what it checked."""
    said, code = run("blender_script.py", [], ["-b", "--python-exit-code", "3"], bin_folder, tmp_path)
    assert code == 0, said[-3000:]
    assert re.findall(r"checked: (\w+)", said) == [
        *("register", "tile", "larger", "fill", "material", "errors", "floats", "modal", "unregister")
    ], said[-3000:]


@pytest.mark.slow
@pytest.mark.skipif(
    BLENDER is None or shutil.which("xvfb-run") is None,
    reason="Blender or Xvfb is not installed: the panel is NOT TESTED (apt-get install blender xvfb xauth)",
)
def test_in_blenders_window(bin_folder: Path, tmp_path: Path) -> None:
    """The panel is drawn, a job runs while the interface goes on, and is stopped."""
    before = on_a_screen("1280x800x24")
    said, _ = run("blender_window_script.py", before, [], bin_folder, tmp_path)
    assert (tmp_path / "checked").exists(), said[-3000:]
