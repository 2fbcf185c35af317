"""The real window on a screen of X11, small and with two pixels for one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import needs_qt  # noqa: F401
import numpy as np
import pytest
from command_line import environment, on_a_screen
from PIL import Image

from texot.desktop.qt_libraries import missing_libraries

DRIVER = Path(__file__).with_name("drive_window.py")


def why_not() -> str:
    """What is missing; empty: nothing."""
    if not sys.platform.startswith("linux"):
        return "X11 is on Linux"
    lacking = [name for name in ("xvfb-run", "xauth", "Xvfb") if shutil.which(name) is None]
    lacking += missing_libraries()
    return f"NO TEST OF THE WINDOW ON A SCREEN without {', '.join(lacking)}" if lacking else ""


WHY_NOT = why_not()


@pytest.mark.slow
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
@pytest.mark.parametrize("ratio", [1, 2])
def test_every_control_is_reached_on_a_screen(image: Path, tmp_path: Path, ratio: int) -> None:
    width, height = 1024, 700
    screen = on_a_screen(f"{ratio * width}x{ratio * height}x24")
    command = [*screen, sys.executable, DRIVER, tmp_path / "window.png", image]
    variables = environment(
        QT_QPA_PLATFORM="xcb", QT_SCALE_FACTOR=str(ratio), XDG_STATE_HOME=str(tmp_path), OMP_NUM_THREADS="1"
    )
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["platform"], found["ratio"]) == ("xcb", ratio)
    assert found["screen"] == [width, height]
    assert found["window"][0] <= width
    assert found["window"][1] <= height
    assert found["missed"] == []
    assert found["reached"] > 120
    with Image.open(tmp_path / "window.png") as picture:
        assert picture.size == (ratio * width, ratio * height)
        assert np.asarray(picture.convert("L")).std() > 20, "it is not empty"
