"""How far an image's texture is from its exemplar's, and how new it is.

Every function takes tensors (C, H, W) with values in [0, 1] and looks at them on the CPU; nothing here has a
gradient.
"""

from texot.evaluation.distance import (
    excess_distance,
    halves_distance,
    multiscale_patch_distance,
    multiscale_self_distance,
    patch_distance,
    self_distance,
)
from texot.evaluation.features import deep_gram, oddness, oddness_map
from texot.evaluation.novelty import CopyShare, copy_share, layout_share
from texot.evaluation.repeats import repetition
from texot.evaluation.spectrum import colour_error, lattice_error, radial_spectrum, spectrum_error

__all__ = [
    "CopyShare",
    "colour_error",
    "copy_share",
    "deep_gram",
    "excess_distance",
    "halves_distance",
    "lattice_error",
    "layout_share",
    "multiscale_patch_distance",
    "multiscale_self_distance",
    "oddness",
    "oddness_map",
    "patch_distance",
    "radial_spectrum",
    "repetition",
    "self_distance",
    "spectrum_error",
]
