"""Make `docs/blender.jpg`: Blender's window while texot works, as its test sees it.

`python plugins/make_picture.py`; needs Blender, Xvfb, and `texot` on the PATH.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
_WIDTH = 800  # pixels of the picture
_TOP, _BELOW, _EDITOR = 30, 80, 1058  # of Blender's window: above and below the editor, and its right edge


def main() -> None:
    """Run the test's script on a sample, and keep its screenshot."""
    blender = os.environ.get("BLENDER") or shutil.which("blender")
    if blender is None or shutil.which("xvfb-run") is None:
        raise SystemExit("install blender and xvfb")
    with tempfile.TemporaryDirectory() as folder:
        with Image.open(ROOT / "samples" / "pebbles.jpg") as sample:
            sample.save(Path(folder) / "pebbles.png")
        environment = {
            **os.environ,
            "TEXOT_ADDONS": str(ROOT / "plugins" / "blender"),
            "TEXOT_TEST_FOLDER": folder,
            "TEXOT_TEST_SIZE": "2048x1536",
            "HOME": folder,
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        environment.pop("PYTHONPATH", None)
        line = ["xvfb-run", "-a", "-s", "-screen 0 1280x800x24", blender, "--factory-startup", "--python"]
        script = ROOT / "tests" / "plugins" / "blender_window_script.py"
        subprocess.run([*line, str(script)], env=environment, check=True, timeout=600)
        if not (Path(folder) / "checked").exists():  # Blender does not say so by its exit code
            raise SystemExit("the script of the test failed: see above")
        with Image.open(Path(folder) / "window.jpg") as seen:
            part = seen.crop((0, _TOP, _EDITOR, seen.height - _BELOW))
        part.thumbnail((_WIDTH, _WIDTH), Image.Resampling.LANCZOS)
        part.save(ROOT / "docs" / "blender.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
