"""Terms of a training between several exemplars: how much each counts is drawn anew at every step.

    min_theta E_w sum_k w_k [sum_l max_psi_kl(w) E_z F_kl(psi_kl(w), S_l g_theta(z, w)) + sliced terms of k]

For every w, g_theta(., w) is a Wasserstein barycentre of the exemplars' patches with these weights. The best
potentials depend on w; each exemplar has some for every share w_k of `KNOTS`, of which the nearest serve a
step. An exemplar of weight 0 has no part in a step: neither in the objective nor do its potentials move.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from texot.errors import InputError
from texot.files.exemplar import Exemplar, read_exemplar
from texot.files.sizes import at_most, exemplar_side
from texot.generator.model_file import MOST_TEXTURES
from texot.generator.terms import DeepTerm, DualTerm, WhitenedTerm, torus_features
from texot.images.pyramid import Periodic
from texot.networks.network import Network
from texot.solver.adam.objective import PatchTerm, SlicedTerm, TermState
from texot.solver.barycentric_weights import read_exemplars

MOST_SIDE = 2048
"""Larger exemplars are reduced to as many pixels as a square of this side has, unless a size is asked for."""
KNOTS = (0.25, 0.5, 0.75, 1.0)
"""Shares of an exemplar for which it has potentials."""
_ENDS = 0.5  # share of the steps with one exemplar alone, so that ends are as good as a generator of one
_PAIRS = 0.5  # of the others, where there are more than two exemplars, between two of them


def read_textures(exemplar: Any, exemplar_size: int | None = None) -> tuple[list[int], list[Exemplar]]:
    """Exemplars in an order of their own, and the place there of each as given; large ones are reduced."""
    fit = at_most(exemplar_side(exemplar_size, MOST_SIDE))
    if not isinstance(exemplar, (list, tuple)):
        return [0], [read_exemplar(exemplar, fit=fit)]
    if len(exemplar) == 1:
        return [0], [read_exemplar(exemplar[0], fit=fit)]
    sources = read_exemplars(exemplar, fit=fit)
    if len(sources) > MOST_TEXTURES:
        raise InputError(f"a generator is between {MOST_TEXTURES} exemplars at most, not {len(sources)}")
    places: list[int] = sorted(range(len(sources)), key=lambda k: sources[k].sha256)
    return [places.index(k) for k in range(len(sources))], [sources[k] for k in places]


class Blend:
    """The weights of a step.

    Args:
        textures: number K of exemplars, two or more.

    Attributes:
        shares: (K,) on the CPU, sum 1.
    """

    def __init__(self, textures: int) -> None:
        self.textures = textures
        self.shares = torch.full((textures,), 1 / textures, dtype=torch.float32)

    def draw(self, generator: torch.Generator) -> Tensor:
        """Fresh weights: half of the time one exemplar alone, else evenly between two or all of them."""
        kind, pair = torch.rand(2, generator=generator, dtype=torch.float32).tolist()
        order = torch.randperm(self.textures, generator=generator)
        parts = torch.rand(self.textures, generator=generator, dtype=torch.float32)
        parts = -parts.clamp(1e-6, 1 - 1e-6).log()  # over their sum: even on the simplex
        count = 1 if kind < _ENDS else 2 if pair < _PAIRS else self.textures
        shares = torch.zeros(self.textures, dtype=torch.float32)
        shares[order[:count]] = parts[:count] / parts[:count].sum()
        self.shares = shares
        return shares

    def share(self, number: int) -> float:
        """The weight of an exemplar."""
        return float(self.shares[number])

    def knot(self, number: int) -> int:
        """The nearest of `KNOTS` to it."""
        return min(range(len(KNOTS)), key=lambda k: abs(KNOTS[k] - self.share(number)))


@dataclass
class BlendedPatches(PatchTerm):
    """Transport to one exemplar's patches in the steps whose weights are nearest to a knot.

    Attributes:
        blend: the weights of the step.
        number: of the exemplar.
        knot: index of `KNOTS` that these potentials are for.
    """

    blend: Blend = field(default_factory=lambda: Blend(2))
    number: int = 0
    knot: int = 0

    @classmethod
    def of(cls, term: PatchTerm, blend: Blend, number: int) -> list[BlendedPatches]:
        """A term of one exemplar for every knot; they share its measure."""
        same = {f.name: getattr(term, f.name) for f in fields(term) if f.init}
        return [cls(**same, blend=blend, number=number, knot=knot) for knot in range(len(KNOTS))]

    def __call__(
        self, image: Tensor, periodic: Periodic, generator: torch.Generator
    ) -> tuple[Tensor, TermState]:
        """See `PatchTerm`; figures by weight too."""
        share = self.blend.share(self.number)
        if share == 0 or self.blend.knot(self.number) != self.knot:
            return image.new_zeros(()), TermState(0.0, 0.0, 0.0)
        value, state = super().__call__(image, periodic, generator)
        return share * value, TermState(share * state.dual, share * state.cost, state.marginal_error)


@dataclass
class BlendedSlices(SlicedTerm):
    """A sliced term of one exemplar, by its weight.

    Attributes:
        blend: the weights of the step.
        number: of the exemplar.
        term: its term.
    """

    blend: Blend = field(default_factory=lambda: Blend(2))
    number: int = 0
    term: WhitenedTerm | None = None
    last: float = field(init=False, default=0.0)

    @classmethod
    def of(cls, term: WhitenedTerm, blend: Blend, number: int) -> BlendedSlices:
        """The term by its weight."""
        return cls(term.scale, term.measure, term.stride, blend=blend, number=number, term=term)

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """See `WhitenedTerm`."""
        assert self.term is not None
        share = self.blend.share(self.number)
        if share == 0:
            self.last = 0.0
            return image.new_zeros(())
        self.term.weight = self.weight
        value = share * self.term(image, periodic, generator)
        self.last = float(value.detach())
        return value


@dataclass
class BlendedDual(SlicedTerm):
    """Semi-dual transport of one exemplar's deep features, by its weight, in the unit of `BlendedFeatures`.

    Attributes:
        blend: the weights of the step.
        number: of the exemplar.
        units: of all exemplars.
        term: its term.
        knots: its potentials for every knot, each a layer's.
    """

    blend: Blend = field(default_factory=lambda: Blend(2))
    number: int = 0
    units: tuple[float, ...] = ()
    term: DualTerm = field(kw_only=True)
    knots: list[list[Tensor]] = field(init=False)
    last: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.knots = [[psi.clone() for psi in self.term.potentials] for _ in KNOTS]

    @classmethod
    def of(cls, term: DualTerm, blend: Blend, number: int, units: tuple[float, ...]) -> BlendedDual:
        """The term by its weight."""
        return cls(term.scale, term.measure, blend=blend, number=number, units=units, term=term)

    @property
    def potentials(self) -> list[Tensor]:
        """Those of all knots."""
        return [psi for knot in self.knots for psi in knot]

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """See `DualTerm`."""
        share = self.blend.share(self.number)
        if share == 0:
            self.last = 0.0
            return image.new_zeros(())
        unit = sum(self.blend.share(k) * own for k, own in enumerate(self.units))
        self.term.use(self.knots[self.blend.knot(self.number)])
        self.term.weight = self.weight
        value = share * unit / self.units[self.number] * self.term(image, periodic, generator)
        self.last = float(value.detach())
        return value


@dataclass
class BlendedFeatures(SlicedTerm):
    """The deep terms of all exemplars by their weights, whose features are computed once.

    They count in one unit, the mixture of their own: structure of little contrast is structure too.

    Attributes:
        blend: the weights of the step.
        terms: one an exemplar; None where it is too small for the network.
        network: gives the features.
    """

    blend: Blend = field(default_factory=lambda: Blend(2))
    terms: tuple[DeepTerm | None, ...] = ()
    network: Network = field(kw_only=True)
    last: float = field(init=False, default=0.0)

    @classmethod
    def of(cls, terms: list[DeepTerm | None], blend: Blend) -> BlendedFeatures | None:
        """The terms by their weights; None where there are none."""
        first = next((term for term in terms if term is not None), None)
        if first is None:
            return None
        return cls(0, first.measure, blend=blend, terms=tuple(terms), network=first.network)

    def __call__(self, image: Tensor, periodic: Periodic, generator: torch.Generator) -> Tensor:
        """See `DeepTerm`."""
        there = [
            (term, self.blend.share(k))
            for k, term in enumerate(self.terms)
            if term is not None and self.blend.share(k) > 0
        ]
        if not there:
            self.last = 0.0
            return image.new_zeros(())
        unit = sum(share * term.unit for term, share in there) / sum(share for _, share in there)
        features, total = torus_features(image, self.network), image.new_zeros(())
        for term, share in there:
            term.weight = self.weight
            total = total + share * unit / term.unit * term.compare(features, generator)
        self.last = float(total.detach())
        return total
