"""Missing libraries of the system: found before Qt aborts, and named with the line that installs them."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call, environment, one_line

from texot.desktop import qt_libraries
from texot.desktop.qt_libraries import advice, debian_package, missing_libraries, uses_xcb

LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("ldd") is None, reason="no ldd"
)


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libxcb-cursor.so.0", "libxcb-cursor0"),
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
        ("libxcb.so.1", "libxcb1"),
        ("libX11-xcb.so.1", "libx11-xcb1"),
        ("libX11.so.6", "libx11-6"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libGL.so.1", "libgl1"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
    ],
)
def test_packages_have_debian_s_names(library: str, package: str) -> None:
    assert debian_package(library) == package


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, False),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "wayland"}, False),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, True),
        ({"DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"}, False),
        ({"QT_QPA_PLATFORM": "xcb"}, True),
        ({"QT_QPA_PLATFORM": "xcb:x;wayland"}, True),
        ({"QT_QPA_PLATFORM": "wayland;xcb"}, False),
    ],
)
def test_the_platform_is_told_from_the_environment(variables: dict[str, str], expected: bool) -> None:
    assert uses_xcb(variables) == expected


@LINUX
def test_what_a_plugin_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is linked to one which is taken away."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    plugin = tmp_path / "PySide6" / qt_libraries._PLUGIN
    plugin.parent.mkdir(parents=True)
    (tmp_path / "PySide6" / "__init__.py").touch()
    gone = tmp_path / "libxcb-nowhere.so.7"
    (tmp_path / "a.c").write_text("int a(void) { return 1; }\n")
    (tmp_path / "b.c").write_text("int a(void); int b(void) { return a(); }\n")
    link = [compiler, "-shared", "-fPIC", "-o"]
    subprocess.run([*link, gone, f"-Wl,-soname,{gone.name}", "a.c"], cwd=tmp_path, check=True)
    subprocess.run([*link, plugin, "b.c", gone], cwd=tmp_path, check=True)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "PySide6", raising=False)
    spec = importlib.util.find_spec("PySide6")
    assert spec is not None
    monkeypatch.setattr(qt_libraries, "find_spec", lambda name: spec)
    assert missing_libraries() == [gone.name], "it is on no path of libraries"
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert missing_libraries() == []
    monkeypatch.delenv("LD_LIBRARY_PATH")
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    done = call("desktop")
    assert done.exit_code == 1
    assert "Qt lacks libxcb-nowhere.so.7 of the system" in one_line(done)
    assert done.stderr.rstrip().endswith("sudo apt-get install libxcb-nowhere7")


@LINUX
def test_the_installed_qt_has_all_or_the_program_says_so(tmp_path: Path) -> None:
    """Never the abort of Qt: there is no display of this number."""
    pytest.importorskip("PySide6")
    done = subprocess.run(
        [sys.executable, "-m", "texot", "desktop"],
        cwd=tmp_path,
        env=environment(QT_QPA_PLATFORM="xcb", DISPLAY=":989"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    missing = missing_libraries()
    if missing:
        assert done.returncode == 1
        assert advice(missing) in one_line(done)


def test_without_ldd_or_qt_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert missing_libraries() == []
    monkeypatch.setattr(qt_libraries, "find_spec", lambda name: None)
    assert missing_libraries() == []
