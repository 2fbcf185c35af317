"""Optional packages: missing and broken ones give different messages."""

from __future__ import annotations

import importlib
from types import ModuleType

from texot.errors import TexotError, one_line


def imported(module: str, package: str, extra: str) -> ModuleType:
    """A module of an optional package.

    Args:
        module: its name.
        package: what it is installed as.
        extra: of texot, that installs it.

    Raises:
        TexotError: it is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever a broken package raises
        name = getattr(error, "name", None) or ""
        if isinstance(error, ModuleNotFoundError) and name.split(".")[0] == module.split(".")[0]:
            raise TexotError(f"{package} is not installed: pip install 'texot[{extra}]'") from error
        raise TexotError(
            f"{package} is installed but cannot be imported ({one_line(error)[:200]}): install it again"
        ) from error
