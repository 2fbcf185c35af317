"""The site: `python -m sphinx -W -n docs build/site`, with the extra `docs` installed."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # a checkout without an installed texot

import click
from sphinx.application import Sphinx

from texot import __version__

project = "texot"
author = "the texot maintainers"
copyright = "2026, the texot maintainers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_design",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["pictures"]
smartquotes = False  # options begin with two hyphens
html_theme = "furo"
html_title = f"texot {__version__}"

# docstrings are Google style, and name objects in single backquotes
default_role = "py:obj"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
# with -n: single backquotes are for arguments as well, and other packages' objects are not looked up; nor are
# classes of ours that signatures name and no page shows
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:.*", r"(?!texot\b).*"),
    ("py:class", r"texot\.jobs\.apply_field\.Picture"),
    ("py:class", r"texot\.files\.(part\.Window|layer\.Layer|material_code\.MaterialCode)"),
    ("py:class", r"texot\.generator\.(network|checkpoint|objective|processes|finish)\.[A-Z]\w+"),
]


def escape(_app: Sphinx, what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Let |x - y| be a distance, where reStructuredText sees a substitution; set off modules' formulas.

    Args:
        what: "module", "function" and so on. Modules have no sections such as "Args:", whose lines are
            indented.
        lines: of the docstring, changed in place.
    """
    written: list[str] = []
    code = formula = False
    for line in lines:
        indented = what == "module" and line.startswith("    ")
        if not line.strip():
            code = False
        elif line.lstrip().startswith(">>>"):
            code = True
        elif indented and not code and not formula:
            written += ["::", ""]
            formula = True
        elif formula and not indented:
            formula = False
        written.append(line if code or formula else _escaped(line))
    lines[:] = written


def _escaped(line: str) -> str:
    """A line with its bars and asterisks as characters, but those in backquotes."""
    parts = re.split(r"(`+[^`]*`+)", line)
    return "".join(
        part if part.startswith("`") else re.sub(r"(?<!\\)([|*])", r"\\\1", part) for part in parts
    )


def example(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Show the example that ends a command's help as code."""
    commands = [line.strip() for line in lines if line.strip() and line.strip() not in ("\b", "Example:")]
    if commands:
        lines[:] = ["Example:", "", ".. code-block:: sh", "", *(f"   {command}" for command in commands), ""]


def setup(app: Sphinx) -> None:
    """Register what the settings above cannot say."""
    app.connect("sphinx-click-process-epilog", example)
    app.connect("autodoc-process-docstring", escape, priority=400)  # before napoleon writes fields
