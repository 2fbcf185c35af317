"""Single-image texture synthesis by optimal transport of patches.

Names are looked up on first use (PEP 562), so that `import texot` does not import torch:

    >>> import texot
    >>> result = texot.synthesize("samples/pebbles.jpg", "128x128")  # doctest: +SKIP
    >>> result.save("pebbles.png")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from texot._version import __version__
from texot.errors import DeviceError, InputError, OutputError, TexotError

if TYPE_CHECKING:
    from texot.files.material import Material, read_material
    from texot.generator.sampling import Generator
    from texot.generator.trainer import Trainer
    from texot.generator.training import train
    from texot.jobs.apply_field import apply_field
    from texot.jobs.inpainting import inpaint, iter_inpaint
    from texot.jobs.interpolation import interpolate, iter_interpolation
    from texot.jobs.material import (
        MaterialResult,
        inpaint_material,
        interpolate_materials,
        synthesize_material,
        tile_material,
        vary_material,
    )
    from texot.jobs.preview import preview_material
    from texot.jobs.straightening import iter_straightened, straighten
    from texot.jobs.synthesis import iter_synthesis, synthesize
    from texot.jobs.tiling import iter_tileable, iter_variation, make_tileable, make_variation
    from texot.solver.state import LossRecord, State, Synthesis

__all__ = [
    "DeviceError",
    "Generator",
    "InputError",
    "LossRecord",
    "Material",
    "MaterialResult",
    "OutputError",
    "State",
    "Synthesis",
    "TexotError",
    "Trainer",
    "__version__",
    "apply_field",
    "inpaint",
    "inpaint_material",
    "interpolate",
    "interpolate_materials",
    "iter_inpaint",
    "iter_interpolation",
    "iter_straightened",
    "iter_synthesis",
    "iter_tileable",
    "iter_variation",
    "make_tileable",
    "make_variation",
    "preview_material",
    "read_material",
    "straighten",
    "synthesize",
    "synthesize_material",
    "tile_material",
    "train",
    "vary_material",
]

# public name -> module that defines it, imported when the name is first asked for
_LAZY = {
    "Generator": "texot.generator.sampling",
    "LossRecord": "texot.solver.state",
    "Material": "texot.files.material",
    "MaterialResult": "texot.jobs.material",
    "State": "texot.solver.state",
    "Synthesis": "texot.solver.state",
    "Trainer": "texot.generator.trainer",
    "apply_field": "texot.jobs.apply_field",
    "inpaint": "texot.jobs.inpainting",
    "inpaint_material": "texot.jobs.material",
    "interpolate_materials": "texot.jobs.material",
    "iter_inpaint": "texot.jobs.inpainting",
    "interpolate": "texot.jobs.interpolation",
    "iter_interpolation": "texot.jobs.interpolation",
    "iter_straightened": "texot.jobs.straightening",
    "iter_synthesis": "texot.jobs.synthesis",
    "iter_tileable": "texot.jobs.tiling",
    "iter_variation": "texot.jobs.tiling",
    "make_tileable": "texot.jobs.tiling",
    "make_variation": "texot.jobs.tiling",
    "preview_material": "texot.jobs.preview",
    "read_material": "texot.files.material",
    "straighten": "texot.jobs.straightening",
    "synthesize": "texot.jobs.synthesis",
    "synthesize_material": "texot.jobs.material",
    "tile_material": "texot.jobs.material",
    "vary_material": "texot.jobs.material",
    "train": "texot.generator.training",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
