"""The parts of the window and what each may import: the table in `texot.desktop`."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import environment

import texot

ROOT = Path(texot.__file__).parent / "desktop"
WORKER = {"worker", "worker_handlers", "worker_jobs", "worker_files", "worker_materials"}
WINDOW = {"window", "app", "worker_client"}
MODEL = {path.stem for path in ROOT.glob("*.py")} - WORKER - WINDOW - {"__init__"}
TOOLKITS = {"PySide6", "torch", "numpy", "PIL"}

# part -> parts that it may import, toolkits, other modules of texot (with those inside them)
ALLOWED: dict[str, tuple[set[str], set[str], tuple[str, ...]]] = {
    "model": ({"model"}, set(), ("texot.errors", "texot.files.whole")),
    "worker": (
        {"model", "worker"},
        {"torch"},
        (
            *(
                "texot",
                "texot.errors",
                "texot._version",
                "texot.files",
                "texot.images.shading",
                "texot.images.perspective",
            ),
            *(
                "texot.jobs.material",
                "texot.jobs.material_files",
                "texot.files.material_stack",
                "texot.jobs.processor_load",
            ),
        ),
    ),
    "views": ({"model", "views"}, {"PySide6"}, ("texot.errors", "texot._version")),
    "controllers": ({"model", "views", "controllers"}, {"PySide6"}, ("texot.errors",)),
    "window": (
        {"model", "views", "controllers", "window"},
        {"PySide6"},
        ("texot.errors", "texot._version"),
    ),
}


def part_of(module: str) -> str:
    """The part of a module, its name without "texot.desktop."."""
    first = module.split(".")[0]
    if first in ("views", "controllers"):
        return first
    return "worker" if first in WORKER else "window" if first in WINDOW else "model"


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        if path != ROOT / "__init__.py":
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(path: Path) -> Iterator[str]:
    """Modules that one imports, those inside functions too; names of `from texot import` are public names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, path
            assert not node.level, path
            yield node.module


def refused(module: str, name: str) -> bool:
    parts, toolkits, others = ALLOWED[part_of(module)]
    top = name.split(".")[0]
    if top in TOOLKITS:
        return top not in toolkits
    if name.startswith("texot.desktop."):
        return part_of(name.removeprefix("texot.desktop.")) not in parts
    if top != "texot":
        return False
    return not any(name == other or (other != "texot" and name.startswith(f"{other}.")) for other in others)


def test_each_part_imports_what_its_row_allows() -> None:
    found = dict(modules())
    assert {part_of(module) for module in found} == set(ALLOWED)
    wrong = [(module, name) for module, path in found.items() for name in imported(path)]
    assert not [pair for pair in wrong if refused(*pair)]


def test_only_the_folder_of_the_session_reads_files_in_the_model() -> None:
    users = [m for m, path in modules() if part_of(m) == "model" and "texot.files.whole" in imported(path)]
    assert users == ["session_folder"]


def test_views_do_not_know_the_session() -> None:
    """They are given values and emit signals; controllers and the window know both."""
    for module, path in modules():
        if part_of(module) == "views":
            assert "texot.desktop.session" not in set(imported(path)), module


def test_only_the_window_and_the_program_know_the_window() -> None:
    knowing = {m for m, path in modules() if "texot.desktop.window" in set(imported(path))}
    assert knowing == {"app"}


@pytest.mark.parametrize("blocked", ["PySide6", "torch"])
def test_the_model_runs_without(blocked: str) -> None:
    names = ", ".join(f"texot.desktop.{name}" for name in sorted(MODEL))
    script = f"import sys\nsys.modules[{blocked!r}] = None\nimport {names}"
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True)
