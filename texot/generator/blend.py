"""Training between several exemplars: every step draws how much each of them counts.

    min_theta E_w sum_k w_k [sum_l max_psi_kl(w) E_z F_kl(psi_kl(w), S_l g_theta(z, w)) + sliced terms of k]

For every w, g_theta(., w) is a Wasserstein barycentre of the exemplars' patches with these weights. Optimal
potentials depend on w; each exemplar has potentials for every weight w_k of `KNOTS`, and a step uses the
nearest. An exemplar of weight 0 does not count in a step: its terms are not evaluated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar, read_exemplar
from texot.files.material import Material
from texot.files.material_stack import MaterialStack
from texot.files.sizes import at_most, exemplar_side
from texot.generator.model_file import MAX_TEXTURES
from texot.generator.terms import DeepTerm, torus_features
from texot.images.pyramid import Periodic
from texot.networks.network import Network
from texot.solver.barycentric_weights import read_exemplars

log = logging.getLogger("texot")

MAX_SIDE = 512
"""Larger exemplars are reduced to the area of a square of this side, in pixels, unless a size is given.

At the network's coarsest scale, an eighth of the size, patches have 8 px.
"""
KNOTS = (0.25, 0.5, 0.75, 1.0)
"""Weights of an exemplar for which it has potentials."""
_ENDS = 0.5  # fraction of the steps with one exemplar alone, so that ends are as good as a generator of one
_PAIRS = 0.5  # fraction of the other steps with two exemplars, if there are more than two


def read_textures(
    exemplar: Any, exemplar_size: int | None = None, map_weights: Mapping[str, float] | None = None
) -> tuple[list[int], list[Exemplar]]:
    """Read exemplars, and reduce large ones.

    Args:
        exemplar: see `texot.generator.trainer.Trainer`.
        exemplar_size: see `texot.synthesize`.
        map_weights: see `MaterialStack`; for materials only.

    Returns:
        The index of each exemplar as given in the second list, and the exemplars ordered by their hashes.

    Raises:
        InputError: an exemplar cannot be used, or there are too many.
    """
    fit = at_most(exemplar_side(exemplar_size, MAX_SIDE))
    given = exemplar if isinstance(exemplar, (list, tuple)) else [exemplar]
    materials = [one for one in given if isinstance(one, Material)]
    if len(materials) not in (0, len(given)):
        raise InputError("a generator is of images or of materials, not of both: give one kind")
    if map_weights and not materials:
        raise InputError("map_weights are for materials: leave them out for images")
    if materials:
        stack = MaterialStack(materials, map_weights)
        given = [stack.exemplar(number) for number in range(len(materials))]
    sources = [read_exemplar(given[0], fit=fit)] if len(given) == 1 else read_exemplars(given, fit=fit)
    if any(source.depth is not None and not source.depth.levels for source in sources):
        raise InputError("a generator makes images of 8 bits: convert exemplars of floats to 16 bits first")
    if any(source.depth is not None for source in sources):
        log.info("samples of a generator have 8 bits a channel: those of an exemplar of more are rounded")
    if len(sources) > MAX_TEXTURES:
        raise InputError(f"a generator is between {MAX_TEXTURES} exemplars at most, not {len(sources)}")
    places: list[int] = sorted(range(len(sources)), key=lambda k: sources[k].sha256)
    return [places.index(k) for k in range(len(sources))], [sources[k] for k in places]


class Blend:
    """The weights of a step.

    Args:
        textures: number K of exemplars, two or more.

    Attributes:
        weights: (K,) on the CPU, sum 1.
    """

    def __init__(self, textures: int) -> None:
        self.textures = textures
        self.weights = torch.full((textures,), 1 / textures, dtype=torch.float32)

    def draw(self, generator: torch.Generator) -> Tensor:
        """New weights: half of the time one exemplar alone, else uniform between two or all of them."""
        kind, pair = torch.rand(2, generator=generator, dtype=torch.float32).tolist()
        order = torch.randperm(self.textures, generator=generator)
        parts = torch.rand(self.textures, generator=generator, dtype=torch.float32)
        parts = -parts.clamp(1e-6, 1 - 1e-6).log()  # over their sum: uniform on the simplex
        count = 1 if kind < _ENDS else 2 if pair < _PAIRS else self.textures
        weights = torch.zeros(self.textures, dtype=torch.float32)
        weights[order[:count]] = parts[:count] / parts[:count].sum()
        self.weights = weights
        return weights

    def weight(self, number: int) -> float:
        """The weight of an exemplar."""
        return float(self.weights[number])

    def knot(self, number: int) -> int:
        """The nearest of `KNOTS` to it."""
        return min(range(len(KNOTS)), key=lambda k: abs(KNOTS[k] - self.weight(number)))


@dataclass(frozen=True)
class BlendFactor:
    """The factor of an exemplar's term: the weight of the exemplar in the step.

    Attributes:
        blend: the weights of the step.
        number: of the exemplar.
        knot: index of `KNOTS` that the term's potentials are for: elsewhere the factor is 0. None: of all.
        units: of the deep features of all exemplars. The factor then also changes the term's unit to their
            mixture, the unit of `BlendedFeatures`. Empty: not.
    """

    blend: Blend
    number: int
    knot: int | None = None
    units: tuple[float, ...] = ()

    def __call__(self) -> float:
        """The factor of the present step."""
        weight = self.blend.weight(self.number)
        if self.knot is not None and self.blend.knot(self.number) != self.knot:
            return 0.0
        if not self.units:
            return weight
        unit = sum(self.blend.weight(k) * own for k, own in enumerate(self.units))
        return weight * unit / self.units[self.number]


@dataclass(frozen=True)
class BlendedFeatures:
    """The deep terms of all exemplars by their weights, on features that are computed once; a `Term`.

    They count in one unit, the mixture of their own, so that structure of little contrast counts too.

    Attributes:
        blend: the weights of the step.
        terms: one an exemplar; None where it is too small for the network.
        network: computes the features.
        scale: 0: features are those of the image at full resolution.
    """

    blend: Blend
    terms: tuple[DeepTerm | None, ...]
    network: Network
    scale: int = 0

    @classmethod
    def of(cls, terms: list[DeepTerm | None], blend: Blend) -> BlendedFeatures | None:
        """The terms by their weights; None where there are none."""
        first = next((term for term in terms if term is not None), None)
        if first is None:
            return None
        return cls(blend, tuple(terms), first.network)

    @property
    def state(self) -> list[Tensor]:
        """None."""
        return []

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> tuple[Tensor, None]:
        """See `DeepTerm`."""
        there = [
            (term, self.blend.weight(k))
            for k, term in enumerate(self.terms)
            if term is not None and self.blend.weight(k) > 0
        ]
        if not there:
            return image.new_zeros(()), None
        unit = sum(weight * term.unit for term, weight in there) / sum(weight for _, weight in there)
        features, total = torus_features(image, self.network), image.new_zeros(())
        for term, weight in there:
            total = total + weight * unit / term.unit * term.compare(features, generator)
        return total, None
