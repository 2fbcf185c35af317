"""What a PNG remembers of its making: one JSON text under the key "texot", and how to read it back.

No times and no paths: the same work must give the same bytes.
"""

import json
from pathlib import Path
from typing import Any

from texot.errors import InputError

KEY = "texot"


def pack(settings: dict[str, Any]) -> dict[str, str]:
    """The PNG text that holds the settings."""
    return {KEY: json.dumps(settings, sort_keys=True)}


def unpack(path: Path) -> dict[str, Any]:
    """The settings that a PNG written by texot holds.

    Raises:
        InputError: the file cannot be read or holds none.
    """
    from texot.files.decode import read_png_text

    text = read_png_text(path).get(KEY)
    if text is None:
        raise InputError(f"{path}: expected a PNG that texot wrote, but it holds no texot settings")
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict) or not isinstance(settings.get("stopped_at"), int | None):
        raise InputError(f"{path}: its texot settings are damaged: replay needs the file as texot wrote it")
    return settings
