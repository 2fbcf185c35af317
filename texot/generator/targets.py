"""What training aims at: the terms of every stage, and the contrast that a fresh network starts with."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.files.exemplar import Exemplar
from texot.generator.blend import Blend, BlendedDual, BlendedFeatures, BlendedPatches, BlendedSlices
from texot.generator.network import PlaneNetwork, TextureNetwork
from texot.generator.plan import PATCH
from texot.generator.terms import DeepTerm, DualTerm, WhitenedTerm
from texot.images.masks import filled
from texot.images.pyramid import downsample_known, upsample
from texot.images.reproducible import principal_axes
from texot.networks.network import Network
from texot.solver.adam.objective import PatchTerm, SlicedTerm
from texot.solver.adam.plan import Plan, Stage, TermPlan
from texot.solver.adam.terms import Terms

_SLICED, _SLICED_BIG, _DEEP = 3.0, 0.75, 10.0  # weights of the sliced terms
_COARSE_CELLS = 8  # pixels from which cells of deep features are transported beside sliced ones


class TrainingTerms:
    """All terms of a training, made at once: a resumed one then draws the same.

    Args:
        plan: stages and numbers.
        sources: the exemplars.
        network: it is given their means and contrasts.
        deep_network: gives deep features, or None for none.
        transports: of each exemplar's, one of `TRANSPORTS`.
        generator: CPU generator of the draws of target patches.
        backend, device: see `texot.synthesize`.

    Attributes:
        all: the transport terms.
        blend: the weights of a step, which `image` of the variables draws; None for one exemplar.
    """

    def __init__(
        self,
        plan: Plan,
        sources: list[Exemplar],
        network: PlaneNetwork,
        deep_network: Network | None,
        transports: list[str],
        generator: torch.Generator,
        backend: str,
        device: torch.device,
    ) -> None:
        self.generator = generator
        self.blend = Blend(len(sources)) if len(sources) > 1 else None
        self._patches: dict[TermPlan, list[PatchTerm]] = {}
        self._sliced: list[WhitenedTerm | BlendedSlices] = []
        deep: list[DeepTerm | None] = []
        duals: list[DualTerm | None] = []
        units: list[float] = []
        self.deep: list[DeepTerm | DualTerm | BlendedDual | BlendedFeatures] = []
        for number, source in enumerate(sources):
            scales = _scales(source, plan.n_scales, device)
            if isinstance(network, TextureNetwork):
                _set_contrast(*network.parts()[number], scales)
            terms = Terms(plan, scales, generator, backend).patches(plan.stages[-1])
            for wanted, term in zip(plan.stages[-1].terms, terms, strict=True):
                own: list[PatchTerm] = [term]
                if self.blend is not None:
                    own = [*BlendedPatches.of(term, self.blend, number)]
                self._patches.setdefault(wanted, []).extend(own)
            sliced = [] if plan.published else [_whitened(plan, term) for term in terms]
            if deep_network is not None:
                unit = float(sliced[0].variance)
                transport = transports[number]
                units.append(unit)
                # what is drawn of an exemplar does not depend on the others
                draws = generator if self.blend is None else torch.Generator().manual_seed(0)
                duals.append(_transported(scales[0], deep_network, transport, unit, draws, backend))
                sliced_too = transport != "semi-dual"
                deep.append(_compared(scales[0], deep_network, unit) if sliced_too else None)
            blend = self.blend
            self._sliced += sliced if blend is None else [BlendedSlices.of(t, blend, number) for t in sliced]
        self.all = [term for terms in self._patches.values() for term in terms]
        if self.blend is None:
            self.deep += [term for term in (*duals, *deep) if term is not None]
            return
        for number, dual in enumerate(duals):
            if dual is not None:
                self.deep.append(BlendedDual.of(dual, self.blend, number, tuple(units)))
        blended = BlendedFeatures.of(deep, self.blend)
        self.deep += [] if blended is None else [blended]

    @property
    def potentials(self) -> list[Tensor]:
        """Those that are no transport term's of the loop, which keeps their own."""
        duals = [term for term in self.deep if isinstance(term, (DualTerm, BlendedDual))]
        return [psi for term in duals for psi in term.potentials]

    def sliced_value(self) -> float:
        """The sum of the sliced terms at the last step that had them."""
        return sum(term.last for term in [*self.deep, *self._sliced])

    def patches(self, stage: Stage) -> list[PatchTerm]:
        """The transport terms of a stage."""
        return [term for wanted in stage.terms for term in self._patches[wanted]]

    def sliced(self, stage: Stage) -> list[SlicedTerm]:
        """The sliced terms of a stage: deep features count at full resolution only."""
        found: list[SlicedTerm] = [term for term in self._sliced if term.scale in stage.sliced]
        return [*found, *self.deep] if stage.scale == 0 else found


def _scales(source: Exemplar, n_scales: int, device: torch.device) -> list[tuple[Tensor, Tensor | None]]:
    """An exemplar and its known pixels at every scale."""
    scales = [(source.pixels.to(device), None if source.mask is None else source.mask.to(device))]
    for _ in range(1, n_scales):
        scales.append(downsample_known(*scales[-1]))
    return scales


def _compared(finest: tuple[Tensor, Tensor | None], network: Network, unit: float) -> DeepTerm | None:
    """The sliced term on deep features, if the exemplar is large enough."""
    return DeepTerm.of(*finest, network, unit=unit, share=_DEEP)


def _transported(
    finest: tuple[Tensor, Tensor | None],
    network: Network,
    transport: str,
    unit: float,
    generator: torch.Generator,
    backend: str,
) -> DualTerm | None:
    """The semi-dual term on deep features, if there is to be one and the exemplar is large enough."""
    if transport == "sliced":
        return None
    return DualTerm.of(
        *finest,
        network,
        unit=unit,
        share=_DEEP,
        least_stride=1 if transport == "semi-dual" else _COARSE_CELLS,
        generator=generator,
        backend=backend,
    )


def _whitened(plan: Plan, term: PatchTerm) -> WhitenedTerm:
    """The sliced term on a transport term's patches."""
    share = _SLICED if term.measure.patch_size == PATCH else _SLICED_BIG
    stride = min(term.stride, PATCH)
    return WhitenedTerm(term.scale, term.measure, stride, n_filters=plan.n_filters, share=share)


def _set_contrast(mean: Tensor, contrast: Tensor, scales: list[tuple[Tensor, Tensor | None]]) -> None:
    """The mean of the exemplar, and the root of the covariance of what each scale adds to the next.

    Args:
        mean, contrast: (C,) and (n_scales, C, C), of a network; they are filled.
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
