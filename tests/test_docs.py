"""README and the site: commands and Python that run, links that lead somewhere, a complete reference."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
from click.testing import CliRunner
from command_line import QUICK, environment
from PIL import Image
from textures import clouds

import texot
import texot.evaluation
import texot.kernels
import texot.networks
from texot.cli.app import texot as command
from texot.evaluation import Evaluator
from texot.files.deep import write_deep
from texot.files.deep_image import DeepImage
from texot.files.material_names import NAMINGS, ROLES
from texot.files.material_stack import WEIGHTS

ROOT = Path(texot.__file__).parents[1]
DOCS = ROOT / "docs"
if not (DOCS / "conf.py").exists():
    pytest.skip("not a checkout", allow_module_level=True)


def load(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pictures = load(DOCS / "make_pictures.py")
SITE = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))
TEXTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), ROOT / "benchmarks" / "README.md"]
BRIEF = {
    "train": ["--steps", "4", "--features", "none", "--no-exemplar"],  # its finish: tests/generator
    "evaluate": ["--n-samples", "200", "--no-compare"],
    **dict.fromkeys(("synthesize", "inpaint", "tile", "interpolate"), QUICK),
}


def picture(side: int) -> Image.Image:
    """A square texture."""
    return Image.fromarray((clouds(3, side, side) * 255).byte().permute(1, 2, 0).numpy())


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the samples' names, small images in them, and the files that README takes for granted."""
    folder = tmp_path_factory.mktemp("samples")
    for path in (ROOT / "samples").rglob("*.[jp][pn]g"):
        to = folder / path.relative_to(ROOT)
        to.parent.mkdir(parents=True, exist_ok=True)
        picture(96).save(to)
    for name in ("exemplar", "result", "a", "b", "crop", "rest"):  # of docs/evaluate.md
        shutil.copy(folder / "samples" / "cork.png", folder / f"{name}.png")
    whole = np.asarray(picture(96)).astype(np.uint16) * 257  # of docs/formats.md
    write_deep(DeepImage(whole, "PNG", ("R", "G", "B")), folder / "scan16.png")
    write_deep(DeepImage(whole.astype(np.float32), "OpenEXR", ("R", "G", "B")), folder / "sky.exr")
    mask = Image.new("L", (96, 96))
    mask.paste(255, (30, 30, 44, 44))
    mask.save(folder / "mask.png")
    return folder


@pytest.fixture
def small(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it as the current folder, where exact distances take few patches."""
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Evaluator.__init__.__kwdefaults__, "n_samples", 200)
    return tmp_path


def shortened(words: list[str]) -> list[str]:
    """A command of texot with few steps, small sizes, and no limit in time."""
    name, rest = words[1], words[2:]
    if "--time-limit" in rest:
        at = rest.index("--time-limit")
        del rest[at : at + 2]
    if "--size" in rest:
        at = rest.index("--size") + 1
        rest[at] = "112x64" if "--weight-map" in rest else "64x64"
    return [name, *rest, *BRIEF.get(name, [])]


def shortened_python(text: str) -> str:
    """A block with small windows of the samples, and few steps in each job."""
    for place, smaller in (("256", "48"), ("512", "96")):  # of the samples' pixels
        text = re.sub(rf"\b{place}\b", smaller, text)
    job = r"(texot\.(?:iter_)?(?:synthe\w+|inpaint|make_\w+|interpolate)\([^()\n]*)\)"
    few = {"quality": '"draft"', "n_iter": "2"}
    return re.sub(
        job,
        lambda call: (
            ", ".join([call[1], *(f"{k}={v}" for k, v in few.items() if f"{k}=" not in call[1])]) + ")"
        ),
        text,
    )


def run_block(language: str, text: str, folder: Path) -> None:
    """Run what a fenced block shows; names of other blocks are unknown to one of Python."""
    if language == "python":
        exec(compile(shortened_python(text), "<page>", "exec"), {"__name__": "__main__"})
        return
    for words in pictures.commands(text):
        if words[0] == "texot" and words[1] == "desktop":
            continue  # a window: tests/desktop
        if words[0] == "texot":
            done = CliRunner().invoke(command, shortened(words))
            assert done.exit_code == 0, (words, done.output)
        else:
            subprocess.run(pictures.process(words), cwd=folder, env=environment(), check=True)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning"
)  # pages leave it to the end of the program
@pytest.mark.parametrize("page", ["README", *(page for page in SITE if pictures.blocks(page))])
def test_commands_and_python_run(page: str, small: Path) -> None:
    """From top to bottom, in one folder, on small images."""
    text = (ROOT / "README.md").read_text(encoding="utf-8") if page == "README" else page
    found = pictures.blocks(text)
    assert found
    if page == "tutorials/remove-object":
        picture(512).save(small / "samples" / "stonewall.jpg")  # the page draws a mask on it
    for language, block in found:
        run_block(language, block, small)


def test_options_that_pages_show_exist() -> None:
    """In code spans and tables too, where nothing runs them."""
    known = {
        option
        for at in [command, *command.commands.values()]
        for p in at.params
        for option in [*p.opts, *p.secondary_opts]
    }
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        if path.stem == "design-notes":
            continue  # of the past
        text = path.read_text(encoding="utf-8")
        for span in re.findall(r"`(--[^`]*)`", text) + re.findall(r"`(texot [^`]*)`", text):
            for option in re.findall(r"(?<!\S)--[a-z-]+", span):
                assert option in known | {"--help", "--require-hashes"}, (path.name, span)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_files_that_texts_name_exist() -> None:
    """Paths in code spans, as from the root of the repository."""
    for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]:
        if path.name in ("design-notes.md", "CHANGELOG.md"):
            continue  # of the past
        spans = re.findall(
            r"`((?:benchmarks|docs|examples|samples|tests|cli|kernels)/[\w./-]+)`", path.read_text("utf-8")
        )
        for span in spans:
            assert "NAME" in span or (ROOT / span).exists(), (path.name, span)


def test_pictures_are_small_and_all_are_shown() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *DOCS.rglob("*.md")])
    made = {name for sheets in pictures.PICTURES.values() for name in sheets}
    assert made == {path.stem for path in (DOCS / "pictures").iterdir()}
    for path in (DOCS / "pictures").iterdir():
        assert path.stat().st_size <= pictures.MAX_BYTES, path.name
        assert f"pictures/{path.name}" in shown


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The generated pages of the site, built without the others as plain text; a warning fails."""
    pytest.importorskip("sphinx_click", reason="needs the extra docs")
    folder = tmp_path_factory.mktemp("site")
    source, built, pages = folder / "source", folder / "built", ("commands", "api")
    source.mkdir()
    for page in pages:
        shutil.copy(DOCS / f"{page}.md", source)
    contents = "\n".join(pages)
    (source / "both.md").write_text(f"# Both\n\n```{{toctree}}\n{contents}\n```\n", encoding="utf-8")
    line = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "text", "-c", str(DOCS)]
    # links to pages that are left out here; .ci/run builds the whole site
    line += ["-D", "root_doc=both", "-D", "suppress_warnings=myst.xref_missing"]
    done = subprocess.run(
        [*line, str(source), str(built)], env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return {page: (built / f"{page}.txt").read_text(encoding="utf-8") for page in pages}


@pytest.mark.slow
def test_the_command_reference_is_complete(references: dict[str, str]) -> None:
    """Every command, option and argument is on the page that is generated from them."""
    text = references["commands"]
    context = click.Context(command, info_name="texot")
    for name in command.list_commands(context):
        _, found, after = text.partition(f"\n   texot {name} [OPTIONS]")
        assert found, name
        part = after.partition("[OPTIONS]")[0]  # up to the next command
        for parameter in command.commands[name].params:
            if isinstance(parameter, click.Option):
                for spelling in [*parameter.opts, *parameter.secondary_opts]:
                    assert re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", part), (name, spelling)
                assert parameter.help
                assert parameter.help.split()[0] in part
            else:
                assert parameter.make_metavar(context).strip("[].") in part


@pytest.mark.slow
def test_the_api_reference_is_complete(references: dict[str, str]) -> None:
    text = references["api"]
    for package in (texot, texot.evaluation, texot.kernels, texot.networks):
        for name in package.__all__:
            if name != "__version__":
                assert re.search(rf"^(?:\w+ )?{re.escape(package.__name__)}\.{name}\b", text, re.MULTILINE), (
                    name
                )


def test_every_room_is_in_the_architecture() -> None:
    from test_package import RANKS

    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d+) \| (.*?) \|", page, flags=re.MULTILINE)
    rows: dict[str, int] = {room: int(row) for row, rooms in table for room in re.findall(r"`(\w+)`", rooms)}
    assert set(rows) == set(RANKS)
    order = [rank + 1 for rank in RANKS.values()]
    assert [rows[room] for room in RANKS] == order


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {texot.__version__}\n" in text


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_windows_pictures_are_on_their_page() -> None:
    """Those that the script makes: `grab("NAME")`, and `work("NAME", ...)` two."""
    script = (DOCS / "make_window_pictures.py").read_text(encoding="utf-8")
    names = set(re.findall(r'grab\("([\w-]+)"', script))
    names |= {f"{name}-{end}" for name in re.findall(r'work\("([\w-]+)"', script) for end in ("work", "done")}
    page = (DOCS / "window-pictures.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(window/([\w-]+)\.jpg\)", page)) == names
    assert {path.stem for path in (DOCS / "window").glob("*")} == names


def test_the_windows_keys_are_those_of_its_menus() -> None:
    """Every key on the page is one of the menus, whose source names them."""
    menus = (ROOT / "texot" / "desktop" / "views" / "menus.py").read_text(encoding="utf-8")
    keys = re.findall(r"(?:Ctrl|Alt)\+(?:Shift\+)?\w+|F5|\bEsc\b", (DOCS / "desktop.md").read_text("utf-8"))
    assert keys
    for key in keys:
        assert f'"{key}"' in menus or key.startswith("Alt+"), key


def test_the_table_of_roles() -> None:
    """Spellings, weights and names of files, as the page of materials shows them."""
    text = (DOCS / "materials.md").read_text(encoding="utf-8")
    rows = {
        cells[0].strip("` "): cells[1:] for cells in re.findall(r"^\|(.+)\|(.+)\|(.+)\|(.+)\|$", text, re.M)
    }
    assert set(rows) == {"role", "---", *ROLES}
    for role, spellings in ROLES.items():
        shown, weight, names = (cell.strip() for cell in rows[role])
        assert tuple(shown.split(", ")) == spellings
        assert float(weight) == WEIGHTS[role]
        found = [naming.get(role, "{name}_{role}").format(name="X", role=role) for naming in NAMINGS.values()]
        assert list(dict.fromkeys(re.findall(r"`(\w+)`", names))) == list(
            dict.fromkeys([*found, *(["X_NormalDX"] if role == "normal" else [])])
        ), role
