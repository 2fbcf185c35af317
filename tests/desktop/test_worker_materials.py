"""Materials in the worker: pictures of maps, light, and the same bytes as the commands. No Qt here."""

import io
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import call
from materials import make_material
from PIL import Image

import texot
from texot.desktop.requests import JobRequest
from texot.desktop.worker_files import to_pixels
from texot.desktop.worker_handlers import Handlers
from texot.desktop.worker_jobs import Models
from texot.desktop.worker_materials import MaterialJob, Materials, map_picture, save_folder
from texot.errors import InputError, OutputError
from texot.images.shading import Lighting
from texot.jobs.preview import preview


@pytest.fixture
def rock(tmp_path: Path) -> Path:
    return make_material(tmp_path / "rock")


def jobs(folder: Path) -> list[JobRequest]:
    """One of each task, on the materials "rock" and "moss" and a mask."""
    make_material(folder / "moss", 2)
    mask = Image.new("L", (40, 32))
    mask.paste(255, (12, 10, 24, 20))
    mask.save(folder / "mask.png")
    rock, quick = str(folder / "rock"), {"quality": "draft", "seed": 3}
    both = {"images": [rock, str(folder / "moss")]}
    return [
        JobRequest("synthesize", {"image": rock}, {"size": "36x30", "tile": "x", "novelty": 0.4, **quick}),
        JobRequest("tile", {"image": rock}, {"tile": "both", "band": 8, "flatten": True, **quick}),
        JobRequest("inpaint", {"image": rock, "mask": str(folder / "mask.png")}, {"tile": "none", **quick}),
        JobRequest("interpolate", both, {"weights": [0.5, 0.5], "size": "32x32", **quick}),
        JobRequest(
            "synthesize", both, {"proportions": [0.3, 0.7], "blend_scale": 0.4, "size": "32x32", **quick}
        ),
        JobRequest(
            "synthesize", {"image": rock}, {"guide": str(folder / "mask.png"), "size": "32x32", **quick}
        ),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_the_bytes_are_those_of_the_copied_command(rock: Path, number: int) -> None:
    request = jobs(rock.parent)[number]
    events: list[tuple[str, dict[str, Any]]] = []

    def send(event: str, number: int, pixels: Any = None, **facts: Any) -> None:
        events.append((event, {"pixels": pixels, **facts}))

    file = str(rock.parent / "result.png")
    Handlers(send, set()).do_run({"id": 1, "job": request.to_json(), "file": file})
    event, facts = events[-1]
    assert event == "done"
    assert facts["maps"] == ["basecolor", "normal", "height"]
    made = Path(facts["file"])
    assert made == rock.parent / "result"
    assert sorted(facts["names"]) == sorted(path.name for path in made.iterdir())
    shown = [one["pixels"] for kind, one in events if kind == "state" and one["pixels"]]
    assert shown, "the work was seen"
    assert all(one.channels == 3 for one in shown)
    line = request.command_line(str(rock.parent / "out"), threads=torch.get_num_threads())
    done = call(*shlex.split(line)[1:], "--quiet")
    assert done.exit_code == 0, done.stderr
    for path in made.iterdir():
        assert path.read_bytes() == (rock.parent / "out" / path.name).read_bytes(), path.name
    assert len(list((rock.parent / "out").iterdir())) == len(facts["names"])


@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_a_stopped_material_is_replayed(rock: Path, number: int) -> None:
    request = jobs(rock.parent)[number]
    handlers = Handlers(lambda *_, **__: None, {1})
    handlers.do_run({"id": 1, "job": request.to_json(), "file": str(rock.parent / "result.png")})
    line = request.replay_line(str(rock.parent / "result"), str(rock.parent / "again"))
    done = call(*shlex.split(line)[1:], "--quiet")
    assert done.exit_code == 0, done.stderr
    for path in (rock.parent / "result").glob("rock_*.png"):
        assert path.read_bytes() == (rock.parent / "again" / path.name).read_bytes(), path.name


def test_maps_are_shown_in_eight_bits(rock: Path) -> None:
    material = texot.read_material(rock)
    for role, channels in (("basecolor", 3), ("normal", 3), ("height", 1)):
        shown = map_picture(material, role)
        assert (shown.size, shown.channels) == ([40, 32], channels)
        with Image.open(rock / f"rock_{role}.png") as image:
            stored = np.asarray(image)
        eight = stored if stored.dtype == np.uint8 else np.rint(stored / 257).astype(np.uint8)
        assert shown.data == eight.tobytes()
    with pytest.raises(InputError, match="'rock' has no gloss map: its maps are basecolor, normal, height"):
        map_picture(material, "gloss")


def test_light_is_that_of_the_preview(rock: Path) -> None:
    found = Materials().lit(str(rock), (200.0, 30.0), 24)
    wanted = preview(texot.read_material(rock), lighting=Lighting(200, 30), size=24)
    assert found == to_pixels(wanted)
    assert found.size == [24, 19]
    assert Materials().lit(str(rock), (20.0, 30.0), 24) != found


def test_a_material_is_read_once_until_it_is_opened_again(rock: Path) -> None:
    materials = Materials()
    materials.open(str(rock))
    before = materials.lit(str(rock), (0.0, 45.0), 512)
    white = Image.new("RGB", (40, 32), (255, 255, 255))
    white.save(rock / "rock_basecolor.png")
    assert materials.lit(str(rock), (0.0, 45.0), 512) == before
    materials.open(str(rock))
    assert materials.lit(str(rock), (0.0, 45.0), 512) != before
    shutil.rmtree(rock)
    assert materials.picture(str(rock), "basecolor").data == white.tobytes(), "as it was read"
    with pytest.raises(InputError, match="cannot read the folder"):
        materials.open(str(rock))


def test_images_and_materials_do_not_mix(rock: Path) -> None:
    image = str(rock / "rock_basecolor.png")
    with pytest.raises(InputError, match="materials and images do not mix"):
        MaterialJob(JobRequest("interpolate", {"images": [str(rock), image]}, {}))


def test_nothing_painted_is_refused(rock: Path) -> None:
    with pytest.raises(InputError, match="nothing is painted"):
        MaterialJob(JobRequest("inpaint", {"image": str(rock), "mask": None}, {}))


def small(size: tuple[int, int]) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", size, (90, 120, 200)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no map of a material in"),
        ({"readme.txt": b"hello"}, "no map of a material in"),
        ({"a_basecolor.png": small((8, 8))}, ""),
        ({"photo.png": small((8, 8))}, ""),
        ({"a_basecolor.png": small((8, 8)), "a_normal.png": small((4, 4))}, ""),
        ({"a_basecolor.png": small((8, 8)), "a_normal.png": small((5, 8))}, "give maps of one size"),
        ({"a_basecolor.png": small((8, 8))[:40]}, "a_basecolor.png"),
        ({"a_basecolor.png": b""}, "is empty"),
        ({"a_albedo.png": small((8, 8)), "a_diffuse.png": small((8, 8))}, "two maps of role basecolor"),
    ],
)
def test_folders_of_any_content_open_or_say_why(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    events: list[tuple[str, dict[str, Any]]] = []
    handlers = Handlers(lambda event, *_, **facts: events.append((event, facts)), set())
    if message:
        with pytest.raises(texot.TexotError, match=message) as error:
            handlers.do_open({"id": 1, "path": str(tmp_path)})
        assert "\n" not in str(error.value)
        return
    handlers.do_open({"id": 1, "path": str(tmp_path)})
    handlers.do_lit({"id": 2, "path": str(tmp_path), "light": [135, 45], "side": 512})
    assert events[0][1]["maps"][0] == "basecolor"
    assert [event for event, _ in events] == ["opened", "lit"]


def test_saving_replaces_nothing_unasked(rock: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder"
    save_folder(rock, str(target), overwrite=False)
    assert {p.name: p.read_bytes() for p in target.iterdir()} == {
        p.name: p.read_bytes() for p in rock.iterdir()
    }
    (target / "rock_height.png").unlink()
    (target / "rock_normal.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"has a file 'rock_basecolor.png' already"):
        save_folder(rock, str(target), overwrite=False)
    assert (target / "rock_normal.png").read_bytes() == b"mine"
    assert not (target / "rock_height.png").exists(), "all or nothing"
    save_folder(rock, str(target), overwrite=True)
    assert (target / "rock_normal.png").read_bytes() == (rock / "rock_normal.png").read_bytes()
    with pytest.raises(OutputError, match="cannot make the folder"):
        save_folder(rock, str(rock / "rock_height.png" / "in"), overwrite=False)


def test_a_generator_of_a_material_is_refused(tmp_path: Path) -> None:
    material = texot.read_material(make_material(tmp_path / "rock"))
    texot.train(material, steps=3, n_scales=1, features="none").save(tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="of a material"):
        Models().load(str(tmp_path / "m.safetensors"))
