"""Batches: recipes, items that fail, what is skipped, the contact sheet, and other schedulers."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from command_line import call, environment, pixels
from materials import make_material
from odd_names import ODD
from PIL import Image

from texot.cli.app import texot as command
from texot.cli.batch_page import page
from texot.cli.batch_recipe import Item, Recipe, content_hash, items_of, read_recipe
from texot.cli.batch_records import Record
from texot.errors import InputError

FEW = {"quality": "draft", "n_iter": 2, "n_scales": 1, "patch_size": 3, "backend": "tiled"}
OPTIONS = [f"--option={name}={value}" for name, value in FEW.items()]
NAMES = [f"{name}.png" for name in ODD]


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two photographs."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("one.png", "two.png")):
        picture(tmp_path / "photos" / name, seed)
    return tmp_path


def toml(folder: Path, *jobs: str, options: str = "") -> Path:
    path = folder / "recipe.toml"
    few = "\n".join(f"{name} = {json.dumps(value)}" for name, value in FEW.items())
    path.write_text(f"[options]\n{options or few}\n" + "".join(f"[[job]]\n{job}\n" for job in jobs), "utf-8")
    return path


def items(recipe: Recipe, out: Path) -> list[Item]:
    return items_of(recipe, out, command.commands)


def states(result: Result) -> dict[str, str]:
    found = [json.loads(line) for line in result.stderr.splitlines()]
    return {event["item"]: event["state"] for event in found if event["event"] == "item"}


# ---------------------------------------------------------------------------- recipes


def test_a_recipe_becomes_command_lines(folder: Path) -> None:
    picture(folder / "masks" / "two.png")
    recipe = toml(
        folder,
        'command = "inpaint"\ninputs = "photos/t*.png"\narguments = ["masks/{name}"]\noptions = {reach = 9}',
        'name = "large"\ncommand = "synthesize"\ninputs = ["photos"]\noutput = "x/{stem}-{i}.png"\n'
        'options = {variations = 2, map-weight = {normal = 0.5}, save-field = "{stem}.npz", copy = true}',
        options="seed = 7",
    )
    out = folder / "made"
    first, second, third = items(read_recipe(recipe), out)
    assert first.name == "inpaint/two"
    assert first.words() == [
        *("inpaint", str(folder / "photos/two.png"), str(folder / "masks/two.png")),
        *("-o", str(out / "inpaint/two.png"), "--seed=7", "--reach=9"),
    ]
    assert (second.name, third.name) == ("large/one", "large/two")
    assert second.output == out / "large/x/one-{i}.png"
    assert second.options == (
        *("--seed=7", "--variations=2", "--map-weight=normal=0.5"),
        *(f"--save-field={out / 'large/one.npz'}", "--copy"),
    )


def test_json_is_the_same(folder: Path) -> None:
    job = {"command": "tile", "inputs": "photos"}
    (folder / "recipe.json").write_text(json.dumps({"options": FEW, "job": [job]}))
    made = toml(folder, 'command = "tile"\ninputs = "photos"')
    assert items(read_recipe(folder / "recipe.json"), folder) == items(read_recipe(made), folder)


def test_folders_of_maps_are_materials(folder: Path) -> None:
    make_material(folder / "photos" / "rock")
    (folder / "photos" / "empty").mkdir()
    (folder / "photos" / "notes.txt").touch()
    found = items(Recipe(folder, [{"command": "tile", "inputs": "photos"}]), folder / "out")
    assert [(item.name, item.output.name) for item in found] == [
        ("tile/one", "one.png"),
        ("tile/rock", "rock"),
        ("tile/two", "two.png"),
    ]
    found = items(Recipe(folder, [{"command": "train", "inputs": "photos"}]), folder / "out")
    assert [item.output.name for item in found] == ["one.safetensors", "two.safetensors"]


def test_names_are_unique_and_plain(folder: Path) -> None:
    for name in ["One.jpg", "a{i}.png", "a_i_.png", ".hidden.png", "-x.png", *NAMES]:
        picture(folder / "photos" / name)
    found = items(Recipe(folder, [{"command": "tile", "inputs": "photos"}]), folder / "out")
    outputs = [item.output.name for item in found]
    assert len({name.casefold() for name in outputs}) == len(found) == 6 + len(NAMES)
    assert not any(re.search(r"[{}\"`*?<>|]|^[-.]", name.replace("`", "")) for name in outputs), outputs
    assert {"One.jpg.png", "one.png.png", "x.png"} <= set(outputs)
    assert {item.inputs[0].name for item in found} >= set(NAMES)


BAD = {
    "no TOML": ("= =", "is no recipe"),
    "no job": ("[options]", "has no job"),
    "other table": ("[tools]\n[[job]]\ncommand='tile'", "expected only"),
    "command": ("[[job]]\ncommand='desktop'\ninputs='photos'", "'desktop'"),
    "key": ("[[job]]\ncommand='tile'\ninput='photos'", "'input'"),
    "no inputs": ("[[job]]\ncommand='tile'", "has no inputs"),
    "nothing": ("[[job]]\ncommand='tile'\ninputs='no/*.png'", "nothing matches"),
    "option": ("[[job]]\ncommand='tile'\ninputs='photos'\noptions={sizes=3}", "--sizes"),
    "own option": ("[[job]]\ncommand='tile'\ninputs='photos'\noptions={output='x'}", "--output"),
    "outside": ("[[job]]\ncommand='tile'\ninputs='photos'\noutput='../../{stem}.png'", "outside"),
    "absolute": ("[[job]]\ncommand='tile'\ninputs='photos'\noutput='/tmp/{stem}.png'", "outside"),
    "plot outside": (
        "[[job]]\ncommand='synthesize'\ninputs='photos'\noptions={loss_plot='../a.png'}",
        "outside",
    ),
    "twice": ("[[job]]\ncommand='tile'\ninputs='photos'\n" * 2, "another for each"),
    "name": ("[[job]]\ncommand='tile'\nname='../x'\ninputs='photos'", "no name of a job"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_recipes(folder: Path, name: str) -> None:
    text, words = BAD[name]
    (folder / "recipe.toml").write_text(text)
    done = call("batch", "recipe.toml", "-o", "out")
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("out").exists()


def test_the_key_is_of_contents_and_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_material(folder / "rock")
    picture(folder / "mask.png")

    def keys(**options: Any) -> list[str]:
        job = {
            "command": "inpaint",
            "inputs": ["photos", "rock"],
            "arguments": ["mask.png"],
            "options": options,
        }
        return [item.key() for item in items(Recipe(folder, [job]), folder / "out")]

    before = keys(source="mask.png")
    assert len(set(before)) == 3
    shutil.copytree(folder, folder / "copy")
    job = {"command": "inpaint", "inputs": ["photos", "rock"], "arguments": ["mask.png"]}
    copied = {**job, "options": {"source": "mask.png"}}
    assert [i.key() for i in items(Recipe(folder / "copy", [copied]), folder / "elsewhere")] == before
    assert not set(keys(source="mask.png", seed=1)) & set(before)
    picture(folder / "mask.png", 9)
    assert not set(keys(source="mask.png")) & set(before)
    picture(folder / "mask.png")
    picture(folder / "photos" / "two.png", 9)
    (folder / "rock" / "rock_height.png").unlink()
    assert [a == b for a, b in zip(keys(source="mask.png"), before, strict=True)] == [True, False, False]
    monkeypatch.setattr("texot.cli.batch_recipe.ALGORITHM", 999)
    assert keys(source="mask.png")[0] != before[0]
    with pytest.raises(InputError, match="cannot read"):
        content_hash(folder / "none.png")


# ---------------------------------------------------------------------------- running


@pytest.mark.slow
def test_a_failure_stops_no_other_and_what_is_done_is_skipped(folder: Path) -> None:
    (folder / "photos" / "two.png").rename(folder / "photos" / "two 16%.png")
    (folder / "photos" / "bad.png").write_bytes(b"no image")
    make_material(folder / "photos" / "rock")
    line = ["batch", "photos", "-o", "out", *OPTIONS, "--jobs", 2]

    def left(*options: object) -> set[str]:
        """Names of the items that the command would make."""
        printed = call(*line, *options, "--print").stdout.splitlines()
        return {shlex.split(text)[-1].removeprefix("--only=tile/") for text in printed}

    done = call(*line, "--progress", "json")
    assert done.exit_code == 1
    good = dict.fromkeys(("tile/one", "tile/rock", "tile/two 16%"), "done")
    assert states(done) == {"tile/bad": "failed", **good}
    last = json.loads(done.stderr.splitlines()[-1])
    assert "1 of 4 items failed" in last["message"]
    assert "tile/bad" in last["message"]
    assert (Path("out/tile/rock") / "texot.json").exists()
    assert left() == {"bad"}

    picture(folder / "photos" / "one.png", 5)  # changed
    next(Path("out/tile/rock").glob("*height*")).unlink()  # lost
    assert left() == {"bad", "one", "rock"}
    assert left("--option", "seed=3") == left("--force") == {"bad", "one", "rock", "two 16%"}
    picture(folder / "photos" / "one.png")  # as before
    values = np.full((20, 24), 40000, np.uint16)
    Image.fromarray(values).save(folder / "photos" / "bad.png")  # mended
    done = call(*line, "--progress", "json")
    assert states(done) == {"tile/bad": "done", "tile/rock": "done"}
    assert left() == set()
    summary = json.loads(Path("out/summary.json").read_text())
    assert summary["summary"] == "4 items: 2 made, 2 unchanged, 0 failed"
    made = [f"tile/{name}" for name in ("bad.png", "one.png", "rock", "two 16%.png")]
    assert [item["outputs"] for item in summary["items"]] == [[name] for name in made]

    text = Path("out/index.html").read_text("utf-8")
    assert summary["summary"] in text
    tags = Tags()
    tags.feed(text)
    assert sum(tag == "img" for tag, _ in tags.found) == 8  # input and output of each
    links = [a["href"] for tag, a in tags.found if tag == "a" and a.get("href")]
    assert {"tile/bad.png", "tile/two%2016%25.png"} <= set(links)


@pytest.mark.slow
def test_a_killed_process_is_a_failed_item(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it leaves no word, as where the system runs out of memory."""
    (folder / "dies.py").write_text(
        "import os, sys\nos.kill(os.getpid(), 9) if 'one.png' in sys.argv[4] else os._exit(0)\n"
    )
    (folder / "python").write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {folder / "dies.py"} "$@"\n'
    )
    (folder / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    done = call("batch", "photos", "-o", "out", "--progress", "json")
    assert done.exit_code == 1
    assert states(done) == {"tile/one": "failed", "tile/two": "done"}
    assert "code -9" in json.loads(Path("out/.texot-batch/tile/one.json").read_text())["message"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_names_are_not_trusted(folder: Path, name: str) -> None:
    """Of inputs, of their folder and of that of the outputs."""
    picture(folder / name / f"{name}.png")
    done = call("batch", f"./{name}", "-o", f"./out {name}", *OPTIONS)
    assert done.exit_code == 0, done.stderr
    (made,) = (folder / f"out {name}" / "tile").iterdir()
    assert pixels(made)[1] == (24, 20)
    assert call("batch", f"./{name}", "-o", f"./out {name}", *OPTIONS, "--print").stdout == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_stopped(folder: Path) -> None:
    """No process is left behind; the next run makes what was at work."""
    given = ["batch", "photos", "-o", "out", *OPTIONS, "--option=n_iter=100000", "--command=synthesize"]
    line = [sys.executable, "-m", "texot", *given, "--jobs=2", "--progress=json"]
    processes = []
    with subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        event: dict[str, Any] = {}
        for text in child.stderr:
            event = json.loads(text)
            if event["event"] == "step" and event["share"] > 0 and not processes:
                listed = subprocess.run(
                    ["pgrep", "-P", str(child.pid)], capture_output=True, text=True, check=False
                )
                processes = [int(pid) for pid in listed.stdout.split()]
                child.terminate()
    assert (child.returncode, event["event"]) == (128 + signal.SIGTERM, "interrupted")
    assert len(processes) in (1, 2)
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)
    records = [json.loads(path.read_text()) for path in Path("out/.texot-batch/synthesize").iterdir()]
    assert {record["state"] for record in records} == {"interrupted"}
    assert call(*given, "--print").stdout.count("\n") == 2


@pytest.mark.parametrize("how", ["SIGINT", "file"])
def test_stopping_stops_every_process(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """By the file that each of them looks for."""

    def run(item: Item, threads: int, stop: Path, *_: Any) -> Any:
        if how == "file":
            Path("cancel").touch()
        elif item.name == "tile/two":
            time.sleep(0.1)  # both have begun
            os.kill(os.getpid(), signal.SIGINT)
        while not stop.exists():
            time.sleep(0.01)
        return {"event": "interrupted", "message": "stopped"}, [], 130

    monkeypatch.setattr("texot.cli.batch_run._call", run)
    given = ["batch", "photos", "-o", "out", "--jobs", 2, "--cancel-file", "cancel", "--progress", "json"]
    done = call(*given)
    assert done.exit_code == 130
    assert json.loads(done.stderr.splitlines()[-1])["event"] == "interrupted"
    records = [json.loads(path.read_text()) for path in Path("out/.texot-batch/tile").iterdir()]
    assert {record["state"] for record in records} == {"interrupted"}


def test_threads_are_shared_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def run(item: Item, threads: int, *_: Any) -> Any:
        given.append((item.name, threads))
        picture(item.output)
        return {}, [str(item.output)], 0

    monkeypatch.setattr("texot.cli.batch_run._call", run)
    assert call("batch", "photos", "-o", "out", "--jobs", 2, "--threads", 7).exit_code == 0
    assert sorted(given) == [("tile/one", 3), ("tile/two", 3)]
    given.clear()
    assert call("batch", "photos", "-o", "out", "--jobs", 16, "--threads", 4, "--force").exit_code == 0
    assert sorted(given) == [("tile/one", 2), ("tile/two", 2)]  # as many processes as items


# -------------------------------------------------------------------------- the contact sheet


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_escapes_what_it_shows_and_needs_no_file() -> None:
    evil = "</pre><script>alert('x')</script>\"' onload='y"
    record = Record(
        f"{evil}/{evil}", "failed", "", [evil], evil, 1.0, {evil: 1}, {evil: "data:image/jpeg;base64,AA"}
    )
    tags = Tags()
    tags.feed(page([record], evil))
    names = {tag for tag, _ in tags.found}
    assert "script" not in names
    assert not any(attribute.startswith("on") for _, attributes in tags.found for attribute in attributes)
    sources = [attributes["src"] for _, attributes in tags.found if "src" in attributes]
    assert sources
    assert all(source and source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "link" not in names


# ------------------------------------------------------------------------------------------- other schedulers


@pytest.fixture
def printed(folder: Path) -> list[str]:
    """The lines of a batch of odd names, which run `texot` of these tests."""
    shutil.rmtree(folder / "photos")
    for seed, name in enumerate(NAMES[2:]):
        picture(folder / "photos" / name, seed)
    done = call("batch", "photos", "-o", "./out 'of' %s", *OPTIONS, "--threads", 1, "--print")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert not Path("./out 'of' %s").exists()
    assert all(shlex.split(line)[0] == "texot" for line in lines)
    script = folder / "bin" / "texot"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m texot "$@"\n')
    script.chmod(0o755)
    return lines


def with_texot(folder: Path) -> dict[str, str]:
    return environment(PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")


def all_made(folder: Path) -> None:
    """Nothing is left to do, and the page is written."""
    line = ["batch", "photos", "-o", "./out 'of' %s", *OPTIONS]
    assert call(*line, "--threads", 1, "--print").stdout == ""
    assert states(call(*line, "--progress", "json")) == {}
    assert "2 items: 0 made, 2 unchanged, 0 failed" in (folder / "out 'of' %s" / "index.html").read_text(
        "utf-8"
    )


@pytest.mark.slow
def test_lines_in_a_slurm_array(folder: Path, printed: list[str]) -> None:
    """The script of docs/batch.md, with the variable that Slurm sets."""
    docs = (Path(__file__).parents[2] / "docs" / "batch.md").read_text("utf-8")
    (script,) = re.findall(r"```\w+\n(#!/bin/bash\n#SBATCH.*?)```", docs, re.DOTALL)
    (folder / "jobs.txt").write_text("\n".join(printed) + "\n", "utf-8")
    (folder / "array.sh").write_text(script)
    for number in range(1, 3):
        given = {**with_texot(folder), "SLURM_ARRAY_TASK_ID": str(number)}
        subprocess.run(["bash", "array.sh"], cwd=folder, env=given, check=True, timeout=120)
        made = list(Path("./out 'of' %s/tile").glob("*.png"))
        assert len(made) == number
    assert {pixels(path)[1] for path in made} == {(24, 20)}
    all_made(folder)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_lines_in_gnu_parallel(folder: Path, printed: list[str]) -> None:
    (folder / "jobs.txt").write_text("\n".join(printed) + "\n", "utf-8")
    with (folder / "jobs.txt").open() as lines:
        subprocess.run(["parallel", "-j2"], stdin=lines, env=with_texot(folder), check=True, timeout=240)
    all_made(folder)


def python_of(page: str, name: str) -> str:
    """The block of Python of a page that names a package."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    (found,) = [
        block
        for block in re.findall(r":::{code-block} python\n(.*?):::\n", text, re.DOTALL)
        if f"{name}" in block
    ]
    return str(found)


@pytest.mark.slow
def test_lines_on_dasks_local_cluster(folder: Path, printed: list[str]) -> None:
    pytest.importorskip("dask.distributed", reason="dask[distributed] is not installed: NOT TESTED with Dask")
    (folder / "jobs.txt").write_text("\n".join(printed) + "\n", "utf-8")
    (folder / "run.py").write_text(python_of("batch.md", "dask"))
    line = [sys.executable, "run.py"]
    done = subprocess.run(
        line, env=with_texot(folder), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0 of 2 failed" in done.stdout
    all_made(folder)


@pytest.mark.slow
def test_lines_on_ray(folder: Path, printed: list[str]) -> None:
    pytest.importorskip("ray", reason="ray is not installed: NOT TESTED with Ray")
    (folder / "jobs.txt").write_text("\n".join(printed) + "\n", "utf-8")
    (folder / "run.py").write_text(python_of("batch.md", "ray"))
    line = [sys.executable, "run.py"]
    done = subprocess.run(
        line, env=with_texot(folder), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0 of 2 failed" in done.stdout
    all_made(folder)


def test_items_by_name(folder: Path) -> None:
    done = call("batch", "photos", "-o", "out", "--only", "tile/none")
    assert done.exit_code == 1
    assert "no item 'tile/none'" in done.stderr
    begun = time.monotonic()
    assert call("batch", "photos", "-o", "out", "--print", "--only", "tile/two").stdout.count("\n") == 1
    assert time.monotonic() - begun < 5
