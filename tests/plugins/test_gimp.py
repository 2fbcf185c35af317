"""The logic of GIMP's plug-in with a host made of Pillow. Nothing here runs in GIMP 3 itself."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from odd_names import ODD
from PIL import Image
from plugin_files import PLUGINS, load, picture

FOLDER = PLUGINS / "gimp" / "texot_gimp"


@pytest.fixture
def jobs(client: ModuleType) -> ModuleType:
    assert sys.modules["texot_client"] is client
    return load(FOLDER / "jobs.py", "gimp_jobs")


class Host:
    """GIMP with one layer, whose name no file ever gets."""

    def __init__(self, layer: Path, selected: bool = True) -> None:
        self.layer, self.selected = layer, selected
        self.shown: list[tuple[str, Image.Image]] = []
        self.shares: list[float] = []
        self.folder = ""

    def save_layer(self, path: str) -> None:
        self.folder = os.path.dirname(path)
        Image.open(self.layer).save(path)

    def save_selection(self, path: str) -> bool:
        mask = Image.new("L", (24, 20))
        mask.paste(255, (9, 8, 14, 13))
        mask.save(path)
        return self.selected

    def show_layer(self, path: str, name: str) -> None:
        with Image.open(path) as image:
            self.shown.append((name, image.convert("RGB")))

    def show_image(self, path: str) -> None:
        self.show_layer(path, "image")

    def progress(self, share: float, text: str) -> None:
        assert "%" in text
        self.shares.append(share)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), list(zip(["heal", "tile", "larger", "tile"], ODD, strict=True)))
def test_jobs(
    jobs: ModuleType,
    make_bin: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    name: str,
) -> None:
    """With odd names of the program's folder, of the image and of the folder of temporary files."""
    temporary = tmp_path / name
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    host = Host(picture(tmp_path / f"{name}.png"))
    jobs.run(kind, host, [str(make_bin(name) / "texot")], {"quality": "draft"})
    assert Path(host.folder).parent == temporary
    ((shown, image),) = host.shown
    assert shown == ("image" if kind == "larger" else f"texot: {jobs.KINDS[kind]}")
    assert image.size == ((48, 40) if kind == "larger" else (24, 20))
    if kind == "heal":
        changed = (np.asarray(image) != np.asarray(Image.open(host.layer))).any(-1)
        assert changed[8:13, 9:14].mean() > 0.8
        assert changed.sum() == changed[8:13, 9:14].sum()
    assert host.shares
    assert not os.path.exists(host.folder)


@pytest.mark.slow
def test_failures(jobs: ModuleType, bin_folder: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.png")
    with pytest.raises(jobs.Failed, match="select"):
        jobs.run("heal", Host(photo, selected=False), [str(bin_folder / "texot")])
    with pytest.raises(jobs.Failed, match="--quality"):
        jobs.run("tile", Host(photo), [str(bin_folder / "texot")], {"quality": "wonderful"})


def test_the_script_is_where_gimp_looks() -> None:
    """In a folder of its own name, with the permission to run."""
    script = FOLDER / f"{FOLDER.name}.py"
    source = script.read_text("utf-8")
    assert os.name == "nt" or os.access(script, os.X_OK)
    assert source.startswith("#!/usr/bin/env python3\n")
    compile(source, str(script), "exec")


def test_its_procedures(jobs: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as stand-ins of GIMP's modules go."""
    any_: Any = SimpleNamespace
    repository = any_(
        Gimp=any_(PlugIn=type("PlugIn", (), {"__gtype__": 0}), main=lambda *_: None), Gio=None, GLib=None
    )
    monkeypatch.setitem(sys.modules, "gi", any_(require_version=lambda *_: None, repository=repository))
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    monkeypatch.setitem(sys.modules, "jobs", jobs)
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = load(FOLDER / "texot_gimp.py", "texot_gimp_script")
    assert module.Texot().do_query_procedures() == [f"plug-in-texot-{kind}" for kind in jobs.KINDS]
