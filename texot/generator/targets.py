"""What training aims at: the terms of every stage, and the contrast that a fresh network starts with."""

from __future__ import annotations

import torch
from torch import Tensor

from texot.engine.objective import PatchTerm, SlicedTerm
from texot.engine.plan import Plan, Stage
from texot.engine.terms import Terms
from texot.files.exemplar import Exemplar
from texot.generator.features import Weights
from texot.generator.network import PlaneNetwork, TextureNetwork
from texot.generator.plan import PATCH
from texot.generator.terms import DeepTerm, WhitenedTerm
from texot.images.pyramid import downsample_known, upsample

_SLICED, _SLICED_BIG, _DEEP = 3.0, 0.75, 10.0  # weights of the sliced terms


class TrainingTerms:
    """All terms of a training, made at once: a resumed one then draws the same.

    Args:
        plan: stages and numbers.
        source: the exemplar.
        network: it is given the exemplar's mean and contrast.
        deep_weights: of the network for deep features, or None for none.
        generator: CPU generator of the draws of target patches.
        backend, device: see `texot.synthesize`.
    """

    def __init__(
        self,
        plan: Plan,
        source: Exemplar,
        network: PlaneNetwork,
        deep_weights: Weights | None,
        generator: torch.Generator,
        backend: str,
        device: torch.device,
    ) -> None:
        mask = None if source.mask is None else source.mask.to(device)
        scales = [(source.pixels.to(device), mask)]
        for _ in range(1, plan.n_scales):
            scales.append(downsample_known(*scales[-1]))
        if isinstance(network, TextureNetwork):
            _set_contrast(network, scales)
        self._terms = Terms(plan, scales, generator, backend)
        self.all: list[PatchTerm] = self._terms.patches(plan.stages[-1])
        self._sliced = [
            WhitenedTerm(
                term.scale,
                term.measure,
                min(term.stride, PATCH),
                n_filters=plan.n_filters,
                share=_SLICED if term.measure.patch_size == PATCH else _SLICED_BIG,
            )
            for term in (() if plan.published else self.all)
        ]
        self.deep: DeepTerm | None = None
        if deep_weights is not None:
            spread = self._sliced[0].variance
            self.deep = DeepTerm.of(*scales[0], deep_weights, unit=float(spread), share=_DEEP)

    def sliced_value(self) -> float:
        """The sum of the sliced terms at the last step that had them."""
        deep = 0.0 if self.deep is None else self.deep.last
        return deep + sum(term.last for term in self._sliced)

    def patches(self, stage: Stage) -> list[PatchTerm]:
        """The transport terms of a stage."""
        return self._terms.patches(stage)

    def sliced(self, stage: Stage) -> list[SlicedTerm]:
        """The sliced terms of a stage: deep features count at full resolution only."""
        found: list[SlicedTerm] = [term for term in self._sliced if term.scale in stage.sliced]
        return [*found, self.deep] if stage.scale == 0 and self.deep is not None else found


def _set_contrast(network: TextureNetwork, scales: list[tuple[Tensor, Tensor | None]]) -> None:
    """The mean of the exemplar, and the root of the covariance of what each scale adds to the next."""
    for scale, (image, known) in enumerate(scales):
        usable = torch.ones_like(image[0], dtype=torch.bool) if known is None else known
        detail = image
        if scale == len(scales) - 1:
            network.mean.copy_(image[:, usable].mean(1))
        else:
            coarse, coarse_known = scales[scale + 1]
            if coarse_known is not None:
                coarse = torch.where(coarse_known, coarse, coarse[:, coarse_known].mean(1)[:, None, None])
            height, width = (2 * n for n in coarse.shape[1:])
            # a coarse pixel k of the exemplar lies at its fine coordinate 2 k + 3/2
            inside = slice(1, 1 + height), slice(1, 1 + width)
            fine = image[:, inside[0], inside[1]]
            usable = usable[inside]
            detail = fine - upsample(coarse, (height, width))[:, : fine.shape[1], : fine.shape[2]]
        values = detail[:, usable]
        values = values - values.mean(1, keepdim=True)
        eigen, vectors = torch.linalg.eigh(values @ values.T / values.shape[1])
        network.contrast[scale].copy_(vectors @ torch.diag(eigen.clamp_min(0).sqrt()) @ vectors.T)
