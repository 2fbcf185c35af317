"""What is on the disk after a power cut or a kill: the order of system calls, and debris."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from texot.errors import OutputError
from texot.files.stream import write_rows
from texot.files.whole import whole_file, write_whole
from texot.files.write import write_image

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names descriptors through /proc")


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """System calls that decide what survives, each with the file's name; TMP for temporary ones."""
    made: list[tuple[str, str]] = []

    def name(path: str) -> str:
        return "." if path == str(tmp_path) else "TMP" if ".texot-" in path else os.path.basename(path)

    def record(call: str) -> None:
        real = getattr(os, call)

        def recorded(what: object, *more: object) -> None:
            path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fspath(what)  # type: ignore[call-overload]
            made.append((call, name(str(path))))
            real(what, *more)

        monkeypatch.setattr(os, call, recorded)

    for call in ("fsync", "replace", "unlink"):
        record(call)
    return made


def test_data_then_name_then_folder(tmp_path: Path, calls: list[tuple[str, str]]) -> None:
    for write in (
        lambda: write_whole(tmp_path / "a", b"x"),
        lambda: write_image(torch.rand(3, 4, 4), tmp_path / "a.png"),
        lambda: write_rows(iter([torch.rand(3, 4, 4)]), tmp_path / "b.png", size=(4, 4), mode="RGB"),
    ):
        write()
        assert calls == [("fsync", "TMP"), ("replace", "TMP"), ("fsync", ".")]
        calls.clear()


def test_all_bytes_are_there_when_they_are_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "a", bytes(100))
    assert sizes[0] == 100


def test_a_file_system_without_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(number, "refused")

    monkeypatch.setattr(os, "fsync", refuse)
    number = 22  # EINVAL: there is nothing to force
    write_whole(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    number = 5  # EIO: what was written is lost
    with pytest.raises(OutputError, match="refused"):
        write_whole(tmp_path / "a", b"y")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert os.listdir(tmp_path) == ["a"]


def test_debris_of_a_killed_process_goes_and_a_living_one_keeps_its_file(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from texot.files.whole import whole_file
with whole_file(sys.argv[1]) as stream:
    stream.write(b"x" * 9000)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    print("writing", flush=True)
    sys.stdin.readline()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "dead")]
    assert subprocess.run([*command, "die"], check=False).returncode < 0
    (debris,) = os.listdir(tmp_path)
    (tmp_path / ".texot-notes.tmp").touch()  # whose name is not one of ours
    command[-1] = str(tmp_path / "alive")
    with subprocess.Popen(
        [*command, "live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"  # and has swept
        assert debris not in os.listdir(tmp_path)
        write_whole(tmp_path / "other", b"x")  # sweeps too
        assert len(os.listdir(tmp_path)) == 3
        child.communicate("\n", timeout=30)
    assert sorted(os.listdir(tmp_path)) == [".texot-notes.tmp", "alive", "other"]
    assert (tmp_path / "alive").stat().st_size == 9000


def test_links_named_like_debris_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"p")
    (tmp_path / f".texot-{'0' * 16}.tmp").symlink_to("precious")
    os.mkfifo(tmp_path / f".texot-{'1' * 16}.tmp")
    with whole_file(tmp_path / "a") as stream:
        stream.write(b"x")
    assert (tmp_path / "precious").read_bytes() == b"p"
    assert len(os.listdir(tmp_path)) == 4
