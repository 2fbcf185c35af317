"""The terms of a training at every stage, and the initial contrast of its network."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.files.material_code import MaterialCode
from texot.generator.blend import KNOTS, Blend, BlendedFeatures, BlendFactor
from texot.generator.network import PlaneNetwork, TextureNetwork
from texot.generator.plan import PATCH
from texot.generator.setup import Setup
from texot.generator.terms import DeepTerm, WhitenedTerm, semi_dual_term
from texot.images.masks import filled
from texot.images.pyramid import downsample_known, upsample
from texot.images.reproducible import principal_axes
from texot.networks.network import Network
from texot.solver.adam.feature_term import FeatureTerm
from texot.solver.adam.patch_term import PatchTerm
from texot.solver.adam.plan import Plan, Stage, TermPlan
from texot.solver.adam.term import Weighted
from texot.solver.adam.terms import Terms

_SLICED, _SLICED_BIG, _DEEP = 3.0, 0.75, 10.0  # weights of the sliced terms
_COARSE_CELLS = 8  # pixels: min stride of layers with semi-dual in addition to sliced transport


class TrainingTerms:
    """All terms of a training, created at once, so that a resumed training draws the same targets.

    Args:
        setup: of the training.
        plan: stages and numbers.
        network: its means and contrasts are set to the exemplars'.
        generator: CPU generator of the draws of target patches.

    Attributes:
        patches: the terms of the patches' transport, by their plan.
        sliced: the sliced terms of patches.
        deep: the terms of deep features.
        blend: the mixture weights of a step, which `Weights.image` draws; None for one exemplar.
    """

    def __init__(self, setup: Setup, plan: Plan, network: PlaneNetwork, generator: torch.Generator) -> None:
        self.generator = generator
        self.blend = Blend(len(setup.textures)) if len(setup.textures) > 1 else None
        backend, deep_network = setup.options.backend, setup.deep_network
        self.patches: dict[TermPlan, list[Weighted]] = {}
        self.sliced: list[Weighted] = []
        compared: list[DeepTerm | None] = []
        transported: list[FeatureTerm | None] = []
        units: list[float] = []
        for number, source in enumerate(setup.textures):
            scales = _scales(source, plan.n_scales, setup.device)
            if isinstance(network, TextureNetwork):
                _set_contrast(*network.statistics()[number], scales)
            made = Terms(plan, scales, generator, backend)
            terms = [made.patch_term(wanted) for wanted in plan.stages[-1].terms]
            for wanted, term in zip(plan.stages[-1].terms, terms, strict=True):
                self.patches.setdefault(wanted, []).extend(self._weighted_patches(wanted, term, number))
            sliced = [] if plan.published else [_whitened(plan, term) for term in terms]
            factor = None if self.blend is None else BlendFactor(self.blend, number)
            self.sliced += [replace(term, factor=factor) for term in sliced]
            if deep_network is None:
                continue
            seen = deep_network if source.code is None else _of_colours(deep_network, source.code)
            first = sliced[0].term
            assert isinstance(first, WhitenedTerm)
            unit, transport = first.variance, setup.transports[number]
            units.append(unit)
            # the draws of an exemplar must not depend on the others
            draws = generator if self.blend is None else torch.Generator().manual_seed(0)
            transported.append(_transported(scales[0], seen, transport, unit, draws, backend))
            sliced_too = transport != "semi-dual"
            compared.append(_compared(scales[0], seen, unit) if sliced_too else None)
        self.deep = self._weighted_deep(transported, compared, tuple(units))

    def _weighted_patches(self, wanted: TermPlan, term: PatchTerm, number: int) -> list[Weighted]:
        """The transport term of an exemplar; of several exemplars, one with its own potential per knot."""
        if self.blend is None:
            return [Weighted(term, wanted.weight, stop=wanted.until)]
        return [
            Weighted(replace(term), wanted.weight, BlendFactor(self.blend, number, knot), stop=wanted.until)
            for knot in range(len(KNOTS))
        ]

    def _weighted_deep(
        self, transported: list[FeatureTerm | None], compared: list[DeepTerm | None], units: tuple[float, ...]
    ) -> list[Weighted]:
        """The terms of deep features; of several exemplars, semi-dual ones have potentials per knot."""
        if self.blend is None:
            found = [Weighted(term, _DEEP) for term in transported if term is not None]
            return [*found, *(Weighted(term) for term in compared if term is not None)]
        found = [
            Weighted(term.with_new_potentials(), _DEEP, BlendFactor(self.blend, number, knot, units))
            for number, term in enumerate(transported)
            if term is not None
            for knot in range(len(KNOTS))
        ]
        blended = BlendedFeatures.of(compared, self.blend)
        return found if blended is None else [*found, Weighted(blended)]

    @property
    def transport(self) -> list[Weighted]:
        """The terms of the patches' transport, of all scales."""
        return [term for terms in self.patches.values() for term in terms]

    @property
    def state(self) -> list[Tensor]:
        """The state of all terms."""
        return [tensor for term in (*self.transport, *self.sliced, *self.deep) for tensor in term.state]

    def sliced_value(self) -> float:
        """The sum of the last values of the sliced and deep terms."""
        return sum(term.last_value for term in (*self.deep, *self.sliced))

    def of(self, stage: Stage) -> list[Weighted]:
        """The terms of a stage: deep features count at full resolution only."""
        patches = [term for wanted in stage.terms for term in self.patches[wanted]]
        sliced = [term for term in self.sliced if term.scale in stage.sliced]
        return [*patches, *sliced, *(self.deep if stage.scale == 0 else [])]


def _of_colours(network: Network, code: MaterialCode) -> Network:
    """The network on the base colour of images of all maps."""

    def features(image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        colours = code.colours(image)
        assert colours is not None
        return network.features(colours, layers)

    return replace(network, features=features)


def _scales(source: Exemplar, n_scales: int, device: torch.device) -> list[tuple[Tensor, Tensor | None]]:
    """An exemplar and its known pixels at every scale."""
    scales = [(source.pixels.to(device), None if source.mask is None else source.mask.to(device))]
    for _ in range(1, n_scales):
        scales.append(downsample_known(*scales[-1]))
    return scales


def _compared(finest: tuple[Tensor, Tensor | None], network: Network, unit: float) -> DeepTerm | None:
    """The sliced term on deep features, or None for too small an exemplar."""
    return DeepTerm.of(*finest, network, unit=unit, weight=_DEEP)


def _transported(
    finest: tuple[Tensor, Tensor | None],
    network: Network,
    transport: str,
    unit: float,
    generator: torch.Generator,
    backend: str,
) -> FeatureTerm | None:
    """The semi-dual term on deep features; None for sliced transport alone, or too small an exemplar."""
    if transport == "sliced":
        return None
    return semi_dual_term(
        *finest,
        network,
        unit=unit,
        min_stride=1 if transport == "semi-dual" else _COARSE_CELLS,
        generator=generator,
        backend=backend,
    )


def _whitened(plan: Plan, term: PatchTerm) -> Weighted:
    """The sliced term on a transport term's patches."""
    weight = _SLICED if term.measure.patch_size == PATCH else _SLICED_BIG
    stride = min(term.stride, PATCH)
    return Weighted(WhitenedTerm(term.scale, term.measure, stride, plan.n_filters), weight)


def _set_contrast(mean: Tensor, contrast: Tensor, scales: list[tuple[Tensor, Tensor | None]]) -> None:
    """Set the mean of the exemplar, and the root of the covariance of each scale's detail.

    Args:
        mean, contrast: (C,) and (n_scales, C, C), of a network; they are overwritten.
        scales: of the exemplar.
    """
    for scale, (image, known) in enumerate(scales):
        usable = torch.ones_like(image[0], dtype=torch.bool) if known is None else known
        detail = image
        if scale == len(scales) - 1:
            mean.copy_(image[:, usable].mean(1))
        else:
            coarse, coarse_known = scales[scale + 1]
            if coarse_known is not None:
                coarse = filled(coarse, coarse_known)
            height, width = (2 * n for n in coarse.shape[1:])
            # a coarse pixel k of the exemplar lies at its fine coordinate 2 k + 3/2
            inside = slice(1, 1 + height), slice(1, 1 + width)
            fine = image[:, inside[0], inside[1]]
            usable = usable[inside]
            detail = fine - upsample(coarse, (height, width))[:, : fine.shape[1], : fine.shape[2]]
        values = detail[:, usable]
        values = values - values.mean(1, keepdim=True)
        eigen, vectors = principal_axes(values @ values.T / values.shape[1])
        contrast[scale].copy_(vectors @ torch.diag(eigen.clamp_min(0).sqrt()) @ vectors.T)
