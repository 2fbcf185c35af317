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

ROOT = Path(texot.__file__).parents[1]
# a module imports its own layer or a lower one; errors, which import nothing of ours, are below all
LAYERS = {"texot/errors": 0, "texot/kernels": 0, "texot": 1, "texot/cli": 2}


def loaded(statement: str) -> set[str]:
    """Top-level modules that a fresh process holds after a statement."""
    script = f"import sys\n{statement}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


def sources() -> Iterator[tuple[Path, str, ast.Module]]:
    """Every module of the package with its layer."""
    for folder in LAYERS:
        for path in sorted((ROOT / folder).glob("*.py")):
            yield path, folder, ast.parse(path.read_text(encoding="utf-8"))


def test_import_is_quick() -> None:
    assert not loaded("import texot; texot.__version__; texot.TexotError") & {"torch", "numpy", "PIL"}


@pytest.mark.parametrize("arguments", [["--help"], ["synthesize", "--help"], ["--version"]], ids=" ".join)
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


def test_every_package_is_installed() -> None:
    """An editable install hides a package that setup.cfg forgets."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("texot/**/__init__.py")}
    there |= {"texot.cli", "texot.kernels"}  # links, which a glob may not follow
    assert set(setup["options"]["packages"].split()) == there


def test_imports_point_one_way() -> None:
    """cli -> texot -> kernels -> torch."""
    for path, folder, tree in sources():
        if path.name == "__main__.py":
            continue  # the door to the command line
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in (n for n in names if n.partition(".")[0] == "texot"):
                below = "/".join(name.split(".")[:2])
                assert LAYERS.get(below, 1) <= LAYERS[folder], f"{path} imports {name}"


def test_library_prints_nothing() -> None:
    for path, folder, tree in sources():
        calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
        if folder != "texot/cli":
            assert not [f for f in calls if isinstance(f, ast.Name) and f.id == "print"], path


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
