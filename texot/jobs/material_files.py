"""The files of a synthesised material: its maps, its settings and its correspondence field."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from texot.files.field import write_field
from texot.files.material import Material
from texot.files.whole import write_whole
from texot.solver.state import Synthesis

RECORD, FIELD = "texot.json", "field.npz"
"""Files next to the maps: the settings, and the field for `texot apply`."""
_FACTS: dict[str, Any] = {"map_weight": {}, "naming": "as-input", "flip_normal_y": False, "handover": []}


def write_result(
    made: Material,
    synthesis: Synthesis,
    folder: str | os.PathLike[str],
    *,
    naming: str = "as-input",
    whole: tuple[int, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the maps of a result, and next to them its settings and its correspondence field.

    Args:
        made: the maps.
        synthesis: the result of the solver.
        folder: created if missing.
        naming: see `Material.names`.
        whole: (width, height) of the whole exemplar of the field, for `texot apply`; None: write no field.
        facts: what `texot replay` needs besides the settings of the result, where the options of materials
            are not the default ones; plain JSON values.

    Raises:
        OutputError: a file cannot be written.
    """
    made.write(folder, naming)
    if synthesis.field is not None and whole is not None:
        write_field(synthesis.field, whole, os.path.join(folder, FIELD))
    settings = {**synthesis.settings, "maps": list(made.layers), **_FACTS, **(facts or {})}
    record = json.dumps(settings, sort_keys=True, indent=1)
    write_whole(os.path.join(folder, RECORD), record.encode())
