"""How the tests call the command line: in a real process, or in this one where a process adds nothing."""

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image, PngImagePlugin

import texot
from texot.cli.app import texot as command

QUICK = ["--quality", "draft", "--n-iter", "3", "--n-scales", "2", "--patch-size", "3", "--backend", "tiled"]


def environment(**extra: str) -> dict[str, str]:
    """Ours, with this texot importable from any folder and one thread, for speed on small images."""
    path = os.pathsep.join([str(Path(texot.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "OMP_NUM_THREADS": "1", **extra}


def process(*arguments: object, cwd: Path, **extra: str) -> "subprocess.CompletedProcess[str]":
    """`python -m texot ARGUMENTS` to its end."""
    command = [sys.executable, "-m", "texot", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**extra), capture_output=True, text=True, timeout=120, check=False
    )


def call(*arguments: object) -> Result:
    """The same in this process, in the current folder."""
    return CliRunner().invoke(command, list(map(str, arguments)))


def one_line(result: "Result | subprocess.CompletedProcess[str]") -> str:
    """The one line that an error is; fails where there are more, or less, or a traceback."""
    assert "Traceback" not in result.stderr
    assert result.stderr.endswith("\n")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()


def on_a_screen(screen: str) -> list[str]:
    """The start of a command that runs in an X server of its own, such as "1024x700x24".

    xvfb-run looks for a free number, and two of them at once may find the same one: processes of tests begin
    at numbers of their own.
    """
    first = 100 + 20 * (os.getpid() % 1000)
    return ["xvfb-run", "-a", "-n", str(first), "-s", f"-screen 0 {screen}"]


def pixels(path: Path) -> tuple[str, tuple[int, int], bytes]:
    """Mode, size and values of an image file, fully decoded."""
    with Image.open(path) as image:
        return image.mode, image.size, image.tobytes()


def text(path: Path) -> dict[str, str]:
    """The text chunks of a PNG."""
    with Image.open(path) as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        return image.text
