"""How far an image's texture is from its exemplar's, and how new it is.

Every function takes tensors (C, H, W) with values in [0, 1] and looks at them on the CPU; nothing here has a
gradient. `figures` gathers all of one result in a plain dict, `Evaluator` those of many of one exemplar.
"""

from texot.evaluation.colour import colour_error, histogram_distance
from texot.evaluation.distance import (
    excess_distance,
    halves_distance,
    multiscale_halves_distance,
    multiscale_patch_distance,
    multiscale_self_distance,
    patch_distance,
    self_distance,
)
from texot.evaluation.evaluator import Evaluator, Measurement, figures
from texot.evaluation.features import deep_gram, oddness, oddness_map, sifid
from texot.evaluation.metrics import FIGURES, Figure
from texot.evaluation.novelty import CopyShare, copy_share, diversity, layout_share
from texot.evaluation.repeats import repetition
from texot.evaluation.seams import seam_score
from texot.evaluation.spectrum import autocorrelation_error, lattice_error, radial_spectrum, spectrum_error
from texot.evaluation.transport import semi_dual_distance, sliced_distance

__all__ = [
    "FIGURES",
    "CopyShare",
    "Evaluator",
    "Figure",
    "Measurement",
    "autocorrelation_error",
    "colour_error",
    "copy_share",
    "deep_gram",
    "diversity",
    "excess_distance",
    "figures",
    "halves_distance",
    "histogram_distance",
    "lattice_error",
    "layout_share",
    "multiscale_halves_distance",
    "multiscale_patch_distance",
    "multiscale_self_distance",
    "oddness",
    "oddness_map",
    "patch_distance",
    "radial_spectrum",
    "repetition",
    "seam_score",
    "self_distance",
    "semi_dual_distance",
    "sifid",
    "sliced_distance",
    "spectrum_error",
]
