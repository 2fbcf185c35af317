"""The logic in a real Krita without its window (`kritarunner`, Xvfb); menus are not driven."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import on_a_screen
from odd_names import ODD
from plugin_files import PLUGINS, ROOT

FOLDER = PLUGINS / "krita"


def test_the_service_file_names_the_module() -> None:
    text = (FOLDER / "texot_krita.desktop").read_text("utf-8")
    assert "X-KDE-Library=texot_krita\n" in text
    assert "ServiceTypes=Krita/PythonPlugin\n" in text
    for path in (FOLDER / "texot_krita").glob("*.py"):
        compile(path.read_text("utf-8"), str(path), "exec")


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("kritarunner") and shutil.which("xvfb-run")),
    reason="Krita or Xvfb is not installed: the plug-in is NOT TESTED (apt-get install krita xvfb xauth)",
)
def test_in_krita(bin_folder: Path, tmp_path: Path) -> None:
    (tmp_path / f"tmp {ODD[0]}").mkdir()
    shutil.copy(ROOT / "tests" / "plugins" / "krita_script.py", tmp_path)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("QT_")},
        "PATH": os.pathsep.join([str(bin_folder), "/usr/bin", "/bin"]),  # Krita's Python is the system's
        "TEXOT_PLUGINS": str(FOLDER),
        "TEXOT_TEST_FOLDER": str(tmp_path),
        "HOME": str(tmp_path),
        "TEXOT_ODD": json.dumps(ODD),
        "PYTHONPATH": str(tmp_path),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    line = [
        *on_a_screen("1280x1024x24"),
        "env",
        f"TMPDIR={tmp_path / f'tmp {ODD[0]}'}",
        "kritarunner",
        "-s",
        "krita_script",
    ]
    try:
        done = subprocess.run(
            line, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired as error:
        said = str(error.output) + str(error.stderr)
    log = tmp_path / "checked.txt"
    found = log.read_text().splitlines() if log.exists() else []
    assert found == ["imported", "document", "tile", "larger", "fill"], (found, said[-2000:])
