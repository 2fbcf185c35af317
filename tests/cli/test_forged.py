"""Forged files: no escape sequence reaches the terminal, no JSON holds NaN, and nothing ends in a bug."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import QUICK, call, one_line, text
from PIL import Image, PngImagePlugin
from safetensors.torch import save

from texot.cli.progress import json_line
from texot.errors import printable
from texot.generator.model_file import Model, save_model, unpack
from texot.generator.network import Architecture, TextureNetwork

SMALL = Architecture(3, widths=(3, 4), fresh=(1, 2), inner=1, blocks=(1, 1))
EVIL = "\x1b]0;title\x07\x9b31m"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 24, 3), np.uint8)).save("photo.png")
    network = TextureNetwork(SMALL, torch.Generator().manual_seed(1)).requires_grad_(False)
    save_model(Model(network, {"mode": "RGB", "loss": 0.5}, "CC0"), "m.safetensors")
    return tmp_path


def with_facts(**facts: Any) -> None:
    """The model, with facts as anyone might write them."""
    tensors, about = unpack(Path("m.safetensors").read_bytes(), "m")
    about["facts"].update(facts)
    Path("m.safetensors").write_bytes(save(tensors, {"texot": json.dumps(about)}))


def with_record(name: str, settings: dict[str, Any], losses: Any = None) -> None:
    """The photograph as a PNG of ours, with settings as anyone might write them."""
    info = PngImagePlugin.PngInfo()
    info.add_text("texot", json.dumps(settings))
    if losses is not None:
        info.add_text("texot-losses", losses)
    with Image.open("photo.png") as image:
        image.save(name, pnginfo=info)


def test_facts_overwrite_nothing_that_info_says_itself(folder: Path) -> None:
    with_facts(format=99, license="MIT", weights=[0.5], critics=5, network_colours=77, note="kept")
    found = json.loads(call("info", "m.safetensors", "--json").stdout)
    assert (found["format"], found["license"], found["network_colours"]) == (1, "CC0", 3)
    assert (found["weights"] > 0, found["critics"], found["note"]) == (True, 0, "kept")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, EVIL, "\ud800"])
@pytest.mark.parametrize("command", [["info"], ["info", "--json"], ["sample", "-o", "out.png"]])
def test_forged_models(folder: Path, value: object, command: list[str]) -> None:
    for name in ("note", "loss", "exemplar_size", "exemplar_sha256"):
        tensors, about = unpack(Path("m.safetensors").read_bytes(), "m")
        about["facts"][name] = value
        Path("forged").write_bytes(save(tensors, {"texot": json.dumps(about)}))
        done = call(command[0], "forged", *command[1:])
        assert done.exit_code == 1
        line = one_line(done)
        assert "is no" in line
        assert printable(line) == line


def test_a_licence_of_several_lines_is_shown_on_one(folder: Path) -> None:
    done = call("train", "photo.png", "-o", "x.safetensors", "--license", EVIL)
    assert done.exit_code == 2
    assert "--license" in one_line(done)


@pytest.mark.skipif(sys.platform != "linux", reason="any bytes are a name")
def test_names_of_files_are_shown_without_escape_sequences(folder: Path) -> None:
    name = os.fsdecode(b"\x1b[31m\xff.png")
    for arguments in (
        ["synthesize", name, "-o", "out.png"],
        ["synthesize", "photo.png", "-o", name, *QUICK],
        ["info", name],
        ["sample", name, "-o", "out.png"],
        ["replay", name, "photo.png"],
    ):
        done = call(*arguments)
        shown = done.stdout + done.stderr
        assert "\x1b" not in shown
        assert "bug" not in shown
        assert "\\x1b[31m" in shown or arguments[0] == "info"  # which shows the settings alone
    assert Path(name).exists()  # the second has written it


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="any bytes are a name")
@pytest.mark.parametrize("name", ["$\\frac{$.png", "a\x1b[31mb.png", os.fsdecode(b"\xff.png"), "<b>&.png"])
def test_reports_of_files_of_any_name(folder: Path, name: str) -> None:
    with_record(name, {"texot": "1", "note": "<script>"}, "[[1,1,2.0],[0,2,1.0]]")
    done = call("evaluate", "photo.png", name, "--report", "r.html", "--no-compare", "--n-samples", 50)
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stdout + Path("r.html").read_text()
    done = call("evaluate", "photo.png", name, "--json", "--no-compare", "--n-samples", 50)
    json.loads(done.stdout, parse_constant=pytest.fail)


@pytest.mark.slow
@pytest.mark.parametrize(
    "losses", ["[[0,1,1e999]]", f"[[0,1{'0' * 400},1.0]]", "[[0,1,NaN]]", "[[0,1,1e300]]"]
)
def test_reports_of_forged_losses(folder: Path, losses: str) -> None:
    with_record("made.png", {"texot": "1", "loss": 1}, losses)
    done = call("evaluate", "photo.png", "made.png", "--report", "r.html", "--no-compare", "--n-samples", 50)
    assert done.exit_code == 0, done.stderr


@pytest.mark.slow
def test_a_record_that_asks_for_thousands_of_threads(folder: Path) -> None:
    assert call("synthesize", "photo.png", "-o", "out.png", "--threads", 1, *QUICK).exit_code == 0
    settings = json.loads(text(Path("out.png"))["texot"])
    with_record("forged.png", {**settings, "threads": 4096})
    before = torch.get_num_threads()
    try:
        done = call("replay", "forged.png", "photo.png")
        assert done.exit_code == 0, done.stderr
        assert torch.get_num_threads() <= max(64, os.cpu_count() or 1)
    finally:
        torch.set_num_threads(before)
    assert "asks for 4096 threads" in done.stderr


def test_json_has_no_nan() -> None:
    assert json_line({"a": [float("nan"), {"b": float("-inf")}, 1.5], "c": Path("x")}) == (
        '{"a": [null, {"b": null}, 1.5], "c": "x"}'
    )


def test_printable_keeps_what_people_write() -> None:
    for good in ("Müller & Söhne", "日本\u3000語", "a\u00a0b", "👩\u200d🔬", "\\x1b"):
        assert printable(good) == good
    assert printable(EVIL + "\ud800\u202e\n") == "\\x1b]0;title\\x07\\x9b31m\\ud800\\u202e\\n"


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"n_iter": 10_001}, "asks for n_iter 10001, at most 10000 are usual"),
        ({"psi_steps": 10**6}, "asks for psi_steps 1000000, at most 1000 are usual"),
        ({"n_iter": 10**6 + 1}, "its fact 'n_iter' is not one that texot writes"),
        ({"n_iter": -1}, "its fact 'n_iter' is not one that texot writes"),
        ({"patch_size": 0}, "its fact 'patch_size' is not one that texot writes"),
        ({"size": [100_000, 100_000]}, "would take 120 GB of memory"),
    ],
)
def test_records_of_absurd_numbers_are_refused(folder: Path, facts: dict[str, Any], said: str) -> None:
    assert call("synthesize", "photo.png", "-o", "out.png", "--threads", 1, *QUICK).exit_code == 0
    settings = json.loads(text(Path("out.png"))["texot"])
    with_record("forged.png", {**settings, **facts})
    assert said in one_line(call("replay", "forged.png", "photo.png"))


def test_records_of_much_work_are_told_before_it_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("synthesize", "photo.png", "-o", "out.png", "--threads", 1, *QUICK).exit_code == 0
    settings = json.loads(text(Path("out.png"))["texot"])
    monkeypatch.setattr("texot.cli.replay.run", lambda *_, **__: sys.exit(7))
    for facts, force, said in (
        ({"n_iter": 4096}, [], "asks for n_iter 4096: this may take long; Ctrl-C saves"),
        ({"psi_steps": 900, "n_iter": 501}, [], "asks for n_iter 501, psi_steps 900: this may take long"),
        ({"size": [5000, 5000]}, [], "asks for 5000x5000 px: this may take long"),
        ({"n_iter": 20_000}, ["--force"], "asks for n_iter 20000: this may take long"),
    ):
        with_record("forged.png", {**settings, **facts})
        done = call("replay", "forged.png", "photo.png", *force)
        assert done.exit_code == 7, done.stderr
        assert said in done.stderr
    with_record("forged.png", settings)
    assert "may take long" not in call("replay", "forged.png", "photo.png").stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_replay_and_info_of_a_pipe_that_nobody_writes(folder: Path) -> None:
    """One that waited for a writer would be ended by the alarm."""
    os.mkfifo("pipe.png")
    for command in (
        ["replay", "pipe.png", "photo.png"],
        ["info", "pipe.png"],
        ["replay", "photo.png", "pipe.png"],
    ):
        signal.alarm(60)
        try:
            done = call(*command)
        finally:
            signal.alarm(0)
        assert done.exit_code == 1
        assert "'pipe.png' is a pipe or device" in done.stderr or "holds no texot settings" in done.stderr
