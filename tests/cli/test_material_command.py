"""Folders of maps in the place of images: every command, its files, and one line for what cannot be done."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import call, one_line
from materials import make_material
from PIL import Image

from texot.files.field import read_field

QUICK = ["--quality", "draft", "--n-iter", "2", "--threads", "1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the materials a and b, and a mask."""
    monkeypatch.chdir(tmp_path)
    make_material(tmp_path / "a", 1, normal="normal_gl")
    make_material(tmp_path / "b", 2, normal="normal_gl")
    mask = np.zeros((32, 40), np.uint8)
    mask[10:20, 12:24] = 255
    Image.fromarray(mask).save("mask.png")
    Image.fromarray(255 - mask).save("source.png")
    return tmp_path


def values(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def names(path: str) -> list[str]:
    return sorted(p.name for p in Path(path).iterdir())


def test_synthesize_copies_all_maps_from_the_same_places(folder: Path) -> None:
    done = call("synthesize", "a", "-o", "out", "--size", "48x36", "--copy", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert names("out") == [
        "field.npz",
        "rock_basecolor.png",
        "rock_height.png",
        "rock_normal_gl.png",
        "texot.json",
    ]
    assert np.array_equal(values("out/rock_height.png"), values("out/rock_basecolor.png")[..., 0] * 257)
    assert json.loads(Path("out/texot.json").read_text())["size"] == [48, 36]
    assert json.loads(call("info", "out", "--json").stdout)["copy"] is True
    assert read_field("out/field.npz").exemplar_size == (40, 32)
    done = call("apply", "out/field.npz", "a/rock_height.png", "-o", "h.png", "--filter", "nearest")
    assert done.exit_code == 0, done.stderr
    assert np.array_equal(values("h.png"), values("out/rock_height.png"))


def test_maps_by_role_names_and_flips(folder: Path) -> None:
    maps = ["--map", "basecolor=a/rock_basecolor.png", "--map", "normal=a/rock_normal_gl.png"]
    done = call("synthesize", *maps, "-o", "rock", "--naming", "unity", "--map-weight", "normal=0", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert {"rock_Albedo.png", "rock_Normal.png"} < set(names("rock"))
    flags = ["--naming", "ambientcg", "--flip-normal-y"]
    done = call("synthesize", *maps, "-o", "flipped", "--map-weight", "normal=0", *flags, *QUICK)
    assert done.exit_code == 0, done.stderr
    upright, flipped = values("rock/rock_Normal.png"), values("flipped/flipped_NormalDX.png")
    assert np.abs(upright[..., 1] + flipped[..., 1] - 255).max() <= 1
    assert np.array_equal(upright[..., 0], flipped[..., 0])


def test_documents_for_other_programs(folder: Path) -> None:
    done = call("synthesize", "a", "-o", "out", "--handover", "gltf", "--naming", "godot", *QUICK)
    assert done.exit_code == 0, done.stderr
    document = json.loads(Path("out/material.gltf").read_text())
    assert "out_albedo.png" in {image["uri"] for image in document["images"]}


def test_a_generator_of_a_material(folder: Path) -> None:
    tiny = ["--steps", "8", "--n-scales", "2", "--features", "none", "--threads", "1"]
    done = call("train", "a", "-o", "m.safetensors", "--map-weight", "normal=0.2", "--log-dir", "log", *tiny)
    assert done.exit_code == 0, done.stderr
    with Image.open("log/preview-000008.png") as preview:
        assert (preview.mode, preview.size) == ("RGB", (256, 256))
    flags = ["--naming", "unity", "--flip-normal-y", "--handover", "gltf", "--threads", "1"]
    done = call("sample", "m.safetensors", "-o", "s{seed}", "--size", "60x50", "--count", 2, *flags)
    assert done.exit_code == 0, done.stderr
    assert {"s1_Albedo.png", "s1_Normal.png", "s1_Height.png", "material.gltf", "texot.json"} <= set(
        names("s1")
    )
    assert np.abs(values("s1/s1_Height.png") / 257 - values("s1/s1_Albedo.png")[..., 0]).max() <= 1
    assert json.loads(Path("s1/texot.json").read_text())["seed"] == 1
    done = call("sample", "m.safetensors", "-o", "-")
    assert done.exit_code == 2
    assert "needs a folder" in one_line(done)
    done = call("sample", "m.safetensors", "-o", "s1", "--no-overwrite")
    assert done.exit_code == 1
    assert "exists" in one_line(done)


def test_options_of_materials_need_a_material(folder: Path) -> None:
    tiny = ["--steps", "2", "--n-scales", "1", "--features", "none", "--threads", "1"]
    assert call("train", "mask.png", "-o", "m.safetensors", *tiny).exit_code == 0
    for arguments, word in (
        (["train", "mask.png", "-o", "n.safetensors", "--map-weight", "normal=1", *tiny], "for materials"),
        (["train", "a", "mask.png", "-o", "n.safetensors", *tiny], "same maps"),
        (["sample", "m.safetensors", "-o", "x.png", "--naming", "unity"], "for materials"),
    ):
        done = call(*arguments)
        assert done.exit_code != 0
        assert word in one_line(done)


def test_variations_of_a_material(folder: Path) -> None:
    assert call("synthesize", "a", "-o", "m/{i}", "--variations", 2, *QUICK).exit_code == 0
    assert not np.array_equal(values("m/1/rock_height.png"), values("m/2/rock_height.png"))


@pytest.mark.slow
def test_tile_inpaint_and_interpolate(folder: Path) -> None:
    assert call("tile", "a", "-o", "t/{i}", "--set", 2, "--band", 8, *QUICK).exit_code == 0
    assert np.array_equal(values("t/1/rock_height.png")[6:-6, 6:-6], values("a/rock_height.png")[6:-6, 6:-6])
    assert np.array_equal(values("t/2/rock_height.png")[0], values("t/1/rock_height.png")[0])
    assert call("inpaint", "a", "mask.png", "-o", "i", *QUICK).exit_code == 0
    outside = values("mask.png") == 0
    for name in ("rock_basecolor.png", "rock_normal_gl.png", "rock_height.png"):
        assert np.array_equal(values(f"i/{name}")[outside], values(f"a/{name}")[outside])
    assert call("interpolate", "a", "b", "-o", "mix", "--weights", "1,3", *QUICK).exit_code == 0
    assert "rock_height.png" in names("mix")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("synthesize a -o a", 2, "is an input"),
        ("synthesize a -o -", 2, "needs a folder"),
        ("synthesize a -o mask.png", 1, "is a file"),
        ("synthesize a -o no/such/out", 1, "no such folder"),
        ("synthesize a -o out --preset paper", 2, "not for materials"),
        ("synthesize a -o out --save-every 2", 2, "not for materials"),
        ("synthesize a -o out --map shine=mask.png", 1, "unknown role"),
        ("synthesize a -o out --map normal=mask.png", 1, "expected 3"),
        ("synthesize a -o out --map height=missing.png", 1, "no such file"),
        ("synthesize a -o out --map height", 2, "ROLE=FILE"),
        ("synthesize a -o out --map-weight opacity=1", 1, "its maps are"),
        ("synthesize a -o out --map-weight normal=x", 2, "not a number"),
        ("synthesize mask.png -o out.png --flip-normal-y", 2, "for materials"),
        ("synthesize a -o out --handover usd", 2, "mtlx, gltf"),
        ("synthesize -o out.png", 2, "EXEMPLAR"),
        ("tile -o out.png", 2, "PHOTO"),
        ("tile a -o out --layout l.png", 2, "--layout"),
        ("inpaint a -o out", 2, "MASK"),
        ("interpolate a mask.png -o out", 2, "with materials"),
        ("interpolate a b -o out --frames 3", 2, "frames of materials are folders"),
        ("interpolate a b -o out --map height=mask.png", 2, "one material"),
    ],
)
def test_errors_in_one_line(folder: Path, arguments: str, code: int, words: str) -> None:
    before = sorted(str(path) for path in folder.rglob("*"))
    done = call(*arguments.split())
    assert done.exit_code == code, done.stderr
    assert words in one_line(done)
    assert sorted(str(path) for path in folder.rglob("*")) == before


def test_existing_maps_may_be_protected(folder: Path) -> None:
    assert call("synthesize", "a", "-o", "out", *QUICK).exit_code == 0
    done = call("synthesize", "a", "-o", "out", "--no-overwrite", *QUICK)
    assert done.exit_code == 1
    assert "protects it" in one_line(done)


@pytest.mark.parametrize("kind", ["nan", "wide", "alpha", "empty", "truncated"])
def test_damaged_and_odd_maps(folder: Path, kind: str) -> None:
    path = folder / "a" / "rock_height.png"
    if kind == "nan":
        path.unlink()
        Image.fromarray(np.full((32, 40), np.nan, np.float32)).save(folder / "a" / "rock_height.tif")
    elif kind == "wide":
        header = Image.new("1", (65535, 1))
        path.unlink()
        header.save(folder / "a" / "rock_height.tif")
    elif kind == "alpha":
        Image.fromarray(np.full((32, 40, 4), 77, np.uint8)).save(path)
    elif kind == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(path.read_bytes()[:90])
    done = call("synthesize", "a", "-o", "out", *QUICK)
    if kind == "alpha":  # one more channel, copied like the others
        assert done.exit_code == 0, done.stderr
        assert values("out/rock_height.png").shape[2] == 4
        return
    assert done.exit_code == 1, done.stderr
    assert one_line(done)
    assert not Path("out").exists()


MADE = {
    "synthesize": ("synthesize a -o out --size 48x36 --map-weight normal=0.1 --flip-normal-y", "a"),
    "copy": ("synthesize a -o out --copy --naming godot --handover gltf", "a"),
    "map": ("synthesize a -o out --map roughness=b/rock_height.png", "a --map roughness=b/rock_height.png"),
    "tile": ("tile a -o out --band 8 --flatten", "a"),
    "tile of a source": ("tile a -o out --band 8 --source source.png", "a --source source.png"),
    "inpaint": ("inpaint a mask.png -o out", "a mask.png"),
    "interpolate": ("interpolate a b -o out --weights 1,3", "a b"),
    "one of two": ("interpolate a b -o out --weights 0,1", "a b"),
    "weight map": ("interpolate a b -o out --weight-map horizontal", "a b"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_replay(folder: Path, name: str) -> None:
    command, inputs = MADE[name]
    assert call(*command.split(), *QUICK).exit_code == 0
    done = call("replay", "out", *inputs.split(), "-o", "again")
    assert done.exit_code == 0, done.stderr
    assert "again is identical to out" in done.stderr
    for path in Path("out").glob("rock_*"):
        assert (Path("again") / path.name).read_bytes() == path.read_bytes()
    assert Path("again/texot.json").read_bytes() == Path("out/texot.json").read_bytes()
    if name == "synthesize":
        Path("out").rename("out.v2")
        assert "out.v2-replay is identical to out.v2" in call("replay", "out.v2", "a").stderr
        Path("out.v2").rename("out")
        other = call("replay", "out", "b", "-o", "other")
        assert other.exit_code == 1
        assert "was made from another exemplar" in one_line(other)
        assert not Path("other").exists()
        assert call("replay", "out", "b", "-o", "other", "--force").exit_code == 0
        assert "other differs from out" in call("replay", "out", "b", "-o", "other", "--force").stderr


@pytest.mark.slow
def test_replay_of_sets_and_sequences(folder: Path) -> None:
    flip = ["--flip-normal-y", *QUICK]
    assert call("tile", "a", "-o", "t/{i}", "--set", 2, "--band", 8, *flip).exit_code == 0
    for number, source in {1: "a", 2: "t/1"}.items():
        done = call("replay", f"t/{number}", source, "-o", "again")
        assert "is identical to" in done.stderr, done.stderr
    done = call("interpolate", "a", "b", "-o", "f/{i}/", "--frames", 3, *flip)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in Path("f").iterdir()) == ["1", "2", "3"]
    assert not np.array_equal(values("f/2/rock_height.png"), values("f/1/rock_height.png"))
    for number in (1, 2, 3):
        init = ["--init", f"f/{number - 1}"] if number > 1 else []
        done = call("replay", f"f/{number}", "a", "b", *init, "-o", "again")
        assert "is identical to" in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("replay a a", 1, "no such file: 'a/texot.json'"),
        ("replay out a --exemplar mask.png", 2, "not for materials"),
        ("replay out missing", 1, "missing"),
        ("replay out small", 1, "has no height map: its maps are basecolor"),
        ("replay out a -o a", 2, "is an input"),
        ("replay out a -o out", 2, "is an input"),
    ],
)
def test_replay_in_one_line(folder: Path, arguments: str, code: int, words: str) -> None:
    assert call("synthesize", "a", "-o", "out", *QUICK).exit_code == 0
    (folder / "small").mkdir()
    (folder / "small" / "basecolor.png").write_bytes(Path("a/rock_basecolor.png").read_bytes())
    (folder / "small" / "normal.png").write_bytes(Path("a/rock_normal_gl.png").read_bytes())
    done = call(*arguments.split())
    assert done.exit_code == code, done.stderr
    assert words in one_line(done)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": -1}', '{"texot": "0.3.0", "seed": 0}', "\udcff"])
def test_replay_of_damaged_settings(folder: Path, text: str) -> None:
    (folder / "a" / "texot.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    done = call("replay", "a", "b", "-o", "again")
    assert done.exit_code == 1, done.stderr
    assert "a" in one_line(done)
    assert not Path("again").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "inputs"),
    [
        ("synthesize a", "a"),
        ("tile a", "a"),
        ("inpaint a mask.png", "a mask.png"),
        ("interpolate a b", "a b"),
    ],
)
def test_a_material_starts_from_a_draft_and_is_replayed(folder: Path, command: str, inputs: str) -> None:
    size = "--image-size 24" if command.startswith(("tile", "inpaint")) else "--exemplar-size 24"
    assert call(*command.split(), *size.split(), "-o", "draft", *QUICK).exit_code == 0
    done = call(*command.split(), "-o", "final", "--init", "draft", "--n-scales", "1", *QUICK)
    assert done.exit_code == 0, done.stderr
    assert values("final/rock_height.png").shape == (32, 40)
    done = call("replay", "final", *inputs.split(), "--init", "draft")
    assert "is identical to" in done.stderr, done.stderr
