"""The entry of the desktop's menu: written, read by the desktop's rules, removed."""

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call, one_line

from texot.desktop import menu_entry


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "data"


def command_of(entry: Path) -> list[str]:
    """The words of Exec: the file's escapes are undone, then the quotes."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(entry, encoding="utf-8")
    text = parser["Desktop Entry"]["Exec"].replace("\\\\", "\\")
    return [word.replace("%%", "%").replace("\\$", "$") for word in shlex.split(text)]  # shlex keeps \$


@pytest.mark.parametrize("python", ["/usr/bin/python3", '/home/me/my $too"ls/100%/py\\thon'])
def test_the_entry_starts_this_python(data: Path, monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setattr(sys, "executable", python)
    done = call("desktop", "--install-menu")
    assert done.exit_code == 0, done.stderr
    entry = data / "applications" / "texot.desktop"
    assert str(entry) in done.stderr
    assert command_of(entry) == [python, "-m", "texot", "desktop", "%f"]
    icon = data / "icons" / "hicolor" / "256x256" / "apps" / "texot.png"
    assert icon.read_bytes().startswith(b"\x89PNG")
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", entry], check=True)


def test_it_is_removed_and_only_it(data: Path) -> None:
    assert call("desktop", "--install-menu").exit_code == 0
    other = data / "applications" / "other.desktop"
    other.write_text("[Desktop Entry]\n")
    done = call("desktop", "--remove-menu")
    assert done.exit_code == 0
    assert [path.name for path in data.rglob("*") if path.is_file()] == ["other.desktop"]
    assert "no menu entry" in call("desktop", "--remove-menu").stderr


def test_what_cannot_be_written_is_told_in_one_line(data: Path) -> None:
    data.write_text("a file in the place of the folder")
    done = call("desktop", "--install-menu")
    assert done.exit_code == 1
    assert "cannot write" in one_line(done)


def test_other_systems_have_no_such_menu(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(menu_entry.sys, "platform", "darwin")
    assert "are for Linux" in one_line(call("desktop", "--install-menu"))


def test_an_image_and_the_menu_exclude_each_other(data: Path) -> None:
    assert call("desktop", "a.png", "--install-menu").exit_code == 2
    assert call("desktop", "--install-menu", "--remove-menu").exit_code == 2
