"""All figures of a result, relative to what real texture scores.

1 in a relative figure means: as close as real texture is to itself. If another part of the exemplar's
photograph is given (the reference), that part defines real texture; otherwise the halves of the exemplar do.
Figures must be read together: a shifted copy of the exemplar is best in some by construction, a mildly
blurred one in others; `Evaluator.comparisons` gives their figures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from texot.errors import InputError
from texot.evaluation.colour import colour_error, histogram_distance
from texot.evaluation.distance import (
    halves_distance,
    multiscale_halves_distance,
    multiscale_patch_distance,
    patch_distance,
    self_distance,
)
from texot.evaluation.features import deep_gram, oddness_map, sifid
from texot.evaluation.inputs import OPEN, TORUS, check_image, check_pair
from texot.evaluation.novelty import CopyShare, copy_share, diversity, layout_share
from texot.evaluation.repeats import repetition
from texot.evaluation.seams import seam_score
from texot.evaluation.spectrum import autocorrelation_error, lattice_error, spectrum_error
from texot.evaluation.transport import semi_dual_distance, sliced_distance
from texot.images.pyramid import Periodic, downsample, downsample_known
from texot.networks.network import Network
from texot.networks.squeezenet import SQUEEZENET

_TINY = 1e-12
_MAX_SCALES = 4
_SEMI_DUAL_SIDE = 96
_MAX_PAIRS = 2**40  # of pixels: 1024x1024 both, a minute; copies of larger images are searched at half size

Value = float | list[float] | None


@dataclass(frozen=True)
class Measurement:
    """A result's figures and maps.

    Attributes:
        figures: the values, by the names of `texot.evaluation.FIGURES`, and `distance_by_scale` (finest
            first); None where an image has no such figure.
        missing: the reason for each figure that is None.
        copies: result of `copy_share`, or None.
        odd: result of `oddness_map`, (rows, columns), or None.
    """

    figures: dict[str, Value]
    missing: dict[str, str]
    copies: CopyShare | None
    odd: Tensor | None


class Evaluator:
    """An exemplar, and the scores of real texture, computed when first needed.

    Args:
        exemplar: (C, h, w).
        reference: (C, h', w'), an unseen part of the same photograph, or None.
        network: network of the deep figures.
        seed: random seed of samples and directions.
        n_samples: number of patches of an exact distance.
        semi_dual: whether to measure the semi-dual of all patches too (a minute).

    Raises:
        InputError: images that cannot be compared.
    """

    def __init__(
        self,
        exemplar: Tensor,
        reference: Tensor | None = None,
        *,
        network: Network = SQUEEZENET,
        seed: int = 0,
        n_samples: int = 2000,
        semi_dual: bool = False,
    ) -> None:
        self.exemplar = check_image("exemplar", exemplar)
        self.reference = None if reference is None else check_pair(reference, self.exemplar)[0]
        self.network, self.seed, self.n_samples, self.semi_dual = network, seed, n_samples, semi_dual

    def measure(
        self,
        image: Tensor,
        *,
        periodic: Periodic = TORUS,
        others: Sequence[Tensor] = (),
        callback: Callable[[float], None] | None = None,
    ) -> Measurement:
        """All figures of a result.

        Args:
            image: (C, H, W).
            periodic: axes (y, x) along which it wraps around.
            others: more results of the same exemplar, with the same `periodic`.
            callback: is told the share of the figures that are measured, from 0 to 1.

        Raises:
            InputError: other channels than the exemplar's.
            TexotError: POT or the network's weights are not installed.
        """
        result = _Result(self, check_pair(image, self.exemplar)[0], periodic, others)
        figures: dict[str, Value] = {}
        missing: dict[str, str] = {}
        tasks = result.tasks()
        for number, (names, task) in enumerate(tasks, 1):
            try:
                values = task()
            except InputError as error:  # too small, constant, ...: the other figures are still valid
                values = (None,) * len(names)
                missing |= dict.fromkeys(names, str(error))
            figures |= dict(zip(names, values, strict=True))
            if callback:
                callback(number / len(tasks))
        return Measurement(figures, missing, result.copies, result.odd)

    def comparisons(
        self, callback: Callable[[float], None] | None = None
    ) -> dict[str, tuple[Tensor, Measurement]]:
        """Images that are not new textures, and their figures, for comparison.

        "shifted": the exemplar rolled by a third of its sides; "blurred": under a Gaussian of 1 pixel; and
        "unseen", the reference, if there is one.

        Args:
            callback: is told the share of the figures that are measured, from 0 to 1.
        """
        exemplar = self.exemplar
        shift = exemplar.shape[1] // 3, exemplar.shape[2] // 3
        images: dict[str, tuple[Tensor, Periodic]] = {
            "shifted": (exemplar.roll(shift, (1, 2)), TORUS),
            "blurred": (blurred(exemplar), OPEN),
        }
        if self.reference is not None:
            images["unseen"] = (self.reference, OPEN)
        found = {}
        for number, (name, (image, periodic)) in enumerate(images.items()):

            def told(share: float, before: int = number) -> None:
                if callback:
                    callback((before + share) / len(images))

            found[name] = image, self.measure(image, periodic=periodic, callback=told)
        return found

    @cached_property
    def n_scales(self) -> int:
        """Scales of 4x4 patches: at most 4, as many as leave 8 pixels in halves and in the reference."""
        parts = [self.exemplar] if self.reference is None else [self.exemplar, self.reference]
        side = min(min(part.shape[1:]) for part in parts)
        count = 1
        while count < _MAX_SCALES and (side - 4) // 2 + 1 >= 16:
            side, count = (side - 4) // 2 + 1, count + 1
        return count

    @property
    def target(self) -> Tensor:
        """The target of distances: the reference, or the exemplar."""
        return self.exemplar if self.reference is None else self.reference

    @property
    def sampled(self) -> dict[str, int]:
        """Options of every distance between samples."""
        return {"seed": self.seed, "n_samples": self.n_samples}

    # Scores of real texture, to which figures are relative.

    @cached_property
    def own_by_scale(self) -> list[float]:
        """Distances of 4x4 patches, for each scale."""
        if self.reference is None:
            return multiscale_halves_distance(self.exemplar, n_scales=self.n_scales, **self.sampled)
        return multiscale_patch_distance(
            self.exemplar, self.reference, n_scales=self.n_scales, periodic=OPEN, **self.sampled
        )

    @cached_property
    def own_halves(self) -> float:
        """Distance of 8x8 patches between the exemplar's halves."""
        return max(_TINY, halves_distance(self.exemplar, **self.sampled))

    @cached_property
    def self_eight(self) -> float:
        """Distance of 8x8 patches between two samples of the exemplar: the floor of distances to it."""
        return self_distance(self.exemplar, **self.sampled)

    @cached_property
    def own_eight(self) -> float:
        """Distance of 8x8 patches."""
        if self.reference is None:
            return self.own_halves
        return max(_TINY, patch_distance(self.exemplar, self.reference, periodic=OPEN, **self.sampled))

    @cached_property
    def own_sliced(self) -> float:
        """The sliced distance of 8x8 patches."""
        return self._real(lambda a, b: sliced_distance(a, b, seed=self.seed, periodic=OPEN))

    @cached_property
    def own_dual(self) -> float:
        """The semi-dual of all coarse patches."""
        return self._real(lambda a, b: self.dual(a, b, OPEN))

    @cached_property
    def own_deep(self) -> dict[str, float]:
        """The deep Gram distance and the single-image Frechet distance."""

        def compare(metric: Callable[..., float]) -> float:
            def of(a: Tensor, b: Tensor) -> float:
                return metric(b, a, periodic=OPEN, network=self.network)

            return self._real(of)

        return {"gram": compare(deep_gram), "sifid": compare(sifid)}

    def _real(self, metric: Callable[[Tensor, Tensor], float]) -> float:
        """A metric from exemplar to reference, or between its halves, the mean of both ways to halve it."""
        if self.reference is not None:
            return max(_TINY, metric(self.exemplar, self.reference))
        found = []
        for axis in (1, 2):
            n = self.exemplar.shape[axis]
            parts = [self.exemplar.narrow(axis, start, n // 2) for start in (0, n - n // 2)]
            found.append(metric(parts[0], parts[1]))
        return max(_TINY, statistics.fmean(found))

    def dual(self, image: Tensor, target: Tensor, periodic: Periodic) -> float:
        """Mean of the semi-dual's values over two scales, the finer of at most 96 pixels a side."""
        side = max(self.exemplar.shape[1:])
        while side > _SEMI_DUAL_SIDE:
            image, target = downsample(image, periodic=periodic), downsample_known(target)[0]
            side = (side + 1) // 2
        values = []
        for scale in range(2):
            if scale:
                image, target = downsample(image, periodic=periodic), downsample_known(target)[0]
            values.append(semi_dual_distance(image, target, periodic=periodic).value)
        return statistics.fmean(values)


class _Result:
    """One result of an evaluator; one method for each figure or group of figures."""

    def __init__(self, own: Evaluator, image: Tensor, periodic: Periodic, others: Sequence[Tensor]) -> None:
        self.own, self.image, self.periodic, self.others = own, image, periodic, others
        self.copies: CopyShare | None = None
        self.odd: Tensor | None = None

    def tasks(self) -> list[tuple[tuple[str, ...], Callable[[], Sequence[Value]]]]:
        """The names of figures and the methods that measure them, in the order of display."""
        image, exemplar, periodic = self.image, self.own.exemplar, self.periodic
        tasks: list[tuple[tuple[str, ...], Callable[[], Sequence[Value]]]] = [
            (("distance", "distance_by_scale"), self.distance),
            (("distance_8x8", "excess_8x8"), self.eight),
            (("sliced",), self.sliced),
            (("spectrum_db",), lambda: (spectrum_error(image, exemplar),)),
            (("lattice_db",), lambda: (lattice_error(image, exemplar),)),
            (("autocorrelation",), lambda: (autocorrelation_error(image, exemplar),)),
            (("mean_error", "deviation_error"), self.moments),
            (("histogram",), lambda: (histogram_distance(image, exemplar),)),
            (("gram",), lambda: (self.deep(deep_gram) / self.own.own_deep["gram"],)),
            (("sifid",), lambda: (self.deep(sifid) / self.own.own_deep["sifid"],)),
            (("oddness",), self.oddness),
            (("layout_share",), lambda: (layout_share(image, exemplar, periodic=periodic),)),
            (("copied", "unused"), self.copied),
            (("repetition",), lambda: (repetition(image, periodic=periodic),)),
        ]
        if self.own.semi_dual:
            tasks.insert(2, (("semi_dual",), self.semi_dual))
        if self.others:
            tasks.append((("shared_layout",), self.shared_layout))
            tasks.append((("diversity",), lambda: (diversity([image, *self.others], periodic=periodic),)))
        tasks.append((("seam",), lambda: (seam_score(image),)))
        return tasks

    def distance(self) -> tuple[Value, Value]:
        own = self.own
        found = multiscale_patch_distance(
            self.image, own.target, n_scales=own.n_scales, periodic=self.periodic, **own.sampled
        )
        scales = [a / max(b, _TINY) for a, b in zip(found, own.own_by_scale, strict=True)]
        return statistics.fmean(scales), scales

    def eight(self) -> tuple[Value, Value]:
        own, periodic = self.own, self.periodic
        between = patch_distance(self.image, own.exemplar, periodic=periodic, **own.sampled)
        # `excess_distance`, whose last part is the exemplar's own
        excess = between - (self_distance(self.image, **own.sampled) + own.self_eight) / 2
        if own.reference is not None:
            between = patch_distance(self.image, own.reference, periodic=periodic, **own.sampled)
        return between / own.own_eight, excess / own.own_halves

    def semi_dual(self) -> tuple[Value]:
        return (self.own.dual(self.image, self.own.target, self.periodic) / self.own.own_dual,)

    def sliced(self) -> tuple[Value]:
        found = sliced_distance(self.image, self.own.target, seed=self.own.seed, periodic=self.periodic)
        return (found / self.own.own_sliced,)

    def moments(self) -> tuple[Value, Value]:
        mean, deviation = colour_error(self.image, self.own.exemplar)
        return float(mean.max()), float(deviation.max())

    def deep(self, metric: Callable[..., float]) -> float:
        return metric(self.image, self.own.exemplar, periodic=self.periodic, network=self.own.network)

    def oddness(self) -> tuple[Value]:
        own = self.own
        self.odd = oddness_map(self.image, own.exemplar, periodic=self.periodic, network=own.network)
        return (float(self.odd.quantile(0.95)),)

    def copied(self) -> tuple[Value, Value]:
        image, exemplar = self.image, self.own.exemplar
        while math.prod(image.shape[1:]) * math.prod(exemplar.shape[1:]) > _MAX_PAIRS:
            image, exemplar = downsample(image, periodic=self.periodic), downsample_known(exemplar)[0]
        self.copies = copy_share(image, exemplar, periodic=self.periodic)
        return self.copies.share, self.copies.unused

    def shared_layout(self) -> tuple[Value]:
        return (max(layout_share(self.image, other, periodic=self.periodic) for other in self.others),)


def blurred(image: Tensor, sigma: float = 1.0) -> Tensor:
    """The image under a Gaussian, its border replicated."""
    t = torch.arange(-4.0, 5, dtype=torch.float32)
    kernel = torch.exp(-(t**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(len(image), 1, 1, -1)
    padded = F.pad(image[None], (4, 4, 4, 4), mode="replicate")
    rows = F.conv2d(padded, kernel, groups=len(image))
    return F.conv2d(rows, kernel.mT, groups=len(image))[0]


def figures(
    image: Tensor,
    exemplar: Tensor,
    reference: Tensor | None = None,
    *,
    periodic: Periodic = TORUS,
    others: Sequence[Tensor] = (),
) -> dict[str, Value]:
    """All figures of one result in a plain dict, by the names that `texot.evaluation.FIGURES` explains.

    About 17 s for 512x512 on one core, the same again for what real texture scores. For several results of
    one exemplar keep an `Evaluator`.

    Args:
        image: (C, H, W).
        exemplar: (C, h, w).
        reference: an unseen part of the same photograph, or None.
        periodic: axes (y, x) along which the image wraps around.
        others: more results of the same exemplar, to compare with.

    Returns:
        Numbers, `distance_by_scale` as a list; None where the images have no such figure.

    Raises:
        InputError: images that cannot be compared.
        TexotError: POT or the network's weights are not installed.
    """
    return Evaluator(exemplar, reference).measure(image, periodic=periodic, others=others).figures
