"""The client that plug-ins share: it finds texot, runs it without waiting, follows and stops it."""

import ast
import os
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from odd_names import ODD
from PIL import Image
from plugin_files import PLUGINS, load, picture

from texot import __version__

MakeBin = Callable[[str], Path]
FEW = {"quality": "draft", "n_iter": 2, "n_scales": 1, "patch_size": 3, "backend": "tiled"}


def ended(job: Any, seconds: float = 60) -> Any:
    """A job after its end, asked as a host's timer does; each answer takes no time."""
    limit = time.monotonic() + seconds
    while True:
        begun = time.perf_counter()
        running = job.poll()
        if running:
            assert time.perf_counter() - begun < 0.5
        else:
            return job
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_copies_are_equal() -> None:
    build = load(PLUGINS / "build.py", "plugins_build")
    assert len(build.COPIES) == 3
    assert {path.read_bytes() for path in build.COPIES} == {build.CLIENT.read_bytes()}


def test_archives(tmp_path: Path) -> None:
    build = load(PLUGINS / "build.py", "plugins_build")
    made = build.pack(tmp_path / "a")
    assert [path.read_bytes() for path in build.pack(tmp_path / "b")] == [path.read_bytes() for path in made]
    for path in made:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        assert any(name.endswith(".py") for name in names)
        assert not any("__pycache__" in name for name in names)
        assert ("comfyui" in path.name) != any(name.endswith("texot_client.py") for name in names)


def test_the_client_needs_nothing_and_runs_on_python_3_8() -> None:
    source = (PLUGINS / "shared" / "texot_client.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    found = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert found <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


@pytest.mark.slow
def test_where_texot_is_found(client: ModuleType, bin_folder: Path, tmp_path: Path) -> None:
    command, answer = client.find_texot(search_path=str(bin_folder))
    assert command == [str(bin_folder / "texot")]
    assert answer["texot"] == __version__
    assert client.find_texot(str(bin_folder / "texot"))[0] == command
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "bin").symlink_to(bin_folder)
    assert client.find_texot(str(venv))[0] == [str(venv / "bin" / "texot")]
    python = tmp_path / "python"  # one that has texot
    python.write_text(f'#!/bin/sh\nshift 2\nexec {shlex.quote(str(bin_folder / "texot"))} "$@"\n')
    python.chmod(0o755)
    assert client.find_texot(str(python))[0] == [str(python), "-m", "texot"]
    assert client.find_texot(search_path=str(tmp_path))[0] == [str(python), "-m", "texot"]


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", '{"texot": "9"}'])
def test_what_is_not_texot(client: ModuleType, tmp_path: Path, answer: str) -> None:
    other = tmp_path / "texot"
    other.write_text(f"#!/bin/sh\necho '{answer}'\n")
    other.chmod(0o755)
    with pytest.raises(client.NotFound, match="install it"):
        client.find_texot(search_path=str(tmp_path))
    with pytest.raises(client.NotFound, match="settings"):
        client.find_texot(str(tmp_path / "none"))


def test_another_protocol(client: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "texot"
    other.write_text('#!/bin/sh\necho \'{"texot": "9.0", "protocol": 99}\'\n')
    other.chmod(0o755)
    with pytest.raises(client.NotFound, match=r"protocol 99.*update"):
        client.find_texot(str(other))


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_names_are_not_trusted(client: ModuleType, make_bin: MakeBin, tmp_path: Path, name: str) -> None:
    """Of the program's folder, of the input and its folder, of the output and its folder."""
    texot, _ = client.find_texot(search_path=str(make_bin(name)))
    folder = tmp_path / name
    folder.mkdir()
    photo, out = picture(folder / f"{name}.png"), folder / "out" / f"{name}.png"
    out.parent.mkdir()
    words = ["tile", client.argument(photo), "-o", client.argument(out), *client.options(FEW)]
    job = ended(client.Job(texot, words))
    assert (job.state, job.error) == ("done", "")
    made = out.with_name(out.name.replace("{i}", "1"))  # a number: docs/calling.md
    assert job.outputs == [str(made)]
    with Image.open(made) as image:
        assert image.size == (24, 20)
    job.close()


def test_relative_names_become_absolute(
    client: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert client.argument("-o") == str(tmp_path / "-o")
    assert client.argument("-") == str(tmp_path / "-")
    assert client.options({"n_iter": 3, "flatten": True, "band": None, "copy": False, "x": "-1"}) == [
        "--n-iter=3",
        "--flatten",
        "--x=-1",
    ]


@pytest.mark.slow
def test_progress_previews_and_cancel(client: ModuleType, bin_folder: Path, tmp_path: Path) -> None:
    photo, out = picture(tmp_path / "photo.png"), tmp_path / "out.png"
    words = ["synthesize", str(photo), "-o", str(out), *client.options({**FEW, "n_iter": 100000})]
    job = client.Job([str(bin_folder / "texot")], words, preview=True)
    limit = time.monotonic() + 60
    while not (job.preview and job.share) and time.monotonic() < limit:
        assert job.poll(), job.error
        time.sleep(0.05)
    with Image.open(job.preview) as image:
        assert image.size == (24, 20)
    assert "%" in job.progress_text()
    job.cancel()
    assert ended(job).state == "stopped"
    assert job.error == ""
    assert out.exists()  # the work so far
    folder = Path(job.preview).parent
    job.close()
    assert not folder.exists()


@pytest.mark.slow
def test_errors_and_a_host_that_closes(client: ModuleType, bin_folder: Path, tmp_path: Path) -> None:
    texot = [str(bin_folder / "texot")]
    job = ended(client.Job(texot, ["tile", str(tmp_path / "none.png"), "-o", str(tmp_path / "o.png")]))
    assert job.state == "failed"
    assert "no such file" in job.error
    job.close()
    job = ended(client.Job([str(tmp_path / "none")], ["tile"]))
    assert job.state == "failed"
    job.close()
    photo = picture(tmp_path / "photo.png")
    words = [
        "synthesize",
        str(photo),
        "-o",
        str(tmp_path / "o.png"),
        *client.options({**FEW, "n_iter": 100000}),
    ]
    job = client.Job(texot, words)
    while job.share == 0:
        assert job.poll(), job.error
        time.sleep(0.05)
    job.close()
    assert job.state == "stopped"
    assert not Path(job._folder).exists()


def test_the_hosts_python_does_not_leak(client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender and Krita set these for the Python in themselves."""
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "/nowhere")
    code = "import os; print([n for n in os.environ if n.startswith('PYTHON')])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=client.environment(), capture_output=True, text=True, check=True
    )
    assert "/nowhere" not in done.stdout
    assert "PYTHONHOME" not in client.environment()
    assert os.environ["PYTHONHOME"] == "/nowhere"
