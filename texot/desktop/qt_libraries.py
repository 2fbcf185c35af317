"""Libraries of the system that Qt needs for a window on X11 and that are missing: Qt aborts without them.

The wheels of PySide6 bring Qt, but not the libraries of X11 that its plugin `libqxcb.so` is linked to. `ldd`
lists them without loading the plugin. Names of packages follow Debian's policy, section 8.1: the name of the
library in lower case and its version, with a hyphen between if the name ends in a digit.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

_PLUGIN = Path("Qt", "plugins", "platforms", "libqxcb.so")
_OTHER_NAMES = {"libglib2.0-0": ("libglib-2.0.so.0", "libgthread-2.0.so.0", "libgobject-2.0.so.0")}


def uses_xcb(environment: Mapping[str, str]) -> bool:
    """Whether Qt takes its plugin for X11: it is asked for, or there is a display of X11 only."""
    asked = environment.get("QT_QPA_PLATFORM", "")
    if asked:
        return re.split("[;:]", asked)[0] == "xcb"
    on_wayland = environment.get("WAYLAND_DISPLAY") or environment.get("XDG_SESSION_TYPE") == "wayland"
    return bool(environment.get("DISPLAY")) and not on_wayland


def missing_libraries() -> list[str]:
    """Names of the files that the plugin for X11 needs and that are not there, such as "libxcb-cursor.so.0".

    Empty where that cannot be told: on other systems than Linux, with a Qt of the system, without `ldd`.
    """
    spec = find_spec("PySide6")
    if not sys.platform.startswith("linux") or spec is None or not spec.submodule_search_locations:
        return []
    plugin = Path(spec.submodule_search_locations[0]) / _PLUGIN
    if not plugin.exists():
        return []
    try:
        told = subprocess.run(
            ["ldd", os.fspath(plugin)], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return sorted(set(re.findall(r"^\s*(\S+) => not found", told, re.MULTILINE)))


def debian_package(library: str) -> str:
    """The package of a library.

    >>> debian_package("libxcb-icccm.so.4"), debian_package("libX11.so.6")
    ('libxcb-icccm4', 'libx11-6')
    """
    for package, libraries in _OTHER_NAMES.items():
        if library in libraries:
            return package
    name, _, number = library.lower().partition(".so.")
    return f"{name}-{number}" if name[-1:].isdigit() else f"{name}{number}"


def advice(libraries: list[str]) -> str:
    """What is missing and how to install it, in one line."""
    packages = " ".join(sorted({debian_package(library) for library in libraries}))
    return f"Qt lacks {', '.join(libraries)} of the system; on Debian: sudo apt-get install {packages}"


def report() -> str:
    """What `texot doctor` says about the window."""
    try:
        found = version("PySide6-Essentials")
    except PackageNotFoundError:
        return "needs Qt: pip install 'texot[desktop]'"
    missing = missing_libraries()
    return advice(missing) if missing else f"works (PySide6 {found})"
