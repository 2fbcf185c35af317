"""The package as others meet it: quick to import, typed, layered, silent, and pinned for the tests."""

import ast
import configparser
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import environment

import texot
from texot._version import ALGORITHM

ROOT = Path(texot.__file__).parents[1]
# rooms from the bottom up: a module imports its own room, or rooms of rows before its own
ROWS = (
    ("_version", "errors"),
    ("memory", "packages"),
    ("images", "kernels"),
    ("files", "transport"),
    ("field", "layout"),
    ("networks",),
    ("solver",),
    ("evaluation", "generator", "jobs"),
    ("experimental",),
    ("texot",),  # the public names
    ("desktop",),
    ("cli",),
    ("__main__",),
)
RANKS = {room: rank for rank, row in enumerate(ROWS) for room in row}


def loaded(statement: str) -> set[str]:
    """Top-level modules that a fresh process holds after a statement."""
    script = f"import sys\n{statement}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def sources() -> Iterator[tuple[str, Path]]:
    """Name and file of every module of the package."""
    for folder in ("texot", "texot/cli", "texot/kernels"):  # two are links, which a glob may not follow
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if folder == "texot" and parts[1] in ("cli", "kernels"):
                continue
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def room(module: str) -> str:
    """The part of texot that a module is in; "texot" for the public names."""
    return module.split(".")[1] if "." in module else module


def imports(module: str, path: Path, known: set[str]) -> Iterator[str]:
    """Modules of ours that one imports, those inside functions and for type checks too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "texot")
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base.split(".")[0] == "texot":
                full = [f"{base}.{a.name}" for a in node.names]
                yield from (name if name in known else base for name in full)


def test_import_is_quick() -> None:
    assert not loaded("import texot; texot.__version__; texot.TexotError") & {"torch", "numpy", "PIL"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["synthesize", "--help"], ["--version"], ["--version", "--json"]], ids=" ".join
)
def test_help_is_quick(arguments: list[str]) -> None:
    run = (
        f"sys.argv = ['texot', *{arguments!r}]\nfrom texot.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not loaded(run) & {"torch", "numpy", "PIL", "pykeops"}


def test_public_names() -> None:
    for name in texot.__all__:
        assert getattr(texot, name) is not None
        assert name in dir(texot)
    with pytest.raises(AttributeError, match="no_such_name"):
        texot.no_such_name  # noqa: B018


def test_version_is_the_installed_one() -> None:
    try:
        installed = importlib.metadata.version("texot")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("texot is not installed here")
    assert texot.__version__ == installed


def test_typed() -> None:
    assert (ROOT / "texot" / "py.typed").exists()


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not a checkout")
def test_every_package_is_installed() -> None:
    """An editable install hides a package that setup.cfg forgets."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("texot/**/__init__.py")}
    there |= {"texot.cli", "texot.kernels"}  # links, which a glob may not follow
    assert set(setup["options"]["packages"].split()) == there


def test_imports_point_one_way() -> None:
    """No module imports a room of its own row or of a later one, so that there is no circle either."""
    found = dict(sources())
    rooms = {room(module) for module in found}
    assert rooms == set(RANKS)
    up = {
        (module, name)
        for module, path in found.items()
        for name in imports(module, path, set(found))
        if room(name) != room(module) and RANKS[room(name)] >= RANKS[room(module)]
    }
    assert not sorted(up)


def test_library_prints_nothing() -> None:
    for module, path in sources():
        if room(module) == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            prints = (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            )
            assert not prints, path


def pins(name: str) -> dict[str, str]:
    """Lines of a file of constraints by package, continued lines joined, comments left out."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line and not line.startswith("#")]
    return {line.partition("==")[0].lower(): line for line in lines}


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not a checkout")
def test_hashes_are_of_the_same_versions() -> None:
    """Every pinned file, and no other, has its hash; no line names an index."""
    plain, hashed = pins("constraints.txt"), pins("constraints-hashes.txt")
    assert list(plain) == list(hashed)
    for name, line in hashed.items():
        version, *hashes = line.split()
        assert version == plain[name]
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", part) for part in hashes), line


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not a checkout")
def test_constraints_pin_what_pinned_packages_require() -> None:
    """Else --require-hashes refuses them all, and a plain install takes whatever is newest."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pinned = {canonicalize_name(name) for name in pins("constraints.txt")}
    for name in pinned:
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another extra than what is installed here
        for requirement in map(Requirement, required):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in pinned, f"{name} requires {requirement}"


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not a checkout")
def test_the_build_and_python_are_bounded() -> None:
    """setuptools has an upper bound; only versions of Python that README says were tried are named."""
    build = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'requires = \["setuptools>=\d+,<\d+"\]', build)
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (tried,) = re.findall(r"Tested with Python ([^(]+) \(", readme)
    assert named == re.findall(r"3\.\d+", tried)
    assert set(re.findall(r"Python (3\.\d+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"))) <= set(
        named
    )


@pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="not a checkout")
def test_constraints_pin_all_that_is_required() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    names = {re.split(r"[<>=!;\s]", line)[0].lower() for text in wanted for line in text.split("\n") if line}
    assert {name for name in names if not name.startswith("%")} <= set(pins("constraints.txt"))


@pytest.mark.skipif(not (ROOT / "CHANGELOG.md").exists(), reason="not a checkout")
def test_the_changelog_has_this_version_first_and_its_algorithm() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, body = re.split(r"^## ", text, flags=re.MULTILINE)[1].split("\n", 1)
    assert first.startswith(f"[{texot.__version__}] - ")
    assert f"Algorithm {ALGORITHM}." in body
