"""A texture between several exemplars, as a job of the loop: terms by weight, start, details, corrections.

Colours, contrast and spectrum are put right towards their own barycentres, see `texot.images.mixing`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from texot.engine.optimise import Job, Pixels
from texot.engine.plan import Plan, Stage
from texot.engine.refinement import with_detail
from texot.engine.scales import exemplar_scales, start_pyramid
from texot.engine.terms import Terms
from texot.files.exemplar import Exemplar
from texot.images.masks import details
from texot.images.mixing import LocalMixture, mixed, sum_of
from texot.images.pyramid import Periodic, gaussian_pyramid, upsample
from texot.images.statistics import Statistics
from texot.layout.start import first_layout

MOST_GAIN = 3.0  # of the details of one exemplar, for the contrast of the mixture


class Mixture:
    """Pieces of the job: the exemplars at every scale, their measures and weights, where the image starts.

    Args:
        parts: exemplars, each with its weight (sum 1) and its weights at every pixel (H, W) or None.
        plan: its stages.
        periodic: axes (y, x) along which the image wraps around.
        start: (C, h, w) to start from, or None.
        generator: CPU generator of all randomness.
        device, backend: where and how the numbers are made.
    """

    def __init__(
        self,
        parts: list[tuple[Exemplar, float, Tensor | None]],
        plan: Plan,
        periodic: Periodic,
        start: Tensor | None,
        generator: torch.Generator,
        device: torch.device,
        backend: str,
    ) -> None:
        self.plan, self.periodic, self.generator = plan, periodic, generator
        self.exemplars = [exemplar for exemplar, _, _ in parts]
        self.weights = [weight for _, weight, _ in parts]
        self.scales = [exemplar_scales(e, plan.n_scales, device) for e in self.exemplars]
        planes = [plane for _, _, plane in parts if plane is not None]
        self.maps: list[Tensor] | None = None
        if planes:
            stack = torch.stack(planes).to(device)
            self.maps = gaussian_pyramid(stack, plan.n_scales, periodic=periodic)
        self.terms = [
            Terms(
                plan,
                scales,
                generator,
                backend,
                weight=1.0 if self.maps else weight,
                parts=[plane[k] for plane in self.maps] if self.maps else None,
            )
            for k, (scales, weight) in enumerate(zip(self.scales, self.weights, strict=True))
        ]
        self.own = start_pyramid(start, plan, periodic, device)
        self._mixtures: dict[int, LocalMixture | Statistics] = {}

    def job(self, settings: dict[str, Any]) -> Job:
        """The job that the loop runs."""
        most = self.plan.max_patches
        return Job(
            plan=self.plan,
            periodic=self.periodic,
            start=self._start,
            refine=self._refine,
            variables=lambda stage, image: Pixels(image),
            patch_terms=lambda stage: [term for terms in self.terms for term in terms.patches(stage)],
            sliced_terms=lambda stage: [term for terms in self.terms for term in terms.sliced(stage)],
            put_right=self._put_right,
            settle=self._settle,
            n_targets={
                k: sum(min(most, scales[k][0][0].numel()) for scales in self.scales)
                for k in range(self.plan.n_scales)
            },
            settings=settings,
            mode=self.exemplars[0].mode,
            icc_profile=self.exemplars[0].icc_profile,
        )

    def _shares(self, scale: int) -> Tensor:
        """Weights of the exemplars at a scale, (K, 1, H, W)."""
        if self.maps is not None:
            return self.maps[scale][:, None]
        image = self.scales[0][0][0]
        weights = torch.tensor(self.weights, dtype=image.dtype, device=image.device)
        return weights.view(-1, 1, 1, 1).expand(-1, 1, *self.plan.sizes[scale])

    def _statistics(self, scale: int) -> list[Statistics]:
        return [Statistics.of(*scales[scale]) for scales in self.scales]

    def _start(self, stage: Stage) -> Tensor:
        """Where an exemplar has the most weight, a layout of it, in the mixture's contrast and colours."""
        scale = stage.scale
        if self.own:
            return self.own[scale]
        shares, statistics = self._shares(scale), self._statistics(scale)
        mean = sum_of(shares, [s.mean for s in statistics])
        deviation = sum_of(shares, [s.deviation for s in statistics])
        main, result = shares[:, 0].argmax(0), torch.zeros_like(mean)
        for k, scales in enumerate(self.scales):
            here = main == k
            if bool(here.any()):
                layout = first_layout(
                    scales[scale][0],
                    self.plan.sizes[scale],
                    self.plan.novelty,
                    known=scales[scale][1],
                    periodic=self.periodic,
                    generator=self.generator,
                )
                own = statistics[k]
                layout = (layout - own.mean) / own.deviation.clamp_min(1e-6) * deviation + mean
                result = torch.where(here, layout, result)
        return result.clamp(0, 1)

    def _refine(self, stage: Stage, image: Tensor) -> Tensor:
        """The image enlarged, with the detail that its patches have in all exemplars."""
        scale, size = stage.scale, self.plan.sizes[stage.scale]
        finer = upsample(image, size, periodic=self.periodic)
        if self.own:  # what the start image has at this scale, on top of what became of the coarser ones
            return finer + self.own[scale] - upsample(self.own[scale + 1], size, periodic=self.periodic)
        shares, statistics = self._shares(scale), self._statistics(scale)
        deviation = sum_of(shares, [s.deviation for s in statistics])
        detail = torch.zeros_like(finer)
        for share, terms, scales, own in zip(shares, self.terms, self.scales, statistics, strict=True):
            term = max(terms.at(scale + 1), key=lambda t: t.measure.patch_size)
            found = with_detail(image, size, term, *scales[scale], periodic=self.periodic)
            gain = (deviation / own.deviation.clamp_min(1e-6)).clamp_max(MOST_GAIN)
            detail += share * gain * details(found, self.periodic)
        # details of several exemplars are independent: their variances add up
        return (finer + detail / (shares**2).sum(0).sqrt()).clamp(0, 1)

    def _settle(self, image: Tensor) -> Tensor:
        """Between the exemplars' own pixels, see `texot.engine.coherence`.

        Means lose contrast, more than what is put right afterwards can give back at once: once here, too.
        """
        own = [terms.coherent(image, self.periodic) for terms in self.terms]
        return self._put_right(self.plan.stages[-1], sum_of(self._shares(0), own))

    def _put_right(self, stage: Stage, image: Tensor) -> Tensor:
        if stage.scale not in self._mixtures:
            statistics = self._statistics(stage.scale)
            self._mixtures[stage.scale] = (
                mixed(statistics, self.weights)
                if self.maps is None
                else LocalMixture(statistics, self.maps[stage.scale])
            )
        mixture = self._mixtures[stage.scale]
        return mixture.clip(mixture.calibrate(image, periodic=self.periodic))
