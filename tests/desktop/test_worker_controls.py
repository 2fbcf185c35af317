"""What goes where in the worker: the bytes of the copied command, and of its replay. No Qt here."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import call
from materials import make_material
from PIL import Image

from texot.desktop.control_settings import ControlSettings
from texot.desktop.requests import JobRequest
from texot.desktop.settings import SynthesisSettings
from texot.desktop.worker_files import read_labels_picture, read_mask_picture
from texot.desktop.worker_handlers import Handlers
from texot.desktop.worker_materials import MaterialJob
from texot.errors import InputError

GREEN, GREY = (40, 160, 40), (120, 120, 120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two exemplars, and pictures of the first one, 40x36."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 120, (36, 40, 3), np.uint8)
    values[:, 20:] += 120
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / "b.png")
    half = Image.new("RGB", (40, 36), GREEN)
    half.paste(GREY, (20, 0, 40, 36))
    half.save(tmp_path / "labels.png")
    painted = Image.new("RGB", (48, 40), GREEN)
    painted.paste(GREY, (0, 20, 48, 40))
    painted.save(tmp_path / "target.png")
    mask = Image.new("L", (40, 36))
    mask.paste(255, (0, 0, 22, 36))
    mask.save(tmp_path / "mask.png")
    Image.linear_gradient("L").resize((40, 36)).save(tmp_path / "grey.png")
    return tmp_path


def settings(folder: Path, case: str) -> ControlSettings:
    """The settings of a case."""

    def path(name: str) -> str:
        return str(folder / f"{name}.png")

    return {
        "exemplars": ControlSettings((path("b"),), (30, 70), blend_scale=0.3, symmetry="flips"),
        "source": ControlSettings(source=path("mask"), weights_map=path("grey")),
        "labels": ControlSettings(labels=path("labels"), target_labels=path("target"), target_size=(48, 40)),
        "guide": ControlSettings(guide=path("grey"), guide_strength=0.8, target_size=(40, 36)),
    }[case]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["exemplars", "source", "labels", "guide"])
def test_the_bytes_are_those_of_the_copied_command_and_its_replay(folder: Path, case: str) -> None:
    controls = settings(folder, case)
    (request,) = SynthesisSettings(
        str(folder / "a.png"), quality="draft", seed=2, controls=controls
    ).requests()
    events: list[tuple[str, dict[str, Any]]] = []
    file = folder / "result.png"
    handlers = Handlers(lambda event, number, pixels=None, **facts: events.append((event, facts)), set())
    handlers.do_run({"id": 1, "job": request.to_json(), "file": str(file)})
    assert events[-1][0] == "done"
    line = request.command_line(str(folder / "out.png"), threads=torch.get_num_threads())
    done = call(*shlex.split(line)[1:], "--quiet")
    assert done.exit_code == 0, done.stderr
    assert (folder / "out.png").read_bytes() == file.read_bytes()
    again = call(*shlex.split(request.replay_line(str(file), str(folder / "again.png")))[1:])
    assert again.exit_code == 0, again.stderr
    assert "is identical to" in again.stderr


def test_label_pictures_have_their_colours(folder: Path) -> None:
    pixels, colours = read_labels_picture(str(folder / "labels.png"))
    assert colours == ["#28a028", "#787878"]
    assert (pixels.size, pixels.channels) == ([40, 36], 3)
    assert pixels.data == Image.open(folder / "labels.png").tobytes()
    with pytest.raises(InputError, match="no clear colours"):
        read_labels_picture(str(folder / "b.png"))


def test_a_source_mask_is_read_in_its_own_size(folder: Path) -> None:
    assert read_mask_picture(str(folder / "mask.png"), None).size == [40, 36]
    with pytest.raises(InputError, match="40x36 px"):
        read_mask_picture(str(folder / "mask.png"), (9, 9))


def test_materials_with_normals_refuse_symmetry(folder: Path) -> None:
    rock = str(make_material(folder / "rock"))
    with pytest.raises(InputError, match="symmetry would turn a normal map"):
        MaterialJob(JobRequest("synthesize", {"image": rock}, {"symmetry": "flips"}))
